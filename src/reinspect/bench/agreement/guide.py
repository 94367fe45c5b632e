"""What gauge studies take for good enough (AIAG, Measurement Systems Analysis, attribute studies).

The manual calls these values guidelines, to be agreed upon with whom the parts are for.
"""

from typing import Literal

Judgement = Literal["acceptable", "marginal", "unacceptable"]

_LIMITS = {
    "effectiveness": (0.90, 0.80),
    "miss_rate": (0.02, 0.05),
    "false_alarm_rate": (0.05, 0.10),
}
_GOOD, _POOR = 0.75, 0.40


def judged(figure: str, share: float | None) -> Judgement | None:
    """A share of the study, by the manual's table; None where there is none.

    Args:
        figure: effectiveness, miss_rate or false_alarm_rate.
        share: of it.
    """
    if share is None:
        return None
    good, still = _LIMITS[figure]
    sign = 1 if good > still else -1
    if sign * share >= sign * good:
        return "acceptable"
    return "marginal" if sign * share >= sign * still else "unacceptable"


def judged_kappa(kappa: float | None) -> Judgement | None:
    """Above .75 agreement is good, below .40 poor."""
    if kappa is None:
        return None
    if kappa > _GOOD:
        return "acceptable"
    return "marginal" if kappa >= _POOR else "unacceptable"
