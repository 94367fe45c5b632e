import json

import pytest

from reinspect.trace import Step, Trace
from reinspect.vocabulary import (
    Assessment,
    Box,
    Decision,
    Defect,
    Disposition,
    Evidence,
    Move,
    Outcome,
    Revision,
    Sample,
    Verdict,
    View,
)

SAMPLE = Sample(id="a.png", views=(View(path="a.png", sha256="0" * 64),))


def revisited(*, explored: bool) -> Trace:
    own = Evidence(source="map", summary="a spot")
    first = Verdict.of(0.4, evidence=(own,))
    after = Verdict.of(0.8, defects=(Defect(box=Box(0, 0, 0.1, 0.1)),))
    move = Move.ACCEPT if explored else Move.REVISIT
    steps = (
        Step(node="detect", products=(first,)),
        Step(
            node="assess",
            products=(
                Assessment(confidence=0.6, reliability=0.5),
                Decision(move=move, policy="test"),
            ),
        ),
        Step(
            node="examine",
            products=(Evidence(source="zoom", summary="it is real"),),
        ),
        Step(
            node="revise",
            products=(Revision(move=Move.CORRECT, after=after, reflection="seen"),),
        ),
    )
    settled = Step(node="settle", seconds=0.5)
    flags = (False, False, explored, explored, False)
    return Trace.of(SAMPLE, zip((*steps, settled), flags, strict=True))


def test_a_trace_reads_first_and_final_verdict() -> None:
    trace = revisited(explored=False)
    assert trace.first is not None
    assert trace.verdict is not None
    assert (trace.first.probability, trace.verdict.probability) == (0.4, 0.8)
    assert (trace.rounds, trace.revised) == (1, True)
    assert [e.source for e in trace.evidence] == ["map", "zoom"]
    assert trace.assessment is not None
    assert trace.assessment.divergence == pytest.approx(0.1)


def test_an_explored_look_is_a_branch_off_the_record() -> None:
    trace = revisited(explored=True)
    assert [step.node for step in trace.steps] == ["detect", "assess", "settle"]
    assert [step.node for step, explored in trace.taken if explored] == ["examine", "revise"]
    assert trace.all_steps == trace.hypothetical.steps == revisited(explored=True).all_steps
    assert trace.verdict == trace.first
    assert (trace.rounds, trace.revised) == (0, False)
    assert [e.source for e in trace.evidence] == ["map"]
    assert trace.hypothetical.verdict == revisited(explored=False).verdict


def test_a_trace_survives_json() -> None:
    trace = revisited(explored=True)
    assert Trace.model_validate_json(trace.model_dump_json()) == trace


@pytest.mark.parametrize("explored", [True, False])
def test_a_trace_whose_steps_have_flags_is_read_as_before(*, explored: bool) -> None:
    """As files have it that were written before an explored look became a branch."""
    trace = revisited(explored=explored)
    steps = [{**step.model_dump(mode="json"), "explored": flagged} for step, flagged in trace.taken]
    written = {"sample": trace.sample.model_dump(mode="json"), "steps": steps}
    assert Trace.model_validate_json(json.dumps(written)) == trace
    assert Trace.model_validate(written) == trace


def test_a_failed_second_look_counts_as_a_round() -> None:
    trace = Trace(sample=SAMPLE, steps=(Step(node="revise", error="revise: boom"),))
    assert trace.rounds == 1
    assert trace.error == "revise: boom"


def test_a_path_is_renamed_wherever_a_value_names_it() -> None:
    view = View(path="/tmp/7.png", sha256=None)
    steps = (
        Step(node="detect", error="/tmp/7.png: is not an image"),
        Step(
            node="settle",
            products=(Disposition(outcome=Outcome.REVIEW, reason="see /tmp/7.png"),),
        ),
    )
    trace = Trace(sample=Sample(id="a", views=(view,)), steps=steps)
    renamed = trace.renamed("/tmp/7.png", "s3://plant/7.png")
    assert "/tmp/" not in renamed.model_dump_json()
    assert renamed.model_dump_json().count("s3://plant/7.png") == 3
    assert Trace.model_validate(renamed.model_dump()) == renamed
    assert trace.renamed("elsewhere", "x") == trace
