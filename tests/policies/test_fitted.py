import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reinspect.policies.case import Occasion
from reinspect.policies.fitted import (
    Dispositions,
    FittedMonitor,
    FittedOn,
    MonitorError,
    SecondLookGain,
    Targets,
    WorthIt,
    load_monitor,
)
from reinspect.policies.heads import Head, LookWeights, SignalWeights, Trust
from reinspect.policies.reliability import CaseEstimator
from reinspect.trace import Step, Trace
from reinspect.training.monitor.fit import fit_monitor
from reinspect.vocabulary import (
    Decision,
    Evidence,
    Move,
    Outcome,
    Sample,
    Verdict,
    View,
)
from support.made_judgements import judgement, judgements

P = st.floats(0, 1)
FITTED = fit_monitor(judgements(90))


def head(looks: int = 1, **changes: object) -> Head:
    weights = LookWeights(weight=1.0, standing=0.0, values=(0.5,), ranks=(0.0,))
    return Head(**{"intercept": 0.0, "looks": (weights,) * looks, **changes})


def monitor(**changes: object) -> FittedMonitor:
    training = FittedOn(items=0, anomalous=0, looked_twice=0)
    return FittedMonitor(**{"first": head(), "training": training, **changes})


AGAIN = SecondLookGain(intercept=0.0, doubt=0.1, label=0.0, least=0.05, share=0.5)


def trace(probability: float, *steps: Step) -> Trace:
    sample = Sample(id="a.png", views=(View(path="/a.png", sha256=None),))
    first = Step(node="detect", products=(Verdict.of(probability),))
    return Trace(sample=sample, steps=(first, *steps))


@given(low=P, high=P, other=P, marks=st.floats(-5, 20))
def test_the_probability_never_falls_when_a_look_rises(
    low: float, high: float, other: float, marks: float
) -> None:
    low, high = sorted((low, high))
    for looks in (((low, other), (high, other)), ((other, low), (other, high))):
        below, above = (FITTED.score(judgement("a", *pair, marks=marks)) for pair in looks)
        assert below.probability <= above.probability
    first = [FITTED.score(judgement("a", p)).probability for p in (low, high)]
    assert first == sorted(first)


@given(first=P, second=st.none() | P, value=st.floats(allow_nan=False, allow_infinity=False))
def test_every_judgement_has_a_score(first: float, second: float | None, value: float) -> None:
    looks = [first] if second is None else [first, second]
    result = FITTED.score(judgement("a", *looks, marks=value, stranger=value))
    assert 0 <= result.probability <= 1
    assert 0 <= result.reliability <= 1
    assert result.stage == ("first" if second is None else "second")


def test_missing_and_far_signals_are_flagged() -> None:
    seen = SignalWeights(mean=2, spread=1, low=0, high=4, weight=1, trust=0)
    fitted = head(signals={"marks": seen})
    at_mean = fitted.score([0.5], {"marks": 2})
    assert at_mean.flags == ()
    missing = fitted.score([0.5], {})
    assert missing.probability == at_mean.probability
    assert missing.flags == ("signal 'marks' is missing: taken as its mean 2",)
    assert fitted.score([0.5], {"marks": 7.9}).flags == ()
    far = fitted.score([0.5], {"marks": 1000})
    assert far.probability == fitted.score([0.5], {"marks": 4}).probability
    assert far.flags == ("signal 'marks' = 1000 is far outside the fit's range 0 … 4",)


def test_a_head_is_its_formula() -> None:
    fitted = head(intercept=0.5, trust=Trust(intercept=0.1, confidence=0.5, label=-0.4))
    scored = fitted.score([0.5], {})
    assert scored.probability == pytest.approx(0.6224593)  # logistic(0.5)
    assert scored.reliability == pytest.approx(0.5374298)  # logistic(0.1 + 0.25 − 0.2)


def test_a_second_look_without_a_head_is_left_aside_and_flagged() -> None:
    result = monitor().score(judgement("a", 0.3, 0.9))
    assert (result.stage, result.probability) == ("first", pytest.approx(0.3))
    assert "left aside" in result.flags[0]


def test_moves() -> None:
    able = monitor(second=head(2), again=AGAIN)
    assert able.score(judgement("a", 0.5)).move is Move.REVISIT
    assert able.score(judgement("a", 0.99)).move is Move.ACCEPT
    assert able.score(judgement("a", 0.6, 0.9)).move is Move.KEEP
    assert able.score(judgement("a", 0.6, 0.1)).move is Move.CORRECT
    assert monitor().score(judgement("a", 0.5)).move is Move.ACCEPT


def test_an_explored_look_counts_where_it_would_have_been_asked_for() -> None:
    able = monitor(second=head(2), again=AGAIN)
    explored = {"occasion": Occasion.EXPLORED}
    assert able.score(judgement("a", 0.5, 0.9, **explored)).stage == "second"
    assert able.score(judgement("a", 0.99, 0.1, **explored)).stage == "first"
    assert able.score(judgement("a", 0.99, 0.1)).stage == "second"


def test_the_estimator_reads_a_trace_as_a_judgement() -> None:
    able = monitor(second=head(2), again=AGAIN)
    estimate = CaseEstimator(able)
    assert estimate(trace(0.3)).probability == pytest.approx(0.3)
    seen = Evidence(source="near", summary="", probability=0.9)
    again = estimate(trace(0.3, Step(node="examine", products=(seen,))))
    assert again.probability == able.score(judgement("a", 0.3, 0.9)).probability
    assert "gain of a second look" in again.signals


def test_the_trigger_looks_again_once_where_it_is_worth_it() -> None:
    trigger = WorthIt(monitor(again=AGAIN))
    assert trigger(trace(0.5)) is Move.REVISIT
    assert trigger(trace(0.99)) is Move.ACCEPT
    assert trigger(trace(0.5, Step(node="revise"))) is Move.ACCEPT
    sample = trace(0.5).sample
    assert trigger(Trace(sample=sample)) is Move.ESCALATE
    with pytest.raises(MonitorError, match="--explore"):
        WorthIt(monitor())


def test_gain_is_per_unit_of_cost() -> None:
    assert AGAIN.model_copy(update={"cost": 4.0}).gain(0.5) == pytest.approx(AGAIN.gain(0.5) / 4)


@pytest.mark.parametrize(
    ("probability", "steps", "outcome"),
    [
        pytest.param(0.05, (), Outcome.PASS, id="below"),
        pytest.param(0.11, (), Outcome.REVIEW, id="between"),
        pytest.param(0.91, (), Outcome.FAIL, id="above"),
        pytest.param(0.05, (Step(node="zoom", error="broke"),), Outcome.REVIEW, id="error"),
        pytest.param(
            0.05,
            (Step(node="assess", products=(Decision(move=Move.ESCALATE, policy="x"),)),),
            Outcome.REVIEW,
            id="escalated",
        ),
    ],
)
def test_dispositions_follow_the_thresholds(
    probability: float, steps: tuple[Step, ...], outcome: Outcome
) -> None:
    settle = Dispositions(pass_below=0.1, fail_from=0.9, confidence=0.9)
    targets = Targets(monitor(dispositions=settle))
    assert targets(trace(probability, *steps)).outcome is outcome


def test_a_verdict_that_contradicts_the_estimate_is_reviewed() -> None:
    settle = Dispositions(pass_below=0.5, fail_from=0.5, confidence=0.9)
    shifted = monitor(first=head(intercept=5.0), dispositions=settle)
    assert Targets(shifted)(trace(0.4)).outcome is Outcome.REVIEW
    sample = trace(0.5).sample
    assert Targets(shifted)(Trace(sample=sample)).outcome is Outcome.REVIEW
    with pytest.raises(MonitorError, match="--max-escape"):
        Targets(monitor())


@settings(max_examples=20)
@given(first=P, second=P, marks=st.floats(0, 9))
def test_a_saved_monitor_scores_as_before(first: float, second: float, marks: float) -> None:
    again = FittedMonitor.model_validate_json(FITTED.model_dump_json())
    asked = judgement("a", first, second, marks=marks)
    assert again.score(asked) == FITTED.score(asked)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"version": 2}, "of version 2, .* reads version 1", id="version"),
        pytest.param({"version": None}, "of version None", id="no-version"),
        pytest.param({"format": "something"}, "is no monitor", id="format"),
        pytest.param({"first": None}, "first: ", id="no-head"),
        pytest.param({"extra": 1}, "extra: ", id="unknown-key"),
    ],
)
def test_a_strange_monitor_is_refused_in_one_line(
    change: dict[str, object], said: str, tmp_path: Path
) -> None:
    file = tmp_path / "monitor.json"
    file.write_text(json.dumps({**FITTED.model_dump(mode="json"), **change}), encoding="utf-8")
    with pytest.raises(MonitorError, match=said) as caught:
        load_monitor(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"{", "no JSON", id="cut-off"),
        pytest.param(b"[]", "is no monitor", id="list"),
        pytest.param(b"\xff", "cannot read", id="binary"),
    ],
)
def test_what_is_no_monitor_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "monitor.json"
    file.write_bytes(content)
    with pytest.raises(MonitorError, match=said):
        load_monitor(file)


def test_a_negative_weight_of_a_look_or_falling_ranks_are_refused() -> None:
    with pytest.raises(ValueError, match="weight"):
        LookWeights(weight=-1, standing=0, values=(0.5,), ranks=(0.0,))
    with pytest.raises(ValueError, match="ranks"):
        LookWeights(weight=1, standing=0, values=(0.1, 0.5), ranks=(0.5, 0.0))
    with pytest.raises(ValueError, match="values"):
        LookWeights(weight=1, standing=0, values=(0.5, 0.1), ranks=(0.0, 0.5))


@pytest.mark.process
@pytest.mark.parametrize("policy", ["fitted", "critic"])
def test_serving_needs_no_training_library(policy: str) -> None:
    code = (
        f"import sys, reinspect.policies.{policy}; "
        "print([m for m in ('scipy', 'sklearn', 'torch', 'sqlalchemy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
