"""Components of a user's own: asynchronous ones, several pieces of evidence, faults to debug."""

import asyncio
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from reinspect import build_graph, inspect_image, tools_of
from reinspect.components import Stage
from reinspect.graph.build import BuildContext, build_pipeline
from reinspect.graph.inspection import build
from reinspect.graph.pipeline import GraphError, Placed
from reinspect.graph.recipe import Recipe
from reinspect.policies.disposition import Thresholds
from reinspect.testing import Failing, ScriptedPolicy
from reinspect.tools import as_langchain
from reinspect.trace import Trace
from reinspect.vocabulary import Assessment, Disposition, Evidence, Move, Outcome, Sample, Verdict
from support.scripted_pipeline import pipeline

LINE = {"configurable": {"thread_id": "line 1"}}


class AsyncDetector:
    """Keeps the loop that it was called in, as a client keeps its connections."""

    loops: ClassVar[set[int]] = set()

    async def __call__(self, sample: Sample) -> Verdict:
        self.loops.add(id(asyncio.get_running_loop()))
        await asyncio.sleep(0)
        return Verdict.of(0.4)


async def async_monitor(trace: Trace) -> Assessment:
    await asyncio.sleep(0)
    return Assessment(confidence=0.6, reliability=0.7)


async def async_trigger(trace: Trace) -> Move:
    return Move.ACCEPT if trace.rounds else Move.REVISIT


class AsyncTool:
    """Looks again."""

    def __init__(self, probability: float = 0.9) -> None:
        self._probability = probability

    async def __call__(self, trace: Trace) -> Evidence:
        await asyncio.sleep(0)
        return Evidence(source="own", summary="looked again", probability=self._probability)


async def async_settler(trace: Trace) -> Disposition:
    return Disposition(outcome=Outcome.FAIL, reason="asynchronous")


ASYNC = Recipe.model_validate(
    {
        "detector": f"{__name__}:AsyncDetector",
        "monitor": f"{__name__}:async_monitor",
        "tools": [{"kind": f"{__name__}:AsyncTool", "name": "again", "probability": 0.8}],
        "policies": {
            "trigger": f"{__name__}:async_trigger",
            "disposition": f"{__name__}:async_settler",
        },
    }
)


def test_asynchronous_components_are_waited_for(part: str) -> None:
    graph = build_graph(ASYNC)

    async def several() -> list[Trace]:
        runs = (graph.ainvoke({"image": part}) for _ in range(4))
        return [result["trace"] for result in await asyncio.gather(*runs)]

    traces = [graph.invoke({"image": part})["trace"], *asyncio.run(several())]
    traces.append(inspect_image(part, recipe=ASYNC))
    for trace in traces:
        assert trace.error is None
        assert [step.node for step in trace.steps].count("examine") == 1
        assert [(e.source, e.probability) for e in trace.products(Evidence)] == [("again", 0.8)]
        assert trace.disposition.reason == "asynchronous"
    assert len(AsyncDetector.loops) == 1


def test_an_asynchronous_tool_is_a_tool_for_agents(part: str) -> None:
    (tool,) = as_langchain(tools_of(ASYNC))
    assert tool.invoke({"image": part}).startswith("again: looked again")


async def ask_for_light(sample: Sample) -> Verdict:
    """Asks before it looks."""
    return Verdict.of(float(interrupt("which light?")))


async def fails(sample: Sample) -> NoReturn:
    """Never has a verdict."""
    raise RuntimeError("boom")


def test_an_asynchronous_component_may_ask_a_person(part: str) -> None:
    recipe = Recipe.model_validate({"detector": f"{__name__}:ask_for_light", "tools": []})
    graph = build_graph(recipe, checkpointer=InMemorySaver())
    (asked,) = graph.invoke({"image": part}, LINE)["__interrupt__"]
    assert asked.value == "which light?"
    trace = graph.invoke(Command(resume=0.25), LINE)["trace"]
    assert trace.first.probability == 0.25


def test_an_asynchronous_failure_is_a_step(part: str) -> None:
    recipe = Recipe.model_validate({"detector": f"{__name__}:fails", "tools": []})
    assert inspect_image(part, recipe=recipe).error == "detect: RuntimeError: boom"


def piece(source: str, probability: float = 0.9) -> Evidence:
    return Evidence(source=source, summary="seen", probability=probability)


def two_sides(trace: Trace) -> list[Evidence]:
    """Both sides of the part."""
    return [piece("left", 0.9), piece("right", 0.7)]


def twice(trace: Trace) -> tuple[Evidence, ...]:
    """The same, twice."""
    return piece("own", 0.9), piece("own", 0.7)


@pytest.mark.parametrize(
    ("tool", "sources"),
    [
        pytest.param({"kind": f"{__name__}:two_sides"}, ["left", "right"]),
        pytest.param(
            {"kind": f"{__name__}:two_sides", "name": "sides"}, ["sides-left", "sides-right"]
        ),
        pytest.param({"kind": f"{__name__}:twice", "name": "own"}, ["own", "own-2"]),
    ],
)
def test_a_tool_may_bring_several_pieces_of_evidence(
    part: str, tool: dict[str, str], sources: list[str]
) -> None:
    recipe = Recipe.model_validate(
        {
            "detector": "reinspect.testing:ScriptedDetector",
            "tools": [tool],
            "policies": {"trigger": "always"},
        }
    )
    made = build_pipeline(BuildContext(recipe=recipe))
    trace = build(made).invoke({"image": part})["trace"]
    looks = [step for step in trace.steps if step.node == "examine"]
    assert [[p.source for p in step.products] for step in looks] == [sources]
    assert trace.error is None
    answer = as_langchain({placed.name: placed.tool for placed in made.tools})[0]
    assert answer.invoke({"image": part}).count("seen") == 2


@pytest.mark.parametrize(
    "found",
    [
        pytest.param([piece("own"), "no evidence"], id="a word among them"),
        pytest.param("no evidence", id="a word"),
        pytest.param(None, id="nothing"),
        pytest.param([None], id="nothings"),
    ],
)
def test_what_is_no_evidence_is_an_error_of_the_tool(part: str, found: Any) -> None:
    tools = (Placed("own", Stage.EXAMINE, lambda trace: found),)
    members = pipeline(tools=tools, trigger=ScriptedPolicy("revisit", "accept"))
    trace = build(members).invoke({"image": part})["trace"]
    assert trace.error.startswith("examine: ValidationError")
    assert trace.disposition.outcome is Outcome.REVIEW


def test_a_tool_that_finds_nothing_brings_none(part: str) -> None:
    tools = (Placed("own", Stage.EXAMINE, lambda trace: []),)
    members = pipeline(tools=tools, trigger=ScriptedPolicy("revisit", "accept"))
    trace = build(members).invoke({"image": part})["trace"]
    assert trace.error is None
    assert trace.verdict.label == trace.first.label


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"detector": Failing("boom")}, id="detector"),
        pytest.param({"monitor": Failing("boom")}, id="monitor"),
        pytest.param({"explainer": Failing("boom")}, id="explainer"),
        pytest.param({"settler": Failing("boom")}, id="settler"),
    ],
)
def test_who_debugs_has_the_fault_itself(part: str, parts: dict[str, Any]) -> None:
    with pytest.raises(RuntimeError, match="boom"):
        build(pipeline(**parts, raises=True)).invoke({"image": part})


BROKEN = Recipe.model_validate({"detector": f"{__name__}:fails", "tools": []})


def test_faults_are_raised_where_that_is_asked_for(part: str) -> None:
    with pytest.raises(RuntimeError, match="boom"):
        build_graph(BROKEN, errors="raise").invoke({"image": part})
    with pytest.raises(RuntimeError, match="boom"):
        inspect_image(part, recipe=BROKEN, errors="raise")
    with pytest.raises(GraphError, match="errors: 'rais' is neither 'record' nor 'raise'"):
        build_graph(BROKEN, errors="rais")  # type: ignore[arg-type]


def test_a_broken_picture_is_no_fault_of_a_component(tmp_path: Path) -> None:
    (tmp_path / "no.png").write_bytes(b"no picture")
    members = pipeline(raises=True, settler=Thresholds(reliability=0.6))
    trace = build(members).invoke({"image": str(tmp_path / "no.png")})["trace"]
    assert trace.disposition.outcome is Outcome.REVIEW


def asks_itself(trace: Trace) -> Evidence:
    """A tool whose work needs its own answer first."""
    return asks_itself(trace)


def test_a_tool_that_asks_for_itself_is_an_error_of_the_tool(part: str) -> None:
    told = {"tools": [f"{__name__}:asks_itself"], "policies": {"trigger": "always"}}
    detector = "reinspect.testing:ScriptedDetector"
    graph = build_graph(Recipe.model_validate({"detector": detector, **told}))
    trace = graph.invoke({"image": part})["trace"]
    assert trace.error.startswith("examine: RecursionError: maximum recursion depth exceeded")
    assert "\n" not in trace.error
    assert trace.disposition.outcome is Outcome.REVIEW
