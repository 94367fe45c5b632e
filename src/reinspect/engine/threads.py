"""Threads: for recipes that ask a model server, and so mostly wait."""

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

from reinspect.agents.calls import RunBudget
from reinspect.dataset import Item
from reinspect.engine.work import Inspect, overdue
from reinspect.trace import Trace

GRACE = 60.0
"""Seconds that a call in hand has to end when the threads are told to stop."""


class _ThreadTask:
    """An image on its way; `thread` and `began` are set by the thread that takes it."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.thread: threading.Thread | None = None
        self.began: float | None = None
        self.abandoned = False


class Threads:
    """Inspects in threads of this process.

    A thread can't be stopped: one that holds an image for longer than `timeout` seconds is left to
    itself, and another takes its place; it ends when its image does.
    """

    def __init__(
        self, count: int, inspect: Inspect, budget: RunBudget, *, timeout: float | None
    ) -> None:
        self._count, self._inspect, self._budget = count, inspect, budget
        self._timeout = timeout
        self._inbox: queue.SimpleQueue[_ThreadTask | None] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[tuple[_ThreadTask, Trace]] = queue.SimpleQueue()
        self._flying: dict[_ThreadTask, None] = {}  # in the order in which they were given
        self._threads: list[threading.Thread] = []
        for _ in range(count):
            self._start()

    @property
    def room(self) -> bool:
        """Whether another image may be given: one waits for every thread."""
        return len(self._flying) < 2 * self._count

    @property
    def busy(self) -> bool:
        """Whether there is something to come."""
        return bool(self._flying)

    def give(self, item: Item) -> None:
        """Hand an image to whichever thread is free next."""
        task = _ThreadTask(item)
        self._flying[task] = None
        self._inbox.put(task)

    def take(self, patience: float) -> Iterator[Trace]:
        """What has arrived; waits for it, for so many seconds at most."""
        with suppress(queue.Empty):
            arrived = self._outbox.get(timeout=self._until_overdue(patience))
            while True:
                task, trace = arrived
                if not task.abandoned:
                    del self._flying[task]
                    yield trace
                arrived = self._outbox.get_nowait()
        yield from self._overdue()

    def close(self) -> None:
        """Stop the threads; what is in hand ends with the call that it is waiting for."""
        if self._flying:
            self._budget.close()
        with suppress(queue.Empty):
            while True:
                self._inbox.get_nowait()
        for _ in self._threads:
            self._inbox.put(None)
        end = time.monotonic() + GRACE
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _start(self) -> None:
        # A daemon: one that hangs must not keep the program from ending.
        thread = threading.Thread(target=self._serve, name="inspect", daemon=True)
        thread.start()
        self._threads.append(thread)

    def _serve(self) -> None:
        while (task := self._inbox.get()) is not None:
            task.thread, task.began = threading.current_thread(), time.monotonic()
            self._outbox.put((task, self._inspect(task.item)))
            if task.abandoned:
                return

    def _until_overdue(self, patience: float) -> float:
        if self._timeout is None:
            return patience
        now = time.monotonic()
        begun = (task.began for task in self._flying if task.began is not None)
        return min([patience, *(max(0.0, since + self._timeout - now) for since in begun)])

    def _overdue(self) -> Iterator[Trace]:
        if self._timeout is None:
            return
        now = time.monotonic()
        for task in list(self._flying):
            if task.began is not None and now - task.began >= self._timeout:
                task.abandoned = True
                del self._flying[task]
                self._threads = [t for t in self._threads if t is not task.thread]
                self._start()
                yield overdue(task.item, self._timeout)
