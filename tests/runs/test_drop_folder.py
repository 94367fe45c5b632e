"""A folder that fills, by itself: whole files only, each once, whatever their times claim."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
import pytest
from PIL import Image

from reinspect.dataset import Item
from reinspect.images import sha256_of
from reinspect.runs.drop_folder import Arrivals
from support.command_line import put_greys


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    """An empty folder that a camera might fill."""
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


class Clock:
    """A drop folder asked until nothing is left that can settle."""

    def __init__(self, folder: Arrivals) -> None:
        self.folder = folder
        self._items = iter(folder)

    @classmethod
    def of(cls, items: Iterator[Item | None]) -> Self:
        """One that was asked before."""
        clock = cls.__new__(cls)
        clock._items = items
        return clock

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
        return next(self._items)


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


def put_reserved(path: Path, whole: bytes, written: int) -> None:
    """As a camera writes that reserves a file's size first."""
    path.write_bytes(whole[:written] + bytes(len(whole) - written))


def bmp(folder: Path, level: int = 90) -> bytes:
    folder.mkdir(exist_ok=True)
    Image.fromarray(np.full((80, 120, 3), level, np.uint8)).save(folder / "shot.bmp")
    return (folder / "shot.bmp").read_bytes()


def test_a_file_whose_size_was_reserved_is_left_alone(drop: Path) -> None:
    folder, whole = Arrivals([drop], settled=0.2), bmp(drop.parent / "shots")
    items = iter(folder)
    put_reserved(drop / "a.bmp", whole, len(whole) // 2)
    end = time.monotonic() + 4 * 0.2  # rests long enough for any other
    while time.monotonic() < end:
        assert next(items) is None
        time.sleep(0.01)
    put_reserved(drop / "a.bmp", whole, len(whole))
    assert Clock.of(items).drained() == ["a.bmp"]
    assert folder.replaces == {}
    folder.stop()


def test_what_was_taken_half_written_is_replaced(drop: Path) -> None:
    """Even a black end is taken in time; if it was none, the whole file takes its row."""
    watched, whole = Clock(Arrivals([drop], settled=0.01)), bmp(drop.parent / "shots")
    put_reserved(drop / "a.bmp", whole, len(whole) // 2)
    half = sha256_of(drop / "a.bmp")
    assert watched.drained() == ["a.bmp"]
    put_reserved(drop / "a.bmp", whole, len(whole))
    assert watched.drained() == ["a.bmp"]
    assert watched.folder.replaces == {"a.bmp": half}


def test_another_part_of_the_same_name_replaces_nothing(drop: Path) -> None:
    watched, whole = Clock(Arrivals([drop], settled=0.01)), bmp(drop.parent / "shots")
    put_reserved(drop / "a.bmp", whole, len(whole) // 2)
    assert watched.drained() == ["a.bmp"]
    (drop / "a.bmp").write_bytes(bmp(drop.parent / "shots", level=200))
    assert watched.drained() == ["a.bmp"]
    assert watched.folder.replaces == {}
