"""Many images: order, equality, deaths, laziness, closing."""

import itertools
import multiprocessing
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reinspect.agents.calls import RunBudget
from reinspect.dataset import Item, discover
from reinspect.engine.local import attend, inspect_all
from reinspect.engine.processes import MOST, WorkersFailed
from reinspect.engine.threads import Threads
from reinspect.engine.work import failed
from reinspect.graph.build import BuildContext
from reinspect.graph.recipe import Recipe
from reinspect.graph.references import reference_sets
from reinspect.trace import Trace
from reinspect.vocabulary import Outcome
from support.command_line import put_greys

ONE_OR_TWO = [1, pytest.param(2, marks=pytest.mark.process)]


def context(detector: str) -> BuildContext:
    return BuildContext(recipe=Recipe.model_validate({"detector": detector, "tools": []}))


def works(folder: Path) -> list[Item]:
    return list(discover([folder]))


def greys(folder: Path, *levels: int) -> list[Item]:
    """Pictures of these greys, in this order."""
    for index, level in enumerate(levels):
        put_greys(folder / f"{index:02}", 1, start=level)
    return works(folder)


def timeless(trace: Trace) -> Trace:
    unclocked = {"seconds": 0.0, "started": None}
    taken = [(step.model_copy(update=unclocked), explored) for step, explored in trace.taken]
    return Trace.of(trace.sample, taken)


def ids(traces: list[Trace]) -> list[str]:
    return [trace.sample.id for trace in traces]


def in_order(traces: Iterator[Trace]) -> list[Trace]:
    return sorted(traces, key=lambda trace: trace.sample.id)


@pytest.mark.process
def test_two_workers_find_what_one_process_finds(sample_parts: Path, fits: Path) -> None:
    listed = list(discover([sample_parts / "flange"]))
    made = BuildContext(references=reference_sets(listed, Recipe()), cache=fits)
    here, there = (
        [timeless(trace) for trace in in_order(inspect_all(listed, made, workers=n, explore=True))]
        for n in (1, 2)
    )
    assert here == there
    assert not any(trace.error for trace in here)


@pytest.mark.process
def test_every_work_has_one_trace(tmp_path: Path) -> None:
    todo = greys(tmp_path, 255, 5, 250, 0, 200, 3, 2, 1)
    traces = inspect_all(todo, context("support.own_parts:Slower"), workers=2)
    assert sorted(trace.sample.id for trace in traces) == sorted(work.id for work in todo)


@pytest.mark.process
@pytest.mark.parametrize(
    "levels",
    [
        pytest.param((9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 0), id="on-the-last"),
        pytest.param((0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 0, 0, 9), id="on-the-first-and-again"),
    ],
)
def test_a_dying_worker_costs_only_its_own_image(tmp_path: Path, levels: tuple[int, ...]) -> None:
    todo = greys(tmp_path, *levels)
    traces = in_order(inspect_all(todo, context("support.own_parts:Fragile"), workers=2))
    assert ids(traces) == [work.id for work in todo]
    for level, trace in zip(levels, traces, strict=True):
        if level:
            assert trace.error is None
        else:
            assert trace.error is not None
            assert "died on this image" in trace.error
            assert trace.disposition is not None
            assert trace.disposition.outcome is Outcome.REVIEW


@pytest.mark.process
@pytest.mark.parametrize("workers", [1, 2])
def test_an_image_that_hangs_costs_only_itself(tmp_path: Path, workers: int) -> None:
    levels = (9, 0, 9, 9, 9, 0, 9, 9)
    todo = greys(tmp_path, *levels)
    hanging = inspect_all(todo, context("support.own_parts:Hanging"), workers=workers, timeout=2)
    traces = in_order(hanging)
    assert ids(traces) == [work.id for work in todo]
    for level, trace in zip(levels, traces, strict=True):
        assert trace.error == (None if level else "timed out: no verdict after 2 s")
        assert trace.disposition is not None
        assert level or trace.disposition.outcome is Outcome.REVIEW
    assert not multiprocessing.active_children()


def test_a_thread_that_hangs_is_replaced() -> None:
    hung = threading.Event()

    def inspect(work: Item) -> Trace:
        if work.id.startswith("hangs"):
            hung.wait()
        return failed(work, "sound")

    works = [Item(name, "") for name in ("hangs1", "a", "hangs2", "b", "c")]
    threads = Threads(2, inspect, RunBudget(), timeout=0.3)
    found = {}
    for work in works:
        while not threads.room:
            found |= {trace.sample.id: trace.error for trace in threads.take(1)}
        threads.give(work)
    while threads.busy:
        found |= {trace.sample.id: trace.error for trace in threads.take(1)}
    threads.close()
    assert {name for name, error in found.items() if error == "sound"} == {"a", "b", "c"}
    assert found["hangs1"] == found["hangs2"] == "timed out: no verdict after 0.3 s"
    hung.set()


@pytest.mark.parametrize("workers", ONE_OR_TWO)
def test_a_source_may_have_nothing_for_now(tmp_path: Path, workers: int) -> None:
    todo = greys(tmp_path, 9, 8)
    said = [None, todo[0], None, None, todo[1], None]
    traces = list(attend(said, context("support.own_parts:Brightness"), workers=workers))
    assert ids(in_order(filter(None, traces))) == [work.id for work in todo]
    assert None in traces


@pytest.mark.process
def test_workers_that_can_not_start_are_said(tmp_path: Path) -> None:
    todo = greys(tmp_path, 9, 8)
    with pytest.raises(WorkersFailed, match="end before they begin"):
        list(inspect_all(todo, context("support.own_parts:Stillborn"), workers=2))
    assert not multiprocessing.active_children()


def test_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 0 seconds, not 0"):
        inspect_all([], context("support.own_parts:Brightness"), timeout=0)


@pytest.mark.parametrize("workers", ONE_OR_TWO)
def test_works_are_drawn_only_as_they_are_needed(tmp_path: Path, workers: int) -> None:
    (work,) = greys(tmp_path, 9)
    drawn = itertools.count()

    def endless() -> Iterator[Item]:
        while True:
            yield Item(f"{next(drawn)}", work.path)

    traces = inspect_all(endless(), context("support.own_parts:Brightness"), workers=workers)
    taken = list(itertools.islice(traces, 3))
    traces.close()
    assert len(set(ids(taken))) == 3
    assert next(drawn) <= 4 + workers * MOST


@pytest.mark.process
def test_closing_early_stops_the_workers(tmp_path: Path) -> None:
    todo = greys(tmp_path, *[9] * 12)
    traces = inspect_all(todo, context("support.own_parts:Brightness"), workers=2)
    next(traces)
    assert multiprocessing.active_children()
    traces.close()
    assert not multiprocessing.active_children()


def test_nothing_to_inspect_is_done_at_once() -> None:
    assert list(inspect_all([], context("support.own_parts:Brightness"), workers=2)) == []


def test_fewer_than_one_worker_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        inspect_all([], context("support.own_parts:Brightness"), workers=0)


@pytest.mark.parametrize("workers", ONE_OR_TWO)
def test_an_answer_that_is_none_goes_to_review(tmp_path: Path, workers: int) -> None:
    todo = greys(tmp_path, 9, 10)
    for trace in inspect_all(todo, context("support.own_parts:babbling"), workers=workers):
        assert trace.error is not None
        assert trace.error.startswith("detect: ValidationError")
        assert len(trace.error.splitlines()) == 1
