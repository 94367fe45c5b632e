"""The hand-set estimator for first looks by a model, or with a second opinion beside them."""

import math

from reinspect.policies import rules
from reinspect.policies.hand_set import HandSet, looked_first, signals_of, witnesses_of
from reinspect.trace import Trace
from reinspect.vocabulary import Estimate, Label, Verdict

BY_A_MODEL = "model"
"""Source of the evidence that a model's first look rests on."""

LOUDEST = 0.77
"""A model's first look counts as no surer than this, however sure it says it is.

Strong models are right in 72 to 82 of 100 first answers (M3-AD-Bench), and what they state, or
their tokens say, is mostly above 90. It is below what one witness can say (`rules`), so that new
evidence which contradicts it can win.
"""


class Opinions:
    """`HandSet`, for verdicts that come with a second opinion or from a model.

    A second opinion is evidence of the first look besides the one that the verdict rests on, which
    stands first: the embedded expert beside a hosted model. Where it disagrees, the verdict is
    less reliable; it changes no probability of a first look.
    """

    def __init__(self) -> None:
        self._plain = HandSet()

    def __call__(self, trace: Trace) -> Estimate:
        first = trace.first
        if first is None:
            raise ValueError(f"no first look at {trace.sample.id!r} to estimate from")
        others = {e.source: e.probability for e in first.evidence[1:] if e.probability is not None}
        modest = _modest(first)
        if modest == first.probability and not others:
            return self._plain(trace)
        witnesses = witnesses_of(trace)
        fused = rules.fuse(modest, {**others, **witnesses})
        signals = {**signals_of(first), **{f"p of {name}": p for name, p in witnesses.items()}}
        if witnesses:
            reliability = rules.reliability(fused)
            return Estimate(probability=fused, reliability=reliability, signals=signals)
        agreed = fused if first.label is Label.ANOMALOUS else 1 - fused
        return Estimate(
            probability=first.probability,
            reliability=agreed,
            signals=signals,
            notes=tuple(_disagreement(first, name, p) for name, p in others.items()),
        )


def _modest(first: Verdict) -> float:
    """The first look's probability, no surer than a model may be."""
    if not looked_first(BY_A_MODEL, first):
        return first.probability
    return min(max(first.probability, 1 - LOUDEST), LOUDEST)


def _disagreement(first: Verdict, name: str, probability: float) -> str:
    agrees = (probability >= 0.5) == (first.label is Label.ANOMALOUS)
    gap = math.fabs(probability - first.probability)
    verb = "agrees" if agrees else "disagrees"
    return f"second opinion: {name} {verb} (p = {probability:.2f}, {gap:.2f} apart)"
