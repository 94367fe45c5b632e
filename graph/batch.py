"""Many images: one graph per worker process, results in order, one bad image never stops it."""

import collections
import contextlib
import itertools
import multiprocessing
import signal
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import cv2
from langgraph.graph.state import CompiledStateGraph
from threadpoolctl import threadpool_limits

from reinspect.graph.crew import Workshop, build_crew
from reinspect.graph.inspection import Part, build
from reinspect.vocabulary import Disposition, Outcome, Sample, Step, Trace, View

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

    Raises:
        ValueError: fewer than one worker.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, not {workers!r}")
    if workers == 1:
        return _here(works, workshop, explore)
    return _elsewhere(works, workshop, workers, explore)


def _here(works: Iterable[Work], workshop: Workshop, explore: bool) -> Generator[Trace, None, None]:
    with _single_threaded():
        graph = build(build_crew(workshop))
        for work in works:
            yield _inspect(graph, work, explore)


def _elsewhere(
    works: Iterable[Work], workshop: Workshop, workers: int, explore: bool
) -> Generator[Trace, None, None]:
    queue = iter(works)
    flying: collections.deque[tuple[Work, Future[Trace]]] = collections.deque()
    pool = _pool(workers, workshop, explore)
    try:
        while True:
            for work in itertools.islice(queue, workers * IN_FLIGHT - len(flying)):
                flying.append((work, pool.submit(_inspect_in_worker, work)))
            if not flying:
                return
            work, future = flying[0]
            try:
                trace = future.result()
            except BrokenProcessPool:
                pool.shutdown(wait=False, cancel_futures=True)
                for work, future in flying:
                    yield future.result() if _arrived(future) else _alone(work, workshop, explore)
                flying.clear()
                pool = _pool(workers, workshop, explore)
                continue
            flying.popleft()
            yield trace
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _arrived(future: Future[Trace]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def _alone(work: Work, workshop: Workshop, explore: bool) -> Trace:
    """After a worker died: an image in a process of its own, to find the culprit."""
    with _pool(1, workshop, explore) as pool:
        try:
            return pool.submit(_inspect_in_worker, work).result()
        except BrokenProcessPool:
            return _lost(work)


def _lost(work: Work) -> Trace:
    why = "the worker process died on this image (out of memory, or a crash in a native library)"
    sample = Sample(id=work.id, category=work.category, views=(View(path=work.path, sha256=None),))
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


_worker: tuple[CompiledStateGraph, bool] | None = None  # type: ignore[type-arg]


def _start_worker(workshop: Workshop, explore: bool) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threadpool_limits(1)
    cv2.setNumThreads(1)
    _worker = build(build_crew(workshop)), explore


def _inspect_in_worker(work: Work) -> Trace:
    assert _worker is not None
    graph, explore = _worker
    return _inspect(graph, work, explore)


def _inspect(graph: CompiledStateGraph, work: Work, explore: bool) -> Trace:  # type: ignore[type-arg]
    part = Part(image=work.path, id=work.id, category=work.category, explore=explore)
    trace: Trace = graph.invoke(part)["trace"]
    return trace


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
