"""An attribute-agreement study, counted as gauge studies are (AIAG, Measurement Systems Analysis).

Each appraiser, a recipe or a person, has rated the same parts, most of them several times. Of what
is said of a part:

- repeatability: the parts that an appraiser rates alike in all trials;
- reproducibility: the parts that all appraisers rate alike in all trials, and how far each two
  agree, trial by trial;
- effectiveness: the parts that are rated right in all trials, of those whose truth is known;
- miss rate: of the ratings of defective parts those that say good;
- false-alarm rate: of the ratings of good parts those that say defective.

A part that nobody decided on (REVIEW, or no verdict) is rated `undecided`: that is never right,
neither a miss nor a false alarm, and agrees with `undecided` alone. Shares of parts have exact
intervals (Clopper and Pearson), rates and kappas those of parts drawn with replacement; where a
rate is 0 or 1 the exact one for as many parts.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
from pydantic import Field

from reinspect import metrics
from reinspect.errors import ReinspectError
from reinspect.metrics import Interval
from reinspect.vocabulary import Label, Outcome, Value

ROUNDS = 2000
"""Draws of parts behind an interval."""

AppraiserKind = Literal["recipe", "person"]


class AgreementError(ReinspectError, ValueError):
    """A study that can't be made."""


class Rating(StrEnum):
    """What an appraiser says of a part."""

    GOOD = "good"
    DEFECTIVE = "defective"
    UNDECIDED = "undecided"

    @classmethod
    def of_label(cls, label: Label | None) -> "Rating":
        """By the verdict's label, whatever happens to the part."""
        if label is None:
            return cls.UNDECIDED
        return cls.DEFECTIVE if label is Label.ANOMALOUS else cls.GOOD

    @classmethod
    def of_outcome(cls, outcome: Outcome) -> "Rating":
        """By what happens to the part; REVIEW is no decision."""
        return {Outcome.PASS: cls.GOOD, Outcome.FAIL: cls.DEFECTIVE}.get(outcome, cls.UNDECIDED)


@dataclass(frozen=True, slots=True)
class Appraiser:
    """Who rated which parts, and how."""

    name: str
    kind: AppraiserKind
    trials: Mapping[str, tuple[Rating, ...]]
    """Part → its ratings, in the order of the trials."""


class PartShare(Value):
    """A share of parts, or of ratings."""

    count: int
    of: int
    share: float | None = Field(description="Null where there is none to count.")
    interval: Interval | None = Field(description="95 %.")

    def __str__(self) -> str:
        return "–" if self.share is None else f"{self.count} of {self.of}, {self.share:.1%}"


class KappaFigure(Value):
    """A kappa, and how far it would move on other parts."""

    kappa: float | None = Field(description="Null where all that is said is one and the same.")
    interval: Interval | None = Field(description="95 %; null where nobody disagrees.")

    def __str__(self) -> str:
        return "–" if self.kappa is None else f"{self.kappa:.2f}"


class AppraiserFigures(Value):
    """One appraiser."""

    name: str
    kind: AppraiserKind
    parts: int
    trials: tuple[int, int] = Field(description="Ratings of a part: the fewest, the most.")
    undecided: int = Field(description="Ratings.")
    repeatability: PartShare = Field(description="Of the parts with two trials and more.")
    within: KappaFigure = Field(description="Fleiss' kappa of the trials.")
    effectiveness: PartShare
    against_truth: KappaFigure = Field(description="Cohen's kappa, all trials.")
    miss_rate: PartShare
    false_alarm_rate: PartShare


class PairFigures(Value):
    """Two appraisers, trial by trial, on the parts that both have rated."""

    one: str
    other: str
    parts: int
    table: Mapping[str, Mapping[str, int]] = Field(
        description="What `one` says → what `other` says → ratings."
    )
    kappa: KappaFigure = Field(description="Cohen's.")


class Together(Value):
    """All appraisers, on the parts that all of them have rated."""

    parts: int
    reproducibility: PartShare
    between: KappaFigure = Field(description="Fleiss' kappa of all ratings.")
    effectiveness: PartShare


class PartRatings(Value):
    """A part on which not all are of one mind, or not all are right."""

    part: str
    truth: Rating | None
    ratings: Mapping[str, tuple[Rating, ...]] = Field(description="By appraiser.")


class AgreementStudy(Value):
    """Everything that was counted."""

    by: Literal["label", "outcome"]
    parts: int
    known: int = Field(description="Parts whose truth is known.")
    appraisers: tuple[AppraiserFigures, ...]
    pairs: tuple[PairFigures, ...]
    together: Together
    contested: tuple[PartRatings, ...]
    seed: int
    rounds: int


def study(
    appraisers: Sequence[Appraiser],
    truth: Mapping[str, Label],
    *,
    by: Literal["label", "outcome"] = "label",
    seed: int = 0,
    rounds: int = ROUNDS,
) -> AgreementStudy:
    """Count everything.

    Args:
        appraisers: one or more.
        truth: part → label, where it is known.
        by: what the ratings were read off.
        seed: of the draws.
        rounds: how many.

    Raises:
        AgreementError: nobody has rated anything, or two are called alike.
    """
    names = [one.name for one in appraisers]
    for name in names:
        if names.count(name) > 1:
            raise AgreementError(f"two appraisers are called {name!r}; name their files apart")
    parts = sorted({part for one in appraisers for part in one.trials})
    if not parts:
        raise AgreementError("nobody has rated a part")
    counted = _Counting(truth, np.random.default_rng(seed), rounds)
    return AgreementStudy(
        by=by,
        parts=len(parts),
        known=sum(part in truth for part in parts),
        appraisers=tuple(map(counted.appraiser, appraisers)),
        pairs=tuple(
            counted.pair(one, other) for one, other in itertools.combinations(appraisers, 2)
        ),
        together=counted.together(appraisers, parts),
        contested=tuple(counted.contested(appraisers, parts)),
        seed=seed,
        rounds=rounds,
    )


@dataclass(frozen=True, slots=True)
class _Counting:
    truth: Mapping[str, Label]
    rng: np.random.Generator
    rounds: int

    def appraiser(self, one: Appraiser) -> AppraiserFigures:
        again = [ratings for ratings in one.trials.values() if len(ratings) > 1]
        lengths = [len(ratings) for ratings in one.trials.values()]
        known = {part: said for part, said in one.trials.items() if part in self.truth}
        against = [[(said, self._true(part)) for said in own] for part, own in known.items()]
        return AppraiserFigures(
            name=one.name,
            kind=one.kind,
            parts=len(one.trials),
            trials=(min(lengths, default=0), max(lengths, default=0)),
            undecided=sum(own.count(Rating.UNDECIDED) for own in one.trials.values()),
            repeatability=_share(len(set(ratings)) == 1 for ratings in again),
            within=self._fleiss(again),
            effectiveness=_share(
                set(ratings) == {self._true(part)} for part, ratings in known.items()
            ),
            against_truth=self._cohen(against),
            miss_rate=self._rate(known, Rating.DEFECTIVE, Rating.GOOD),
            false_alarm_rate=self._rate(known, Rating.GOOD, Rating.DEFECTIVE),
        )

    def pair(self, one: Appraiser, other: Appraiser) -> PairFigures:
        both = [part for part in one.trials if part in other.trials]
        # As many trials as both have: the n-th of one is held against the n-th of the other.
        pairs = [list(zip(one.trials[part], other.trials[part], strict=False)) for part in both]
        every = list(itertools.chain(*pairs))
        return PairFigures(
            one=one.name,
            other=other.name,
            parts=len(both),
            table={a.value: {b.value: every.count((a, b)) for b in Rating} for a in Rating},
            kappa=self._cohen(pairs),
        )

    def together(self, appraisers: Sequence[Appraiser], parts: Sequence[str]) -> Together:
        shared = [part for part in parts if all(part in one.trials for one in appraisers)]
        said = {part: _all_of(part, appraisers) for part in shared}
        known = [part for part in shared if part in self.truth]
        return Together(
            parts=len(shared),
            reproducibility=_share(len(set(said[part])) == 1 for part in shared),
            between=self._fleiss([said[part] for part in shared]),
            effectiveness=_share(set(said[part]) == {self._true(part)} for part in known),
        )

    def contested(
        self, appraisers: Sequence[Appraiser], parts: Sequence[str]
    ) -> Iterable[PartRatings]:
        for part in parts:
            true = self._true(part) if part in self.truth else None
            if len({*_all_of(part, appraisers), *([true] if true else [])}) > 1:
                ratings = {one.name: one.trials.get(part, ()) for one in appraisers}
                yield PartRatings(part=part, truth=true, ratings=ratings)

    def _true(self, part: str) -> Rating:
        return Rating.of_label(self.truth[part])

    def _fleiss(self, items: Sequence[Sequence[Rating]]) -> KappaFigure:
        return KappaFigure(
            kappa=metrics.fleiss_kappa(items),
            interval=metrics.fleiss_interval(items, rng=self.rng, rounds=self.rounds),
        )

    def _cohen(self, items: Sequence[Sequence[tuple[Rating, Rating]]]) -> KappaFigure:
        every = list(itertools.chain(*items))
        return KappaFigure(
            kappa=metrics.cohen_kappa([a for a, _ in every], [b for _, b in every]),
            interval=metrics.cohen_interval(items, rng=self.rng, rounds=self.rounds),
        )

    def _rate(self, known: Mapping[str, Sequence[Rating]], true: Rating, said: Rating) -> PartShare:
        """Of the ratings of parts that are `true`, those that say `said`."""
        mine = [own for part, own in known.items() if own and self._true(part) is true]
        wrong, all_of = [own.count(said) for own in mine], [len(own) for own in mine]
        count, of = sum(wrong), sum(all_of)
        if count in (0, of):
            parts = len(mine)
            interval = metrics.clopper_pearson(parts if count else 0, parts)
        else:
            interval = metrics.bootstrap(
                lambda k, n: float(k.sum() / n.sum()),
                wrong,
                all_of,
                rng=self.rng,
                rounds=self.rounds,
            )
        return PartShare(count=count, of=of, share=count / of if of else None, interval=interval)


def _all_of(part: str, appraisers: Sequence[Appraiser]) -> list[Rating]:
    return [said for one in appraisers for said in one.trials.get(part, ())]


def _share(parts: Iterable[bool]) -> PartShare:
    every = list(parts)
    count, of = sum(every), len(every)
    return PartShare(
        count=count,
        of=of,
        share=count / of if of else None,
        interval=metrics.clopper_pearson(count, of),
    )
