"""Containers and units: what they start is a command that there is, and nobody in there is root."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from support.command_line import invoke
from support.local_server import free_port
from support.places import REPOSITORY
from support.processes import PATIENCE
from support.requirements import unavailable
from support.starting import marking

UNITS = sorted((REPOSITORY / "deploy").glob("*.service"))
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "compose.yaml").read_text("utf-8"))
CONTAINERFILE = (REPOSITORY / "Containerfile").read_text(encoding="utf-8")
OURS = {name: one for name, one in COMPOSE["services"].items() if one["image"] == "reinspect"}


def commands() -> Iterator[Any]:
    for name, service in OURS.items():
        yield pytest.param(service["command"], id=name)
    for unit in UNITS:
        (line,) = re.findall(r"reinspect/bin/reinspect ([^;\"']+)", unit.read_text("utf-8"))
        yield pytest.param(shlex.split(line), id=unit.stem)


@pytest.mark.parametrize("words", list(commands()))
def test_every_option_is_one_of_the_command(words: list[str]) -> None:
    told = invoke(words[0], "--help").out
    options = {word.partition("=")[0] for word in words[1:] if word.startswith("--")}
    known = {option for option in options if re.search(rf"{option}\b", told)}
    streamlit = {option for option in options if option.startswith("--server.")}
    assert known | streamlit == options


@pytest.mark.parametrize("name", OURS)
def test_a_container_can_do_no_more_than_it_must(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_the_image_is_nobody_s_root_and_says_whether_it_lives() -> None:
    last = CONTAINERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER 10001:10001$", last, re.M)
    assert re.search(r"^HEALTHCHECK ", last, re.M)
    assert CONTAINERFILE.count("\nFROM ") == 2
    named = re.findall(r"^!(\w+)", (REPOSITORY / ".containerignore").read_text("utf-8"), re.M)
    assert all(list(REPOSITORY.glob(f"{name}*")) for name in named)


def test_the_image_holds_every_folder_of_the_package() -> None:
    linked = {
        path.name for path in (REPOSITORY / "src" / "reinspect").iterdir() if path.is_symlink()
    }
    named = re.findall(r"^!(\w+)", (REPOSITORY / ".containerignore").read_text("utf-8"), re.M)
    assert linked <= set(named)


@pytest.mark.process
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_is_understood(unit: Path, tmp_path: Path) -> None:
    verify = shutil.which("systemd-analyze")
    if verify is None:
        unavailable("systemd", "no systemd-analyze: apt-get install systemd")
    there = tmp_path / unit.name
    program = tmp_path / "reinspect"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = unit.read_text(encoding="utf-8").replace("/opt/reinspect/bin/reinspect", str(program))
    there.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [verify, "--man=no", "verify", str(there)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.process
def test_the_unit_that_watches_begins_a_run_or_goes_on_with_it(tmp_path: Path) -> None:
    """The shell line of the unit, as systemd hands it on."""
    text = (REPOSITORY / "deploy" / "reinspect-watch.service").read_text(encoding="utf-8")
    (line,) = re.findall(r"^ExecStart=(.+)$", text, re.M)
    line = line.replace("$$", "$").replace("/var/lib/reinspect", str(tmp_path))
    line = line.replace("/opt/reinspect/bin/reinspect", "echo")

    def told() -> list[str]:
        done = subprocess.run(shlex.split(line), capture_output=True, text=True, check=True)
        return done.stdout.split()

    assert told()[:2] == ["run", "--watch"]
    assert "--resume" not in told()
    (tmp_path / "line").mkdir()
    (tmp_path / "line" / "recipe.yaml").touch()
    assert told()[-1] == "--resume"


READ_ONLY = """
mount --make-rprivate /
mount --bind "$STATE" "$STATE"
mount -t tmpfs tmpfs "$TMPDIR"
mount -o remount,bind,ro /
if touch "$ROOT" 2>/dev/null; then exit 99; fi
exec "$@"
"""
"""As the container has it: the root can only be read, but for a volume and a tmpfs."""


@pytest.fixture
@marking(pytest.mark.process)
def sealed(tmp_path: Path) -> tuple[list[str], dict[str, str]]:
    """What to write before a command so that it runs so, and its environment."""
    state, short = tmp_path / "state", tmp_path / "tmp"
    for made in (state, short):
        made.mkdir()
    before = ["unshare", "--mount", "sh", "-euc", READ_ONLY, "sh"]
    python = [sys.executable, "-m", "reinspect"]
    env = {**os.environ, "STATE": str(state), "TMPDIR": str(short), "ROOT": str(tmp_path / "x")}
    env |= {"HOME": str(state), "REINSPECT_CACHE_DIR": str(state / "cache")}
    env |= {"PYTHONDONTWRITEBYTECODE": "1"}
    tried = subprocess.run([*before, "true"], env=env, capture_output=True, check=False)
    if tried.returncode:
        unavailable("mount", "only root may mount, and only where / is one file system")
    return before + python, env


@pytest.fixture(scope="module")
def packed(sample_parts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    goal = tmp_path_factory.mktemp("product") / "product.rib"
    known = sample_parts / "flange" / "train" / "good"
    assert invoke("bundle", "--references", known, "--out", goal).code == 0
    return goal


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.server
@pytest.mark.needs("streamlit")
def test_nothing_but_the_volume_is_written_to(
    sealed: tuple[list[str], dict[str, str]], packed: Path, sample_parts: Path
) -> None:
    """A run, the API until it is told to stop, the console, with the root that can only be read."""
    words, env = sealed
    state = Path(env["STATE"])
    bundle = ["--bundle", str(packed), "--store", str(state / "reinspect.db")]
    parts = sample_parts / "flange" / "test"
    run = ["run", str(parts), *bundle, "--out", str(state / "run"), "--workers", "1"]
    done = subprocess.run([*words, *run], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (state / "run" / "report.html").is_file()
    picture = next(parts.glob("good/*")).read_bytes()
    with _sealed_server(sealed, "/ready", "api", *bundle, "--out", str(state / "line")) as base:
        answer = httpx.post(
            f"{base}/v1/inspections", files={"image": ("a.jpg", picture)}, timeout=PATIENCE
        )
        assert answer.status_code == 200
    quiet = ["--server.headless", "true"]
    store = ["--store", str(state / "reinspect.db")]
    env["HOME"] = env["TMPDIR"]
    with _sealed_server(sealed, "/_stcore/health", "ui", *store, *quiet):
        pass


@contextlib.contextmanager
def _sealed_server(
    sealed: tuple[list[str], dict[str, str]], place: str, command: str, *options: str
) -> Iterator[str]:
    """A server that answers at a place; it is told to stop afterwards, and does."""
    words, env = sealed
    port = free_port()
    option = "--server.port" if command == "ui" else "--port"
    process = subprocess.Popen([*words, command, *options, option, str(port)], env=env)
    try:
        base, end = f"http://127.0.0.1:{port}", time.monotonic() + PATIENCE
        while time.monotonic() < end:
            assert process.poll() is None
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{base}{place}").is_success:
                    break
            time.sleep(0.1)
        yield base
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) in (0, 143, -signal.SIGTERM)
