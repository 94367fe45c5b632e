"""What a test starts is noticed, and has to be in its marks."""

import multiprocessing
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

from support.starting import Watch

pytestmark = [pytest.mark.process, pytest.mark.server]


def spawned() -> None:
    child = multiprocessing.get_context("spawn").Process(target=int)
    child.start()
    child.join()


def bound() -> None:
    with socket.create_server(("127.0.0.1", 0)):
        pass


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


@pytest.mark.parametrize(
    ("start", "mark", "also"),
    [
        pytest.param(
            lambda: subprocess.run([sys.executable, "-c", ""], check=True),
            "process",
            "browser",
            id="command",
        ),
        pytest.param(spawned, "process", "database", id="worker"),
        pytest.param(bound, "server", "browser", id="port"),
    ],
)
def test_it_has_to_be_said(watch: Watch, start: Callable[[], None], mark: str, also: str) -> None:
    watch.begin()
    start()
    (line,) = watch.unsaid([])
    assert line.endswith(f"(mark: {mark})")
    assert watch.unsaid([mark]) == watch.unsaid([also]) == []


def test_what_was_before_is_forgotten(watch: Watch) -> None:
    spawned()
    bound()
    watch.begin()
    assert watch.unsaid([]) == []
