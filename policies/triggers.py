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
        doubtful = rules.wants_second_look(
            verdict.probability, assessment.reliability, assessment.signals
        )
        return Move.REVISIT if doubtful else Move.ACCEPT
