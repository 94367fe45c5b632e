"""A critic that acts: a scripted model chooses looks, decides, and misbehaves."""

import dataclasses
import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from reinspect.cost import calls_of
from reinspect.graph.build import BuildContext, build_pipeline
from reinspect.graph.inspection import build
from reinspect.graph.recipe import Recipe, RecipeError, parse_recipe
from reinspect.roles import Tool
from reinspect.testing import ReceivedRequest, Reply, ScriptedServer
from reinspect.trace import Trace
from reinspect.vocabulary import Evidence, Label, Outcome, Region, Revision, ToolUse
from support.made_answers import said

pytestmark = pytest.mark.server

BOX = [400, 400, 600, 600]
"""Where the part has its spot, in thousandths."""


class Scripted:
    """A tool that says what it is told to, of where it was asked to look."""

    def __init__(self, probability: float | None = None, found: bool = False) -> None:
        self.probability, self.found = probability, found
        self.asked: list[tuple[float, ...] | None] = []

    def __call__(self, trace: Trace) -> Evidence:
        wish = trace.assessment.wish if trace.assessment else None
        self.asked.append(tuple(wish.box) if wish and wish.box else None)
        regions = (Region(box=(0.4, 0.4, 0.6, 0.6), score=2.0),) if self.found else ()
        return Evidence(
            source="probe", summary="probed", probability=self.probability, regions=regions
        )


class Hanging:
    """A tool that doesn't answer."""

    def __init__(self) -> None:
        self._never = threading.Event()

    def __call__(self, trace: Trace) -> Evidence:
        self._never.wait(30)
        return Evidence(source="probe", summary="late")


def nonsense(trace: Trace) -> Any:
    return "looks fine to me"


def failing(trace: Trace) -> Evidence:
    raise ValueError("no light")


def asks_itself(trace: Trace) -> Evidence:
    return asks_itself(trace)


def asks_a_person(trace: Trace) -> Evidence:
    return Evidence(source="person", summary="felt it", probability=float(interrupt("a burr?")))


@pytest.fixture
def part(tmp_path: Path) -> str:
    image = np.full((300, 400, 3), 90, np.uint8)
    image[120:180, 160:240] = 220
    path = tmp_path / "part.png"
    cv2.imwrite(str(path), image)
    return str(path)


def recipe_for(server: ScriptedServer, tools: Sequence[object] = ("zoom",), **agent: Any) -> Recipe:
    model = {"model": "m", "base_url": server.url, "timeout": 5, "max_retries": 0}
    content = {
        "detector": {"kind": "vlm", **model},
        "monitor": {"kind": "agent", **model, **agent},
        "tools": list(tools),
        "policies": {"trigger": "always"},
    }
    return parse_recipe(yaml.safe_dump(content))


def inspected(part: str, recipe: Recipe, probe: Tool | None = None) -> Trace:
    """Inspected; a probe takes the place of every tool."""
    pipeline = build_pipeline(BuildContext(recipe=recipe))
    if probe is not None:
        tools = tuple(placed._replace(tool=probe) for placed in pipeline.tools)
        pipeline = dataclasses.replace(pipeline, tools=tools)
    trace: Trace = build(pipeline).invoke({"image": part})["trace"]
    return trace


def decides(answer: str, move: str, *, confidence: float = 0.97, **rest: Any) -> tuple[str, dict]:
    value = {
        "process": "compared both edges",
        "answer": {"move": move, "value": answer},
        "type": {"move": "correct", "value": "spot"},
        "location": {"move": "correct", "value": [BOX]},
        "confidence": confidence,
    }
    return "revise", {**value, **rest}


def conversation(first: str, *turns: Reply | str, p: float = 0.6) -> Callable[..., Reply | str]:
    """A first look, then the turns of the critic in their order, the last one for ever."""
    taken: list[ReceivedRequest] = []

    def script(asked: ReceivedRequest) -> Reply | str:
        if "tools" not in asked.body:
            return Reply(said(first), yes=p)
        taken.append(asked)
        return turns[min(len(taken), len(turns)) - 1]

    return script


ZOOM = Reply(tools=[("zoom", {"box": BOX})])


def uses(trace: Trace) -> list[ToolUse]:
    return list(trace.products(ToolUse))


def test_it_looks_where_it_wants_and_corrects(part: str) -> None:
    probe = Scripted(0.03)
    turns = (ZOOM, Reply(tools=[decides("no", "correct")]))
    with ScriptedServer(conversation("yes", *turns)) as server:
        trace = inspected(part, recipe_for(server), probe)
    assert trace.error is None
    assert probe.asked == [(0.4, 0.4, 0.6, 0.6)]
    assert trace.verdict is not None
    assert trace.verdict.label is Label.NORMAL
    assert trace.revised
    assert "Reflection process: compared both edges" in trace.verdict.rationale
    assert "answer corrected to no" in trace.verdict.rationale


def test_every_message_and_every_look_is_in_the_trace(part: str) -> None:
    both = Reply("first this", tools=[("zoom", {"box": BOX}), ("reference", {})])
    turns = (both, Reply(tools=[decides("yes", "keep")]))
    with ScriptedServer(conversation("yes", *turns)) as server:
        trace = inspected(part, recipe_for(server, ["zoom", "reference"]), Scripted(0.9))
        requests = server.requests
    steps = [(step.node, step.tool) for step in trace.steps if step.node == "examine"]
    assert steps == [
        ("examine", None),
        ("examine", "zoom"),
        ("examine", "reference"),
        ("examine", None),
        ("examine", None),
    ]
    assert [use.name for use in uses(trace)] == ["zoom", "reference", "revise"]
    assert json.loads(uses(trace)[0].arguments) == {"box": BOX}
    assert "probe: probed" in uses(trace)[0].answer
    calls = [call for call in calls_of(trace.steps) if call.prompt == "act.json.md"]
    assert calls[0].answers == ("first this",)
    assert "Are there any defects" not in calls[0].text
    assert "The first verdict: yes, defective" in calls[0].text
    assert "probe: probed" in calls[1].text
    assert [call.tokens_in is not None for call in calls] == [True, True]
    roles = [message["role"] for message in requests[-1].body["messages"]]
    assert roles == ["user", "assistant", "tool", "tool", "user"]
    assert {s.round for s in trace.steps if s.node in ("examine", "revise")} == {1}


def test_a_place_is_shown_at_full_resolution_once(part: str) -> None:
    near = [405, 400, 600, 600]
    turns = (
        ZOOM,
        Reply(tools=[("zoom", {"box": near})]),
        Reply(tools=[decides("yes", "keep")]),
    )
    with ScriptedServer(conversation("yes", *turns)) as server:
        trace = inspected(part, recipe_for(server))
        shown = [asked.shown for asked in server.requests if "tools" in asked.body]
        labels = server.requests[2].text
    assert shown == [1, 2, 2]
    assert "Picture 2 is region [300, 267, 700, 733] of the test image" in labels
    assert [use.pictures for use in uses(trace)] == [1, 0, 0]


def test_what_is_kept_and_what_is_corrected(part: str) -> None:
    """Answer kept, type corrected, location kept: one by one."""
    decision = decides("yes", "keep", location={"move": "keep", "value": []})
    with ScriptedServer(conversation("yes", ZOOM, Reply(tools=[decision]))) as server:
        trace = inspected(part, recipe_for(server), Scripted(0.95))
    assert trace.verdict is not None
    (defect,) = trace.verdict.defects
    assert (defect.type, tuple(defect.box)) == ("spot", (0.4, 0.4, 0.6, 0.6))
    revision = next(r for r in trace.products(Revision) if "Decision revision" in r.reflection)
    assert "answer kept yes; type corrected to spot; location kept 1 place" in revision.reflection


@pytest.mark.parametrize(
    ("probe", "revised"),
    [
        pytest.param(Scripted(0.03), True, id="a witness agrees"),
        pytest.param(Scripted(0.97), False, id="a witness stands against it"),
    ],
)
def test_its_word_is_one_witness_among_others(part: str, probe: Tool, revised: bool) -> None:
    turns = (ZOOM, Reply(tools=[decides("no", "correct", confidence=0.7)]))
    with ScriptedServer(conversation("yes", *turns)) as server:
        trace = inspected(part, recipe_for(server), probe)
    assert trace.error is None
    assert trace.revised is revised


def test_without_anything_new_it_does_not_count(part: str) -> None:
    """The look shows the whole part, and says nothing."""
    turns = (
        Reply(tools=[("zoom", {"box": [0, 0, 1000, 1000]})]),
        Reply(tools=[decides("no", "correct")]),
    )
    with ScriptedServer(conversation("yes", *turns)) as server:
        trace = inspected(part, recipe_for(server, calls=1), Scripted())
    assert not trace.revised
    assert "the model answers before looking" in str(trace.error)


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(Reply(tools=[decides("no", "correct")]), id="a call"),
        pytest.param(json.dumps(decides("no", "correct")[1]), id="the same as text"),
        pytest.param(f"I have seen enough. {json.dumps(decides('no', 'correct')[1])}", id="prose"),
        pytest.param('{"process": "p", "answer": "no", "confidence": 0.97}', id="bare values"),
    ],
)
def test_a_decision_is_read_however_it_is_said(part: str, end: Reply | str) -> None:
    with ScriptedServer(conversation("yes", ZOOM, end)) as server:
        trace = inspected(part, recipe_for(server), Scripted(0.03))
    assert trace.error is None
    assert trace.revised


OTHER = [Reply(tools=[("zoom", {"box": [n, n, n + 100, n + 100]})]) for n in range(0, 800, 50)]


@pytest.mark.parametrize(
    ("turns", "probe", "line"),
    [
        pytest.param([ZOOM], Hanging(), "zoom gave no answer within 0.2 s", id="hangs"),
        pytest.param([ZOOM], nonsense, "zoom brought 'looks fine to me', which is no evidence",
                     id="nonsense"),
        pytest.param([ZOOM], failing, "ValueError: no light", id="fails"),
        pytest.param([ZOOM], asks_itself, "RecursionError: maximum recursion depth",
                     id="asks-for-itself"),
        pytest.param([ZOOM], Scripted(), "the model asks for the same again and again", id="loops"),
        pytest.param([Reply(tools=[("x-ray", {})])], Scripted(),
                     "the model asks for tools that are not there: no tool 'x-ray'; there are: "
                     "zoom, revise", id="unknown"),
        pytest.param([Reply(tools=[decides("no", "correct")])], Scripted(0.03),
                     "the model answers before looking: look first", id="blind"),
        pytest.param(OTHER, Scripted(), "the model never ended: 6 turns", id="never-ends"),
        pytest.param(["hm, let me think"], Scripted(),
                     "the model neither looks nor decides: call a tool, or end by revise",
                     id="talks"),
        pytest.param([Reply(tools=[("zoom", {"box": [1, 2]})])], Scripted(),
                     "arguments can't be used: zoom: box: needs x1, y1, x2, y2", id="no-box"),
        pytest.param([Reply(tools=[("zoom", '{"box": [1')])], Scripted(),
                     "arguments can't be used: zoom: the arguments are no JSON", id="half-JSON"),
        pytest.param([ZOOM, Reply(tools=[decides("no", "keep")])], Scripted(),
                     "decision can't be read: revise can't be read: answer: move is 'keep'",
                     id="contradiction"),
        pytest.param([ZOOM, Reply(tools=[("revise", {"process": "p"})])], Scripted(),
                     "decision can't be read", id="undecided"),
        pytest.param([Reply(status=500)], Scripted(), "HTTP 500", id="server"),
        pytest.param([Reply(refusal="I can't help.")], Scripted(), "the model refused",
                     id="refusal"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_one_line_and_review(
    part: str, turns: list[Reply | str], probe: Tool, line: str
) -> None:
    with ScriptedServer(conversation("yes", *turns)) as server:
        trace = inspected(part, recipe_for(server, seconds=0.2), probe)
    assert trace.error is not None
    assert line in trace.error
    assert "\n" not in trace.error
    assert not trace.revised
    assert trace.disposition is not None
    assert trace.disposition.outcome is Outcome.REVIEW
    assert line in trace.disposition.reason
    assert trace.verdict is not None  # what was known stays


def test_the_call_that_ends_a_patience_is_in_the_trace_too(part: str) -> None:
    blind = Reply(tools=[decides("no", "correct")])
    with ScriptedServer(conversation("yes", blind)) as server:
        trace = inspected(part, recipe_for(server), Scripted(0.03))
    assert [(use.name, use.refused) for use in uses(trace)] == [("revise", True)] * 3
    assert [bool(use.answer) for use in uses(trace)] == [True, True, False]  # nobody hears it


def test_a_look_that_asks_a_person_pauses_the_part(part: str) -> None:
    """The conversation begins anew when it goes on; an equal one may be kept (`cache`)."""
    turns = (ZOOM, Reply(tools=[decides("no", "correct")]))

    def script(asked: ReceivedRequest) -> Reply | str:
        if "tools" not in asked.body:
            return Reply(said("yes"), yes=0.6)
        looked = any(message["role"] == "tool" for message in asked.body["messages"])
        return turns[looked]

    cell = {"configurable": {"thread_id": "cell 7"}}
    with ScriptedServer(script) as server:
        pipeline = build_pipeline(BuildContext(recipe=recipe_for(server)))
        tools = tuple(own._replace(tool=asks_a_person) for own in pipeline.tools)
        pipeline = dataclasses.replace(pipeline, tools=tools, attended=True)
        graph = build(pipeline, checkpointer=InMemorySaver())
        (asked,) = graph.invoke({"image": part}, cell)["__interrupt__"]
        assert asked.value == "a burr?"
        trace = graph.invoke(Command(resume=0.03), cell)["trace"]
    assert trace.error is None
    assert [e.probability for e in trace.evidence if e.source == "person"] == [0.03]
    assert trace.verdict.label is Label.NORMAL


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Reply(tools=[("x-ray", {})]), id="unknown"),
        pytest.param(Reply(tools=[decides("no", "correct")]), id="blind"),
        pytest.param("hm", id="talks"),
        pytest.param(Reply(tools=[("zoom", {"box": [7]})]), id="no-box"),
    ],
)
def test_what_is_put_right_when_told_costs_nothing(part: str, fault: Reply | str) -> None:
    turns = (fault, ZOOM, Reply(tools=[decides("no", "correct")]))
    with ScriptedServer(conversation("yes", *turns)) as server:
        trace = inspected(part, recipe_for(server), Scripted(0.03))
    assert trace.error is None
    assert trace.revised
    assert uses(trace)[0].refused


@pytest.mark.parametrize(
    ("bound", "offers"),
    [
        pytest.param({"calls": 2}, [2, 2, 1], id="calls"),
        pytest.param({"turns": 3}, [2, 2, 1], id="turns"),
        pytest.param({"tokens": 1}, [2, 1], id="tokens"),
    ],
)
def test_at_its_bound_it_may_only_decide(part: str, bound: dict, offers: list[int]) -> None:
    def script(asked: ReceivedRequest) -> Reply | str:
        if "tools" not in asked.body:
            return Reply(said("yes"), yes=0.6)
        if len(asked.body["tools"]) == 1:
            assert asked.body["tool_choice"]["function"]["name"] == "revise"
            return Reply(tools=[decides("no", "correct")])
        return OTHER[len(asked.body["messages"])]

    with ScriptedServer(script) as server:
        trace = inspected(part, recipe_for(server, **bound), Scripted(0.03))
        asked = [len(r.body["tools"]) for r in server.requests if "tools" in r.body]
    assert trace.error is None
    assert asked == offers


def test_at_the_parts_limit_it_settles_with_what_there_is(part: str) -> None:
    with ScriptedServer(conversation("yes", *OTHER)) as server:
        recipe = recipe_for(server)
        limits = {"image": recipe.budgets.image.model_copy(update={"calls": 3})}
        recipe = recipe.model_copy(update={"budgets": recipe.budgets.model_copy(update=limits)})
        trace = inspected(part, recipe, Scripted(0.9))
    assert trace.error is None
    revision = next(trace.products(Revision))
    assert "The critic is not heard: budget spent (3 of 3 calls)" in revision.reflection
    assert len(list(calls_of(trace.steps))) == 3


def test_pictures_stay_within_what_a_server_takes(part: str) -> None:
    with ScriptedServer(conversation("yes", *OTHER)) as server:
        inspected(part, recipe_for(server, pictures=3), Scripted())
        assert max(asked.shown for asked in server.requests) == 3


@pytest.mark.parametrize(
    ("agent", "tools", "line"),
    [
        pytest.param({"format": "tags"}, ["zoom"], "it has no answers in tags", id="tags"),
        pytest.param({"samples": 3}, ["zoom"], "one course, not 3", id="samples"),
        pytest.param({}, [{"kind": "zoom", "name": "revise"}], "rename it", id="name"),
    ],
)
def test_a_recipe_that_cannot_be(agent: dict, tools: list, line: str) -> None:
    with ScriptedServer() as server, pytest.raises(RecipeError, match=line):
        build_pipeline(BuildContext(recipe=recipe_for(server, tools, **agent)))


def test_tools_are_offered_with_what_they_heed(part: str) -> None:
    with ScriptedServer(conversation("yes", ZOOM)) as server:
        inspected(part, recipe_for(server, ["grounding", "zoom", "reference"]), Scripted())
        offered = {
            tool["function"]["name"]: tool["function"]["parameters"]["required"]
            for tool in server.requests[1].body["tools"]
        }
    assert offered == {
        "grounding": ["phrase"],
        "zoom": ["box"],
        "reference": [],
        "revise": ["process", "answer", "type", "location", "confidence"],
    }
