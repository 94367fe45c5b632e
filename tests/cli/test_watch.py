"""`reinspect run --watch`: files as they arrive, whole ones only, each once, until Ctrl-C."""

import contextlib
import json
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reinspect.dataset import Item
from reinspect.images import sha256_of
from reinspect.runs.drop_folder import Arrivals
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


def test_a_watch_ends_with_its_time(
    command: tuple[object, ...], drop: Path, tmp_path: Path
) -> None:
    answer = invoke(*command, "--max-seconds", 0.5)
    assert answer.code == 3
    assert "--watch --resume" in answer.err
    assert rows(tmp_path / "out") == []


# The folder by itself


class Clock:
    """A drop folder asked until nothing is left that can settle."""

    def __init__(self, folder: Arrivals) -> None:
        self._works = iter(folder)

    def drained(self) -> list[str]:
        """The ids that come until there was nothing new for long, however often it is asked."""
        found, vain = [], 0
        while vain < 40:
            item = self.asked()
            vain = 0 if item else vain + 1
            if item:
                found.append(item.id)
            else:
                time.sleep(0.01)
        return found

    def asked(self) -> Item | None:
        """What it says now."""
        return next(self._works)


@pytest.fixture
def watched(drop: Path) -> Iterator[Clock]:
    folder = Arrivals([drop], settled=0.05)
    yield Clock(folder)
    folder.stop()


def test_a_file_is_taken_once(watched: Clock, drop: Path) -> None:
    put_greys(drop, 3)
    assert watched.drained() == ["part0.png", "part1.png", "part2.png"]
    assert watched.drained() == []


def test_a_file_that_changed_is_taken_again(watched: Clock, drop: Path) -> None:
    put_greys(drop, 2)
    watched.drained()
    put_greys(drop, 1, start=99)
    assert watched.drained() == ["part0.png"]


@pytest.mark.parametrize("when", [0, 2**31 - 1], ids=["1970", "2038"])
def test_the_time_that_a_file_claims_is_no_matter(watched: Clock, drop: Path, when: int) -> None:
    """A camera's clock that is wrong, or that was set back."""
    for path in put_greys(drop, 2).iterdir():
        os.utime(path, (when, when))
    assert watched.drained() == ["part0.png", "part1.png"]
    assert watched.drained() == []


def test_a_file_that_still_grows_is_left_alone(watched: Clock, drop: Path) -> None:
    (whole,) = put_greys(drop.parent / "shots", 1).iterdir()
    with (drop / "grows.png").open("wb", buffering=0) as file:
        for byte in whole.read_bytes():
            file.write(bytes([byte]))
            assert watched.asked() is None
            time.sleep(0.01)
    assert watched.drained() == ["grows.png"]


def test_a_folder_that_goes_away_and_comes_back(watched: Clock, drop: Path) -> None:
    put_greys(drop, 2)
    watched.drained()
    drop.rename(drop.with_name("away"))
    assert watched.drained() == []
    drop.with_name("away").rename(drop)
    put_greys(drop / "new", 1)
    assert watched.drained() == ["new/part0.png"]


def test_what_was_done_before_is_known_by_its_content(drop: Path) -> None:
    put_greys(drop, 3)
    (first,) = (path for path in drop.iterdir() if path.name == "part0.png")
    done = {("part0.png", sha256_of(first)), ("part1.png", "0" * 64)}
    folder = Arrivals([drop], done=done, settled=0.05)
    assert Clock(folder).drained() == ["part1.png", "part2.png"]


def test_it_ends_when_told_to_and_at_its_limit(drop: Path) -> None:
    put_greys(drop, 3)
    limited = [item for item in Arrivals([drop], settled=0.01, limit=2) if item]
    assert [item.id for item in limited] == ["part0.png", "part1.png"]
    folder = Arrivals([drop])
    folder.stop()
    assert list(folder) == []


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
