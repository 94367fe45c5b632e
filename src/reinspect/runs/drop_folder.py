"""A folder that fills, such as a camera's drop folder: its files as they arrive, whole ones only.

It looks again and again instead of asking the system for events: these don't tell of what another
machine writes to a network share, which is what drop folders are.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from reinspect.dataset import Item, Layout, Listing, discover
from reinspect.files import digest_of
from reinspect.images import address_of
from reinspect.runs.remaining import Done, hash_of
from reinspect.sensing import PLAIN, FileRules

SETTLED = 1.0
"""Seconds for which a file must have kept its size and time to be taken for whole."""

PAUSE = 0.5
"""Seconds between two looks at the folder; longer where a look takes long."""

RESERVED = 10
"""Times as long for one that ends in nothing but zeros: its size may have been reserved first."""

TAIL = 4096
"""Bytes of its end that are looked at."""

SHARE = 0.1
"""Of the time that looking at the folder may take."""

Stamp = tuple[int, int, int]


class _SeenFile(NamedTuple):
    stamp: Stamp | None
    since: float


class _Reserved(NamedTuple):
    """A file that ends in zeros: it may be written to the end, or not yet."""

    sha256: str
    written: int
    """Bytes before the zeros."""
    begins: str
    """The hash of those."""
    since: float


class Arrivals:
    """The files of some folders as they become whole, until it is told to stop.

    It says `None` while there is nothing new.

    A file that changes afterwards is taken once more: another content is another row, the same
    content the same one. By the monotonic clock, so that setting the clock does no harm.

    Args:
        folders: to look at, with all folders below.
        exclude: folders to pass over.
        done: what was inspected before.
        limit: files to take at most.
        settled: seconds for which a file must have kept its size and time; ten times that where it
            ends in zeros, as one does whose size was reserved before it was written.
        rules: which files are parts besides pictures and recordings.
        newer: whether another version of the references counts now: then nothing more is taken.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        *,
        exclude: Sequence[Path] = (),
        done: Done = frozenset(),
        limit: int | None = None,
        settled: float = SETTLED,
        rules: FileRules = PLAIN,
        newer: Callable[[], bool] | None = None,
    ) -> None:
        self._folders, self._exclude, self._rules = folders, exclude, rules
        self._done, self._known = done, {image for image, _ in done}
        self._limit, self._settled = limit, settled
        self._seen: dict[str, _SeenFile] = {}
        self._taken: dict[str, Stamp | None] = {}
        self._reserved: dict[str, _Reserved] = {}
        self._half: dict[str, _Reserved] = {}
        self.replaces: dict[str, str] = {}
        """Id of an item → hash of what was taken for whole before, and was its beginning."""
        self._stop = threading.Event()
        self._newer, self._asked = newer, time.monotonic()
        self.superseded = False
        """Whether it ended because another version of the references counts."""

    def stop(self) -> None:
        """Let nothing more arrive."""
        self._stop.set()

    def __iter__(self) -> Iterator[Item | None]:
        given, due = 0, 0.0
        whole: deque[Item] = deque()
        while not self._stop.is_set() and given != self._limit:
            if self._is_superseded():
                return
            if not whole and time.monotonic() >= due:
                start = time.monotonic()
                whole.extend(self._look())
                now = time.monotonic()
                due = now + max(min(PAUSE, self._settled), (now - start) / SHARE)
            if not whole:
                yield None
                continue
            item = whole.popleft()
            if not self._is_written(item):
                continue
            if item.id in self._known and (item.id, hash_of(item)) in self._done:
                continue
            given += 1
            yield item

    def _is_superseded(self) -> bool:
        if self._newer is None or time.monotonic() < self._asked:
            return False
        self._asked = time.monotonic() + PAUSE
        self.superseded = self._newer()
        return self.superseded

    def _is_written(self, item: Item) -> bool:
        """Whether a file that rests is whole; one that ends in zeros must rest longer."""
        file = address_of(item.path).file
        now, found = time.monotonic(), _reserved_at(file, time.monotonic())
        before = self._reserved.get(item.path)
        if found is not None:
            if before is None or before.sha256 != found.sha256:
                self._reserved[item.path] = before = found
            if now - before.since < RESERVED * self._settled:
                self._taken.pop(item.path, None)  # looked at again
                return False
        self._reserved.pop(item.path, None)
        half = self._half.pop(item.path, None)
        if half is not None and _begins(file, half.written) == half.begins:
            self.replaces[item.id] = half.sha256
        if found is not None:
            self._half[item.path] = found
        return True

    def _look(self) -> list[Item]:
        """The files that have become whole since the last look."""
        try:
            listed = [i for i in _listed(self._folders, self._exclude, self._rules) if _is_file(i)]
        except FileNotFoundError:  # the share is away; it may come back
            return []
        whole, now = [], time.monotonic()
        for item in listed:
            stamp = _stamp(item.path)
            if item.path in self._taken and self._taken[item.path] == stamp:
                continue
            before = self._seen.get(item.path)
            if before is None or before.stamp != stamp:
                self._seen[item.path] = _SeenFile(stamp, now)
            elif now - before.since >= self._settled:
                del self._seen[item.path]
                self._taken[item.path] = stamp
                whole.append(item)
        there = {item.path for item in listed}
        self._seen = {path: seen for path, seen in self._seen.items() if path in there}
        self._taken = {path: stamp for path, stamp in self._taken.items() if path in there}
        return whole


def _listed(folders: Sequence[Path], exclude: Sequence[Path], rules: FileRules) -> Listing:
    """What lies there; folders that people sort parts into are no data set."""
    return discover(folders, exclude=exclude, layout=Layout.FOLDERS, rules=rules)


def _is_file(item: Item) -> bool:
    """Not a folder that can't be listed just now."""
    return not os.path.isdir(item.path)  # noqa: PTH112 - as dataset does it


def _reserved_at(file: str, now: float) -> _Reserved | None:
    """What a file that ends in zeros holds; None of any other, and where it can't be read."""
    try:
        with open(file, "rb") as opened:  # noqa: PTH123
            size = opened.seek(0, os.SEEK_END)
            opened.seek(max(0, size - TAIL))
            if not size or opened.read(TAIL).strip(b"\0"):
                return None
            opened.seek(0)
            data = opened.read()
    except OSError:
        return None
    begun = data.rstrip(b"\0")
    return _Reserved(digest_of(data), len(begun), digest_of(begun), now)


def _begins(file: str, length: int) -> str | None:
    try:
        with open(file, "rb") as opened:  # noqa: PTH123
            return digest_of(opened.read(length))
    except OSError:
        return None


def _stamp(path: str) -> Stamp | None:
    try:
        status = os.stat(address_of(path).file)  # noqa: PTH116
    except OSError:  # a broken link: its row will say so
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino
