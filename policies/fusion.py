"""What several views of a part come to: one verdict, and whether it can be relied on.

The odds of a part are the quadratic mean of the odds of its views. A defect mostly shows in some
views alone, so the most anomalous view decides; but every view may be wrong, and the more there
are, the surer an alarm must be. (The plain mean is Bayes' answer where a defect shows in one view
and nobody knows which; on drawn parts it misses more than it spares. The maximum flags more good
parts than any view alone.)

The alarm of a view that was qualified is discounted as far as its qualification proves that it
flags good parts: its log-odds count for a share, as in a logarithmic pool (Genest & Zidek,
Statistical Science 1, 1986).

A normal part is as reliable as the most doubtful of its views, times the share of views that were
seen; views that agree on an anomaly make it more reliable, as their errors are of different
pictures.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from reinspect.policies.qualified import ProductLimits
from reinspect.readings import SETUP
from reinspect.texts import two_digits
from reinspect.trace import Trace
from reinspect.vocabulary import (
    Assessment,
    Decision,
    Defect,
    Disposition,
    Evidence,
    Explanation,
    Label,
    Move,
    Outcome,
    Revision,
    Verdict,
)

POLICY = "views"
"""What the decision on a part is signed with."""


@dataclass(frozen=True)
class ViewedPart:
    """A part, view by view, as far as each was inspected."""

    views: Mapping[str, Trace]
    """Each view that there is a picture of → its trace."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Each view that there is none of → what is said of it."""
    limits: Mapping[str, ProductLimits] = field(default_factory=dict)
    """Each view that was qualified → what was found."""

    @cached_property
    def judged(self) -> dict[str, Trace]:
        """The views that have a verdict."""
        return {name: own for name, own in self.views.items() if own.verdict is not None}

    @cached_property
    def unseen(self) -> dict[str, str]:
        """View without a verdict → why."""
        why = {name: _why(own) for name, own in self.views.items() if own.verdict is None}
        return {**why, **self.missing}

    @property
    def failures(self) -> dict[str, str]:
        """View → what failed in it, but for a picture that can't be read."""
        return {
            name: own.error
            for name, own in self.views.items()
            if own.error is not None and own.sample.views[0].size is not None
        }

    @property
    def first(self) -> Verdict | None:
        """What the first looks come to; none where no view has a verdict."""
        return self._fused({name: own.first for name, own in self.views.items() if own.first})

    @cached_property
    def final(self) -> Verdict | None:
        """What the verdicts in force come to."""
        return self._fused(self._verdicts)

    @property
    def revision(self) -> Revision | None:
        """What later looks have changed; none where the first looks stand as they are."""
        first, final = self.first, self.final
        if first is None or final is None or first == final:
            return None
        said = [
            f"{name}: {own.reflection}"
            for name, trace in self.views.items()
            if (own := trace.last(Revision))
        ]
        move = Move.KEEP if first.label is final.label else Move.CORRECT
        return Revision(move=move, after=final, reflection=" ".join(said))

    @property
    def assessment(self) -> Assessment | None:
        """Whether what they come to can be relied on."""
        final = self.final
        if final is None:
            return None
        alarms = self._alarms
        right = {name: self._right(name, name in alarms) for name in self.judged}
        whole = len(self.views) + len(self.missing)
        if alarms:
            reliability = 1 - math.prod(1 - right[name] for name in alarms)
        else:
            reliability = min(right.values()) * len(right) / whole
        agree = sum(own.label is final.label for own in self._verdicts.values()) / len(right)
        reasons = [*self._said(right), *(f"{name}: {why}" for name, why in self.unseen.items())]
        return Assessment(
            confidence=final.confidence,
            reliability=min(1.0, max(0.0, reliability)),
            reasons=tuple(reasons),
            signals={"views": len(right), "views_unseen": len(self.unseen), "views_agree": agree},
            probability=final.probability,
        )

    @property
    def decision(self) -> Decision:
        """To accept what they come to, or to escalate where a view that it rests on was."""
        resting = self._alarms or list(self.judged)
        asked = [
            own.decision
            for name in resting
            if (own := self.views[name]).decision and own.decision.move is Move.ESCALATE
        ]
        if asked and asked[0] is not None:
            return Decision(move=Move.ESCALATE, policy=POLICY, reason=asked[0].reason)
        final = self.final
        why = "" if final is None else f"{self._deciding(self._verdicts)} decides"
        return Decision(move=Move.ACCEPT, policy=POLICY, reason=why)

    @property
    def nothing(self) -> Evidence:
        """What there is to say of a part that no view has a verdict on."""
        whys = list(dict.fromkeys(self.unseen.values()))
        said = whys[0] if len(whys) == 1 else "; ".join(_each(self.unseen))
        if len(whys) > 1 and all(why.startswith(SETUP) for why in whys):
            stopped = {name: why.removeprefix(SETUP) for name, why in self.unseen.items()}
            said = SETUP + "; ".join(_each(stopped))  # as a run counts what the check stopped
        return Evidence(source=POLICY, summary=said)

    @property
    def explanation(self) -> Explanation:
        """The words on each view, one after the other."""
        first, final = {}, {}
        for name, own in self.views.items():
            words = own.last(Explanation)
            if words is not None:
                first[name], final[name] = words.first, words.final
        return Explanation(
            first="; ".join(_each(first)), final="; ".join(_each({**final, **self.unseen}))
        )

    def settled(self, by: Disposition) -> Disposition:
        """A disposition that says which views nobody has seen."""
        unseen = "; ".join(_each(self.unseen))
        if not unseen or self.final is None:
            return by
        return by.model_copy(update={"reason": f"{by.reason}; {unseen}"})

    @property
    def by_views(self) -> Disposition:
        """FAIL where a view that alarms fails, PASS where all pass, and else REVIEW."""
        ends = {name: own.disposition for name, own in self.views.items() if own.disposition}
        failing = [name for name in self._alarms if ends[name].outcome is Outcome.FAIL]
        if failing:
            return _said_of(failing[0], ends[failing[0]])
        doubtful = [name for name, end in ends.items() if end.outcome is not Outcome.PASS]
        if doubtful:
            end = ends[doubtful[0]].model_copy(update={"outcome": Outcome.REVIEW})
            return _said_of(doubtful[0], end)
        if self.missing:
            return Disposition(outcome=Outcome.REVIEW, reason="not all views were seen")
        return Disposition(outcome=Outcome.PASS, reason="all views pass")

    @cached_property
    def _verdicts(self) -> dict[str, Verdict]:
        return {name: own.verdict for name, own in self.judged.items() if own.verdict}

    @cached_property
    def _alarms(self) -> list[str]:
        """The views by which the part is anomalous, the strongest first; none of a normal part."""
        anomalous = self.final is not None and self.final.label is Label.ANOMALOUS
        return self._alarming(self._verdicts) if anomalous else []

    def _alarming(self, verdicts: Mapping[str, Verdict]) -> list[str]:
        strength = {name: self._probability(name, own) for name, own in verdicts.items()}
        found = [name for name in strength if strength[name] >= 0.5]
        return sorted(found, key=lambda name: -strength[name])

    def _deciding(self, verdicts: Mapping[str, Verdict]) -> str:
        return max(verdicts, key=lambda name: self._probability(name, verdicts[name]))

    def _fused(self, verdicts: Mapping[str, Verdict]) -> Verdict | None:
        if not verdicts:
            return None
        name = self._deciding(verdicts)
        probability = _quadratic_mean([self._probability(*own) for own in verdicts.items()])
        defects = [
            defect.model_copy(update={"view": own})
            for own in (self._alarming(verdicts) if probability >= 0.5 else ())
            for defect in verdicts[own].defects
        ]
        said = verdicts[name].rationale
        return Verdict.of(
            probability,
            defects=tuple[Defect, ...](defects),
            rationale=f"{name}: {said}" if said else "",
        )

    def _probability(self, name: str, verdict: Verdict) -> float:
        """What a view says of the part, its alarm discounted by what it is worth."""
        worth = self._worth(name)
        if verdict.label is Label.NORMAL or worth is None:
            return verdict.probability
        if worth == 0:
            return _JUST_NORMAL
        odds: float = _odds(verdict.probability) ** worth
        return odds / (1 + odds)

    def _worth(self, name: str) -> float | None:
        """Of a view's alarm, in [0, 1]; none where the view was not qualified.

        1 where nothing proves that good parts are flagged; 0 where damage is found no more often
        than good parts are flagged.
        """
        limits = self.limits.get(name)
        if limits is None or not limits.tried or not limits.references:
            return None
        return _worth_of(limits.found, limits.tried, limits.false_calls, limits.references)

    def _right(self, name: str, alarm: bool) -> float:
        """How likely what a view says of the part is right, [0, 1]."""
        own, worth = self.views[name], self._worth(name)
        reliability = own.assessment.reliability if own.assessment else 0.5
        if own.verdict is None or own.verdict.label is Label.NORMAL:
            return reliability
        held = reliability if worth is None else min(reliability, (1 + worth) / 2)
        return held if alarm else 1 - held

    def _said(self, right: Mapping[str, float]) -> Sequence[str]:
        words = []
        for name, own in self._verdicts.items():
            said = f"{name}: {own.label.value} at p = {two_digits(own.probability)}"
            said += f", reliability {right[name]:.2f}"
            worth = self._worth(name)
            if own.label is Label.ANOMALOUS and worth is not None:
                counts = self._probability(name, own)
                said += f"; by its qualification it counts as p = {counts:.2f}"
            words.append(said)
        return words


def _quadratic_mean(probabilities: Sequence[float]) -> float:
    """The probability whose odds are the quadratic mean of theirs; of one, that one."""
    if len(probabilities) == 1:
        return probabilities[0]
    odds = list(map(_odds, probabilities))
    mean = math.sqrt(sum(own**2 for own in odds) / len(odds))
    return mean / (1 + mean)


_SUREST = 1 - 1e-9
"""Of a probability whose odds are taken."""

_JUST_NORMAL = math.nextafter(0.5, 0)
"""Of an alarm that says nothing: good parts are flagged as often as damage is found."""


def _odds(probability: float) -> float:
    return min(probability, _SUREST) / (1 - min(probability, _SUREST))


@lru_cache(maxsize=64)  # asked for part by part
def _worth_of(found: int, tried: int, called: int, references: int) -> float:
    """(d - f) / (d + f) of the most damage and the fewest good parts that the counts allow."""
    from reinspect.metrics.intervals import lower_bound, upper_bound

    most, least = upper_bound(found, tried, _SURE), lower_bound(called, references, _SURE)
    return max(0.0, (most - least) / (most + least))


_SURE = 0.95
"""Of a bound, one-sided: a few references prove little."""


def _why(trace: Trace) -> str:
    """Why a view has no verdict."""
    if trace.error is not None:
        return trace.error
    return trace.disposition.reason if trace.disposition else "it was not judged"


def _each(words: Mapping[str, str]) -> list[str]:
    return [f"{name}: {said}" for name, said in words.items()]


def _said_of(name: str, end: Disposition) -> Disposition:
    return end.model_copy(update={"reason": f"{name}: {end.reason}"})
