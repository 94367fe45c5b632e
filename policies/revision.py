"""When a second look may change the verdict."""

from reinspect.components import About
from reinspect.policies import rules
from reinspect.policies.hand_set import witnesses_of
from reinspect.trace import Trace
from reinspect.vocabulary import Assessment, Label, Move, Revision, Verdict

_JUST_NORMAL = 0.499


class Agreement:
    """A flip needs new evidence that agrees with it; without, the label is kept."""

    about = About("agreement")

    def __call__(self, trace: Trace) -> Move:
        proposal, first = trace.last(Revision), trace.first
        if proposal is None or first is None or proposal.after.label is first.label:
            return Move.KEEP
        allowed = rules.flip_allowed(
            first.probability, proposal.after.probability, witnesses_of(trace)
        )
        return Move.CORRECT if allowed else Move.KEEP


class Keep:
    """No flip; the probability may still change."""

    about = About("keep")

    def __call__(self, trace: Trace) -> Move:
        return Move.KEEP


def restated(verdict: Verdict, assessment: Assessment | None) -> Verdict:
    """The same finding, as probable as the monitor puts it; its label stays."""
    if assessment is None or assessment.probability is None:
        return verdict
    probability = on_its_side(assessment.probability, verdict.label)
    return verdict.model_copy(update={"probability": probability})


def held(trace: Trace, proposal: Revision) -> Revision:
    """The proposal with the label in force kept: its probability stops at that label's border."""
    before, after = trace.verdict, proposal.after
    if before is None or after.label is before.label:
        return proposal.model_copy(update={"move": Move.KEEP})
    kept = Verdict.of(
        on_its_side(after.probability, before.label),
        defects=before.defects,
        rationale=after.rationale,
        evidence=after.evidence,
    )
    reflection = f"{proposal.reflection} The new evidence does not agree on that: kept."
    return Revision(move=Move.KEEP, after=kept, reflection=reflection)


def on_its_side(probability: float, label: Label) -> float:
    """The probability of a label that is kept: it stops at that label's border."""
    if label is Label.ANOMALOUS:
        return max(probability, 0.5)
    return min(probability, _JUST_NORMAL)
