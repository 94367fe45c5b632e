"""When to look again."""

import math
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from reinspect.components import About
from reinspect.policies import rules
from reinspect.policies.hand_set import by_network
from reinspect.trace import Trace
from reinspect.vocabulary import Move


class Doubt:
    """Look again where the verdict can't be relied on as it stands.

    The rule is fixed beforehand, so a verdict never depends on the other images of a batch.
    """

    about = About("doubt")

    def __call__(self, trace: Trace) -> Move:
        verdict, assessment = trace.verdict, trace.assessment
        if verdict is None or assessment is None:
            return Move.ESCALATE
        first = trace.first or verdict
        again = rules.wants_second_look(assessment.reliability, by_network=by_network(first))
        return Move.REVISIT if again else Move.ACCEPT


class Below:
    """Look again where the estimated reliability is below a border that was fixed beforehand.

    Args:
        reliability: the border; `calibrated` gives the one for a wanted share of revisits.
    """

    about = About("below")

    def __init__(self, reliability: Annotated[float, Field(ge=0, le=1)]) -> None:
        self._border = reliability

    def __call__(self, trace: Trace) -> Move:
        if trace.verdict is None or trace.assessment is None:
            return Move.ESCALATE
        return Move.REVISIT if trace.assessment.reliability < self._border else Move.ACCEPT


class Always:
    """Look again at every picture."""

    about = About("always")

    def __call__(self, trace: Trace) -> Move:
        return Move.REVISIT


class Never:
    """Accept every first verdict."""

    about = About("never")

    def __call__(self, trace: Trace) -> Move:
        return Move.ACCEPT


def calibrated(reliabilities: Sequence[float], *, share: float) -> float:
    """The border below which a share of known first verdicts lies.

    Args:
        reliabilities: of first verdicts on parts like those to come, in any order.
        share: of parts to look at twice, [0, 1].

    Raises:
        ValueError: no reliabilities, or a share outside [0, 1].
    """
    if not reliabilities:
        raise ValueError("calibrated needs at least one reliability")
    if not 0 <= share <= 1:
        raise ValueError(f"share {share!r} is outside [0, 1]")
    ordered = sorted(reliabilities)
    position = round(share * len(ordered))
    return ordered[position] if position < len(ordered) else math.nextafter(ordered[-1], 2)
