"""`reinspect run --engine ray`: on a Ray that stands, and on one that the run itself starts.

Runs and actors are killed a few times, or as often as REINSPECT_KILLS says (25 take minutes).
"""

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from reinspect.store import Store
from reinspect.store.upkeep.checking import check
from reinspect.trace import Trace
from support import gcs_server, s3_server
from support.command_line import invoke, judged, put_greys, put_recipe, rows, said
from support.killing import PACE, Killed, assert_whole, put_many
from support.processes import PATIENCE, family, running, wait_for_rows
from support.ray_cluster import standing

pytestmark = [pytest.mark.process, pytest.mark.server, pytest.mark.needs("ray")]

IMAGES = 60
KILLS = int(os.environ.get("REINSPECT_KILLS", "4"))

OnRay = Callable[..., contextlib.AbstractContextManager["subprocess.Popen[str]"]]


@pytest.fixture(scope="module")
def on_cluster() -> Iterator[OnRay]:
    """Starts runs on one Ray of two processors that all tests here share."""
    with standing(s3_server.KEYS) as (address, key):

        def start(*arguments: object) -> contextlib.AbstractContextManager["subprocess.Popen[str]"]:
            return running(
                *arguments, "--engine", "ray", "--address", address, env={**key, **s3_server.KEYS}
            )

        yield start


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, one that is none among them."""
    folder = put_greys(tmp_path_factory.mktemp("many") / "parts", IMAGES - 1, start=4, step=4)
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def whole(parts: Path) -> Path:
    """The folder of a run that nothing happened to, by the local engine."""
    out = parts.parent / "whole"
    recipe = put_recipe(parts.parent / "quick.yaml")
    assert invoke("run", parts, "--recipe", recipe, "--out", out, "--workers", 1).code == 1
    return out


@pytest.fixture(scope="module")
def slow(parts: Path) -> Path:
    return put_recipe(parts.parent / "slow.yaml", seconds=0.3)


def ended(
    started: contextlib.AbstractContextManager["subprocess.Popen[str]"],
) -> subprocess.CompletedProcess[str]:
    """A run that came to its end."""
    with started as process:
        out, err = process.communicate(timeout=2 * PATIENCE)
    assert "Traceback" not in err
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.mark.slow
def test_the_same_verdicts_pictures_and_traces(
    on_cluster: OnRay, sample_parts: Path, finished: Path, tmp_path: Path
) -> None:
    from pyarrow import parquet

    out = tmp_path / "second"
    done = ended(on_cluster("run", sample_parts, "--out", out))
    assert (done.returncode, done.stderr) == (0, "")
    assert judged(out) == judged(finished)
    pictures = [
        {path.relative_to(run / "pictures"): path.read_bytes() for path in run.rglob("*.*g")}
        for run in (out, finished)
        if (run / "pictures").is_dir()
    ]
    assert pictures[0]
    assert pictures[0] == pictures[1]
    table = parquet.read_table(out / "traces.parquet")
    traces = [Trace.model_validate_json(text) for text in table["trace"].to_pylist()]
    assert [trace.sample.id for trace in traces] == [row["image"] for row in rows(out)]
    assert table["disposition"].to_pylist() == [row["disposition"] for row in rows(out)]


@pytest.fixture(params=["file", "s3", "gs"])
def url(request: pytest.FixtureRequest, parts: Path) -> Iterator[str]:
    """Where the pictures lie, as a storage has them."""
    if request.param == "file":
        yield parts.as_uri()
        return
    server = {"s3": s3_server, "gs": gcs_server}[request.param]
    with server.serving(parts) as there:
        yield there


@pytest.mark.slow
def test_pictures_in_object_storage_are_judged_as_files_are(
    on_cluster: OnRay, url: str, whole: Path, quick: Path, tmp_path: Path
) -> None:
    out, known = tmp_path / "out", put_greys(tmp_path / "known", 2)
    run = ("run", url, "--references", known, "--recipe", quick, "--out", out)
    assert ended(on_cluster(*run)).returncode == 1  # for the one that is no picture
    _assert_as_if_nothing_had_happened(out, tmp_path / "reinspect.db", whole)
    base, mark, options = url.partition("?")
    with Store.open(tmp_path / "reinspect.db", create=False) as store:
        run_id = store.run("out").id
        assert store.run_of(run_id).sources == (url,)
        trace, broken = (store.trace(run_id, name) for name in ("part7.png", "broken.png"))
    assert trace.sample.path == f"{base}/part7.png{mark}{options}"
    assert broken.error is not None
    assert broken.error.startswith(f"{base}/broken.png{mark}{options}: not an image")
    assert ended(on_cluster(*run, "--resume")).returncode == 1
    _assert_as_if_nothing_had_happened(out, tmp_path / "reinspect.db", whole)
    with Store.open(tmp_path / "reinspect.db", create=False) as store:
        assert store.trace(run_id, "part7.png") == trace  # and was not inspected again


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param([], "add --engine ray", id="local-engine"),
        pytest.param(["--watch"], "add --engine ray", id="watch"),
        pytest.param(["--engine", "ray", "--dry-run"], "--dry-run reads folders", id="dry-run"),
        pytest.param(["--engine", "ray"], "can't be its own reference", id="no-references"),
        pytest.param(["--engine", "ray", "s3://b/other"], "one URL a run", id="two"),
    ],
)
def test_what_object_storage_cannot_do_is_refused(
    tmp_path: Path, options: list[str], words: str
) -> None:
    run = ("run", "s3://plant/parts", "--out", tmp_path / "out", *options)
    line = said(invoke(*run))
    assert line.startswith("reinspect: s3://plant/parts: ")
    assert words in line
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_what_kills_its_process_costs_its_own_row_alone(
    on_cluster: OnRay, parts: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    for path in sorted(parts.glob("part?.png")):
        (folder / path.name).write_bytes(path.read_bytes())
    cv2.imwrite(str(folder / "black.png"), np.zeros((8, 9, 3), np.uint8))
    recipe = put_recipe(tmp_path / "fragile.yaml", "support.own_parts:Fragile")
    out = tmp_path / "out"
    assert ended(on_cluster("run", folder, "--recipe", recipe, "--out", out)).returncode == 1
    errors = {row["image"]: row["error"] for row in rows(out)}
    assert len(errors) == 11
    assert "died on this image" in errors.pop("black.png")
    assert set(errors.values()) == {None}


@pytest.mark.slow
def test_a_killed_driver_takes_the_ray_that_it_started_with_it(
    parts: Path, slow: Path, whole: Path, tmp_path: Path
) -> None:
    out, store = tmp_path / "out", tmp_path / "reinspect.db"
    run = ("run", parts, "--recipe", slow, "--out", out, "--engine", "ray", "--workers", 2)
    with running(*run) as process:
        wait_for_rows(store, 1)
        members = family(process)
        process.kill()  # with Ray's own processes left to themselves
        assert not psutil.wait_procs(members, timeout=PATIENCE)[1]
    assert not (out / "results.jsonl").exists()
    assert ended(running(*run, "--resume")).returncode == 1  # for the one that is no picture
    _assert_as_if_nothing_had_happened(out, store, whole)


@pytest.mark.slow
def test_drivers_and_actors_killed_again_and_again_leave_one_row_each(
    on_cluster: OnRay, tmp_path: Path
) -> None:
    rng = random.Random(KILLS)
    many = put_many(tmp_path / "many", 100 * (KILLS + 2))
    recipe = put_recipe(many / "slow.yaml", seconds=PACE)
    right = many / "right"
    assert invoke("run", many / "distinct", "--recipe", recipe, "--out", right).code == 0
    out, store = tmp_path / "out", tmp_path / "reinspect.db"
    run = ("run", many / "parts", "--references", many / "known", "--recipe", recipe, "--out", out)
    for kill in range(KILLS):
        again = ["--resume"] if (out / "recipe.yaml").exists() else []
        with on_cluster(*run, *again) as process:
            killed = Killed(process, store, rng)
            if kill % 2:
                _kill_an_actor(killed.at_work)
            elif kill % 4:
                killed.anywhere()
            else:
                killed.at_work()
            killed.ended or killed.kill()
    assert ended(on_cluster(*run, "--resume")).returncode == 0
    assert_whole(out, store, many / "parts", right)


@pytest.mark.slow
def test_an_actor_that_is_killed_costs_no_picture(
    on_cluster: OnRay, parts: Path, slow: Path, whole: Path, tmp_path: Path
) -> None:
    out, store = tmp_path / "out", tmp_path / "reinspect.db"
    with on_cluster("run", parts, "--recipe", slow, "--out", out) as process:
        _kill_an_actor(lambda: time.sleep(0.5))
        _, err = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 1, err  # for the one that is no picture
    _assert_as_if_nothing_had_happened(out, store, whole)


def _assert_as_if_nothing_had_happened(out: Path, store: Path, whole: Path) -> None:
    assert len(rows(out)) == IMAGES
    # The recipes differ in their speed alone.
    assert judged(out) == judged(whole)
    counters = json.loads((out / "counters.json").read_text())
    assert (counters["images"], counters["failed"]) == (IMAGES, 1)
    assert check(store).problems == ()


def _kill_an_actor(wait: Callable[[], None]) -> None:
    """One of those that inspect, once there is one and after a wait."""
    deadline = time.monotonic() + PATIENCE
    while not _actors():
        assert time.monotonic() < deadline, "Ray never had an actor"
        time.sleep(0.1)
    wait()
    for actor in _actors()[:1]:
        actor.kill()


def _actors() -> list[psutil.Process]:
    """Actors of Ray Data beneath this process: those of no one else's Ray."""
    found = []
    for member in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "MapWorker" in " ".join(member.cmdline()):
                found.append(member)
    return found


@pytest.mark.slow
def test_a_gpu_that_is_not_there_is_said(on_cluster: OnRay, greys: Path, tmp_path: Path) -> None:
    recipe = put_recipe(tmp_path / "gpu.yaml")
    spec = json.loads(recipe.read_text()) | {"budgets": {"gpus": 0.5}}
    recipe.write_text(json.dumps(spec))
    done = ended(on_cluster("run", greys, "--recipe", recipe, "--out", tmp_path / "out"))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "an actor needs a processor and 0.5 GPU" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(["--engine", "ray", "--watch"], "can't follow a folder", id="watch"),
        pytest.param(["--address", "auto"], "add --engine ray", id="address-alone"),
    ],
)
def test_what_does_not_go_together_is_refused(greys: Path, options: list[str], words: str) -> None:
    assert words in said(invoke("run", greys, *options))


@pytest.mark.slow
def test_a_cluster_that_is_not_there_is_said_before_anything_is_written(
    greys: Path, quick: Path, tmp_path: Path
) -> None:
    out, known = tmp_path / "out", put_greys(tmp_path / "known", 2)
    run = ("run", greys, "--references", known, "--recipe", quick, "--out", out)

    def refused(*options: str) -> None:
        with running(*run, "--engine", "ray", "--address", "127.0.0.1:1", *options) as process:
            _, err = process.communicate(timeout=2 * PATIENCE)
        assert process.returncode == 2
        (line,) = err.splitlines()
        assert line.startswith("reinspect: cannot reach Ray at 127.0.0.1:1")

    refused()
    assert not out.exists()
    assert invoke(*run, "--limit", 5).code == 0  # the name is still to be had
    before = (out / "counters.json").stat()
    refused("--resume")
    assert (out / "counters.json").stat() == before  # its files are still of all its rows


@pytest.mark.slow
def test_a_ray_that_cannot_start_is_said(greys: Path, quick: Path, tmp_path: Path) -> None:
    run = ("run", greys, "--recipe", quick, "--out", tmp_path / "out", "--engine", "ray")
    with running(*run, env={"RAY_TMPDIR": str(quick / "no folder")}) as process:
        _, err = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 2
    (line,) = err.splitlines()
    assert line.startswith("reinspect: cannot start Ray on this machine: ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("missing", "source"),
    [pytest.param("ray", None, id="ray"), pytest.param("pyarrow", "s3://plant/x", id="pyarrow")],
)
def test_without_the_extra_one_line_says_what_to_install(
    greys: Path, quick: Path, tmp_path: Path, missing: str, source: str | None
) -> None:
    paths = [source or greys, "--references", greys, "--recipe", quick, "--out", tmp_path / "out"]
    words = ["run", *map(str, paths), "--engine", "ray"]
    script = f"import sys; sys.modules[{missing!r}] = None; sys.path.append('tests')\n"
    script += f"from reinspect.cli import main; main({words!r})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.endswith("pip install 'reinspect[ray]'")
    assert not (tmp_path / "out").exists()


def test_parts_with_several_views(on_cluster: OnRay, tmp_path: Path) -> None:
    folder = put_greys(tmp_path / "parts", 6, start=10, step=45)
    for number in range(6):
        name = f"{number // 2}_{('front', 'back')[number % 2]}.png"
        (folder / f"part{number}.png").rename(folder / name)
    (folder / "2_back.png").unlink()
    recipe = put_recipe(tmp_path / "views.yaml")
    views = {"front": "*_front.*", "back": "*_back.*"}
    recipe.write_text(json.dumps({**json.loads(recipe.read_text()), "views": views}))
    here, there = tmp_path / "here", tmp_path / "there"
    assert invoke("run", folder, "--recipe", recipe, "--out", here, "--workers", 1).code == 0
    done = ended(on_cluster("run", folder, "--recipe", recipe, "--out", there))
    assert (done.returncode, done.stderr) == (0, "")
    assert judged(there) == judged(here)
    assert len(rows(there)) == 3
    known = tmp_path / "known"
    known.mkdir()
    for name in ("0_front.png", "0_back.png"):
        shutil.copy(folder / name, known / name)
    far, words = tmp_path / "far", ("--references", known, "--recipe", recipe)
    run = ("run", folder.as_uri(), *words, "--out", far)
    done = ended(on_cluster(*run))
    assert (done.returncode, done.stderr) == (0, "")
    assert "Views: 1 lack back (2)" in done.stdout
    assert judged(far) == judged(here)
    with Store.open(tmp_path / "reinspect.db", create=False) as store:
        trace = store.trace(store.run("far").id, "0")
    urls = [f"{folder.as_uri()}/0_{name}.png" for name in ("front", "back")]
    assert [view.path for view in trace.sample.views] == urls
    (folder / "3_front.png").write_bytes((folder / "0_front.png").read_bytes())
    (folder / "2_back.png").write_bytes((folder / "1_back.png").read_bytes())
    done = ended(on_cluster(*run, "--resume"))
    assert (done.returncode, done.stderr) == (0, "")
    assert {row["image"]: "no picture" in row["reason"] for row in rows(far)} == {
        "0": False,
        "1": False,
        "2": False,
        "3": True,
    }
