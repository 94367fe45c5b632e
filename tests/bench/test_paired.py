"""Differences on the same images: exact where they are plain, and with honest intervals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reinspect.bench.paired import FIGURES, Changes, changes, final_looks, first_looks
from reinspect.bench.protocol import JudgedImage, score
from reinspect.metrics import wilson
from reinspect.vocabulary import Box, Defect, Label, Outcome, Truth, Verdict

HERE, THERE = Box(0.1, 0.1, 0.4, 0.4), Box(0.6, 0.6, 0.9, 0.9)
NAMES = {name.replace("@0.3", "_30").replace("@0.5", "_50"): name for name in FIGURES}


def judged(place: int, *, bad: bool, first: float, final: float, **rest) -> JudgedImage:
    box = Box(*(v + rest.pop("off", 0.0) for v in HERE))
    known = {"boxes": (HERE,), "types": ("dent",)} if bad else {}
    return JudgedImage(
        image=f"{place}.png",
        category=rest.pop("category", "bolt"),
        truth=Truth(label=Label.of(bad), **known),
        first=Verdict.of(first, defects=(Defect(box=THERE, type="stain"),)),
        final=Verdict.of(final, defects=(Defect(box=box, type="dent"),)),
        outcome=rest.pop("outcome", Outcome.FAIL if final >= 0.5 else Outcome.PASS),
        rounds=rest.pop("rounds", int(first != final)),
        **rest,
    )


def failed(place: int, *, bad: bool) -> JudgedImage:
    truth = Truth(label=Label.of(bad))
    name = f"{place}.png"
    return JudgedImage(
        image=name, category="bolt", truth=truth, outcome=Outcome.REVIEW, error="truncated"
    )


def drawn(seed: int, count: int = 40, *, shift: float = 0.0, categories=("bolt", "nut")):
    """Images whose truth is of the seed alone; what is said of them is of the shift, too."""
    rng = np.random.default_rng(seed)
    items = []
    for place in range(count):
        bad, first, off = rng.random() < 0.5, rng.random(), float(rng.random() * 0.2)
        final = float(np.clip(first + (shift if bad else -shift), 0, 1))
        outcome = Outcome.REVIEW if rng.random() < 0.2 else None
        more = {"outcome": outcome} if outcome else {}
        category = categories[place % len(categories)]
        items.append(
            judged(place, bad=bad, first=first, final=final, off=off, category=category, **more)
        )
    return items


def between(one, other, **options) -> Changes:
    kinds = {item.category: "workpiece" for item in one}
    return changes(final_looks(one), final_looks(other), kinds, seed=0, rounds=200, **options)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 30))
def test_of_the_same_verdicts_nothing_differs(seed: int, count: int) -> None:
    items = drawn(seed, count)
    found = between(items, list(reversed(items)))
    for scope in (found.overall, *found.scenarios.values(), *found.categories.values()):
        for change in scope.values():
            assert change.difference in (None, 0)
            assert change.interval in (None, (0, 0))
    assert found.overall["accuracy"].difference == 0


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), shift=st.floats(0, 0.6), lost=st.booleans())
def test_differences_are_those_of_the_benchs_own_figures(seed, shift, lost) -> None:
    one, other = drawn(seed), drawn(seed, shift=shift)
    if lost:
        other[0] = failed(0, bad=other[0].truth.anomalous)
    counts = {"bolt": 3, "nut": 3}
    before, after = score(one, counts), score(other, counts)
    found = between(one, other)
    reports = {"overall": (before.overall, after.overall, found.overall)} | {
        name: (before.categories[name], after.categories[name], found.categories[name])
        for name in counts
    }
    for was, now, told in reports.values():
        for field, name in NAMES.items():
            if name in ("second_looks", "seconds"):
                continue
            values = [getattr(report.final, field) for report in (was, now)]
            expected = None if None in values else values[1] - values[0]
            assert told[name].difference == pytest.approx(expected, abs=1e-12), name


def test_reflection_is_held_against_the_first_look() -> None:
    items = [
        judged(place, bad=place % 2 == 0, first=0.4, final=0.9 if place % 2 == 0 else 0.4)
        for place in range(40)
    ]
    gains = changes(first_looks(items), final_looks(items), {"bolt": "x"}, seed=0)
    assert gains.overall["accuracy"].difference == 0.5
    low, high = gains.overall["accuracy"].interval
    assert 0.3 < low < 0.5 < high < 0.7
    assert gains.overall["balanced_accuracy"].interval == (0.5, 0.5)  # every defect was found
    assert gains.overall["second_looks"].difference == 0.5
    assert gains.overall["f1_loc@0.3"].difference == 1
    assert gains.overall["f1_type"].difference == 1
    assert gains.overall["seconds"].difference is None


@pytest.mark.slow
def test_an_interval_tells_what_more_images_would_give() -> None:
    """Of 200 samples, about 95 % of the intervals hold the true difference."""
    rng, held = np.random.default_rng(5), 0
    for _ in range(200):
        one, other = [], []
        for place in range(60):
            lucky, luckier = rng.random() < 0.6, rng.random() < 0.75
            one.append(judged(place, bad=True, first=0.5, final=0.9 if lucky else 0.1))
            other.append(judged(place, bad=True, first=0.5, final=0.9 if luckier else 0.1))
        low, high = between(one, other).overall["accuracy"].interval
        held += low <= 0.15 <= high
    assert 176 <= held <= 199


def test_what_makes_both_err_alike_falls_out() -> None:
    one = drawn(3, 200, categories=("bolt",))
    other = [
        item.model_copy(update={"final": Verdict.of(1 - item.final.probability)})
        if place < 4
        else item
        for place, item in enumerate(one)
    ]
    low, high = between(one, other).overall["accuracy"].interval
    alone = wilson(sum(i.final.label is i.truth.label for i in one), len(one))
    assert 0 < high - low < (alone.high - alone.low) / 2


def test_draws_are_of_the_seed() -> None:
    one, other = drawn(1), drawn(1, shift=0.3)
    kinds = {"bolt": "x", "nut": "y"}
    sheets = final_looks(one), final_looks(other)
    found = [changes(*sheets, kinds, seed=seed, rounds=300) for seed in (7, 7, 8)]
    assert found[0] == found[1]
    assert found[0] != found[2]
    assert found[0].scenarios["x"] == found[0].categories["bolt"]
    shuffled = changes(final_looks(one[::-1]), final_looks(other[::-1]), kinds, seed=7, rounds=300)
    assert shuffled == found[0]


@pytest.mark.parametrize(
    ("items", "name"),
    [
        pytest.param([judged(0, bad=False, first=0.1, final=0.1)], "f1_loc@0.3", id="no-boxes"),
        pytest.param([judged(0, bad=False, first=0.1, final=0.1)], "escape_rate", id="no-defects"),
        pytest.param([judged(0, bad=True, first=0.9, final=0.9)], "overkill_rate", id="no-good"),
        pytest.param([failed(0, bad=True)], "accuracy", id="all-failed"),
    ],
)
def test_what_cannot_be_had_is_null(items: list[JudgedImage], name: str) -> None:
    change = between(items, items).overall[name]
    assert (change.difference, change.interval) == (None, None)


def test_looks_at_different_images_are_refused() -> None:
    with pytest.raises(ValueError, match="different images"):
        between(drawn(0, 10), drawn(0, 12))
