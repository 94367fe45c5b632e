"""A run that is killed again and again: each image has one row in the end, and the right one."""

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
import pytest

from command_line import invoke, judged, names, put_greys, put_recipe, rows
from processes import PATIENCE, family, running, wait_for_rows
from reinspect.store import Store

IMAGES, DISTINCT = 2000, 40
ANYWHERE, AT_WORK, AT_THE_END = 10, 10, 5
PACE = 0.01  # seconds an image: so many kills must not come to the end of the work


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two thousand files of forty contents, in folders."""
    root = tmp_path_factory.mktemp("many")
    sources = sorted(put_greys(root / "distinct", DISTINCT).iterdir())
    for number in range(IMAGES):
        folder = root / "parts" / f"tray{number % 7}"
        folder.mkdir(parents=True, exist_ok=True)
        os.link(sources[number % DISTINCT], folder / f"{number}.png")
    put_greys(root / "known", 2)
    return root


class Killed:
    """A run in a process that is about to be killed."""

    def __init__(self, process: subprocess.Popen[str], store: Path, rng: random.Random) -> None:
        self._process, self._store, self._rng = process, store, rng
        self._before = self.rows

    @property
    def rows(self) -> int:
        return self._asked("SELECT count(*) FROM inspections") or 0

    @property
    def finished(self) -> object:
        return self._asked("SELECT finished FROM runs")

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
        assert self._process.poll() is None, "it came to its end before it was killed"
        workers = family(self._process)
        self._process.kill()
        assert not psutil.wait_procs(workers, timeout=PATIENCE)[1]

    def _until(self, there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not there() and self._process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def _asked(self, query: str) -> object:
        with (
            contextlib.suppress(sqlite3.Error),
            contextlib.closing(sqlite3.connect(f"file:{self._store}?mode=ro", uri=True)) as db,
        ):
            found = db.execute(query).fetchone()
            return found[0] if found else None
        return None


@pytest.mark.slow
def test_killed_25_times_each_image_has_one_row_and_the_right_one(many: Path) -> None:
    rng = random.Random(25)
    out, store = many / "out", many / "reinspect.db"
    recipe = put_recipe(many / "slow.yaml", seconds=PACE)
    run = (many / "parts", "--references", many / "known", "--recipe", recipe, "--out", out)
    moments = [Killed.anywhere] * ANYWHERE + [Killed.at_work] * AT_WORK
    rng.shuffle(moments)
    for kill, wait in enumerate([*moments, *[Killed.at_the_end] * AT_THE_END]):
        again = ["--resume"] if (out / "recipe.yaml").exists() else []
        workers = 1 + (kill % 3 == 0)
        with running("run", *run, "--workers", workers, *again) as process:
            killed = Killed(process, store, rng)
            wait(killed)
            killed.kill()
    assert not (out / "counters.json").exists()
    assert invoke("run", *run, "--resume").code == 0
    expected = invoke("run", many / "distinct", "--recipe", recipe, "--out", many / "whole")
    assert expected.code == 0
    right, found = (judged(folder, by="sha256") for folder in (many / "whole", out))
    wanted = {path.relative_to(many / "parts").as_posix() for path in many.glob("parts/*/*")}
    assert len(names(out)) == IMAGES
    assert set(names(out)) == wanted
    assert found == right
    with contextlib.closing(sqlite3.connect(store)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    with Store.open(store, create=False) as opened:
        for trace in itertools.islice(opened.traces(opened.run("out").id), 0, None, 10):
            assert [step.node for step in trace.steps][-1] == "settle"


@pytest.mark.slow
def test_a_killed_worker_costs_no_image(many: Path) -> None:
    out = many / "worker"
    recipe = put_recipe(many / "slow.yaml", seconds=PACE)
    run = (many / "parts" / "tray0", "--recipe", recipe, "--out", out)
    with running("run", *run, "--store", many / "worker.db", "--workers", 2) as process:
        wait_for_rows(many / "worker.db", 10)
        worker = next(p for p in family(process) if "spawn_main" in " ".join(p.cmdline()))
        worker.kill()
        _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    assert len(names(out)) == len(set(names(out))) == len(list((many / "parts/tray0").iterdir()))
    assert not any(row["error"] for row in rows(out))
