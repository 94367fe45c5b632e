"""How a run ends: when all is done, by a person's or the system's wish, or at a limit."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from types import FrameType


class Ending(StrEnum):
    """Why a run ended."""

    DONE = "done"
    INTERRUPTED = "interrupted"
    OUT_OF_TIME = "out of time"
    FAILURES = "too many failures"
    SUPERSEDED = "superseded"
    """By a new version of its references: another run goes on."""


class RunLimits:
    """When a run is to stop before its end, and be resumed later.

    Args:
        max_seconds: wall time of this session; none by default.
        max_failures: images that may fail in it; none by default.
    """

    def __init__(self, max_seconds: float | None = None, max_failures: int | None = None) -> None:
        self._end = None if max_seconds is None else time.monotonic() + max_seconds
        self._max_failures = max_failures
        self._failures = 0

    def failed(self) -> None:
        """Count an image that failed."""
        self._failures += 1

    @property
    def reached(self) -> Ending | None:
        """The limit that is reached, if one is."""
        if self._max_failures is not None and self._failures >= self._max_failures:
            return Ending.FAILURES
        if self._end is not None and time.monotonic() >= self._end:
            return Ending.OUT_OF_TIME
        return None


@contextlib.contextmanager
def interruptible(stop: Callable[[], None] | None = None) -> Iterator[None]:
    """SIGTERM, as a service manager sends it, is Ctrl-C: KeyboardInterrupt.

    Where there is a way to `stop` in good order, the first of either calls that instead.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop_first(_number: int, _frame: FrameType | None) -> None:
        for name in before:
            signal.signal(name, _interrupt)
        if stop is not None:
            stop()

    if stop is None:
        before = {signal.SIGTERM: signal.signal(signal.SIGTERM, _interrupt)}
    else:
        before = {name: signal.signal(name, stop_first) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
