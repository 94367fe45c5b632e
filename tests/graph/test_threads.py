"""Threads that are used again, paused, forked and retried: each part has its own verdict."""

import asyncio
import operator
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, RetryPolicy, Send, interrupt
from typing_extensions import TypedDict

from reinspect.graph.inspection import build
from reinspect.graph.state import GraphInputError
from reinspect.trace import Trace
from reinspect.vocabulary import Outcome, Sample, Verdict
from support.checkpointers import SQLITE, Opened, Saver, every_saver
from support.requirements import Late
from support.scripted_pipeline import pipeline

sqlite_async = Late("langgraph.checkpoint.sqlite.aio")

LINE = {"configurable": {"thread_id": "line 1"}}


@pytest.fixture
def parts(tmp_path: Path) -> tuple[str, str]:
    """Two parts that `by_picture` knows apart."""
    paths = tuple(str(tmp_path / f"{name}.png") for name in ("one", "two"))
    for path in paths:
        cv2.imwrite(path, np.full((20, 30, 3), 90, np.uint8))
    return paths[0], paths[1]


def by_picture(sample: Sample) -> Verdict:
    """.9 for the one, .2 for the other, whatever they are called."""
    return Verdict.of({"one": 0.9, "two": 0.2}[Path(sample.path).stem])


def probability(trace: Trace) -> float:
    assert trace.first is not None
    return trace.first.probability


@every_saver
@pytest.mark.parametrize("explore", [True, False])
def test_a_thread_that_is_used_again_has_no_memory_of_the_part_before(
    parts: tuple[str, str], opened: Opened, *, explore: bool
) -> None:
    with opened() as saver:
        graph = build(pipeline(detector=by_picture), checkpointer=saver)
        said = {"id": "the first", "category": "bolt", "explore": True}
        one = graph.invoke({"image": parts[0], **said}, LINE)["trace"]
    with opened() as saver:
        graph = build(pipeline(detector=by_picture), checkpointer=saver)
        rest = {"explore": True} if explore else {}
        two = graph.invoke({"image": parts[1], **rest}, LINE)["trace"]
    assert [probability(one), probability(two)] == [0.9, 0.2]
    assert (one.sample.id, one.sample.category) == ("the first", "bolt")
    assert (two.sample.id, two.sample.category) == (parts[1], None)
    assert [step.node for step in two.steps][:2] == ["detect", "assess"]
    assert sum(step.node == "settle" for step in two.steps) == 1
    assert one.explored is not None
    assert (two.explored is not None) is explore


@every_saver
def test_a_new_part_takes_the_place_of_one_that_was_paused(
    parts: tuple[str, str], opened: Opened
) -> None:
    """Whatever the first left behind, and before its first look, too."""

    def asks(sample: Sample) -> Verdict:
        return Verdict.of(0.9 if sample.path == parts[0] else interrupt("which light?"))

    with opened() as saver:
        graph = build(pipeline(detector=asks, attended=True), checkpointer=saver)
        done = graph.invoke({"image": parts[0], "id": "one"}, LINE)
        assert probability(done["trace"]) == 0.9
        paused = graph.invoke({"image": parts[1], "id": "two"}, LINE)
        assert [asked.value for asked in paused["__interrupt__"]] == ["which light?"]
        assert paused.get("trace") is None
        after = graph.invoke({"image": parts[0]}, LINE)
        assert after["trace"].sample.id == parts[0]


class Parent(TypedDict, total=False):
    image: str
    trace: Trace


@pytest.mark.parametrize("kept", [None, True], ids=["anew each time", "of its own"])
def test_as_a_subgraph_it_has_no_memory_of_the_part_before(
    parts: tuple[str, str], *, kept: bool | None
) -> None:
    graph = StateGraph(Parent)
    graph.add_node("inspection", build(pipeline(detector=by_picture), checkpointer=kept))
    graph.add_edge(START, "inspection")
    outer = graph.compile(checkpointer=InMemorySaver())
    found = [outer.invoke({"image": part}, LINE)["trace"] for part in (*parts, parts[0])]
    assert [probability(trace) for trace in found] == [0.9, 0.2, 0.9]
    assert [trace.sample.id for trace in found] == [*parts, parts[0]]


class Batch(TypedDict, total=False):
    images: list[str]
    traces: Annotated[list[Trace], operator.add]


@every_saver
def test_parts_that_are_sent_at_once_do_not_meet(parts: tuple[str, str], opened: Opened) -> None:
    inspection = build(pipeline(detector=by_picture))

    def inspect(part: Any) -> dict[str, list[Trace]]:
        return {"traces": [inspection.invoke(part)["trace"]]}

    def fan_out(state: Batch) -> list[Send]:
        return [Send("inspect", {"image": image}) for image in state["images"]]

    graph = StateGraph(Batch)
    graph.add_node("inspect", inspect)
    graph.add_conditional_edges(START, fan_out, ["inspect"])
    with opened() as saver:
        outer = graph.compile(checkpointer=saver)
        images = [*parts, *parts]
        traces = outer.invoke({"images": images}, LINE)["traces"]
    assert [trace.sample.id for trace in traces] == images
    assert [probability(trace) for trace in traces] == [0.9, 0.2, 0.9, 0.2]


def test_a_retry_goes_on_with_its_own_part(parts: tuple[str, str]) -> None:
    faults = iter([None, ConnectionError("down"), None])

    def keep(state: Parent) -> dict[str, Any]:
        fault = next(faults)
        if fault:
            raise fault
        return {}

    graph = StateGraph(Parent)
    graph.add_node("inspection", build(pipeline(detector=by_picture)))
    patient = RetryPolicy(initial_interval=0.0, retry_on=ConnectionError)
    graph.add_node("keep", keep, retry_policy=patient)
    graph.add_edge(START, "inspection")
    graph.add_edge("inspection", "keep")
    outer = graph.compile(checkpointer=InMemorySaver())
    found = [outer.invoke({"image": part}, LINE)["trace"] for part in parts]
    assert [probability(trace) for trace in found] == [0.9, 0.2]
    assert next(faults, "none is left") == "none is left"


@every_saver
def test_time_travel_ends_at_the_part_that_it_went_back_to(
    parts: tuple[str, str], opened: Opened
) -> None:
    with opened() as saver:
        graph = build(pipeline(detector=by_picture), checkpointer=saver)
        first = graph.invoke({"image": parts[0], "id": "one"}, LINE)["trace"]
        graph.invoke({"image": parts[1], "id": "two"}, LINE)
        history = list(graph.get_state_history(LINE))
        began = [past for past in history if past.next == ("detect",)]
        assert [past.values["id"] for past in began] == ["two", "one"]
        assert [past.values.get("trace") for past in began] == [None, None]
        again = graph.invoke(None, began[1].config)["trace"]
        assert (again.sample, again.first) == (first.sample, first.first)
        forked = graph.update_state(began[1].config, {"image": parts[1]})
        other = graph.invoke(None, forked)["trace"]
        assert probability(other) == 0.2
        assert (other.sample.id, other.sample.path) == ("one", parts[1])


def test_asynchronously_it_is_the_same(parts: tuple[str, str], tmp_path: Path) -> None:
    async def both(saver: Saver) -> list[Trace]:
        graph = build(pipeline(detector=by_picture), checkpointer=saver)
        return [(await graph.ainvoke({"image": part}, LINE))["trace"] for part in parts]

    found = asyncio.run(both(InMemorySaver()))
    assert [probability(trace) for trace in found] == [0.9, 0.2]


@SQLITE
def test_asynchronously_on_sqlite_it_is_the_same(parts: tuple[str, str], tmp_path: Path) -> None:
    async def both() -> list[Trace]:
        path = str(tmp_path / "checkpoints.db")
        async with sqlite_async.AsyncSqliteSaver.from_conn_string(path) as saver:
            graph = build(pipeline(detector=by_picture), checkpointer=saver)
            said = {"id": "the first"}
            one = await graph.ainvoke({"image": parts[0], **said}, LINE)
            two = await graph.ainvoke({"image": parts[1]}, LINE)
            return [one["trace"], two["trace"]]

    found = asyncio.run(both())
    assert [probability(trace) for trace in found] == [0.9, 0.2]
    assert [trace.sample.id for trace in found] == ["the first", parts[1]]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        pytest.param({"id": "x"}, "None", id="none"),
        pytest.param({"image": None}, "None", id="null"),
        pytest.param({"image": np.zeros((2, 2))}, "array", id="pixels"),
    ],
)
def test_what_is_no_path_is_refused_in_one_line(
    parts: tuple[str, str], given: dict[str, Any], shown: str
) -> None:
    graph = build(pipeline(detector=by_picture), checkpointer=InMemorySaver())
    graph.invoke({"image": parts[0]}, LINE)
    with pytest.raises(GraphInputError, match="image: the path of a picture is needed") as refused:
        graph.invoke(given, LINE)
    assert shown in str(refused.value)


def test_a_path_object_is_a_path(parts: tuple[str, str]) -> None:
    trace = build(pipeline(detector=by_picture)).invoke({"image": Path(parts[0])})["trace"]
    assert trace.sample.id == parts[0]


STRICT = """
import sys
from langgraph.checkpoint.sqlite import SqliteSaver
from reinspect.graph.inspection import build
from support.scripted_pipeline import pipeline
image, database = sys.argv[1:]
line = {"configurable": {"thread_id": "1"}}
with SqliteSaver.from_conn_string(database) as saver:
    made = build(pipeline(), checkpointer=saver).invoke({"image": image}, line)["trace"]
with SqliteSaver.from_conn_string(database) as saver:
    kept = build(pipeline(), checkpointer=saver).get_state(line).values["trace"]
assert kept == made, kept
"""


@SQLITE
@pytest.mark.process
def test_checkpoints_are_read_where_unknown_types_are_refused(
    parts: tuple[str, str], tmp_path: Path
) -> None:
    folder = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", STRICT, parts[0], str(tmp_path / "c.db")],
        env={"LANGGRAPH_STRICT_MSGPACK": "true", "PYTHONPATH": folder},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_command_is_no_part(parts: tuple[str, str]) -> None:
    """An answer that resumes is not taken for a part that lacks all."""
    graph = build(pipeline(detector=lambda _: Verdict.of(interrupt("p?")), attended=True))
    graph.checkpointer = InMemorySaver()
    graph.invoke({"image": parts[0], "id": "one"}, LINE)
    trace = graph.invoke(Command(resume=0.75), LINE)["trace"]
    assert (trace.sample.id, probability(trace)) == ("one", 0.75)
    assert trace.disposition.outcome is Outcome.FAIL
