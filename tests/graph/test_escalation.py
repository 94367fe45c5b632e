"""`policies: {escalate: interrupt}`: an operator's answer ends a part in place."""

from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from reinspect import inspect_image
from reinspect.graph import build_graph
from reinspect.graph.inspection import build
from reinspect.graph.recipe import Recipe, dump_recipe, parse_recipe
from reinspect.policies.disposition import Thresholds
from reinspect.trace import Trace
from reinspect.vocabulary import Outcome
from support.checkpointers import Opened, lasting_saver
from support.scripted_pipeline import pipeline

CELL = {"configurable": {"thread_id": "cell 7"}}


def asking(**rest: Any) -> Any:
    """Sure of nothing: every part is for REVIEW."""
    return pipeline(asks=True, attended=True, settler=Thresholds(reliability=1.0), **rest)


@pytest.mark.parametrize(
    ("answer", "outcome", "reason"),
    [
        pytest.param("FAIL", Outcome.FAIL, "operator says so", id="bare"),
        pytest.param(" pass ", Outcome.PASS, "operator says so", id="in any case"),
        pytest.param(
            {"outcome": "FAIL", "by": "Kim", "note": "dent at the rim"},
            Outcome.FAIL,
            "operator Kim: dent at the rim",
            id="whole",
        ),
        pytest.param({"outcome": "REVIEW"}, Outcome.REVIEW, "operator says so", id="unsure"),
    ],
)
@lasting_saver
def test_an_answer_ends_the_part_even_after_a_restart(
    part: str, opened: Opened, answer: Any, outcome: Outcome, reason: str
) -> None:
    with opened() as saver:
        paused = build(asking(), checkpointer=saver).invoke({"image": part}, CELL)
        (asked,) = paused["__interrupt__"]
        assert asked.value["image"] == part
        assert asked.value["outcomes"] == ["PASS", "FAIL", "REVIEW"]
        assert asked.value["label"] == "normal"
        assert paused["trace"].disposition.outcome is Outcome.REVIEW
    with opened() as saver:
        result = build(asking(), checkpointer=saver).invoke(Command(resume=answer), CELL)
    trace: Trace = result["trace"]
    assert "__interrupt__" not in result
    assert [step.node for step in trace.steps][-2:] == ["settle", "ask"]
    assert trace.disposition is not None
    assert (trace.disposition.outcome, trace.disposition.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        pytest.param("maybe", "outcome: Input should be", id="word"),
        pytest.param([], "Input should be", id="list"),
        pytest.param({"outcom": "FAIL"}, "did you mean 'outcome'?", id="key"),
        pytest.param({"outcome": "FAIL", "note": 3}, "note: Input should be", id="type"),
    ],
)
def test_what_is_no_answer_is_asked_for_again(part: str, answer: Any, fault: str) -> None:
    graph = build(asking(), checkpointer=InMemorySaver())
    graph.invoke({"image": part}, CELL)
    again = graph.invoke(Command(resume=answer), CELL)
    (asked,) = again["__interrupt__"]
    assert fault in asked.value["fault"]
    assert "\n" not in asked.value["fault"]
    trace = graph.invoke(Command(resume="PASS"), CELL)["trace"]
    assert trace.disposition.outcome is Outcome.PASS


def test_nobody_is_asked_about_a_part_that_passes(part: str) -> None:
    graph = build(pipeline(asks=True, attended=True), checkpointer=InMemorySaver())
    result = graph.invoke({"image": part}, CELL)
    assert "__interrupt__" not in result
    assert [step.node for step in result["trace"].steps][-1] == "settle"


def test_a_part_that_cannot_be_read_is_asked_about(tmp_path: Path) -> None:
    (tmp_path / "no.png").write_bytes(b"no picture")
    graph = build(asking(), checkpointer=InMemorySaver())
    (asked,) = graph.invoke({"image": str(tmp_path / "no.png")}, CELL)["__interrupt__"]
    assert asked.value["label"] is None
    assert "no.png" in asked.value["reason"]


ASKING = Recipe.model_validate(
    {
        "detector": "reinspect.testing:ScriptedDetector",
        "tools": [],
        "policies": {
            "escalate": "interrupt",
            "disposition": {"kind": "thresholds", "reliability": 1.0},
        },
    }
)


def test_a_recipe_says_it(part: str) -> None:
    graph = build_graph(ASKING, checkpointer=InMemorySaver())
    graph.invoke({"image": part}, CELL)
    assert graph.get_state(CELL).next == ("ask",)
    assert parse_recipe(dump_recipe(ASKING)) == ASKING
    assert "escalate: interrupt" in dump_recipe(ASKING)


def test_a_batch_asks_nobody(part: str) -> None:
    trace = inspect_image(part, recipe=ASKING)
    assert [step.node for step in trace.steps][-1] == "settle"
    assert trace.disposition is not None
    assert trace.disposition.outcome is Outcome.REVIEW


def test_a_recipe_that_says_nothing_is_written_as_before() -> None:
    assert "escalate" not in dump_recipe(Recipe())
