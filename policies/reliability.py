"""What every learned reliability model answers of a case: the fitted monitor, and the critic."""

from typing import Protocol

from reinspect.policies.case import Case, case_of
from reinspect.trace import Trace
from reinspect.vocabulary import Estimate, Move


class Reliability(Protocol):
    """A model of when a verdict can be relied on."""

    def estimate(self, case: Case) -> Estimate:
        """P(anomalous) by all looks so far, and P(the label in force is right)."""

    def first_move(self, case: Case) -> Move:
        """Accept, revisit or escalate, by the first look alone."""

    def second_move(self, case: Case) -> Move:
        """Keep, correct or escalate, by both looks."""


class CaseEstimator:
    """An estimator over traces, for RA-Monitor."""

    def __init__(self, model: Reliability) -> None:
        self._model = model

    def __call__(self, trace: Trace) -> Estimate:
        return self._model.estimate(case_of(trace))
