"""Worker processes: each has a pipe of its own, so one that dies or hangs costs its own image."""

import atexit
import collections
import contextlib
import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
from threadpoolctl import threadpool_limits

from reinspect.dataset import Item
from reinspect.engine.work import build_inspect, failed, overdue
from reinspect.errors import ReinspectError
from reinspect.graph.build import BuildContext
from reinspect.trace import Trace

LEAST, MOST = 2, 16
"""Images a worker may have before it, the one in hand included; a pipe holds that many."""

AHEAD = 0.25
"""Seconds of work a worker has before it: longer than the store takes to write a batch of rows."""

GRACE = 10.0
"""Seconds that a worker has to finish the image in hand when it is told to stop."""

STILLBORN = 3
"""Workers that may end before they begin, in succession; then something is wrong with all."""


class WorkersFailed(ReinspectError, RuntimeError):  # noqa: N818 - it names what happened
    """No worker process can be started; the message is one line."""


@dataclass(slots=True)
class _ProcessTask:
    item: Item
    deaths: int = 0


class _Worker:
    """A process, its end of the pipe, and what it has before it, the image in hand first."""

    def __init__(self, context: BuildContext, explore: bool) -> None:
        # Spawned, not forked: a fork of a process with BLAS or OpenCV threads may hang.
        spawning = multiprocessing.get_context("spawn")
        self.pipe, theirs = spawning.Pipe()
        self.process = spawning.Process(target=_serve, args=(theirs, context, explore))
        with _interrupts_held():
            self.process.start()
        theirs.close()
        self.tasks: collections.deque[_ProcessTask] = collections.deque()
        self.ready = False
        self.since = 0.0
        self.pace = AHEAD

    @property
    def room(self) -> int:
        depth = LEAST if not self.ready else round(AHEAD / max(self.pace, 1e-6))
        return min(MOST, max(LEAST, depth)) - len(self.tasks)

    def give(self, task: _ProcessTask) -> None:
        if not self.tasks:
            self.since = time.monotonic()
        self.tasks.append(task)
        with contextlib.suppress(OSError):  # it died just now: its tasks go to another
            self.pipe.send(task.item)

    def receive(self) -> Iterator[Trace]:
        """What has arrived.

        Raises:
            EOFError, OSError: the process has ended, and everything that it sent was received.
        """
        while self.pipe.poll():
            trace = self.pipe.recv()
            now = time.monotonic()
            if trace is None:
                self.ready = True
            else:
                self.tasks.popleft()
                self.pace += (now - self.since - self.pace) / 4
                yield trace
            self.since = now

    def kill(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


class Processes:
    """Inspects in worker processes that build the graph anew, each on one thread of its own.

    A process that dies is replaced; its image is tried once more, as the next one's death tells a
    part that kills from a process that was killed. One that holds an image for longer than
    `timeout` seconds is replaced, too.

    Raises:
        WorkersFailed: none can be started.
    """

    def __init__(
        self, count: int, context: BuildContext, *, explore: bool, timeout: float | None
    ) -> None:
        self._context, self._explore, self._timeout = context, explore, timeout
        self._returned: collections.deque[_ProcessTask] = collections.deque()
        self._stillborn = 0
        self._workers: list[_Worker] = []
        atexit.register(self.close)  # before multiprocessing waits for them at exit
        for _ in range(count):
            self._workers.append(_Worker(context, explore))

    @property
    def room(self) -> bool:
        """Whether another image may be given."""
        return not self._returned and any(worker.room > 0 for worker in self._workers)

    @property
    def busy(self) -> bool:
        """Whether there is something to come."""
        return bool(self._returned) or any(worker.tasks for worker in self._workers)

    def give(self, item: Item) -> None:
        """Hand an image to the worker with the least before it."""
        self._give(_ProcessTask(item))

    def take(self, patience: float) -> Iterator[Trace]:
        """What has arrived; waits for it, for so many seconds at most."""
        while self._returned and any(worker.room > 0 for worker in self._workers):
            self._give(self._returned.popleft())
        pipes = [worker.pipe for worker in self._workers]
        multiprocessing.connection.wait(pipes, self._until_overdue(patience))
        for place, worker in enumerate(self._workers):
            new = not worker.ready
            try:
                yield from worker.receive()
            except (EOFError, OSError):
                yield from self._bury(place)
                continue
            if new and worker.ready:
                self._stillborn = 0
            if self._is_overdue(worker):
                assert self._timeout is not None
                late = worker.tasks.popleft()
                self._replace(place)
                yield overdue(late.item, self._timeout)

    def close(self) -> None:
        """Stop the workers after the image in hand; the results of these are lost."""
        atexit.unregister(self.close)
        for worker in self._workers:
            worker.pipe.close()
        end = time.monotonic() + GRACE
        for worker in self._workers:
            worker.process.join(max(0.0, end - time.monotonic()))
            worker.kill()
        self._workers.clear()
        self._returned.clear()

    def _give(self, task: _ProcessTask) -> None:
        max(self._workers, key=lambda worker: worker.room).give(task)

    def _until_overdue(self, patience: float) -> float:
        if self._timeout is None:
            return patience
        now = time.monotonic()
        begun = [worker.since for worker in self._workers if worker.ready and worker.tasks]
        return min([patience, *(max(0.0, since + self._timeout - now) for since in begun)])

    def _is_overdue(self, worker: _Worker) -> bool:
        if self._timeout is None or not (worker.ready and worker.tasks):
            return False
        return time.monotonic() - worker.since >= self._timeout

    def _bury(self, place: int) -> Iterator[Trace]:
        """A worker has ended: its image is tried once more, and is then what killed it."""
        worker = self._workers[place]
        worker.kill()
        code = worker.process.exitcode
        if not worker.ready:
            self._stillborn += 1
            if self._stillborn >= STILLBORN:
                raise WorkersFailed(
                    f"worker processes end before they begin (exit code {code}); one worker shows "
                    "why, if a part of the recipe is at fault; a script of one's own needs "
                    "`if __name__ == '__main__':`"
                )
        lost = None
        if worker.ready and worker.tasks:
            head = worker.tasks[0]
            head.deaths += 1
            lost = worker.tasks.popleft() if head.deaths > 1 else None
        self._replace(place)
        if lost is not None:
            yield failed(
                lost.item,
                "the worker process died on this image "
                f"(out of memory, or a crash in a native library; exit code {code})",
            )

    def _replace(self, place: int) -> None:
        worker = self._workers[place]
        worker.kill()
        self._returned.extendleft(reversed(worker.tasks))
        self._workers[place] = _Worker(self._context, self._explore)


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits; a process that starts meanwhile is deaf to it until it says otherwise.

    A terminal sends it to the workers as well, and one that is still importing would die of it,
    with its traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_Pipe = multiprocessing.connection.Connection


def _serve(pipe: _Pipe, context: BuildContext, explore: bool) -> None:
    """The life of a worker: says that it is ready, then answers until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)
    inspect = build_inspect(context, explore=explore)
    threadpool_limits(1)  # of what is loaded by now
    with contextlib.suppress(EOFError, OSError):
        pipe.send(None)
        while True:
            item = pipe.recv()
            _answer(pipe, item, inspect(item))


def _answer(pipe: _Pipe, item: Item, trace: Trace) -> None:
    try:
        pipe.send(trace)
    except (TypeError, AttributeError, pickle.PicklingError) as failure:  # a part's own objects
        pipe.send(failed(item, f"its trace can't be sent: {failure}"))


def _end_with_parent() -> None:
    """A parent that is killed tells nobody; an image that hangs would keep its worker for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
