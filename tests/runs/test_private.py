"""Stores, uploads and crops are their owner's alone, whatever the umask."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from reinspect import RunPlan, run
from reinspect.api.spool import Spool
from reinspect.engine.local import Local


@pytest.fixture(autouse=True)
def generous() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def reachable(folder: Path) -> list[str]:
    """What others can come to, below a folder that they may enter."""
    return sorted(path.name for path in folder.iterdir() if path.stat().st_mode & 0o077)


def test_a_run_and_its_store(greys: Path, quick: Path, tmp_path: Path) -> None:
    place = tmp_path / "runs"
    place.mkdir()
    run(RunPlan.of(greys, recipe=quick, out=place / "out", engine=Local(workers=1)))
    assert (place / "out" / "report.html").exists()
    assert (place / "reinspect.db").exists()
    assert reachable(place) == []


def test_uploads(tmp_path: Path) -> None:
    place = tmp_path / "runs"
    place.mkdir()
    Spool(place / "line").close()
    assert reachable(place) == []


def test_a_folder_that_somebody_shares_stays_so(greys: Path, quick: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs" / "out"
    out.mkdir(parents=True)
    run(RunPlan.of(greys, recipe=quick, out=out, engine=Local(workers=1)))
    assert out.stat().st_mode & 0o777 == 0o777
