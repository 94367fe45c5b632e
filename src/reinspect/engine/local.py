"""Many images: given to whoever inspects as there is room, and one bad image never stops it."""

import contextlib
import time
from collections.abc import Generator, Iterable, Iterator
from typing import Protocol

from reinspect.engine.processes import Processes
from reinspect.engine.threads import Threads
from reinspect.engine.work import Inspect, Work, inspector, single_threaded
from reinspect.graph.build import BuildContext
from reinspect.graph.models import models_of
from reinspect.vocabulary import Trace

__all__ = ["Work", "attend", "inspect_all"]

TICK = 0.25
"""Seconds after which `attend` says that nothing has arrived."""


class Executor(Protocol):
    """Whoever inspects: takes as many images as it has room for, gives them back as traces."""

    @property
    def room(self) -> bool: ...
    @property
    def busy(self) -> bool: ...
    def give(self, work: Work) -> None: ...
    def take(self, patience: float) -> Iterator[Trace]: ...
    def close(self) -> None: ...


def inspect_all(
    works: Iterable[Work],
    workshop: BuildContext,
    *,
    workers: int = 1,
    explore: bool = False,
    timeout: float | None = None,
) -> Generator[Trace, None, None]:
    """Inspect images with bounded memory: their traces, each as soon as it is there.

    With several workers each is a spawned process that builds the crew anew from the workshop, on
    one thread of its own. A process that dies takes no image with it but the one that killed it
    twice, which gets an error. Closing the iterator stops the workers after the image in hand.

    A recipe that asks a model mostly waits: its images share this process, as many threads as the
    recipe's `in_flight`, whatever `workers` says.

    Args:
        works: what to inspect; drawn as there is room, never all at once.
        workshop: what the crew is made from.
        workers: processes; with one, and without `timeout`, this process itself.
        explore: take the second look at every image, for the record.
        timeout: seconds that an image may take; one that takes longer gets an error, and its
            worker is replaced. The first of a category includes learning its references.

    Raises:
        ValueError: fewer than one worker, or no time.
        WorkersFailed: no worker process can be started.
    """
    traces = attend(works, workshop, workers=workers, explore=explore, timeout=timeout)
    return _those_that_are(traces)


def attend(
    works: Iterable[Work | None],
    workshop: BuildContext,
    *,
    workers: int = 1,
    explore: bool = False,
    timeout: float | None = None,
    tick: float = TICK,
) -> Generator[Trace | None, None, None]:
    """As `inspect_all`, for who must not wait: None when nothing has arrived for `tick` seconds.

    `works` may say None as well: there is nothing to give just now, ask again.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, not {workers!r}")
    if timeout is not None and not timeout > 0:
        raise ValueError(f"timeout must be more than 0 seconds, not {timeout!r}")
    return _attended(works, workshop, tick, workers, explore, timeout)


def _those_that_are(traces: Generator[Trace | None, None, None]) -> Generator[Trace, None, None]:
    with contextlib.closing(traces):
        for trace in traces:
            if trace is not None:
                yield trace


def _attended(
    works: Iterable[Work | None],
    workshop: BuildContext,
    tick: float,
    workers: int,
    explore: bool,
    timeout: float | None,
) -> Generator[Trace | None, None, None]:
    queue = iter(works)
    work = next(queue, _END)
    if work is _END:
        return
    with contextlib.ExitStack() as stack:
        hands = executor_of(stack, workshop, workers, explore, timeout)

        def fill() -> None:
            nonlocal work
            while isinstance(work, Work) and hands.room:
                hands.give(work)
                work = next(queue, _END)

        while work is not _END or hands.busy:
            fill()
            arrived = False
            for trace in hands.take(tick):
                arrived = True
                fill()  # first: whoever takes the trace may be a while
                yield trace
            if not arrived:
                yield None
            if work is None:
                work = next(queue, _END)


_END = object()


def executor_of(
    stack: contextlib.ExitStack,
    workshop: BuildContext,
    workers: int,
    explore: bool,
    timeout: float | None,
) -> Executor:
    """Who inspects: threads for a recipe that asks models, this process, or worker processes."""
    hands: Executor
    if models_of(workshop.recipe):
        stack.enter_context(single_threaded())
        count, inspect = workshop.recipe.budgets.in_flight, inspector(workshop, explore=explore)
        hands = Threads(count, inspect, workshop.purse, timeout=timeout)
    elif workers == 1 and timeout is None:
        stack.enter_context(single_threaded())
        hands = _Own(inspector(workshop, explore=explore))
    else:
        hands = Processes(workers, workshop, explore=explore, timeout=timeout)
    stack.callback(hands.close)
    return hands


class _Own:
    """The calling process, one image at a time."""

    def __init__(self, inspect: Inspect) -> None:
        self._inspect = inspect
        self._work: Work | None = None

    @property
    def room(self) -> bool:
        return self._work is None

    @property
    def busy(self) -> bool:
        return self._work is not None

    def give(self, work: Work) -> None:
        self._work = work

    def take(self, patience: float) -> Iterator[Trace]:
        if self._work is None:
            time.sleep(patience)
            return
        work, self._work = self._work, None
        yield self._inspect(work)

    def close(self) -> None:
        self._work = None
