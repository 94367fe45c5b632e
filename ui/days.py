"""Days and shifts of a line: what was counted by spans of time, gathered as people speak of it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import pandas as pd

from reinspect.metrics import Interval, control_limits, wilson
from reinspect.store import Period
from reinspect.store.statistics import ReviewedImage, SpanCount

SHIFTS = "6, 14, 22"
"""Hours at which shifts begin, unless somebody says otherwise."""

COLUMNS = ("day", "start", "run", "category", "outcome", "images", "seconds", "usd")


class Baseline(NamedTuple):
    """From when to when, and the days that it is held against."""

    since: datetime
    now: Period
    """Yesterday, and today so far."""

    @classmethod
    def of(cls, end: datetime, days: int) -> "Baseline":
        """Yesterday and today as of `end`, in local time, against so many days before."""
        today = end.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
        return cls(_back(today, days + 1), Period(_back(today, 1), _back(today, -1)))


def shifts_of(text: str) -> tuple[int, ...]:
    """The hours at which shifts begin; those of `SHIFTS` where the text names none."""
    named = {int(hour) for hour in re.findall(r"\d{1,2}", text) if int(hour) < 24}
    return tuple(sorted(named)) or shifts_of(SHIFTS)


def shift_of(start: datetime, begins: Sequence[int]) -> tuple[datetime, datetime]:
    """The shift that a moment belongs to, in local time; a night's begins on the day before."""
    local = start.astimezone()
    here = local.replace(minute=0, second=0, microsecond=0)
    before = [hour for hour in begins if hour <= local.hour]
    first = here.replace(hour=before[-1] if before else begins[-1])
    first = first if before else _back(first, 1)
    after = [hour for hour in begins if hour > first.hour]
    last = first.replace(hour=after[0] if after else begins[0])
    return first, last if after else _back(last, -1)


def frame(
    counts: Sequence[SpanCount],
    usd: Mapping[int, float] = {},
) -> pd.DataFrame:
    """A row a span of time, run, category and outcome, with its day in local time.

    Args:
        counts: as the store has them.
        usd: of each run, what an image has cost in the mean.
    """
    rows = [
        (
            one.start.astimezone().date(),
            one.start,
            one.run_id,
            one.category or "–",
            one.disposition,
            one.images,
            one.seconds,
            one.images * usd.get(one.run_id, 0.0),
        )
        for one in counts
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def steady(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """The parts of a time in which the clock on the wall is not set, each with its offset."""
    start, moment = since, since
    while moment < until:
        following = min(_back(moment.astimezone(), -1), until)
        if following.astimezone().utcoffset() != start.astimezone().utcoffset():
            yield start, following, start.astimezone().utcoffset() or timedelta()
            start = following
        moment = following
    if start < until:
        yield start, until, start.astimezone().utcoffset() or timedelta()


def within(every: pd.DataFrame, period: Period) -> pd.DataFrame:
    """The rows of a period."""
    if every.empty:
        return every
    late = every["start"] >= period.since if period.since else True
    return every[late & (every["start"] < period.until)] if period.until else every[late]


class Sums(NamedTuple):
    """What some rows come to."""

    images: int
    failed: int
    review: int
    seconds: float
    usd: float

    @classmethod
    def of(cls, rows: pd.DataFrame) -> "Sums":
        """Of these rows."""
        outcome, images = rows["outcome"], rows["images"]
        return cls(
            int(images.sum()),
            int(images[outcome == "FAIL"].sum()),
            int(images[outcome == "REVIEW"].sum()),
            float(rows["seconds"].sum()),
            float(rows["usd"].sum()),
        )

    def share(self, name: str) -> float | None:
        """Of the images, those that `failed` or are for `review`; seconds or usd an image."""
        return float(getattr(self, name)) / self.images if self.images else None


def chart_rows(every: pd.DataFrame, before: float | None) -> pd.DataFrame:
    """A row a day: its fail rate, and the limits within which that is chance.

    Args:
        every: as `frame` makes them.
        before: the fail rate that is usual.
    """
    rows = []
    for day, group in every.groupby("day"):
        sums = Sums.of(group)
        limits = None if before is None else control_limits(before, sums.images)
        share = sums.share("failed") or 0.0
        rows.append(
            {
                "day": pd.Timestamp(str(day)),
                "parts": sums.images,
                "fail rate": share,
                "usual": before,
                "lower limit": limits.low if limits else None,
                "upper limit": limits.high if limits else None,
                "beyond": limits is not None and not limits.low <= share <= limits.high,
            }
        )
    return pd.DataFrame(rows)


class AuditRate(NamedTuple):
    """A share of reviewed parts, each part once, and how far it may be off."""

    found: int
    of: int
    interval: Interval | None

    @property
    def share(self) -> float | None:
        """Of those reviewed."""
        return self.found / self.of if self.of else None

    @classmethod
    def of_parts(cls, some: Sequence[ReviewedImage], truth: str) -> "AuditRate":
        """How many of these parts are in truth so."""
        newest = {one.sha256 or (one.run_id, one.at): one.truth for one in some}
        found = sum(said == truth for said in newest.values())
        return cls(found, len(newest), wilson(found, len(newest)))


def escapes(reviewed: Sequence[ReviewedImage]) -> AuditRate:
    """Defective parts among what passed, by the reviews of the audit sample of PASS alone."""
    mine = [one for one in reviewed if one.disposition == "PASS" and one.audited]
    return AuditRate.of_parts(mine, "anomalous")


def overkill(reviewed: Sequence[ReviewedImage]) -> AuditRate:
    """Good parts among what failed, by the reviews of FAIL."""
    return AuditRate.of_parts([one for one in reviewed if one.disposition == "FAIL"], "normal")


def _back(moment: datetime, days: int) -> datetime:
    """So many days earlier, at the same hour by the clock on the wall."""
    return (moment.replace(tzinfo=None) - timedelta(days=days)).astimezone()
