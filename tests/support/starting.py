"""What a test starts is what it is marked by: `make quick` leaves out whatever starts something.

A fixture that starts something says so by `marking`; whoever asks for it is marked. A test that
starts something itself has the mark itself. `Watch` fails the ones that say nothing.
"""

import multiprocessing
import socket
import sys
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, TypeVar

import pytest

Made = TypeVar("Made", bound=Callable[..., Any])

_ALSO = {"database": {"process", "server"}, "browser": {"process", "server"}}
"""What comes with it: a test needs no mark of its own for that."""

_PROCESS = ("subprocess.Popen", "os.posix_spawn", "os.fork", "os.system")
_BIND = "socket.bind"
_PROBED = ("::1", 0)
"""Where urllib3 tries, when it is imported, whether there is IPv6; it doesn't listen there."""

_ASKED = ("uname", "lsb_release", "ldconfig", "gcc", "ld")
"""What Python's own `platform` and `ctypes` run, once a process, to know the machine."""

_MARKS = "_marks_of_those_who_ask"


def marking(*marks: pytest.MarkDecorator) -> Callable[[Made], Made]:
    """Mark all tests that ask for a fixture. Stands below `@pytest.fixture`.

    A fixture that is asked for by `getfixturevalue` alone marks nobody: mark the parameter.
    """

    def marked(function: Made) -> Made:
        setattr(function, _MARKS, marks)
        return function

    return marked


def mark_by_fixtures(items: Iterable[pytest.Item]) -> None:
    """Give each test the marks of the fixtures that it asks for, whether directly or not."""
    for item in items:
        if isinstance(item, pytest.Function):
            for definitions in item._fixtureinfo.name2fixturedefs.values():
                for mark in getattr(definitions[-1].func, _MARKS, ()):
                    item.add_marker(mark)


class Watch:
    """Notes what is started in this process, to compare it with a test's marks.

    A child of `multiprocessing` raises no audit event: it is there while it lives, and counts
    among the children whose end was waited for.
    """

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}
        self.begin()
        sys.addaudithook(self._note)

    def begin(self) -> None:
        """Forget what was before."""
        self._alive, self._ended = _alive(), _ended()
        self._torch = "torch" in sys.modules
        self._seen.clear()
        self._asked = False

    def unsaid(self, marks: Collection[str]) -> list[str]:
        """What was started since, and is in none of the marks: one line each."""
        said = set(marks).union(*(_ALSO[mark] for mark in marks if mark in _ALSO))
        if _alive() - self._alive or (_ended() != self._ended and not self._asked):
            self._seen.setdefault("process", "a child process")
        if "torch" in sys.modules and not self._torch:
            self._seen.setdefault("model", "torch")
        return [f"{what} (mark: {mark})" for mark, what in self._seen.items() if mark not in said]

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _PROCESS:
            if Path(str(arguments[0])).name in _ASKED:
                self._asked = True
                return
            self._seen.setdefault("process", f"{event} {arguments[0]!r}")
        elif event == _BIND and arguments[0].family in (socket.AF_INET, socket.AF_INET6):
            if arguments[1] == _PROBED:
                return
            self._seen.setdefault("server", f"a port at {arguments[1]!r}")


def _alive() -> frozenset[int | None]:
    return frozenset(child.pid for child in multiprocessing.active_children())


def _ended() -> int:
    """Rises with each child whose end was waited for: no process runs without page faults."""
    if sys.platform == "win32":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt
