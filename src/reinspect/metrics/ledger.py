"""What a second look changed: wrong → right, right → wrong, and what it left as it was."""

from typing import Self

import numpy.typing as npt
from pydantic import Field, model_validator

from reinspect.metrics._checked import Bools, judged, same_length, unit
from reinspect.vocabulary import Value


class LedgerCounts(Value):
    """Counts of parts that were looked at twice."""

    revisited: int = Field(default=0, ge=0)
    fixed: int = Field(default=0, ge=0, description="Wrong at first, right in the end.")
    broken: int = Field(default=0, ge=0, description="Right at first, wrong in the end.")
    unchanged_wrong: int = Field(default=0, ge=0)
    unchanged_right: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        parts = self.fixed + self.broken + self.unchanged_wrong + self.unchanged_right
        if self.revisited != parts:
            raise ValueError(f"revisited {self.revisited} is not the sum of its parts, {parts}")
        return self

    def __add__(self, other: "LedgerCounts") -> "LedgerCounts":
        return LedgerCounts(
            **{name: getattr(self, name) + getattr(other, name) for name in _COUNTS}
        )


_COUNTS = tuple(LedgerCounts.model_fields)


class Directions(Value):
    """Tallies by what the first look said.

    A verdict that flips goes in the direction named; one that stays is counted where it would have
    gone. So `normal_to_anomalous.fixed` are defects found late, and
    `normal_to_anomalous.unchanged_wrong` are defects missed twice.
    """

    normal_to_anomalous: LedgerCounts = LedgerCounts()
    anomalous_to_normal: LedgerCounts = LedgerCounts()


class Ledger(LedgerCounts):
    """The tally of all parts looked at twice, and the same by direction.

    Ledgers add up: `sum(ledgers, start=Ledger())`.
    """

    by_direction: Directions = Directions()

    @classmethod
    def count(cls, first: npt.ArrayLike, final: npt.ArrayLike, truth: npt.ArrayLike) -> "Ledger":
        """The ledger of parts that were looked at twice; leave the others out.

        Args:
            first: shape (n,), P(anomalous) at the first look, [0, 1].
            final: shape (n,), P(anomalous) in the end, [0, 1].
            truth: shape (n,), true = anomalous.
        """
        before, t = judged(first, truth)
        after = unit(final, "final")
        same_length(first=before, final=after)
        was, now = before >= 0.5, after >= 0.5
        return cls._of(
            Directions(
                normal_to_anomalous=_tally(was[~was], now[~was], t[~was]),
                anomalous_to_normal=_tally(was[was], now[was], t[was]),
            )
        )

    @classmethod
    def _of(cls, directions: Directions) -> "Ledger":
        both = directions.normal_to_anomalous + directions.anomalous_to_normal
        return cls(**both.model_dump(), by_direction=directions)

    def __add__(self, other: LedgerCounts) -> "Ledger":
        if not isinstance(other, Ledger):
            return NotImplemented
        mine, theirs = self.by_direction, other.by_direction
        return self._of(
            Directions(
                normal_to_anomalous=mine.normal_to_anomalous + theirs.normal_to_anomalous,
                anomalous_to_normal=mine.anomalous_to_normal + theirs.anomalous_to_normal,
            )
        )


def _tally(was: Bools, now: Bools, truth: Bools) -> LedgerCounts:
    before, after = was == truth, now == truth
    return LedgerCounts(
        revisited=len(truth),
        fixed=int((~before & after).sum()),
        broken=int((before & ~after).sum()),
        unchanged_wrong=int((~before & ~after).sum()),
        unchanged_right=int((before & after).sum()),
    )
