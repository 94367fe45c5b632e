"""Many images: one graph per worker process, results in order, one bad image never stops it."""

import collections
import contextlib
import itertools
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import cv2
from threadpoolctl import threadpool_limits

from reinspect.graph.crew import Workshop, build_crew
from reinspect.graph.models import models_of
from reinspect.images import legible
from reinspect.vocabulary import Disposition, Outcome, Sample, Step, Trace, View

Inspect = Callable[["Work"], Trace]

IN_FLIGHT = 4
"""Images a worker may have waiting: enough to keep it busy, few enough to bound memory."""


@dataclass(frozen=True, slots=True)
class Work:
    """One image to inspect: where it lies, and the id of its row."""

    path: str
    id: str
    category: str | None = None


def inspect_all(
    works: Iterable[Work], workshop: Workshop, *, workers: int = 1, explore: bool = False
) -> Generator[Trace, None, None]:
    """Inspect images, in order, with bounded memory.

    With several workers each is a spawned process that builds the crew anew from the workshop, on
    one thread of its own. A process that dies takes no image with it but the one that killed it,
    which gets an error. Closing the iterator stops the workers after the image in hand.

    A recipe that asks a model mostly waits: its images share this process, as many threads as the
    recipe's `in_flight`, whatever `workers` says.

    Raises:
        ValueError: fewer than one worker.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, not {workers!r}")
    if models_of(workshop.recipe):
        return _waiting(works, workshop, explore)
    if workers == 1:
        return _here(works, workshop, explore)
    return _elsewhere(works, workshop, workers, explore)


def _here(works: Iterable[Work], workshop: Workshop, explore: bool) -> Generator[Trace, None, None]:
    with _single_threaded():
        inspect = _inspector(workshop, explore)
        for work in works:
            yield inspect(work)


def _waiting(
    works: Iterable[Work], workshop: Workshop, explore: bool
) -> Generator[Trace, None, None]:
    threads = workshop.recipe.budgets.in_flight
    queue, flying = iter(works), collections.deque[Future[Trace]]()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="inspect")
    with _single_threaded():
        inspect = _inspector(workshop, explore)
        try:
            while True:
                # More than there are threads: a slow image at the front must not idle the others.
                for work in itertools.islice(queue, threads * IN_FLIGHT - len(flying)):
                    flying.append(pool.submit(inspect, work))
                if not flying:
                    return
                yield flying.popleft().result()
        finally:
            if flying:  # stopped: what is in hand ends with the call that it is waiting for
                workshop.purse.close()
            pool.shutdown(wait=True, cancel_futures=True)


def _elsewhere(
    works: Iterable[Work], workshop: Workshop, workers: int, explore: bool
) -> Generator[Trace, None, None]:
    queue = iter(works)
    flying: collections.deque[tuple[Work, Future[Trace]]] = collections.deque()
    pool = _pool(workers, workshop, explore)
    try:
        while True:
            for work in itertools.islice(queue, workers * IN_FLIGHT - len(flying)):
                flying.append((work, _submitted(pool, work)))
            if not flying:
                return
            try:
                trace = flying[0][1].result()
            except BrokenProcessPool:
                pool.shutdown(wait=True, cancel_futures=True)
                yield from _recovered(flying, workshop, explore)
                flying.clear()
                pool = _pool(workers, workshop, explore)
                continue
            flying.popleft()
            yield trace
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _recovered(
    flying: Iterable[tuple[Work, Future[Trace]]], workshop: Workshop, explore: bool
) -> Generator[Trace, None, None]:
    """After a worker died: what was in flight, one image at a time, to find the culprit."""
    pool = _pool(1, workshop, explore)
    try:
        for work, future in flying:
            try:
                trace = (future if _arrived(future) else _submitted(pool, work)).result()
            except BrokenProcessPool:
                pool.shutdown(wait=True)
                pool = _pool(1, workshop, explore)
                trace = _lost(work)
            yield trace
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _arrived(future: Future[Trace]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def _lost(work: Work) -> Trace:
    why = "the worker process died on this image (out of memory, or a crash in a native library)"
    view = View(path=legible(work.path), sha256=None)
    sample = Sample(id=work.id, category=work.category, views=(view,))
    disposition = Disposition(outcome=Outcome.REVIEW, reason=why)
    steps = (Step(node="detect", error=why), Step(node="settle", products=(disposition,)))
    return Trace(sample=sample, steps=steps)


def _pool(workers: int, workshop: Workshop, explore: bool) -> ProcessPoolExecutor:
    # Spawned, not forked: a fork of a process with BLAS or OpenCV threads may hang.
    return ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(workshop, explore),
    )


def _submitted(pool: ProcessPoolExecutor, work: Work) -> Future[Trace]:
    """The answer to come; of a pool that broke meanwhile, its failure."""
    try:
        with _interrupts_held():
            return pool.submit(_inspect_in_worker, work)
    except BrokenProcessPool as failure:
        future: Future[Trace] = Future()
        future.set_exception(failure)
        return future


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


_worker: Inspect | None = None


def _start_worker(workshop: Workshop, explore: bool) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)
    _worker = _inspector(workshop, explore)
    threadpool_limits(1)  # of what is loaded by now


def _end_with_parent() -> None:
    """A parent that is killed tells nobody; its workers would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _inspect_in_worker(work: Work) -> Trace:
    assert _worker is not None
    return _worker(work)


def _inspector(workshop: Workshop, explore: bool) -> Inspect:
    # Imported by who runs a graph: a parent that leaves it to its workers is a third smaller.
    from reinspect.graph.inspection import Part, build

    graph = build(build_crew(workshop))

    def inspect(work: Work) -> Trace:
        part = Part(image=work.path, id=work.id, category=work.category, explore=explore)
        trace: Trace = graph.invoke(part)["trace"]
        return trace

    return inspect


@contextlib.contextmanager
def _single_threaded() -> Iterator[None]:
    """One BLAS and OpenCV thread, as in a worker: sums then come out the same everywhere."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        cv2.setNumThreads(threads)
