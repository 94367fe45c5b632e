from collections.abc import Iterator
from pathlib import Path

import pytest

from reinspect.store import RunInfo, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "reinspect.db") as opened:
        yield opened


@pytest.fixture
def run(store: Store) -> int:
    return store.begin_run(RunInfo(name="monday", recipe="detector: embedded\n"))
