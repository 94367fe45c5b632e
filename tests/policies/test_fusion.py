"""What several views of a part come to."""

from collections.abc import Mapping

import pytest

from reinspect.policies.fusion import ViewedPart
from reinspect.policies.qualified import ProductLimits
from reinspect.trace import Step, Trace
from reinspect.vocabulary import (
    Assessment,
    Box,
    Decision,
    Defect,
    Disposition,
    Label,
    Move,
    Outcome,
    Revision,
    Sample,
    Verdict,
    View,
)

SPOT = Defect(box=Box(0.1, 0.2, 0.3, 0.4), score=3.0)


def seen(
    probability: float,
    reliability: float,
    *,
    then: float | None = None,
    move: Move = Move.ACCEPT,
    outcome: Outcome = Outcome.PASS,
) -> Trace:
    """A view as it was inspected; `then` is what a second look made of it."""
    sample = Sample(id="p", views=(View(path="p.png", sha256="0" * 64, size=(8, 8)),))
    first = Verdict.of(probability, defects=(SPOT,) if probability >= 0.5 else ())
    steps = [Step(node="detect", products=(first,))]
    if then is not None:
        after = Verdict.of(then, defects=(SPOT,) if then >= 0.5 else ())
        revised = Revision(move=Move.CORRECT, after=after, reflection="looked again")
        steps.append(Step(node="revise", round=1, products=(revised,)))
    own = Assessment(confidence=0.9, reliability=reliability)
    steps.append(Step(node="assess", products=(own, Decision(move=move, policy="doubt"))))
    end = Disposition(outcome=outcome, reason="so")
    return Trace(sample=sample, steps=(*steps, Step(node="settle", products=(end,))))


def unread(why: str = "is no picture") -> Trace:
    sample = Sample(id="p", views=(View(path="p.png", sha256=None),))
    return Trace(sample=sample, steps=(Step(node="detect", error=why),))


def limits(found: int, tried: int, called: int, references: int) -> ProductLimits:
    return ProductLimits(
        drawn=True,
        half=None,
        nine_of_ten=None,
        found=found,
        tried=tried,
        false_calls=called,
        references=references,
    )


@pytest.mark.parametrize(
    ("views", "missing", "probability", "reliability"),
    [
        pytest.param({"a": seen(0.9, 0.8), "b": seen(0.1, 0.9)}, 0, 0.864, 0.8, id="one-alarms"),
        pytest.param({"a": seen(0.9, 0.8), "b": seen(0.9, 0.5)}, 0, 0.9, 0.9, id="both-agree"),
        pytest.param({"a": seen(0.2, 0.8), "b": seen(0.1, 0.9)}, 0, 0.162, 0.8, id="both-normal"),
        pytest.param({"a": seen(0.55, 0.6), "b": seen(0.1, 0.9)}, 0, 0.465, 0.4, id="hardly-one"),
        pytest.param({"a": seen(1.0, 1.0), "b": seen(0.0, 1.0)}, 0, 1.0, 1.0, id="surely-one"),
        pytest.param({"a": seen(0.1, 0.9)}, 1, 0.1, 0.45, id="one-is-missing"),
        pytest.param({"a": seen(0.1, 0.9), "b": unread()}, 0, 0.1, 0.45, id="one-can-not-be-read"),
        pytest.param({"a": seen(0.9, 0.9)}, 1, 0.9, 0.9, id="what-was-seen-stays"),
        pytest.param({"a": seen(0.6, 0.5, then=0.2)}, 0, 0.2, 0.5, id="the-last-look-counts"),
    ],
)
def test_a_part_by_the_odds_of_its_views(
    views: Mapping[str, Trace], missing: int, probability: float, reliability: float
) -> None:
    part = ViewedPart(views, {f"m{n}": "no picture" for n in range(missing)})
    assert part.final is not None
    assert part.assessment is not None
    assert part.final.probability == pytest.approx(probability, abs=1e-3)
    assert part.assessment.reliability == pytest.approx(reliability)
    assert part.final.label is Label.of(probability >= 0.5)
    assert all(name in " ".join(part.assessment.reasons) for name in part.unseen)


@pytest.mark.parametrize(
    ("known", "probability"),
    [
        pytest.param(limits(24, 24, 0, 24), 0.9, id="finds-all-flags-none"),
        pytest.param(limits(12, 24, 1, 8), 0.9, id="one-of-eight-proves-little"),
        pytest.param(limits(12, 24, 6, 24), 0.83, id="flags-many"),
        pytest.param(limits(1, 24, 20, 24), 0.5, id="says-nothing"),
        pytest.param(limits(0, 0, 0, 0), 0.9, id="nothing-was-tried"),
    ],
)
def test_an_alarm_counts_for_what_the_view_is_worth(
    known: ProductLimits, probability: float
) -> None:
    part = ViewedPart({"a": seen(0.9, 0.9)}, limits={"a": known})
    assert part.final is not None
    assert part.assessment is not None
    assert part.final.probability == pytest.approx(probability, abs=0.01)
    assert part.final.label is Label.of(probability > 0.5)


def test_boxes_say_which_view_they_are_of() -> None:
    part = ViewedPart({"a": seen(0.6, 0.8), "b": seen(0.9, 0.8), "c": seen(0.1, 0.8)})
    assert part.final is not None
    assert [defect.view for defect in part.final.defects] == ["b", "a"]


def test_a_correction_of_a_view_is_one_of_the_part() -> None:
    part = ViewedPart({"a": seen(0.9, 0.8, then=0.3), "b": seen(0.3, 0.8)})
    assert part.first is not None
    assert part.first.label is Label.ANOMALOUS
    revision = part.revision
    assert revision is not None
    assert (revision.move, revision.after.probability) == (Move.CORRECT, pytest.approx(0.3))
    assert revision.reflection == "a: looked again"
    assert ViewedPart({"a": seen(0.2, 0.8)}).revision is None


@pytest.mark.parametrize(
    ("views", "move"),
    [
        pytest.param(
            {"a": seen(0.9, 0.8), "b": seen(0.1, 0.2, move=Move.ESCALATE)}, Move.ACCEPT, id="other"
        ),
        pytest.param(
            {"a": seen(0.9, 0.8, move=Move.ESCALATE), "b": seen(0.1, 0.9)}, Move.ESCALATE, id="own"
        ),
        pytest.param(
            {"a": seen(0.1, 0.8), "b": seen(0.1, 0.2, move=Move.ESCALATE)}, Move.ESCALATE, id="any"
        ),
    ],
)
def test_a_part_is_escalated_with_the_view_that_it_rests_on(
    views: Mapping[str, Trace], move: Move
) -> None:
    assert ViewedPart(views).decision.move is move


@pytest.mark.parametrize(
    ("views", "missing", "outcome"),
    [
        pytest.param({"a": seen(0.1, 1), "b": seen(0.1, 1)}, {}, Outcome.PASS, id="all-pass"),
        pytest.param({"a": seen(0.1, 1)}, {"b": "no picture"}, Outcome.REVIEW, id="one-is-missing"),
        pytest.param(
            {"a": seen(0.9, 1, outcome=Outcome.FAIL), "b": seen(0.1, 0.2, outcome=Outcome.REVIEW)},
            {},
            Outcome.FAIL,
            id="one-fails",
        ),
        pytest.param(
            {"a": seen(0.9, 0.1, outcome=Outcome.REVIEW), "b": seen(0.1, 1)},
            {},
            Outcome.REVIEW,
            id="the-alarm-is-in-doubt",
        ),
    ],
)
def test_dispositions_of_views(
    views: Mapping[str, Trace], missing: Mapping[str, str], outcome: Outcome
) -> None:
    assert ViewedPart(views, missing).by_views.outcome is outcome


def test_a_part_that_no_view_shows_has_no_verdict() -> None:
    part = ViewedPart({"a": unread("is empty")}, {"b": "no picture"})
    assert part.final is None
    assert part.assessment is None
    assert part.nothing.summary == "a: is empty; b: no picture"
    turned = ViewedPart({name: unread(f"setup: turned by {name}") for name in "ab"})
    assert turned.nothing.summary == "setup: a: turned by a; b: turned by b"
