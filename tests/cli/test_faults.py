"""What goes wrong while a run is on: it goes on, or can be gone on with, and no image is lost."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reinspect.testing import Reply, ScriptedServer
from support.command_line import invoke, names, put_greys, put_recipe, rows
from support.made_answers import said
from support.processes import PATIENCE, running, wait_for_rows

_HOLD = """
import sqlite3, sys, time
holder = sqlite3.connect(sys.argv[1], isolation_level=None)
holder.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(2)
"""


@pytest.mark.process
def test_a_store_that_another_process_has_locked(greys: Path, tmp_path: Path) -> None:
    recipe = put_recipe(tmp_path / "slow.yaml", seconds=0.1)
    put_greys(greys / "more", 40)
    run = ("run", greys, "--recipe", recipe, "--out", tmp_path / "out", "--workers", 1)
    with running(*run) as process:
        wait_for_rows(tmp_path / "reinspect.db", 2)
        holding = [sys.executable, "-c", _HOLD, str(tmp_path / "reinspect.db")]
        with subprocess.Popen(holding, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
        _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    assert len(names(tmp_path / "out")) == len(set(names(tmp_path / "out"))) == 52


@pytest.mark.process
def test_one_image_in_fifty_is_broken(quick: Path, tmp_path: Path) -> None:
    """Two hundred of them, with names of two hundred characters."""
    (source,) = put_greys(tmp_path / "source", 1).iterdir()
    parts = tmp_path / "parts"
    parts.mkdir()
    for number in range(200):
        target = parts / f"{number:0196}.png"
        if number % 50 == 7:
            target.write_bytes(source.read_bytes()[:40])
        else:
            os.link(source, target)
    out = tmp_path / "out"
    assert invoke("run", parts, "--recipe", quick, "--out", out, "--workers", 2).code == 1
    broken = [row["image"] for row in rows(out) if row["error"]]
    assert broken == [f"{number:0196}.png" for number in (7, 57, 107, 157)]
    assert sum(row["verdict"] is not None for row in rows(out)) == 196
    counters = json.loads((out / "counters.json").read_text())
    assert sum(counters["failures"].values()) == counters["failed"] == 4


@pytest.mark.process
def test_files_that_change_come_and_go_while_a_run_is_on(mood: Path, tmp_path: Path) -> None:
    parts = put_greys(tmp_path / "parts", 40)
    fresh = put_greys(tmp_path / "fresh", 2, start=230)
    recipe = put_recipe(
        tmp_path / "slow.yaml", "support.own_parts:Unhurried", mood=str(mood), seconds=1
    )
    paths = (parts, "--references", fresh, "--recipe", recipe, "--out", tmp_path / "out")
    run = ("run", *paths, "--workers", 1)
    with running(*run) as process:
        wait_for_rows(tmp_path / "reinspect.db", 1)
        (parts / "part39.png").unlink()
        shutil.copy(fresh / "part0.png", parts / "part38.png")
        shutil.copy(fresh / "part1.png", parts / "part40.png")
        mood.unlink()
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    found = {row["image"]: row for row in rows(tmp_path / "out")}
    assert set(found) == {f"part{number}.png" for number in range(40)}
    assert "no such file" in found["part39.png"]["error"].lower()
    assert found["part38.png"]["verdict"]["probability"] == pytest.approx(230 / 255, abs=1e-6)
    assert invoke(*run, "--resume").code == 1
    assert len(names(tmp_path / "out")) == 41
    shutil.copy(fresh / "part0.png", parts / "part39.png")
    assert invoke(*run, "--resume").code == 0
    assert len(names(tmp_path / "out")) == len(set(names(tmp_path / "out"))) == 41


def test_a_clock_that_was_set_back(greys: Path, quick: Path, tmp_path: Path) -> None:
    """The run so far, and its files, are of a time that is yet to come."""
    run = ("run", greys, "--recipe", quick, "--out", tmp_path / "out")
    assert invoke(*run, "--limit", 5).code == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "reinspect.db")) as db, db:
        db.execute("UPDATE inspections SET at = '2999-01-01 00:00:00.000000'")
        db.execute("UPDATE runs SET started = '2999-01-01 00:00:00.000000', finished = started")
    for path in greys.iterdir():
        os.utime(path, (2**31 - 1, 2**31 - 1))
    assert invoke(*run, "--resume").code == 0
    assert names(tmp_path / "out") == [f"part{number}.png" for number in range(12)]
    counters = json.loads((tmp_path / "out" / "counters.json").read_text())
    assert (counters["images"], counters["status"]) == (12, "done")
    assert counters["seconds"] > 0
    assert "nothing was left to do" in invoke(*run, "--resume").out
    assert invoke("runs", "--store", tmp_path / "reinspect.db").code == 0


@pytest.mark.process
def test_twenty_thousand_files_in_one_folder(quick: Path, tmp_path: Path) -> None:
    sources = sorted(put_greys(tmp_path / "source", 40).iterdir())
    parts = tmp_path / "parts"
    parts.mkdir()
    for number in range(20_000):
        os.link(sources[number % 40], parts / f"{number}.png")
    paths = (parts, "--recipe", quick, "--out", tmp_path / "out")
    assert "\n20000 images, " in invoke("run", *paths, "--dry-run").out
    assert invoke("run", *paths, "--limit", 100).code == 0
    assert names(tmp_path / "out") == [f"{number}.png" for number in range(100)]


@contextlib.contextmanager
def outage(seconds: float) -> Iterator[ScriptedServer]:
    """A model server that goes away after some answers, and comes back at the same port."""
    answer = Reply(said("no"), yes=0.02)
    first = ScriptedServer(answer, seconds=0.05)
    over = threading.Event()

    def fail_and_recover() -> None:
        while first.count < 8 and not over.wait(0.01):
            pass
        first.__exit__(None, None, None)
        time.sleep(seconds)
        with ScriptedServer(answer, port=first.port):
            over.wait()

    first.__enter__()
    thread = threading.Thread(target=fail_and_recover)
    thread.start()
    try:
        yield first
    finally:
        over.set()
        thread.join()


@pytest.mark.server
@pytest.mark.parametrize(
    ("retries", "lost"),
    [pytest.param(8, False, id="ridden-out"), pytest.param(0, True, id="tried-again-later")],
)
def test_a_model_server_that_is_gone_for_a_while(
    greys: Path, tmp_path: Path, retries: int, lost: bool
) -> None:
    """Two seconds stand for thirty: the client waits up to eight seconds between attempts."""
    put_greys(greys / "more", 12)
    with outage(2) as server:
        model = {"kind": "vlm", "model": "m", "base_url": server.url, "max_retries": retries}
        recipe = tmp_path / "model.yaml"
        content = {
            "detector": model,
            "tools": [],
            "policies": {"trigger": "never"},
            "budgets": {"in_flight": 4},
        }
        recipe.write_text(json.dumps(content))
        run = ("run", greys, "--recipe", recipe, "--out", tmp_path / "out")
        assert invoke(*run).code == lost
        assert any(row["error"] for row in rows(tmp_path / "out")) is lost
        while lost and invoke(*run, "--resume", "--retry-failed").code:
            time.sleep(0.5)  # it is still away
    found = rows(tmp_path / "out")
    assert len(found) == len({row["image"] for row in found}) == 24
    assert not any(row["error"] for row in found)
    counters = json.loads((tmp_path / "out" / "counters.json").read_text())
    assert counters["calls"] >= counters["images"] == 24
    assert counters["tokens"] > 24 * 100
    assert counters["unpriced_calls"] == counters["calls"]
