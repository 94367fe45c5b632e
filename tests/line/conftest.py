"""A broker and a store, for what is published."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reinspect.store import RunInfo, Store
from support.mosquitto import Mosquitto, NoMosquittoError, Subscriber
from support.requirements import unavailable
from support.starting import marking

ON_BROKER = (pytest.mark.process, pytest.mark.server, pytest.mark.needs("paho"))


@pytest.fixture
@marking(*ON_BROKER)
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker of the test's own."""
    try:
        made = Mosquitto(tmp_path / "broker")
    except NoMosquittoError as why:
        unavailable("mosquitto", str(why))
    with made:
        yield made


@pytest.fixture
def subscriber(broker: Mosquitto) -> Iterator[Subscriber]:
    with Subscriber(broker) as made:
        yield made


@pytest.fixture
def store(tmp_path: Path, blank: bytes) -> Iterator[Store]:
    (tmp_path / "reinspect.db").write_bytes(blank)
    with Store.open(tmp_path / "reinspect.db") as opened:
        yield opened


@pytest.fixture
def run(store: Store) -> int:
    return store.begin_run(RunInfo(name="monday"))
