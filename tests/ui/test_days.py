"""Days, shifts and rates of the morning page."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from reinspect.store import Period
from reinspect.store.statistics import ReviewedImage, SpanCount
from reinspect.ui.days import (
    Baseline,
    Sums,
    chart_rows,
    escapes,
    frame,
    overkill,
    shift_of,
    shifts_of,
    steady,
    within,
)


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A clock that is set on 29 March 2026, an hour forward."""
    with monkeypatch.context() as environment:
        environment.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


def local(*parts: int) -> datetime:
    return datetime(*parts).astimezone()


def test_since_yesterday_is_two_days_by_the_clock_on_the_wall() -> None:
    base = Baseline.of(local(2026, 3, 30, 9), 14)
    assert base == (local(2026, 3, 15), Period(local(2026, 3, 29), local(2026, 3, 31)))
    since, until = base.now
    assert until - since == timedelta(hours=47)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        pytest.param("6, 14, 22", (6, 14, 22), id="three"),
        pytest.param("18 and 6", (6, 18), id="sorted"),
        pytest.param("", (6, 14, 22), id="none"),
        pytest.param("25, x", (6, 14, 22), id="nonsense"),
    ],
)
def test_shifts_begin_at(text: str, hours: tuple[int, ...]) -> None:
    assert shifts_of(text) == hours


@pytest.mark.parametrize(
    ("hour", "shift"),
    [
        pytest.param(6, (6, 14, 0), id="first-minute"),
        pytest.param(13, (6, 14, 0), id="early"),
        pytest.param(23, (22, 6, 0), id="night"),
        pytest.param(2, (22, 6, -1), id="night-of-the-day-before"),
    ],
)
def test_a_moment_is_of_a_shift(hour: int, shift: tuple[int, int, int]) -> None:
    since, until = shift_of(local(2026, 1, 10, hour, 30), (6, 14, 22))
    begins, ends, day = shift
    assert since == local(2026, 1, 10 + day, begins)
    assert until == local(2026, 1, 10 + day + (ends < begins), ends)


def test_a_time_is_cut_where_the_clock_is_set() -> None:
    cut = list(steady(local(2026, 3, 27), local(2026, 4, 2)))
    hours = [timedelta(hours=1), timedelta(hours=2)]
    assert cut == [
        (local(2026, 3, 27), local(2026, 3, 30), hours[0]),
        (local(2026, 3, 30), local(2026, 4, 2), hours[1]),
    ]


def _count(day: int, outcome: str, images: int, category: str | None = "bolt") -> SpanCount:
    return SpanCount(datetime(2026, 1, day, 10, tzinfo=UTC), 1, category, outcome, images, 2.0)


def test_a_day_beyond_chance_is_marked() -> None:
    counts = [_count(day, "PASS", 95) for day in (1, 2, 3)]
    counts += [_count(1, "FAIL", 5), _count(2, "FAIL", 5), _count(3, "FAIL", 40, None)]
    every = frame(counts, {1: 0.25})
    rows = chart_rows(every, 0.05)
    assert rows["beyond"].tolist() == [False, False, True]
    assert rows["upper limit"].tolist()[0] == pytest.approx(0.05 + 3 * (0.05 * 0.95 / 100) ** 0.5)
    sums = Sums.of(within(every, Period(local(2026, 1, 3), None)))
    assert (sums.images, sums.failed, sums.usd) == (135, 40, 135 * 0.25)
    assert sums.share("failed") == pytest.approx(40 / 135)
    assert Sums.of(frame([])).share("failed") is None
    assert chart_rows(frame([]), None).empty


def _judged(outcome: str, truth: str, part: str, *, audited: bool = True) -> ReviewedImage:
    return ReviewedImage(datetime(2026, 1, 1, tzinfo=UTC), 1, None, outcome, truth, part, audited)


def test_escapes_are_of_the_audit_sample_and_each_part_counts_once() -> None:
    some = [
        _judged("PASS", "anomalous", "a"),
        _judged("PASS", "anomalous", "a"),
        _judged("PASS", "normal", "b"),
        _judged("PASS", "anomalous", "c", audited=False),
        _judged("FAIL", "normal", "d", audited=False),
    ]
    missed, called = escapes(some), overkill(some)
    assert (missed.found, missed.of, missed.share) == (1, 2, 0.5)
    assert (called.found, called.of) == (1, 1)
    assert missed.interval is not None
    assert missed.interval.low < 0.5 < missed.interval.high
    assert escapes([]).share is None
