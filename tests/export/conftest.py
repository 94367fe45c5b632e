from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from reinspect.pictures import write_image
from reinspect.store import RunInfo, Store
from reinspect.vocabulary import Outcome
from support.made_traces import corrected, judged, unreadable

ODD = '<script>alert("1")</script>\n=ü\u202e\'&.png'
"""A file name that asks for trouble: markup, a newline, a quote, a change of direction."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run's folder with a heat-map, and beside it a part of 40×20 pixels."""
    write_image(tmp_path / "part.png", np.full((20, 40, 3), 90, np.uint8))
    write_image(tmp_path / "monday/pictures/heat.png", np.full((2, 4), 60_000, np.uint16))
    return tmp_path / "monday"


@pytest.fixture
def store(tmp_path: Path, blank: bytes) -> Iterator[Store]:
    (tmp_path / "reinspect.db").write_bytes(blank)
    with Store.open(tmp_path / "reinspect.db") as opened:
        yield opened


@pytest.fixture
def run(store: Store, folder: Path) -> int:
    """A run of five images: corrected, failed, oddly named, unreadable, and gone since."""
    part = str(folder.parent / "part.png")
    number = store.begin_run(
        RunInfo(name="monday", folder=str(folder), sources=("/parts",), versions={"numpy": "2"})
    )
    with store.writer(number) as writer:
        writer.write(judged("b 10.png", 0.9, Outcome.FAIL, path=part))
        writer.write(corrected("b 2.png", path=part))
        writer.write(judged(ODD, 0.1, Outcome.PASS, path=part))
        writer.write(unreadable("broken.png", error="=is\nno <b>image</b>"))
        writer.write(judged("gone.png", 0.9, Outcome.FAIL))
    return number


@pytest.fixture
def empty_run(store: Store) -> int:
    return store.begin_run(RunInfo(name="empty"))
