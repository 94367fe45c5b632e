"""`reinspect run --engine ray`, on a Ray that each run starts on this machine."""

import contextlib
import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from command_line import invoke, judged, put_greys, put_recipe, rows, said
from conftest import unavailable
from processes import PATIENCE, family, running, wait_for_rows
from reinspect.vocabulary import Trace

IMAGES = 60


@pytest.fixture(scope="module", autouse=True)
def ray() -> None:
    if importlib.util.find_spec("ray") is None:
        unavailable("ray", "Ray is not installed: pip install 'reinspect[ray]'")


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures that take a while, one that is none among them."""
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


def on_ray(*arguments: object) -> subprocess.CompletedProcess[str]:
    """A run in a process of its own: Ray lives in the process that starts it."""
    with running(*arguments, "--engine", "ray", "--workers", 2) as process:
        out, err = process.communicate(timeout=2 * PATIENCE)
    assert "Traceback" not in err
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.mark.slow
def test_the_same_verdicts_pictures_and_traces(
    sample_parts: Path, finished: Path, tmp_path: Path
) -> None:
    from pyarrow import parquet

    out = tmp_path / "second"
    done = on_ray("run", sample_parts, "--out", out)
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


@pytest.mark.slow
def test_what_kills_its_process_costs_its_own_row_alone(parts: Path, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    for path in sorted(parts.glob("part?.png")):
        (folder / path.name).write_bytes(path.read_bytes())
    cv2.imwrite(str(folder / "black.png"), np.zeros((8, 9, 3), np.uint8))
    recipe = put_recipe(tmp_path / "fragile.yaml", "own_parts:Fragile")
    out = tmp_path / "out"
    assert on_ray("run", folder, "--recipe", recipe, "--out", out).returncode == 1
    errors = {row["image"]: row["error"] for row in rows(out)}
    assert len(errors) == 11
    assert "died on this image" in errors.pop("black.png")
    assert set(errors.values()) == {None}


@pytest.mark.slow
def test_a_killed_actor_and_a_killed_driver_leave_one_row_each(
    parts: Path, slow: Path, whole: Path, tmp_path: Path
) -> None:
    out, store = tmp_path / "out", tmp_path / "reinspect.db"
    run = ("run", parts, "--recipe", slow, "--out", out)
    with running(*run, "--engine", "ray", "--workers", 2) as process:
        wait_for_rows(store, 1)
        members = family(process)
        process.kill()  # the driver, with Ray's own processes left to themselves
        assert not psutil.wait_procs(members, timeout=PATIENCE)[1]
    assert not (out / "results.jsonl").exists()
    with running(*run, "--engine", "ray", "--workers", 2, "--resume") as process:
        _kill_an_actor(process)
        _, err = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 1, err  # for the one that is no picture
    assert len(rows(out)) == IMAGES
    # The recipes differ in their speed alone.
    assert judged(out) == judged(whole)
    counters = json.loads((out / "counters.json").read_text())
    assert (counters["images"], counters["failed"]) == (IMAGES, 1)


def _kill_an_actor(process: subprocess.Popen[str]) -> None:
    """While it inspects."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(psutil.Error):
            for member in family(process):
                if "MapWorker" in " ".join(member.cmdline()):
                    time.sleep(0.5)
                    member.kill()
                    return
        time.sleep(0.1)
    pytest.fail("Ray never had an actor")


@pytest.mark.slow
def test_a_gpu_that_is_not_there_is_said(greys: Path, tmp_path: Path) -> None:
    recipe = put_recipe(tmp_path / "gpu.yaml")
    spec = json.loads(recipe.read_text()) | {"budgets": {"gpus": 0.5}}
    recipe.write_text(json.dumps(spec))
    done = on_ray("run", greys, "--recipe", recipe, "--out", tmp_path / "out")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "an actor needs a processor and 0.5 GPU" in line


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
def test_a_cluster_that_is_not_there_is_said(greys: Path, quick: Path, tmp_path: Path) -> None:
    run = ("run", greys, "--recipe", quick, "--out", tmp_path / "out")
    with running(*run, "--engine", "ray", "--address", "127.0.0.1:1") as process:
        _, err = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 2
    (line,) = err.splitlines()
    assert line.startswith("reinspect: cannot reach Ray at 127.0.0.1:1")


def test_without_ray_one_line_says_what_to_install(
    greys: Path, quick: Path, tmp_path: Path
) -> None:
    words = ["run", str(greys), "--recipe", str(quick), "--out", str(tmp_path / "out")]
    script = "import sys; sys.modules['ray'] = None; sys.path.append('tests')\n"
    script += f"from reinspect.cli import main; main({[*words, '--engine', 'ray']!r})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("pip install 'reinspect[ray]'")
