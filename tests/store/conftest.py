from collections.abc import Iterator
from pathlib import Path

import pytest

from reinspect.store import RunInfo, Store
from support.postgres import ON_POSTGRES, Server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=ON_POSTGRES)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a new store may be made, on either kind of database."""
    if request.param == "sqlite":
        return str(tmp_path / "reinspect.db")
    server: Server = request.getfixturevalue("postgres")
    return server.new()


@pytest.fixture
def store(url: str, blank: bytes) -> Iterator[Store]:
    if "://" not in url:
        Path(url).write_bytes(blank)
    with Store.open(url) as opened:
        yield opened


@pytest.fixture
def on_sqlite(tmp_path: Path, blank: bytes) -> Iterator[Store]:
    """A store whose file a test does something to."""
    (tmp_path / "reinspect.db").write_bytes(blank)
    with Store.open(tmp_path / "reinspect.db") as opened:
        yield opened


@pytest.fixture
def run(store: Store) -> int:
    return store.begin_run(RunInfo(name="monday", recipe="detector: embedded\n"))
