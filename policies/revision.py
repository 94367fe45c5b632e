"""When a second look may change the verdict."""

from reinspect.policies import rules
from reinspect.policies.hand_set import witnesses_of
from reinspect.vocabulary import Label, Move, Revision, Trace, Verdict

_JUST_NORMAL = 0.499


class Agreement:
    """A flip needs new evidence that agrees with it; without, the label is kept."""

    def __call__(self, trace: Trace) -> Move:
        proposal, first = trace.last(Revision), trace.first
        if proposal is None or first is None or proposal.after.label is first.label:
            return Move.KEEP
        allowed = rules.flip_allowed(
            first.probability, proposal.after.probability, witnesses_of(trace)
        )
        return Move.CORRECT if allowed else Move.KEEP


def held(trace: Trace, proposal: Revision) -> Revision:
    """The proposal with the label in force kept: its probability stops at that label's border."""
    before, after = trace.verdict, proposal.after
    if before is None or after.label is before.label:
        return proposal.model_copy(update={"move": Move.KEEP})
    anomalous = before.label is Label.ANOMALOUS
    probability = max(after.probability, 0.5) if anomalous else min(after.probability, _JUST_NORMAL)
    kept = Verdict.of(
        probability,
        defects=before.defects if anomalous else (),
        rationale=after.rationale,
        evidence=after.evidence,
    )
    reflection = f"{proposal.reflection} The new evidence does not agree on that: kept."
    return Revision(move=Move.KEEP, after=kept, reflection=reflection)
