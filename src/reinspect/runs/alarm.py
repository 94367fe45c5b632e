"""Whether so many pictures stopped by the set-up check, or so many FAIL, can still be chance."""

from pathlib import Path
from typing import Self

from pydantic import Field

from reinspect.graph.recipe import Recipe
from reinspect.references import ReferenceMode, ReferenceSets
from reinspect.store import Store, Tally
from reinspect.vocabulary import Label, Probability, Value

_CHANCE = 1e-3  # what comes about by chance more seldom is no chance
_STOPS, _WORTH = 0.02, 50  # share of right parts that are stopped, and the looks that this is worth
_CALLED = 0.1  # of good parts, called defective, where nobody has qualified the product
_DEFECTIVE = 0.5  # of the parts: a line that makes more scrap than parts knows it


class Expectation(Value):
    """What a run of right parts comes to, as its references were qualified if they were."""

    stops: Probability = Field(default=_STOPS, description="Share stopped by the set-up check.")
    called: Probability = Field(
        default=_CALLED, description="Share of good parts called defective."
    )

    @classmethod
    def of(cls, references: ReferenceSets, recipe: Recipe, cache: Path | None) -> Self:
        """By the qualification in the cache; what is usual where there is none, or several sets."""
        from reinspect.qualification.keeping import kept_for  # brings all that qualifies

        sets = (references.default, *references.by_category.values())
        keys = {own.key for own in sets if own.mode is ReferenceMode.GOLDEN}
        kept = kept_for(keys.pop(), recipe, cache) if len(keys) == 1 else None
        if kept is None:
            return cls()
        good = [look for look in kept.looks if look.kind is None]
        stopped = sum(bool(look.setup) for look in good)
        share = (stopped + _STOPS * _WORTH) / (len(good) + _WORTH)
        calls = kept.findings.detection.false_calls
        return cls(stops=share, called=calls.bound if calls else _CALLED)

    def alarm(self, tally: Tally, *, defective: float | None = None) -> str:
        """What to say of a run in one line; empty where nothing is beyond chance.

        An exact one-sided binomial test at .001 of each share.

        Args:
            tally: how its images came out.
            defective: share of them that is known to be defective; up to half where nobody knows.
        """
        seen = tally.images - tally.errors
        if _beyond(tally.stopped, seen, self.stops):
            return (
                f"Set-up: {tally.stopped} of {seen} pictures were not judged, being of another "
                f"set-up than the references, where {self.stops:.1%} are expected: look at camera, "
                "light and product"
            )
        judged = seen - tally.stopped
        share = _DEFECTIVE if defective is None else defective
        if _beyond(tally.failed, judged, share + (1 - share) * self.called):
            return (
                f"Set-up: {tally.failed} of {judged} pictures FAIL, more than can be expected of "
                "a line: unless the parts are defective, look at camera, light and references"
            )
        return ""


def alarm_of(store: Store, run_id: int, expected: Expectation) -> str:
    """What to say of a run's set-up: see `Expectation.alarm`.

    Raises:
        StoreError: the store can't be read.
    """
    labels = [truth.label for truth in store.truth(run_id).values()]
    known = sum(label is Label.ANOMALOUS for label in labels) / len(labels) if labels else None
    return expected.alarm(store.tally(run_id), defective=known)


def _beyond(count: int, of: int, share: float) -> bool:
    from scipy.stats import binom

    return of > 0 and float(binom.sf(count - 1, of, share)) < _CHANCE
