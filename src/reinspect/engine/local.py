"""The local engine: images go to whoever inspects as there is room, and a bad one stops nothing."""

import contextlib
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reinspect.dataset import Item
from reinspect.engine.processes import Processes
from reinspect.engine.roles import Executor
from reinspect.engine.threads import Threads
from reinspect.engine.work import Inspect, build_inspect, single_threaded
from reinspect.graph.build import BuildContext
from reinspect.graph.recipe import Recipe
from reinspect.store import Store
from reinspect.trace import Trace

TICK = 0.25
"""Seconds after which `attend` says that nothing has arrived."""

FEW = 8
"""Images for which another worker process is worth its start."""


def default_workers() -> int:
    """One per core that this process may use, 8 at most."""
    told = hasattr(os, "sched_getaffinity")  # not on macOS, nor on Windows
    return min(8, len(os.sched_getaffinity(0)) if told else os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Local:
    """One machine: worker processes, or threads for a recipe that asks models.

    `workers` is how many processes there may be; without, `default_workers`.
    """

    workers: int | None = None

    follows = True
    fetches = False

    def ready(self, _: BuildContext, /) -> contextlib.AbstractContextManager[object]:
        """It needs nothing besides."""
        return contextlib.nullcontext()

    def at_once(self, recipe: Recipe, images: int | None, /) -> int:
        """As many threads as the recipe has in flight; else as many workers as are worth it."""
        if recipe.asking:
            return recipe.budgets.in_flight
        workers = default_workers() if self.workers is None else self.workers
        return workers if images is None else min(workers, max(1, images // FEW))

    def inspect(
        self,
        items: Iterable[Item | None],
        context: BuildContext,
        /,
        *,
        total: int | None = None,
        explore: bool = False,
        timeout: float | None = None,
        max_seconds: float | None = None,
    ) -> Generator[Trace | None, None, None]:
        """See `Engine` and `attend`."""
        workers = self.at_once(context.recipe, total)
        if timeout is None and max_seconds is not None:
            # Never met; but only a worker of its own can be left behind.
            timeout = 2 * max_seconds
        return attend(items, context, workers=workers, explore=explore, timeout=timeout)

    def leave_files(self, store: Store, run_id: int, folder: Path, /) -> None:
        """It adds nothing."""


def inspect_all(
    items: Iterable[Item],
    context: BuildContext,
    *,
    workers: int = 1,
    explore: bool = False,
    timeout: float | None = None,
    inspect: Inspect | None = None,
) -> Generator[Trace, None, None]:
    """Inspect images with bounded memory: their traces, each as soon as it is there.

    With several workers each is a spawned process that builds the graph anew from the context, on
    one thread of its own. A process that dies takes no image with it but the one that killed it
    twice, which gets an error. Closing the iterator stops the workers after the image in hand.

    A recipe that asks a model mostly waits: its images share this process, as many threads as the
    recipe's `in_flight`, whatever `workers` says.

    Args:
        items: what to inspect; drawn as there is room, never all at once.
        context: what the graph is built from.
        workers: processes; with one, and without `timeout`, this process itself.
        explore: take the second look at every image, for the record.
        timeout: seconds that an image may take; one that takes longer gets an error, and its
            worker is replaced. The first of a category includes learning its references.
        inspect: made before of the same recipe and references, for this process where it
            inspects one image at a time; made anew without.

    Raises:
        ValueError: fewer than one worker, or no time.
        WorkersFailed: no worker process can be started.
    """
    traces = attend(
        items, context, workers=workers, explore=explore, timeout=timeout, inspect=inspect
    )
    return _those_that_are(traces)


def attend(
    items: Iterable[Item | None],
    context: BuildContext,
    *,
    workers: int = 1,
    explore: bool = False,
    timeout: float | None = None,
    tick: float = TICK,
    inspect: Inspect | None = None,
) -> Generator[Trace | None, None, None]:
    """As `inspect_all`, for who must not wait: None when nothing has arrived for `tick` seconds.

    `items` may say None as well: there is nothing to give just now, ask again.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, not {workers!r}")
    if timeout is not None and not timeout > 0:
        raise ValueError(f"timeout must be more than 0 seconds, not {timeout!r}")

    def start(stack: contextlib.ExitStack) -> Executor:
        return start_executor(stack, context, workers, explore, timeout, inspect)

    return _attended(items, start, tick)


def _those_that_are(traces: Generator[Trace | None, None, None]) -> Generator[Trace, None, None]:
    with contextlib.closing(traces):
        for trace in traces:
            if trace is not None:
                yield trace


def _attended(
    items: Iterable[Item | None],
    start: Callable[[contextlib.ExitStack], Executor],
    tick: float,
) -> Generator[Trace | None, None, None]:
    queue = iter(items)
    item = next(queue, _END)
    if item is _END:
        return
    with contextlib.ExitStack() as stack:
        executor = start(stack)

        def fill() -> None:
            nonlocal item
            while isinstance(item, Item) and executor.room:
                executor.give(item)
                item = next(queue, _END)

        while item is not _END or executor.busy:
            fill()
            arrived = False
            for trace in executor.take(tick):
                arrived = True
                fill()  # first: whoever takes the trace may be a while
                yield trace
            if not arrived:
                yield None
            if item is None:
                item = next(queue, _END)


_END = object()


def start_executor(
    stack: contextlib.ExitStack,
    context: BuildContext,
    workers: int,
    explore: bool,
    timeout: float | None,
    inspect: Inspect | None = None,
) -> Executor:
    """Whoever inspects: threads for a recipe that asks models, this process, or worker processes.

    It ends with the stack.
    """
    executor: Executor
    if context.recipe.asking:
        stack.enter_context(single_threaded())
        count, asking = context.recipe.budgets.in_flight, build_inspect(context, explore=explore)
        executor = Threads(count, asking, context.run_budget, timeout=timeout)
    elif workers == 1 and timeout is None:
        stack.enter_context(single_threaded())
        executor = ThisProcess(inspect or build_inspect(context, explore=explore))
    else:
        executor = Processes(workers, context, explore=explore, timeout=timeout)
    stack.callback(executor.close)
    return executor


class ThisProcess:
    """The calling process, one image at a time."""

    def __init__(self, inspect: Inspect) -> None:
        self._inspect = inspect
        self._item: Item | None = None

    @property
    def room(self) -> bool:
        """Whether another image may be given."""
        return self._item is None

    @property
    def busy(self) -> bool:
        """Whether there is something to come."""
        return self._item is not None

    def give(self, item: Item) -> None:
        """Keep an image until it is asked for."""
        self._item = item

    def take(self, patience: float) -> Iterator[Trace]:
        """Inspect it now; without one, wait for so many seconds."""
        if self._item is None:
            time.sleep(patience)
            return
        item, self._item = self._item, None
        yield self._inspect(item)

    def close(self) -> None:
        """Forget the image that was kept."""
        self._item = None
