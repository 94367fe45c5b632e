"""One image through the graph, for a thread, a worker process, or the caller itself."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import cv2
from threadpoolctl import threadpool_limits

from reinspect.dataset import Item
from reinspect.graph.build import BuildContext
from reinspect.images import UnreadableImage, legible, sha256_of
from reinspect.trace import Step, Trace
from reinspect.vocabulary import Disposition, Outcome, Sample, View

if TYPE_CHECKING:
    from reinspect.graph.state import GraphInput, ViewsInput

Inspect = Callable[[Item], Trace]
"""Inspects one image; never raises for what happens to it."""


def build_inspect(context: BuildContext, *, explore: bool = False) -> Inspect:
    """The graph of a recipe as a function that never raises for what happens to one image.

    Raises:
        RecipeError: a component of the recipe can't be made.
    """
    # Imported by who runs a graph: a parent that leaves it to its workers is a third smaller.
    from reinspect.graph.whole import build_for_batches

    looked = build_for_batches(context)

    def inspect(item: Item) -> Trace:
        try:
            trace: Trace = looked(graph_input(item, explore=explore))["trace"]
        except Exception as failure:  # noqa: BLE001 - nodes catch their own; the batch goes on
            return failed(item, " ".join(f"{type(failure).__name__}: {failure}".split()))
        return trace

    return inspect


def graph_input(item: Item, *, explore: bool = False) -> "GraphInput | ViewsInput":
    """A part as the graph takes it."""
    if item.views:
        views = {view.name: view.path for view in item.views}
        return {"views": views, "id": item.id, "category": item.category, "explore": explore}
    return {"image": item.path, "id": item.id, "category": item.category, "explore": explore}


def failed(item: Item, why: str, *, seconds: float = 0.0) -> Trace:
    """The trace of an image that never came back from its inspection: REVIEW, with the reason.

    `seconds` is how long it has been tried.
    """
    now = datetime.now(UTC)
    views = tuple(_view(path, name) for name, path in item.files.items())
    sample = Sample(id=item.id, category=item.category, views=views)
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


def _view(path: str, name: str | None) -> View:
    try:
        sha256 = sha256_of(path)
    except UnreadableImage:
        sha256 = None
    return View(path=legible(path), sha256=sha256, name=name)


def overdue(item: Item, timeout: float) -> Trace:
    """The trace of an image that took longer than it may."""
    return failed(item, f"timed out: no verdict after {timeout:g} s", seconds=timeout)


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
