"""PASS, FAIL or REVIEW."""

from typing import Annotated

from pydantic import Field

from reinspect.components import About
from reinspect.policies import rules
from reinspect.trace import Trace
from reinspect.vocabulary import Disposition, Evidence, Move, Outcome

Share = Annotated[float, Field(ge=0, le=1)]
Low = Annotated[float, Field(ge=0, le=0.5)]
High = Annotated[float, Field(ge=0.5, le=1)]


class Thresholds:
    """PASS or FAIL by the label where it can be relied on, else REVIEW.

    Args:
        reliability: least reliability of a verdict that nobody needs to review.
        pass_below: a part passes with P(anomalous) below; others are for REVIEW.
        fail_from: a part fails from this P(anomalous) on; others are for REVIEW.
    """

    about = About("thresholds")

    def __init__(
        self,
        reliability: Share = rules.LEAST_RELIABILITY,
        pass_below: Low = 0.5,
        fail_from: High = 0.5,
    ) -> None:
        self._least = reliability
        self._pass_below, self._fail_from = pass_below, fail_from

    def __call__(self, trace: Trace) -> Disposition:
        verdict, assessment = trace.verdict, trace.assessment
        if trace.error is not None:
            return _review(trace.error)
        if verdict is None or assessment is None:
            seen = trace.last(Evidence)
            return _review(seen.summary if seen else "there is no verdict")
        if trace.decision is not None and trace.decision.move is Move.ESCALATE:
            return _review(trace.decision.reason or "escalated by the policy")
        outcome = rules.disposition(verdict.probability, assessment.reliability, self._least)
        if outcome is Outcome.REVIEW:
            return _review(
                f"reliability {assessment.reliability:.2f} of {verdict.label.value!r} is below "
                f"{self._least:.2f}"
            )
        if self._pass_below <= verdict.probability < self._fail_from:
            return _review(
                f"p = {verdict.probability:.3g} is between {self._pass_below:.3g} and "
                f"{self._fail_from:.3g}"
            )
        return Disposition(
            outcome=outcome,
            reason=f"{verdict.label.value} with reliability {assessment.reliability:.2f}",
        )


def _review(reason: str) -> Disposition:
    return Disposition(outcome=Outcome.REVIEW, reason=reason)
