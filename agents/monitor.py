"""RA-Monitor: reflection as a learnable revision of decisions (M3-AD, arXiv 2603.00055).

Its four functions, each a visible step: confidence, reliability, controlled revision, explanation.
The numbers come from an estimator (hand-set, fitted or a critic); the words are made here.
"""

from collections.abc import Sequence
from typing import Any, Self

from reinspect.agents.context import AgentContext
from reinspect.components import About, ComponentOptions, RecipePath
from reinspect.policies.opinions import Opinions
from reinspect.policies.qualified import LimitsOf
from reinspect.policies.reliability import CaseEstimator
from reinspect.roles import Estimator
from reinspect.texts import two_digits
from reinspect.trace import Trace
from reinspect.vocabulary import (
    Assessment,
    Evidence,
    Explanation,
    Label,
    Move,
    Revision,
    Sample,
    Verdict,
)


class RAMonitor:
    """Monitor, reviser and explainer over one estimator; in a recipe, that of hand-set rules."""

    about = About("embedded")
    Options: type[ComponentOptions] = ComponentOptions

    def __init__(self, estimate: Estimator, qualified: LimitsOf = lambda sample: None) -> None:
        self._estimate, self._qualified = estimate, qualified

    @classmethod
    def from_recipe(cls, options: Any, context: AgentContext) -> Self:
        """The monitor of a recipe."""
        return cls(Opinions(), context.qualified)

    def __call__(self, trace: Trace) -> Assessment:
        """Confidence against reliability of the verdict in force."""
        verdict = _in_force(trace)
        estimate = self._estimate(trace)
        gap = verdict.confidence - estimate.reliability
        reasons = (
            f"{verdict.label.value} at p = {two_digits(verdict.probability)}: "
            f"confidence {verdict.confidence:.2f}, reliability {estimate.reliability:.2f}, "
            f"divergence {gap:+.2f}",
            *_said(verdict, trace.evidence),
            *estimate.notes,
        )
        return Assessment(
            confidence=verdict.confidence,
            reliability=estimate.reliability,
            reasons=reasons,
            signals=estimate.signals,
            probability=estimate.probability,
        )

    def revise(self, trace: Trace) -> Revision:
        """Fuse the new evidence with the first look, and propose a verdict."""
        before = _in_force(trace)
        estimate = self._estimate(trace)
        after = Verdict.of(estimate.probability, defects=before.defects).at(trace.regions)
        move = Move.KEEP if after.label is before.label else Move.CORRECT
        views = "; ".join(_said(before, _newest_look(trace))) or "no new evidence"
        reflection = (
            f"First look: {before.label.value} (p = {two_digits(before.probability)}). "
            f"Second look: {views}. "
            f"Fused p = {two_digits(after.probability)}: {after.label.value}."
        )
        after = after.model_copy(update={"rationale": reflection})
        return Revision(move=move, after=after, reflection=reflection)

    def explain(self, trace: Trace) -> Explanation:
        """What was seen, what was compared, what was kept or corrected, what that is worth."""
        first, final = trace.first, _in_force(trace)
        assert first is not None
        said, says = _finding(first, trace.sample), [_finding(final, trace.sample)]
        if trace.rounds:
            says.append("; ".join(_said(first, _newest_look(trace))) or "nothing new was found")
            says.append(f"corrected to {final.label.value}" if trace.revised else "kept")
        else:
            says.append("accepted at the first look")
        limits = self._qualified(trace.sample)
        says.append(limits.words(final.label) if limits else "")
        return Explanation(first=said, final="; ".join(filter(None, says)))


class FittedRAMonitorOptions(ComponentOptions):
    """What a recipe may say of a `FittedRAMonitor`."""

    file: RecipePath | None = None


class FittedRAMonitor(RAMonitor):
    """RA-Monitor with numbers fitted from parts of known truth.

    The policies that it brings read the same file, so the context reads it for all of them.
    """

    about = About("fitted")

    Options = FittedRAMonitorOptions

    @classmethod
    def from_recipe(cls, options: Any, context: AgentContext) -> Self:
        """The monitor of a recipe."""
        return cls(CaseEstimator(context.fitted), context.qualified)


class CriticRAMonitorOptions(ComponentOptions):
    """What a recipe may say of a `CriticRAMonitor`."""

    file: RecipePath | None = None


class CriticRAMonitor(RAMonitor):
    """RA-Monitor with a policy network trained on explored runs; its trigger reads it, too."""

    about = About("critic")

    Options = CriticRAMonitorOptions

    @classmethod
    def from_recipe(cls, options: Any, context: AgentContext) -> Self:
        """The monitor of a recipe."""
        return cls(CaseEstimator(context.critic), context.qualified)


def _in_force(trace: Trace) -> Verdict:
    if trace.verdict is None:
        raise ValueError(f"no verdict on {trace.sample.id!r} to reflect on")
    return trace.verdict


def _newest_look(trace: Trace) -> tuple[Evidence, ...]:
    """Evidence that the first look did not have."""
    return tuple(trace.products(Evidence))


def _said(verdict: Verdict, evidence: Sequence[Evidence]) -> list[str]:
    """What other evidence says, in words; the first look is not asked about itself."""
    own = {piece.source for piece in verdict.evidence}
    words = []
    for piece in evidence:
        if piece.probability is None or piece.source in own:
            continue
        label = Verdict.of(piece.probability).label
        words.append(f"{piece.source} says {label.value} (p = {two_digits(piece.probability)})")
    return words


def _finding(verdict: Verdict, sample: Sample) -> str:
    if verdict.label is Label.NORMAL:
        return f"nothing unusual (p = {two_digits(verdict.probability)})"
    if not verdict.defects:
        return f"flagged as a whole (p = {two_digits(verdict.probability)})"
    strongest, rest = verdict.defects[0], len(verdict.defects) - 1
    more = f" and {rest} more" if rest else ""
    what = f"{strongest.type or 'spot'} {sample.visual.placed(strongest.box)}"
    if sample.visual.spectrogram is None:  # whose units are those of the place itself
        for unit, (low, high) in (strongest.covers or {}).items():
            what += f", {low:.4g} to {high:.4g} {unit},"
    return f"flagged for a {what}{more} (p = {two_digits(verdict.probability)})"
