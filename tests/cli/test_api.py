"""`reinspect api`: what it refuses before it listens."""

import socket
from pathlib import Path

import pytest

from support.command_line import invoke, said

pytestmark = pytest.mark.server

KEY = "0123456789abcdef"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param(["--host", "0.0.0.0"], "give keys with --api-key-file", id="open-to-all"),
        pytest.param(["--host", "no.such.host.invalid"], "give keys", id="unknown-host"),
        pytest.param(["--references", "nowhere"], "nowhere", id="no-references"),
        pytest.param(["--recipe", "nowhere.yaml"], "cannot read the recipe", id="no-recipe"),
        pytest.param(["--api-key-file", "nowhere"], "nowhere", id="no-key-file"),
        pytest.param(["--api-key-file", "empty"], "has no key", id="empty-key-file"),
        pytest.param(["--api-key-file", "short"], "key 2 is not 16 or more", id="short-key"),
        pytest.param(["--out", "empty"], "is not a folder", id="out-is-a-file"),
        pytest.param(["--out", "used"], "is not empty", id="out-is-used"),
        pytest.param(["--store", "short"], "not a database", id="no-store"),
    ],
)
def test_what_it_cannot_do_is_refused(
    options: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "short").write_text(f"{KEY}\nshort\n")
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "notes").write_text("mine")
    answer = invoke("api", "--port", "0", *options)
    assert says in said(answer)
    assert KEY not in answer.err


def test_a_taken_port_is_refused(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = said(invoke("api", "--port", port, "--out", tmp_path / "line"))
    assert f"--port {port}: Address already in use" in line
    assert not (tmp_path / "line").exists()


def test_a_run_of_another_recipe_is_not_gone_on_with(tmp_path: Path, sample_parts: Path) -> None:
    made = invoke("run", sample_parts / "flange", "--limit", "1", "--out", tmp_path / "line", "-q")
    assert made.code == 0
    recipe = tmp_path / "other.yaml"
    recipe.write_text("detector: support.own_parts:Brightness\n")
    line = said(invoke("api", "--port", "0", "--recipe", recipe, "--out", tmp_path / "line"))
    assert "cannot resume" in line
