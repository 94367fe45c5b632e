"""A run that is interrupted or killed: what it says, what it leaves, how it goes on."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from support.command_line import invoke, judged, names, put_greys, put_recipe, rows
from support.places import REPOSITORY
from support.processes import PATIENCE, family, running, wait_for_rows

pytestmark = pytest.mark.process

IMAGES = 24


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return put_greys(tmp_path_factory.mktemp("many") / "parts", IMAGES)


@pytest.fixture
def slow(mood: Path, tmp_path: Path) -> Path:
    return put_recipe(
        tmp_path / "slow.yaml", "support.own_parts:Unhurried", mood=str(mood), seconds=1.5
    )


@pytest.fixture(scope="module")
def whole(parts: Path) -> Path:
    """The folder of an uninterrupted run."""
    out, recipe = parts.parent / "whole", put_recipe(parts.parent / "quick.yaml")
    assert invoke("run", parts, "--recipe", recipe, "--out", out, "--workers", 1).code == 0
    return out


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_says_how_to_go_on_and_that_works(
    parts: Path, slow: Path, mood: Path, whole: Path, tmp_path: Path, workers: int
) -> None:
    out = tmp_path / "my out"
    run = ("run", parts, "--recipe", slow, "--out", out, "--workers", workers)
    with running(*run) as process:
        wait_for_rows(tmp_path / "reinspect.db", 2)
        workers_of_it = family(process)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    (line,) = err.splitlines()
    said, _, command = line.partition("; to finish: ")
    assert said == "Interrupted"
    assert not psutil.wait_procs(workers_of_it, timeout=PATIENCE)[1]
    done = rows(out)
    assert 2 <= len(done) < IMAGES
    assert (out / "report.html").exists()
    program, *rest = shlex.split(command)
    assert program == "reinspect"
    mood.unlink()
    assert invoke(*rest).code == 0
    assert names(out) == names(whole)
    assert judged(out) == judged(whole)
    again = {row["image"]: row for row in rows(out)}
    assert [again[row["image"]] for row in done] == done


@pytest.mark.slow
def test_a_killed_run_leaves_no_process_and_can_be_finished(
    parts: Path, slow: Path, mood: Path, whole: Path, tmp_path: Path
) -> None:
    out, store = tmp_path / "out", tmp_path / "reinspect.db"
    run = ("run", parts, "--recipe", slow, "--out", out, "--workers", 2)
    least = 1
    for _ in range(2):
        with running(*run, *(["--resume"] if least > 1 else [])) as process:
            wait_for_rows(store, least)
            workers = family(process)
            process.kill()
            assert not psutil.wait_procs(workers, timeout=PATIENCE)[1]
        least += 2
    mood.unlink()
    assert invoke(*run, "--resume").code == 0
    assert names(out) == names(whole)
    assert judged(out) == judged(whole)


def test_ctrl_c_before_anything_was_inspected(parts: Path, slow: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "wait.yaml"
    os.mkfifo(fifo)  # reading the recipe waits until it is interrupted
    run = ("run", parts, "--recipe", fifo, "--out", tmp_path / "out")
    with running(*run) as process, fifo.open("wb"):  # which opens once it is being read
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists()


def test_a_reader_that_leaves_early_gets_no_traceback(whole: Path) -> None:
    with running("show", whole) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.wait(timeout=PATIENCE)
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test_names_that_a_terminal_can_not_write(tmp_path: Path) -> None:
    parts = put_greys(tmp_path / "部品", 2)
    recipe = put_recipe(tmp_path / "quick.yaml")
    command = [sys.executable, "-m", "reinspect", "run", parts, "--recipe", recipe]
    ended = subprocess.run(
        [*command, "--out", tmp_path / "出力"],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(REPOSITORY / "tests")},
    )
    assert ended.returncode == 0, ended.stderr
    assert b"2 images: " in ended.stdout
