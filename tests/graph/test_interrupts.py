"""A component that asks a person: the graph pauses, outlives its process, and goes on."""

from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from reinspect.agents.monitor import RAMonitor
from reinspect.components import Stage
from reinspect.graph import build_graph, inspect_image
from reinspect.graph.inspection import build
from reinspect.graph.pipeline import GraphError, Placed
from reinspect.graph.recipe import Recipe
from reinspect.policies.disposition import Thresholds
from reinspect.policies.revision import Agreement
from reinspect.testing import ScriptedDetector, ScriptedEstimator, ScriptedPolicy, ScriptedTool
from reinspect.trace import Trace
from reinspect.vocabulary import Move, Outcome, Sample, Verdict
from support.checkpointers import Opened, lasting_saver
from support.scripted_pipeline import pipeline

CELL = {"configurable": {"thread_id": "cell 7"}}
MONITOR = RAMonitor(ScriptedEstimator(0.9))


class Asking:
    """Does its member's work when it has its answer."""

    def __init__(self, member: Any) -> None:
        self._member = member

    def __call__(self, subject: Any) -> Any:
        assert interrupt({"question": "is the lamp on?"}) == "yes"
        return self._member(subject)


MEMBERS = [
    pytest.param("detector", "detect", ScriptedDetector(default=0.4), id="detector"),
    pytest.param("monitor", "assess", MONITOR, id="monitor"),
    pytest.param("trigger", "assess", ScriptedPolicy("revisit"), id="trigger"),
    pytest.param("locate", "locate", ScriptedTool(0.9, source="locate"), id="locating tool"),
    pytest.param("examine", "examine", ScriptedTool(0.9, source="examine"), id="examining tool"),
    pytest.param("reviser", "revise", MONITOR.revise, id="reviser"),
    pytest.param("revision", "revise", Agreement(), id="revision policy"),
    pytest.param("explainer", "explain", MONITOR.explain, id="explainer"),
    pytest.param("settler", "settle", Thresholds(reliability=0.6), id="settler"),
]


def asking(role: str, member: Any) -> dict[str, Any]:
    """The parts of a pipeline that looks twice, and in which one member asks."""
    parts: dict[str, Any] = {"trigger": ScriptedPolicy("revisit")}
    tools = {"locate": ScriptedTool(0.9, source="locate"), "examine": ScriptedTool(0.9)}
    if role in tools:
        tools[role] = Asking(member)  # type: ignore[assignment]
    else:
        parts[role] = Asking(member)
    parts["tools"] = tuple(Placed(name, Stage(name), tool) for name, tool in tools.items())
    return parts


@lasting_saver
@pytest.mark.parametrize(("role", "node", "member"), MEMBERS)
def test_an_interrupt_anywhere_outlives_its_process(
    part: str, opened: Opened, role: str, node: str, member: Any
) -> None:
    plain = build(pipeline(trigger=ScriptedPolicy("revisit"))).invoke({"image": part})["trace"]
    with opened() as saver:
        graph = build(pipeline(**asking(role, member), attended=True), checkpointer=saver)
        paused = graph.invoke({"image": part}, CELL)
        assert [asked.value for asked in paused["__interrupt__"]] == [
            {"question": "is the lamp on?"}
        ]
        assert graph.get_state(CELL).next == (node,)
    with opened() as saver:
        graph = build(pipeline(**asking(role, member), attended=True), checkpointer=saver)
        result = graph.invoke(Command(resume="yes"), CELL)
        if graph.get_state(CELL).next:  # it is asked again after the second look
            result = graph.invoke(Command(resume="yes"), CELL)
    trace: Trace = result["trace"]
    assert trace.error is None
    assert [step.node for step in trace.steps] == [step.node for step in plain.steps]
    assert trace.disposition is not None
    assert trace.disposition == plain.disposition


@pytest.mark.parametrize(("role", "node", "member"), MEMBERS)
def test_where_nobody_attends_an_interrupt_is_a_failure_of_its_member(
    part: str, role: str, node: str, member: Any
) -> None:
    result = build(pipeline(**asking(role, member))).invoke({"image": part})
    trace = result["trace"]
    assert "__interrupt__" not in result
    said = "interrupt({'question': 'is the lamp on?'}): nobody is there to answer"
    assert trace.error == f"{node}: {said}"
    assert trace.disposition.outcome is Outcome.REVIEW


def ask_for_light(sample: Sample) -> Verdict:
    """A detector of one's own."""
    return Verdict.of(float(interrupt("which light?")))


OWN = Recipe.model_validate({"detector": f"{__name__}:ask_for_light", "tools": []})


def test_build_graph_lets_components_ask(part: str) -> None:
    graph = build_graph(OWN)
    graph.checkpointer = InMemorySaver()
    graph.invoke({"image": part}, CELL)
    trace = graph.invoke(Command(resume=0.25), CELL)["trace"]
    assert trace.first.probability == 0.25


def test_inspect_image_has_nobody_to_ask(part: str) -> None:
    trace = inspect_image(part, recipe=OWN)
    assert trace.error == "detect: interrupt('which light?'): nobody is there to answer"
    assert trace.disposition is not None
    assert trace.disposition.outcome is Outcome.REVIEW


def ask_later(trace: Trace) -> Move:
    """A trigger of one's own."""
    interrupt("go on?")
    return Move.ACCEPT


TOLD: dict[str, Any] = {
    "detector": "reinspect.testing:ScriptedDetector",
    "tools": [],
    "policies": {"trigger": f"{__name__}:ask_later"},
}
IN_DOUBT = {
    "escalate": "interrupt",
    "disposition": {"kind": "thresholds", "reliability": 1.0},
}


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(TOLD, id="one picture"),
        pytest.param({**TOLD, "policies": IN_DOUBT, "views": {"front": {}}}, id="views"),
        pytest.param({**TOLD, "policies": IN_DOUBT, "pictures": {"tile": 64}}, id="tiles"),
    ],
)
def test_a_part_is_not_resumed_by_another_recipe(part: str, told: dict[str, Any]) -> None:
    given = {"views": {"front": part}} if "views" in told else {"image": part}
    answer = "FAIL" if told["policies"] is IN_DOUBT else "yes"
    saver = InMemorySaver()
    graph = build_graph(Recipe.model_validate(told), checkpointer=saver)
    assert graph.invoke(given, CELL)["__interrupt__"]
    other = Recipe.model_validate({**told, "budgets": {"rounds": 3}})
    with pytest.raises(GraphError, match="begun by another recipe") as refused:
        build_graph(other, checkpointer=saver).invoke(Command(resume=answer), CELL)
    assert "\n" not in str(refused.value).partition("\nDuring task")[0]
    again = build_graph(Recipe.model_validate(told), checkpointer=saver)
    trace = again.invoke(Command(resume=answer), CELL)["trace"]
    assert trace.disposition is not None, "nothing is lost"
    assert trace.disposition.outcome is (Outcome.FAIL if answer == "FAIL" else Outcome.PASS)
    anew = build_graph(other, checkpointer=saver).invoke(given, CELL)
    assert anew["__interrupt__"], "a part that is given anew is begun by whoever gets it"


@lasting_saver
@pytest.mark.parametrize(("role", "node", "member"), [MEMBERS[0], MEMBERS[-1]])
def test_a_checkpoint_of_another_version_is_refused_and_kept(
    part: str, opened: Opened, role: str, node: str, member: Any
) -> None:
    """The version is in the key of a pipeline."""
    parts = {**asking(role, member), "attended": True}
    with opened() as saver:
        graph = build(pipeline(**parts, key="0.1 and its recipe"), checkpointer=saver)
        graph.invoke({"image": part}, CELL)
    with opened() as saver:
        graph = build(pipeline(**parts, key="0.2 and its recipe"), checkpointer=saver)
        with pytest.raises(GraphError, match="or another version: resume it with those, or give"):
            graph.invoke(Command(resume="yes"), CELL)
    with opened() as saver:
        graph = build(pipeline(**parts, key="0.1 and its recipe"), checkpointer=saver)
        assert graph.get_state(CELL).next == (node,)
        assert graph.invoke(Command(resume="yes"), CELL)["trace"].error is None
