"""One image to inspect, whoever does it: a thread, a worker process, or the caller itself."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import cv2
from threadpoolctl import threadpool_limits

from reinspect.graph.build import BuildContext, build_pipeline
from reinspect.images import UnreadableImage, legible, sha256_of
from reinspect.vocabulary import Disposition, Outcome, Sample, Step, Trace, View


@dataclass(frozen=True, slots=True)
class Work:
    """One image to inspect: where it lies, and the id of its row."""

    path: str
    id: str
    category: str | None = None


Inspect = Callable[[Work], Trace]


def inspector(workshop: BuildContext, *, explore: bool = False) -> Inspect:
    """The graph of a recipe as a function that never raises for what happens to one image.

    Raises:
        RecipeError: a part of the recipe can't be made.
    """
    # Imported by who runs a graph: a parent that leaves it to its workers is a third smaller.
    from reinspect.graph.inspection import GraphInput, build

    graph = build(build_pipeline(workshop))

    def inspect(work: Work) -> Trace:
        part = GraphInput(image=work.path, id=work.id, category=work.category, explore=explore)
        try:
            trace: Trace = graph.invoke(part)["trace"]
        except Exception as failure:  # noqa: BLE001 - nodes catch their own; the batch goes on
            return failed(work, " ".join(f"{type(failure).__name__}: {failure}".split()))
        return trace

    return inspect


def failed(work: Work, why: str, *, seconds: float = 0.0) -> Trace:
    """The trace of an image that never came back from its inspection: REVIEW, with the reason.

    `seconds` is how long it has been tried.
    """
    now = datetime.now(UTC)
    try:
        sha256 = sha256_of(work.path)
    except UnreadableImage:
        sha256 = None
    view = View(path=legible(work.path), sha256=sha256)
    sample = Sample(id=work.id, category=work.category, views=(view,))
    disposition = Disposition(outcome=Outcome.REVIEW, reason=legible(why))
    steps = (
        Step(
            node="detect",
            started=now - timedelta(seconds=seconds),
            seconds=seconds,
            error=legible(why),
        ),
        Step(node="settle", started=now, products=(disposition,)),
    )
    return Trace(sample=sample, steps=steps)


def overdue(work: Work, timeout: float) -> Trace:
    """The trace of an image that took longer than it may."""
    return failed(work, f"timed out: no verdict after {timeout:g} s", seconds=timeout)


@contextlib.contextmanager
def single_threaded() -> Iterator[None]:
    """One BLAS and OpenCV thread, as in a worker: sums then come out the same everywhere."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        cv2.setNumThreads(threads)
