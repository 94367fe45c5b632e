"""When to look again."""

from reinspect.policies import rules
from reinspect.vocabulary import Move, Trace


class Doubt:
    """Look again where the verdict can't be relied on as it stands.

    The rule is fixed beforehand, so a verdict never depends on the other images of a batch.
    """

    def __call__(self, trace: Trace) -> Move:
        verdict, assessment = trace.verdict, trace.assessment
        if verdict is None or assessment is None:
            return Move.ESCALATE
        again = rules.wants_second_look(assessment.reliability)
        return Move.REVISIT if again else Move.ACCEPT
