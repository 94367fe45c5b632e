"""`reinspect run --watch`: files as they arrive, whole ones only, each once, until Ctrl-C."""

import contextlib
import json
import os
import signal
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from reinspect.dataset import NewReference, ReferenceVersions
from reinspect.store import Store
from support.command_line import invoke, names, put_greys, rows
from support.processes import PATIENCE, running, wait_for_rows


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    """An empty folder that a camera might fill."""
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


@pytest.fixture
def command(drop: Path, quick: Path, tmp_path: Path) -> tuple[object, ...]:
    known = put_greys(tmp_path / "known", 2)
    paths = (drop, "--references", known, "--recipe", quick, "--out", tmp_path / "out")
    return ("run", "--watch", *paths)


def put_whole(target: Path, content: bytes) -> None:
    """By renaming, as good programs write."""
    unfinished = target.with_suffix(".part")
    unfinished.write_bytes(content)
    unfinished.rename(target)


def put_slowly(target: Path, content: bytes, *, pieces: int = 6) -> None:
    """Piece by piece, as a camera does over a slow line."""
    size = -(-len(content) // pieces)
    with target.open("wb") as file:
        for start in range(0, len(content), size):
            file.write(content[start : start + size])
            file.flush()
            time.sleep(0.3)


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_files_are_inspected_as_they_arrive_until_ctrl_c(
    command: tuple[object, ...], drop: Path, tmp_path: Path, workers: int
) -> None:
    sources = [path.read_bytes() for path in sorted(put_greys(tmp_path / "shots", 6).iterdir())]
    (drop / "early.png").write_bytes(sources[0])
    with running(*command, "--workers", workers) as process:
        wait_for_rows(tmp_path / "reinspect.db", 1)
        slow = threading.Thread(target=put_slowly, args=(drop / "slow.png", sources[1]))
        slow.start()
        for number in range(20):
            (drop / f"{number % 3}").mkdir(exist_ok=True)
            put_whole(drop / f"{number % 3}" / f"{number}.png", sources[number % 6])
            time.sleep(0.02)
        (drop / "notes.txt").write_text("no image")
        slow.join()
        wait_for_rows(tmp_path / "reinspect.db", 22)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    assert "22 images: " in out
    arrived = {f"{number % 3}/{number}.png" for number in range(20)}
    assert set(names(tmp_path / "out")) == {"early.png", "slow.png", *arrived}
    assert len(names(tmp_path / "out")) == 22
    assert not any(row["error"] for row in rows(tmp_path / "out"))
    assert json.loads((tmp_path / "out" / "counters.json").read_text())["status"] == "done"


@pytest.mark.process
@pytest.mark.slow
def test_a_killed_watch_goes_on_without_missing_or_doubling(
    command: tuple[object, ...], drop: Path, tmp_path: Path
) -> None:
    put_greys(drop, 10)
    with running(*command) as process:
        wait_for_rows(tmp_path / "reinspect.db", 10)
        process.kill()
    put_greys(drop / "later", 10)
    (drop / "part3.png").unlink()
    (drop / "part4.png").write_bytes((drop / "part5.png").read_bytes())
    answer = invoke(*command, "--resume", "--limit", 11)  # ten new ones, and one changed
    assert answer.code == 0
    found = names(tmp_path / "out")
    assert len(found) == 21
    assert found.count("part4.png") == 2
    assert len(set(found)) == 20


@pytest.mark.process
def test_a_watch_takes_up_a_new_version_of_its_references_between_parts(
    drop: Path, quick: Path, tmp_path: Path
) -> None:
    """Each run is of one version, and nothing is inspected twice or missed."""
    known = sorted(put_greys(tmp_path / "known", 4).glob("*.png"))
    plates, store = ReferenceVersions(tmp_path / "plates"), tmp_path / "reinspect.db"
    plates.add([NewReference(str(file), "known") for file in known[:2]], who="ada")
    plates.add([NewReference(str(file), "known") for file in known[2:]], who="ada")
    put_greys(drop, 3)
    paths = ("--references", plates.folder, "--recipe", quick, "--out", tmp_path / "out")

    def later() -> None:
        wait_for_rows(store, 3)
        plates.activate(2, who="ada")
        put_greys(drop / "more", 4)

    meanwhile = threading.Thread(target=later)
    meanwhile.start()
    answer = invoke("run", "--watch", drop, *paths, "--limit", 7)
    meanwhile.join()
    assert answer.code == 0
    assert "version 2 of" in answer.out
    assert sorted(names(tmp_path / "out")) == ["part0.png", "part1.png", "part2.png"]
    assert sorted(names(tmp_path / "out-v2")) == [f"more/part{n}.png" for n in range(4)]
    with Store.open(store) as opened:
        said = {run.name: run.versions["references"] for run in opened.runs()}
        assert {run.status for run in opened.runs()} == {"done"}
    (drop / "late.png").write_bytes((drop / "part0.png").read_bytes())
    more = ("--references", plates.folder, "--recipe", quick, "--out", tmp_path / "out-v2")
    assert invoke("run", "--watch", drop, *more, "--resume", "--limit", 1).code == 0
    assert len(names(tmp_path / "out-v2")) == 5
    assert said == {
        "out": f"version 1 of {plates.folder}",
        "out-v2": f"version 2 of {plates.folder}",
    }


@pytest.mark.process
def test_a_watch_ends_with_its_time(
    command: tuple[object, ...], drop: Path, tmp_path: Path
) -> None:
    answer = invoke(*command, "--max-seconds", 0.5)
    assert answer.code == 3
    assert "--watch --resume" in answer.err
    assert rows(tmp_path / "out") == []


@pytest.mark.process
def test_a_store_that_is_busy_misses_nothing(
    command: tuple[object, ...], drop: Path, tmp_path: Path
) -> None:
    """Another program holds the store for a while, as a backup may."""
    put_greys(drop, 3)
    assert invoke(*command, "--limit", 3).code == 0
    put_greys(drop / "more", 5)
    with contextlib.closing(
        sqlite3.connect(tmp_path / "reinspect.db", isolation_level=None, check_same_thread=False)
    ) as holder:
        holder.execute("BEGIN IMMEDIATE")
        release = threading.Timer(2, holder.execute, args=("ROLLBACK",))
        release.start()
        assert invoke(*command, "--resume", "--limit", 5).code == 0
        release.join()
    assert len(names(tmp_path / "out")) == 8
