"""The state machine, with scripted members."""

from pathlib import Path

import pytest

from reinspect.components import Stage
from reinspect.graph.build import BuildContext, build_pipeline
from reinspect.graph.inspection import build
from reinspect.graph.pipeline import Pipeline, Placed
from reinspect.testing import (
    Failing,
    ScriptedMonitor,
    ScriptedPolicy,
    ScriptedTool,
)
from reinspect.trace import Trace
from reinspect.vocabulary import (
    Box,
    Defect,
    Evidence,
    Label,
    Outcome,
    Sample,
    Verdict,
)
from support.scripted_pipeline import LOCATOR, pipeline


def inspect(part: str, members: Pipeline, **rest: object) -> Trace:
    trace: Trace = build(members).invoke({"image": part, **rest})["trace"]
    return trace


def nodes(trace: Trace) -> list[str]:
    return [step.node for step in trace.steps]


LOOK_AGAIN = ["locate", "examine", "revise", "assess"]


def test_a_verdict_that_can_be_relied_on_is_accepted(part: str) -> None:
    trace = inspect(part, pipeline())
    assert nodes(trace) == ["detect", "assess", "explain", "settle"]
    assert trace.disposition is not None
    assert trace.disposition.outcome is Outcome.PASS
    assert trace.sample.visual.size == (30, 20)


def test_a_doubtful_verdict_is_looked_at_again_and_corrected(part: str) -> None:
    trace = inspect(part, pipeline(trigger=ScriptedPolicy("revisit")))
    assert nodes(trace) == ["detect", "assess", *LOOK_AGAIN, "explain", "settle"]
    assert trace.revised
    assert trace.verdict is not None
    assert trace.verdict.label is Label.ANOMALOUS
    assert [step.round for step in trace.steps] == [0, 0, 1, 1, 1, 1, 0, 0]


def test_an_accepted_defect_is_located_exactly(part: str) -> None:
    region = Box(0.4, 0.4, 0.6, 0.6)  # where scripted tools point
    known = Defect(box=Box(0, 0, 0.5, 0.5), type="dent")

    def detector(sample: Sample) -> Verdict:
        return Verdict.of(0.9, defects=(known,))

    trace = inspect(part, pipeline(detector=detector))
    assert nodes(trace) == ["detect", "assess", "conclude", "conclude", "explain", "settle"]
    assert trace.verdict is not None
    assert [(defect.box, defect.type) for defect in trace.verdict.defects] == [(region, "dent")]
    assert (trace.rounds, trace.revised) == (0, False)
    assert trace.verdict.probability == 0.9


def test_a_defect_that_was_located_is_not_located_again(part: str) -> None:
    trace = inspect(part, pipeline(trigger=ScriptedPolicy("revisit")))
    assert "conclude" not in nodes(trace)


def test_evidence_that_disagrees_with_itself_corrects_nothing(part: str) -> None:
    tools = tuple(
        Placed(name, Stage.EXAMINE, ScriptedTool(probability, source=name))
        for name, probability in (("one", 0.99), ("other", 0.3))
    )
    members = pipeline(tools=(LOCATOR, *tools), trigger=ScriptedPolicy("revisit"))
    trace = inspect(part, members)
    assert trace.rounds == 1
    assert not trace.revised
    assert trace.verdict is not None
    assert trace.verdict.probability < 0.5


@pytest.mark.parametrize("rounds", [0, 1, 3])
def test_second_looks_end_with_the_budget(part: str, rounds: int) -> None:
    trace = inspect(part, pipeline(trigger=ScriptedPolicy("revisit"), rounds=rounds))
    assert trace.rounds == rounds
    assert trace.decision is not None
    assert trace.decision.policy == "budget"


def test_an_escalated_part_goes_to_review_without_a_second_look(part: str) -> None:
    trace = inspect(part, pipeline(trigger=ScriptedPolicy("escalate")))
    assert trace.rounds == 0
    assert trace.disposition is not None
    assert trace.disposition.outcome is Outcome.REVIEW


def test_exploring_changes_no_verdict(part: str) -> None:
    plain, explored = inspect(part, pipeline()), inspect(part, pipeline(), explore=True)
    assert explored.explored is not None
    assert [step.node for step in explored.explored.steps] == LOOK_AGAIN
    assert [step.node for step in explored.all_steps] == [
        *("detect", "assess", *LOOK_AGAIN, "explain", "settle")
    ]
    assert nodes(explored) == nodes(plain)
    assert (explored.verdict, explored.rounds) == (plain.verdict, plain.rounds)
    assert explored.assessment == plain.assessment
    assert explored.hypothetical.revised


def test_exploring_adds_nothing_where_a_second_look_was_taken(part: str) -> None:
    trace = inspect(part, pipeline(trigger=ScriptedPolicy("revisit", "accept")), explore=True)
    assert nodes(trace) == ["detect", "assess", *LOOK_AGAIN, "explain", "settle"]
    assert trace.explored is None


@pytest.mark.parametrize(
    ("role", "node"),
    [
        pytest.param("detector", "detect", id="detector"),
        pytest.param("monitor", "assess", id="monitor"),
        pytest.param("trigger", "assess", id="trigger"),
        pytest.param(Stage.LOCATE, "locate", id="locating tool"),
        pytest.param(Stage.EXAMINE, "examine", id="examining tool"),
        pytest.param("reviser", "revise", id="reviser"),
        pytest.param("revision", "revise", id="revision policy"),
        pytest.param("explainer", "explain", id="explainer"),
        pytest.param("settler", "settle", id="settler"),
    ],
)
def test_a_failing_member_is_a_step_and_the_part_goes_to_review(
    part: str, role: str, node: str
) -> None:
    failing = Failing("boom")
    parts: dict[str, object] = {"trigger": ScriptedPolicy("revisit"), role: failing}
    if isinstance(role, Stage):
        tools = {"failing": failing, "other": ScriptedTool(0.9)}
        del parts[role]
        parts["tools"] = tuple(Placed(name, role, tool) for name, tool in tools.items())
    trace = inspect(part, pipeline(**parts))
    assert trace.error == f"{node}: RuntimeError: boom"
    assert trace.disposition is not None
    assert trace.disposition.outcome is Outcome.REVIEW


def test_an_unreadable_part_goes_to_review(tmp_path: Path) -> None:
    (tmp_path / "no.png").write_bytes(b"no picture")
    trace = inspect(str(tmp_path / "no.png"), pipeline())
    assert trace.first is None
    assert trace.error is not None
    assert "no.png" in trace.error
    assert trace.disposition is not None
    assert trace.disposition.outcome is Outcome.REVIEW


def test_a_detector_that_can_only_show_sends_to_review(part: str) -> None:
    def shows(sample: Sample) -> Evidence:
        return Evidence(source="map", summary="nothing to compare with")

    trace = inspect(part, pipeline(detector=shows))
    assert (trace.verdict, trace.error) == (None, None)
    assert trace.disposition is not None
    assert trace.disposition.outcome is Outcome.REVIEW
    assert trace.disposition.reason == "nothing to compare with"


def test_low_reliability_is_for_review(part: str) -> None:
    trace = inspect(part, pipeline(monitor=ScriptedMonitor(0.4)))
    assert trace.disposition is not None
    assert trace.disposition.outcome is Outcome.REVIEW


def test_a_graph_streams_its_nodes(part: str) -> None:
    seen = [next(iter(update)) for update in build(pipeline()).stream({"image": part})]
    assert seen == ["detect", "assess", "conclude", "explain", "settle"]


def test_the_drawing_of_the_graph() -> None:
    drawing = build(build_pipeline(BuildContext())).get_graph().draw_mermaid()
    edges = [line.strip() for line in drawing.splitlines() if "-->" in line or "-.->" in line]
    assert edges == [
        "__start__ --> detect;",
        "assess -.-> conclude;",
        "assess -.-> locate;",
        "conclude --> explain;",
        "detect -.-> assess;",
        "detect -.-> settle;",
        "examine --> revise;",
        "explain --> settle;",
        "locate --> examine;",
        "revise --> assess;",
        "settle --> __end__;",
    ]
