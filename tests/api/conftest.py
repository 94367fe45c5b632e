"""What the server's tests share."""

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.api_server import Served, Serving, serve
from support.starting import marking


@pytest.fixture
@marking(pytest.mark.server, pytest.mark.process)
def serving(tmp_path: Path) -> Serving:
    """Makes servers that share a folder and a store, one after the other."""
    return functools.partial(serve, tmp_path)


@pytest.fixture(scope="module")
@marking(pytest.mark.server, pytest.mark.process)
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server for all tests that don't mind what others sent."""
    with serve(tmp_path_factory.mktemp("served")) as made:
        yield made
