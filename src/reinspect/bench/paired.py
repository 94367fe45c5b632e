"""How much one look is ahead of another on the same images, and how sure that is.

Each figure here is a ratio of sums over images, so an image's share in each sum is all that a
bootstrap needs. Images are drawn with replacement within each category, for both looks the same
ones (Efron 1979, percentile intervals of 95 %): what makes both err alike falls out. Categories
stay as they are: the intervals say nothing of another kind of part.

Figures are counted as in `training.bench`; that of several categories is their mean.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from reinspect import metrics
from reinspect.bench.protocol import JudgedImage
from reinspect.metrics import Interval
from reinspect.vocabulary import Defect, Label, Outcome, Value

Floats = npt.NDArray[np.float64]

FIGURES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1_type": "F1 type",
    "f1_loc@0.3": "F1 loc@0.3",
    "f1_loc@0.5": "F1 loc@0.5",
    "escape_rate": "escape rate",
    "overkill_rate": "overkill rate",
    "review_rate": "review rate",
    "second_looks": "second looks, share",
    "seconds": "seconds an image",
}
"""Figure → its name in words, in the order in which they are shown."""

ROUNDS = 2000
LEVEL = 0.95

_BLOCK = 1_000_000


class Change(Value):
    """A difference of two figures, in their unit; null where one of them can't be had."""

    difference: float | None
    interval: Interval | None = Field(description="95 %; null where most draws lack a class.")


class Changes(Value):
    """Figure → difference: overall, and the same by scenario and by category."""

    overall: Mapping[str, Change]
    scenarios: Mapping[str, Mapping[str, Change]]
    categories: Mapping[str, Mapping[str, Change]]


class Sheet(NamedTuple):
    """One look at all images: category → what each image adds to each sum, shape (n, sums)."""

    columns: Mapping[str, Floats]


def first_looks(items: Sequence[JudgedImage]) -> Sheet:
    """The first verdicts; they have the forced label for a disposition, and took no second look."""
    return _sheet(items, [_Look.first(item) for item in items])


def final_looks(items: Sequence[JudgedImage]) -> Sheet:
    """The verdicts in force at the end."""
    return _sheet(items, [_Look.final(item) for item in items])


def changes(
    before: Sheet, after: Sheet, scenarios: Mapping[str, str], *, seed: int, rounds: int = ROUNDS
) -> Changes:
    """`after` less `before`, image by image the same ones.

    Args:
        before: a look at each image.
        after: another look at the same images, in the same order.
        scenarios: category → scenario, for every category.
        seed: of the draws.
        rounds: how many draws.

    Raises:
        ValueError: the two are not of the same images, as far as their numbers tell.
    """
    sizes = [{name: len(rows) for name, rows in s.columns.items()} for s in (before, after)]
    if sizes[0] != sizes[1]:
        raise ValueError(f"two looks at different images: {sizes[0]} and {sizes[1]} a category")
    rng = np.random.default_rng(seed)
    names = sorted(before.columns)
    point, drawn = {}, {}
    for name in names:
        one, other = before.columns[name], after.columns[name]
        every = np.ones((1, sizes[0][name]))
        point[name] = _figures(every @ other) - _figures(every @ one)
        drawn[name] = np.concatenate(
            [
                _figures(weights @ other) - _figures(weights @ one)
                for weights in _draws(sizes[0][name], rounds, rng)
            ]
        )
    kinds = {scenarios[name] for name in names}
    members = {kind: [name for name in names if scenarios[name] == kind] for kind in sorted(kinds)}
    return Changes(
        overall=_told(_mean(point, names), _mean(drawn, names)),
        scenarios={k: _told(_mean(point, own), _mean(drawn, own)) for k, own in members.items()},
        categories={name: _told(point[name], drawn[name]) for name in names},
    )


def _draws(n: int, rounds: int, rng: np.random.Generator) -> Iterator[Floats]:
    """How often each of n images was drawn, shape (rounds, n), in blocks that fit into memory."""
    share, block = np.full(n, 1 / n), max(1, _BLOCK // n)
    for start in range(0, rounds, block):
        drawn = rng.multinomial(n, share, size=min(block, rounds - start))
        yield drawn.astype(np.float64)


class _Look(NamedTuple):
    """What a look says of one image; `anomalous` is none where it failed."""

    anomalous: bool | None
    defects: tuple[Defect, ...]
    outcome: Outcome | None
    twice: bool
    seconds: float

    @classmethod
    def first(cls, item: JudgedImage) -> "_Look":
        seconds = float("nan")  # a trace's time is that of all its steps
        if item.first is None:
            return cls(None, (), None, twice=False, seconds=seconds)
        bad = item.first.label is Label.ANOMALOUS
        forced = Outcome.FAIL if bad else Outcome.PASS
        return cls(bad, item.first.defects, forced, twice=False, seconds=seconds)

    @classmethod
    def final(cls, item: JudgedImage) -> "_Look":
        twice, seconds = item.rounds > 0, item.seconds
        if item.final is None:
            return cls(None, (), item.outcome, twice, seconds)
        bad = item.final.label is Label.ANOMALOUS
        return cls(bad, item.final.defects, item.outcome, twice, seconds)


def _sheet(items: Sequence[JudgedImage], looks: Sequence[_Look]) -> Sheet:
    names_types = any(defect.type for look in looks for defect in look.defects)
    rows: dict[str, list[tuple[str, list[float]]]] = {}
    for item, look in zip(items, looks, strict=True):
        own = _row(item, look, names_types=names_types)
        rows.setdefault(item.category, []).append((item.image, own))
    # By id, so that two sheets of the same images have the same order.
    return Sheet(
        {
            name: np.array([own for _, own in sorted(mine, key=lambda pair: pair[0])])
            for name, mine in rows.items()
        }
    )


def _row(item: JudgedImage, look: _Look, *, names_types: bool) -> list[float]:
    bad = item.truth.anomalous
    told, right = look.anomalous is not None, look.anomalous is bad
    found = look.defects if look.anomalous else ()
    matched: list[float] = []
    for known, counts in (
        (item.truth.boxes, [_located(found, item, least) for least in (0.3, 0.5)]),
        (item.truth.types, [_typed(found, item)] if names_types else [(0.0, 0.0, 0.0)]),
    ):
        counted = told and (bool(known) or not bad)
        matched += [n if counted else 0.0 for triple in counts for n in triple]
    settled = look.outcome is not None
    return [
        told and not bad,
        told and not bad and right,
        told and bad,
        told and bad and right,
        *matched,
        settled and bad,
        bad and look.outcome is Outcome.PASS,
        settled and not bad,
        not bad and look.outcome is Outcome.FAIL,
        settled,
        look.outcome is Outcome.REVIEW,
        1.0,
        look.twice,
        look.seconds,
    ]


def _located(found: Iterable[Defect], item: JudgedImage, least: float) -> tuple[float, ...]:
    return metrics.match(metrics.iou([d.box for d in found], item.truth.boxes), least)


def _typed(found: Iterable[Defect], item: JudgedImage) -> tuple[float, ...]:
    return metrics.match_types([d.type for d in found if d.type], item.truth.types)


def _figures(sums: Floats) -> Floats:
    """The figures of each row of sums, shape (rows, figures); NaN where one can't be had."""
    (good, good_right, bad, bad_right, *matched) = sums.T[:13]
    all_bad, passed, all_good, failed, settled, reviewed, n, twice, seconds = sums.T[13:]
    f1 = [_f1(*matched[start : start + 3]) for start in (0, 3, 6)]
    return np.stack(
        [
            _ratio(good_right + bad_right, good + bad),
            (_ratio(good_right, good) + _ratio(bad_right, bad)) / 2,
            f1[2],
            f1[0],
            f1[1],
            _ratio(passed, all_bad),
            _ratio(failed, all_good),
            _ratio(reviewed, settled),
            _ratio(twice, n),
            _ratio(seconds, n),
        ],
        axis=1,
    )


def _f1(true_positive: Floats, false_positive: Floats, false_negative: Floats) -> Floats:
    known = true_positive + false_negative > 0
    whole = 2 * true_positive + false_positive + false_negative
    return np.where(known, _ratio(2 * true_positive, whole), np.nan)


def _ratio(part: Floats, whole: Floats) -> Floats:
    nothing = np.full(part.shape, np.nan)
    return np.asarray(np.divide(part, whole, out=nothing, where=whole > 0), np.float64)


def _mean(figures: Mapping[str, Floats], names: Sequence[str]) -> Floats:
    """Means over the categories that have a value."""
    stacked = np.stack([figures[name] for name in names])
    known = ~np.isnan(stacked)
    return _ratio(np.where(known, stacked, 0.0).sum(axis=0), known.sum(axis=0).astype(np.float64))


def _told(point: Floats, drawn: Floats) -> dict[str, Change]:
    told = {}
    for place, name in enumerate(FIGURES):
        value, draws = float(point[0, place]), drawn[:, place]
        known = draws[~np.isnan(draws)]
        if np.isnan(value) or 2 * len(known) < len(draws):
            interval = None
        else:
            low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
            interval = Interval(float(low), float(high))
        told[name] = Change(difference=None if np.isnan(value) else value, interval=interval)
    return told
