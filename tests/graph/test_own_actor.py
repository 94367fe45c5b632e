"""A monitor of a user's own that takes the second look itself."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from reinspect.graph.build import BuildContext, build_pipeline
from reinspect.graph.inspection import build
from reinspect.graph.recipe import Recipe
from reinspect.roles import StepAttempt, Tool
from reinspect.testing import ScriptedPolicy
from reinspect.trace import Step, Trace
from reinspect.vocabulary import Assessment, Evidence, Outcome
from support.scripted_pipeline import pipeline


@pytest.fixture
def part(tmp_path: Path) -> str:
    path = tmp_path / "4711.png"
    cv2.imwrite(str(path), np.full((20, 30, 3), 90, np.uint8))
    return str(path)


def act(trace: Trace, tools: Mapping[str, Tool], attempt: StepAttempt) -> Iterator[Step]:
    """Takes the last tool first, and the same once more."""
    for name in (list(tools)[-1], list(tools)[-1]):
        yield attempt(lambda name=name: _pieces(tools[name](trace)), name)


def _pieces(found: Any) -> list[Evidence]:
    return [found] if isinstance(found, Evidence) else list(found)


def breaks(trace: Trace, tools: Mapping[str, Tool], attempt: StepAttempt) -> Iterator[Step]:
    yield from act(trace, tools, attempt)
    raise ValueError("lost the thread")


def asks(trace: Trace, tools: Mapping[str, Tool], attempt: StepAttempt) -> Iterator[Step]:
    yield attempt(lambda: [Evidence(source="person", summary=str(interrupt("turn it?")))], "person")


def acting(actor: Any, **parts: Any) -> Any:
    return pipeline(actor=actor, trigger=ScriptedPolicy("revisit", "accept"), **parts)


def looks(trace: Trace) -> list[tuple[str, str | None]]:
    return [(step.node, step.tool) for step in trace.steps if step.round == 1]


def test_it_takes_the_looks_that_it_wants(part: str) -> None:
    trace = build(acting(act)).invoke({"image": part})["trace"]
    assert trace.error is None
    assert looks(trace)[:3] == [("examine", "examiner"), ("examine", "examiner"), ("revise", None)]
    assert trace.verdict.label.value == "anomalous"


def test_what_it_did_before_it_broke_is_kept(part: str) -> None:
    trace = build(acting(breaks)).invoke({"image": part})["trace"]
    assert trace.error == "examine: ValueError: lost the thread"
    assert [tool for node, tool in looks(trace) if node == "examine"] == [
        "examiner",
        "examiner",
        None,
    ]
    assert trace.disposition.outcome is Outcome.REVIEW


def test_whoever_debugs_it_gets_the_failure(part: str) -> None:
    with pytest.raises(ValueError, match="lost the thread"):
        build(acting(breaks, raises=True)).invoke({"image": part})


def test_it_may_ask_a_person(part: str) -> None:
    line = {"configurable": {"thread_id": "line 1"}}
    graph = build(acting(asks, attended=True), checkpointer=InMemorySaver())
    paused = graph.invoke({"image": part}, line)
    assert paused["__interrupt__"][0].value == "turn it?"
    trace = graph.invoke(Command(resume="turned"), line)["trace"]
    assert [piece.summary for piece in trace.evidence if piece.source == "person"] == ["turned"]


class OwnMonitor:
    """Assesses, and acts."""

    def __call__(self, trace: Trace) -> Assessment:
        return Assessment(confidence=0.6, reliability=0.3 if not trace.rounds else 0.9)

    def act(self, trace: Trace, tools: Mapping[str, Tool], attempt: StepAttempt) -> Iterator[Step]:
        yield from act(trace, tools, attempt)


def test_a_recipe_takes_one(part: str) -> None:
    recipe = Recipe.model_validate(
        {
            "detector": {"kind": "support.own_parts:Brightness"},
            "monitor": f"{__name__}:OwnMonitor",
            "tools": ["segmentation", "zoom"],
        }
    )
    trace = build(build_pipeline(BuildContext(recipe=recipe))).invoke({"image": part})["trace"]
    examined = [step.tool for step in trace.steps if step.node == "examine"]
    assert examined == ["zoom", "zoom"]
