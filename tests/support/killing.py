"""Runs that are killed at random points, and what must be there once they were resumed."""

import contextlib
import itertools
import os
import random
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from reinspect.store import Store
from reinspect.store.upkeep.checking import check
from support.command_line import judged, names, put_greys
from support.processes import PATIENCE, family

DISTINCT = 40
PACE = 0.01  # seconds an image: so many kills must not come to the end of the work


def put_many(root: Path, images: int) -> Path:
    """So many files of forty contents, in folders: `distinct`, `parts` and `known`."""
    sources = sorted(put_greys(root / "distinct", DISTINCT).iterdir())
    for number in range(images):
        folder = root / "parts" / f"tray{number % 7}"
        folder.mkdir(parents=True, exist_ok=True)
        os.link(sources[number % DISTINCT], folder / f"{number}.png")
    put_greys(root / "known", 2)
    return root


class Killed:
    """A run in a process that is about to be killed."""

    def __init__(
        self, process: subprocess.Popen[str], store: str | Path, rng: random.Random
    ) -> None:
        self._process, self._store, self._rng = process, str(store), rng
        self._before = self.rows

    @property
    def rows(self) -> int:
        found = self._asked("SELECT count(*) FROM inspections")
        return found if isinstance(found, int) else 0

    @property
    def finished(self) -> object:
        return self._asked("SELECT finished FROM runs")

    @property
    def ended(self) -> bool:
        """Whether it has come to its end by itself."""
        return self._process.poll() is not None

    def anywhere(self) -> None:
        """While it starts, enters its run, or works."""
        time.sleep(self._rng.uniform(0.2, 1.8))

    def at_work(self) -> None:
        """Some time after rows of its own are on disk."""
        self._until(lambda: self.rows > self._before)
        time.sleep(self._rng.uniform(0, 0.2))

    def at_the_end(self) -> None:
        """When the store has it all, and the files are being written."""
        before = self.finished
        self._until(lambda: self.finished not in (None, before))
        time.sleep(self._rng.uniform(0, 0.1))

    def kill(self) -> None:
        assert not self.ended, "it came to its end before it was killed"
        members = family(self._process)
        self._process.kill()
        assert not psutil.wait_procs(members, timeout=PATIENCE)[1]

    def _until(self, there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not there() and not self.ended:
            assert time.monotonic() < deadline
            time.sleep(0.05 if "://" in self._store else 0.005)

    def _asked(self, query: str) -> object:
        """What the store says; None while it can't be asked, or has no such table yet."""
        return (
            _of_server(self._store, query) if "://" in self._store else _of_file(self._store, query)
        )


def _of_file(path: str, query: str) -> object:
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db,
    ):
        found = db.execute(query).fetchone()
        return found[0] if found else None
    return None


def _of_server(url: str, query: str) -> object:
    import psycopg

    with contextlib.suppress(psycopg.Error), psycopg.connect(url) as connection:
        found = connection.execute(query).fetchone()
        return found[0] if found else None
    return None


def assert_whole(out: Path, store: str | Path, parts: Path, right: Path) -> None:
    """Every picture has one row, the one of an uninterrupted run, and the store is sound.

    Args:
        out: the run's folder.
        store: where it wrote.
        parts: what it inspected.
        right: the folder of a run over the same contents that nothing happened to.
    """
    wanted = {path.relative_to(parts).as_posix() for path in parts.rglob("*.png")}
    found = names(out)
    assert len(found) == len(wanted)
    assert set(found) == wanted
    assert judged(out, by="sha256") == judged(right, by="sha256")
    assert check(store).problems == ()
    with Store.open(store, create=False) as opened:
        for trace in itertools.islice(opened.traces(opened.run(out.name).id), 0, None, 10):
            assert [step.node for step in trace.steps][-1] == "settle"
