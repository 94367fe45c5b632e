"""Trigger, revision and disposition, given the trace so far."""

import pytest

from reinspect.policies import rules
from reinspect.policies.disposition import Thresholds
from reinspect.policies.hand_set import EMBEDDED, WITHOUT, HandSet
from reinspect.policies.revision import Agreement, held
from reinspect.policies.triggers import Doubt
from reinspect.trace import Branch, Step, Trace
from reinspect.vocabulary import (
    Assessment,
    Decision,
    Evidence,
    Label,
    Move,
    Outcome,
    Product,
    Revision,
    Sample,
    Verdict,
    View,
)

SAMPLE = Sample(id="a", views=(View(path="a.png", sha256="0" * 64),))


def trace(*products: Product, error: str | None = None) -> Trace:
    steps = tuple(Step(node="test", products=(product,)) for product in products)
    return Trace(sample=SAMPLE, steps=(*steps, Step(node="test", error=error)))


def assessed(probability: float, reliability: float) -> tuple[Verdict, Assessment]:
    verdict = Verdict.of(probability)
    return verdict, Assessment(confidence=verdict.confidence, reliability=reliability)


@pytest.mark.parametrize(
    ("seen", "move"),
    [
        pytest.param(assessed(0.97, 0.97), Move.ACCEPT, id="reliable"),
        pytest.param(assessed(0.52, 0.52), Move.REVISIT, id="doubtful"),
        pytest.param((), Move.ESCALATE, id="no verdict"),
    ],
)
def test_doubt_looks_again_where_a_verdict_cannot_be_relied_on(
    seen: tuple[Product, ...], move: Move
) -> None:
    assert Doubt()(trace(*seen)) is move


def proposal(probability: float) -> Revision:
    return Revision(move=Move.CORRECT, after=Verdict.of(probability), reflection="seen.")


def says(probability: float, source: str = "one") -> Evidence:
    return Evidence(source=source, summary="", probability=probability)


@pytest.mark.parametrize(
    ("products", "move"),
    [
        pytest.param((says(0.9), proposal(0.7)), Move.CORRECT, id="evidence agrees"),
        pytest.param((says(0.3), proposal(0.7)), Move.KEEP, id="evidence disagrees"),
        pytest.param(
            (says(0.9), says(0.2, "other"), proposal(0.7)), Move.KEEP, id="evidence is divided"
        ),
        pytest.param((proposal(0.7),), Move.KEEP, id="no new evidence"),
        pytest.param((says(0.9), proposal(0.3)), Move.KEEP, id="no flip proposed"),
        pytest.param((says(0.9),), Move.KEEP, id="nothing proposed"),
    ],
)
def test_a_flip_needs_agreeing_new_evidence(products: tuple[Product, ...], move: Move) -> None:
    assert Agreement()(trace(Verdict.of(0.4), *products)) is move


@pytest.mark.parametrize(
    ("first", "proposed", "label"),
    [
        pytest.param(0.4, 0.9, Label.NORMAL, id="stays normal"),
        pytest.param(0.6, 0.1, Label.ANOMALOUS, id="stays anomalous"),
        pytest.param(0.6, 0.8, Label.ANOMALOUS, id="no flip"),
    ],
)
def test_a_held_verdict_keeps_its_label(first: float, proposed: float, label: Label) -> None:
    revision = held(trace(Verdict.of(first)), proposal(proposed))
    assert (revision.move, revision.after.label) == (Move.KEEP, label)


def test_a_verdict_that_only_gets_surer_keeps_the_fused_probability() -> None:
    assert held(trace(Verdict.of(0.6)), proposal(0.8)).after.probability == 0.8


@pytest.mark.parametrize(
    ("seen", "outcome"),
    [
        pytest.param(trace(*assessed(0.1, 0.9)), Outcome.PASS, id="normal"),
        pytest.param(trace(*assessed(0.9, 0.9)), Outcome.FAIL, id="anomalous"),
        pytest.param(trace(*assessed(0.9, 0.55)), Outcome.REVIEW, id="unreliable"),
        pytest.param(trace(*assessed(0.1, 0.9), error="boom"), Outcome.REVIEW, id="error"),
        pytest.param(trace(), Outcome.REVIEW, id="no verdict"),
        pytest.param(
            trace(*assessed(0.1, 0.9), Decision(move=Move.ESCALATE, policy="mine")),
            Outcome.REVIEW,
            id="escalated",
        ),
    ],
)
def test_disposition(seen: Trace, outcome: Outcome) -> None:
    disposition = Thresholds(reliability=0.6)(seen)
    assert disposition.outcome is outcome
    assert disposition.reason


@pytest.mark.parametrize(
    ("probability", "outcome"),
    [
        pytest.param(0.29, Outcome.PASS, id="below"),
        pytest.param(0.3, Outcome.REVIEW, id="not-below"),
        pytest.param(0.89, Outcome.REVIEW, id="not-yet"),
        pytest.param(0.9, Outcome.FAIL, id="from"),
    ],
)
def test_what_is_between_the_thresholds_is_for_review(probability: float, outcome: Outcome) -> None:
    settle = Thresholds(reliability=0.6, pass_below=0.3, fail_from=0.9)
    assert settle(trace(*assessed(probability, 0.95))).outcome is outcome


def test_the_hand_set_estimate_is_the_first_look_until_there_is_more() -> None:
    assert HandSet()(trace(Verdict.of(0.7))).probability == 0.7


def test_agreeing_evidence_makes_the_hand_set_estimate_surer() -> None:
    alone = HandSet()(trace(Verdict.of(0.6)))
    both = HandSet()(trace(Verdict.of(0.6), says(0.9)))
    assert both.probability > alone.probability
    assert both.reliability > alone.reliability
    assert both.signals["one_p"] == 0.9


@pytest.mark.parametrize(
    ("looked_first", "counts_half"),
    [
        pytest.param(says(0.9, EMBEDDED), True, id="the learned filters"),
        pytest.param(says(0.9, "mine"), False, id="a detector of one's own"),
    ],
)
def test_the_eye_and_the_learned_filters_are_one_first_look(
    looked_first: Evidence, counts_half: bool
) -> None:
    first = Verdict.of(0.9, evidence=(looked_first,))
    heard = HandSet()(trace(first, says(0.2, "eye"), says(0.3, "reference")))
    witnesses = {"eye": 0.2, "reference": 0.3}
    assert heard.probability == rules.fuse(0.9, witnesses, seconded=counts_half)


def test_what_the_eye_changed_is_on_record() -> None:
    first = Verdict.of(0.55, evidence=(says(0.55, EMBEDDED),))
    others = trace(first, says(0.6, "reference"))
    heard = HandSet()(trace(first, says(0.05, "eye"), says(0.6, "reference")))
    assert heard.probability < 0.5 < heard.signals[WITHOUT]
    assert heard.signals[WITHOUT] == HandSet()(others).probability
    assert heard.notes == (f"without the eye: anomalous (p = {heard.signals[WITHOUT]:.2f})",)
    assert not HandSet()(others).notes


@pytest.mark.parametrize(
    ("references", "most"),
    [
        pytest.param(0, 0.97, id="none, said of themselves"),
        pytest.param(2, 0.8, id="two"),
        pytest.param(3, 0.87, id="three"),
        pytest.param(8, 0.97, id="eight"),
    ],
)
@pytest.mark.parametrize("looks", [(), (says(0.01, rules.NETWORK),)])
def test_two_looks_by_few_references_are_no_surer_than_these_allow(
    looks: tuple[Evidence, ...], references: int, most: float
) -> None:
    seen = says(0.01, EMBEDDED).model_copy(update={"measurements": {"references": references}})
    heard = HandSet()(trace(Verdict.of(0.01, evidence=(seen,)), *looks))
    assert heard.reliability == pytest.approx(most, abs=0.005)


def test_explored_evidence_counts_for_nothing_on_record() -> None:
    explored = Branch(at=1, steps=(Step(node="examine", products=(says(0.9),)),))
    looked = trace(Verdict.of(0.3)).model_copy(update={"explored": explored})
    assert HandSet()(looked).probability == 0.3
