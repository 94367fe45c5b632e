"""What an inspection finds, in numbers and, where there are none, in words."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from reinspect.metrics.hit_miss import SizeScale
from reinspect.qualification import FalseCalls, Trial, extent_of, measure_detection
from reinspect.qualification.detection import DetectionLimits, detection_limits
from support.made_findings import KINDS, made_trials


def trials(found: Callable[[float], bool], sizes: np.ndarray, parts: int = 8) -> list[Trial]:
    return [
        Trial(
            part=f"{n % parts}.png",
            kind="hole",
            size=size,
            area=size,
            probability=0.5,
            detected=found(size),
        )
        for n, size in enumerate(sizes)
    ]


def limits(found: Callable[[float], bool], n: int = 80, parts: int = 80) -> DetectionLimits:
    return detection_limits(trials(found, np.geomspace(4, 60, n), parts))


def test_each_kind_and_all_together_have_their_curve() -> None:
    found = measure_detection(made_trials(per_kind=300, between=0), FalseCalls.of(1, 64))
    assert [it.kind for it in found.kinds] == sorted(KINDS)
    assert found.overall.n == 300 * len(KINDS)
    assert found.overall.parts == 8
    for it in found.kinds:
        assert it.kind
        a50, a90 = KINDS[it.kind]
        assert it.a50.px == pytest.approx(a50, rel=0.4)
        if a90 < 30:
            assert it.a90.px == pytest.approx(a90, rel=0.4)
            assert it.a90_95.px is not None
            assert it.a90_95.px > it.a90.px
        assert sum(group.n for group in it.groups) == it.n
        assert all(point.lower <= point.probability for point in it.curve)


def test_the_likelier_scale_is_named() -> None:
    rng = np.random.default_rng(0)
    log = limits(lambda px: rng.random() < 1 / (1 + (10 / px) ** 2), 2000)
    plain = limits(lambda px: rng.random() < 1 / (1 + np.exp((30 - px) / 10)), 2000)
    assert (log.scale, plain.scale) == (SizeScale.LOG, SizeScale.PLAIN)


@pytest.mark.parametrize(
    ("found", "n", "a50", "a90_95"),
    [
        pytest.param(
            lambda px: True,
            80,
            "below 4.0 px, the smallest that was tried",
            "px",
            id="all-found",
        ),
        pytest.param(
            lambda px: True,
            12,
            "below 4.0 px, the smallest that was tried",
            "not proven: all were found, but 12 are too few",
            id="few-and-all-found",
        ),
        pytest.param(
            lambda px: False,
            80,
            "not reached: none was found, up to 60.0 px",
            "not reached: none was found, up to 60.0 px",
            id="none-found",
        ),
        pytest.param(
            lambda px: px < 10,
            80,
            "not reached up to 60.0 px, the largest that was tried",
            "not reached up to 60.0 px, the largest that was tried",
            id="only-small-ones",
        ),
        pytest.param(lambda px: px > 15, 80, "px", "px", id="separated"),
        pytest.param(
            lambda px: px > 15,
            9,
            "not known: 9 trials, and it takes 10",
            "not known: 9 trials, and it takes 10",
            id="too-few",
        ),
        pytest.param(
            lambda px: px > 15,
            0,
            "not known: nothing was tried",
            "not known: nothing was tried",
            id="nothing",
        ),
    ],
)
def test_what_cannot_be_said_in_numbers_is_said_in_words(
    found: Callable[[float], bool], n: int, a50: str, a90_95: str
) -> None:
    told = limits(found, n)
    assert str(told.a50).endswith(a50)
    assert str(told.a90_95).endswith(a90_95)


def test_damage_of_one_size_has_no_curve() -> None:
    told = detection_limits(trials(lambda px: True, np.full(20, 8.0)))
    assert told.a90.why == "not known: every trial was of one size, 8.0 px"
    assert told.curve == ()


@pytest.mark.parametrize(
    ("n", "parts", "notes"),
    [
        pytest.param(59, 8, ["59 trials: MIL-HDBK-1823A asks for 60 or more."], id="few"),
        pytest.param(60, 8, [], id="enough"),
        pytest.param(
            60,
            1,
            ["All trials are on one part: how much parts differ is not in the bound."],
            id="one-part",
        ),
    ],
)
def test_notes_say_what_the_bound_leaves_out(n: int, parts: int, notes: list[str]) -> None:
    assert list(limits(lambda px: px > 15, n, parts).notes) == notes


def test_a_curve_that_large_damage_belies_is_not_trusted() -> None:
    """Most is found from 6 px on, but one kind of five never."""
    sizes = np.geomspace(4, 60, 400)
    found = iter(px > 6 and n % 5 != 0 for n, px in enumerate(sizes))
    told = detection_limits(trials(lambda px: next(found), sizes, 400))
    assert (told.a90_95.px is None) or any("doesn't hold" in note for note in told.notes)


@pytest.mark.parametrize(
    ("k", "n", "bound"),
    [
        pytest.param(0, 64, 0.0457, id="none"),
        pytest.param(1, 64, 0.0720, id="one"),
        pytest.param(3, 3, 1.0, id="all"),
        pytest.param(0, 0, 1.0, id="nothing-tried"),
    ],
)
def test_false_calls_have_an_exact_bound(k: int, n: int, bound: float) -> None:
    assert FalseCalls.of(k, n).bound == pytest.approx(bound, abs=1e-3)


def test_more_false_calls_than_parts_are_refused() -> None:
    with pytest.raises(ValueError, match=r"k 3 is outside 0 … 2"):
        FalseCalls.of(3, 2)


def _mask(draw: Callable[[np.ndarray], object]) -> np.ndarray:
    canvas = np.zeros((80, 120), np.uint8)
    draw(canvas)
    return canvas > 0


@pytest.mark.parametrize(
    ("draw", "longest"),
    [
        pytest.param(lambda it: it.__setitem__((5, 5), 1), 1, id="a-pixel"),
        pytest.param(lambda it: it.__setitem__((5, slice(10, 40)), 1), 30, id="scratch"),
        pytest.param(lambda it: cv2.circle(it, (60, 40), 10, 1, -1), 21, id="disk"),
        pytest.param(lambda it: cv2.line(it, (10, 10), (40, 50), 1), 51, id="slanted"),
        pytest.param(
            lambda it: [cv2.circle(it, (x, 40), r, 1, -1) for x, r in ((20, 3), (100, 6))],
            13,
            id="spots-by-the-largest",
        ),
    ],
)
def test_size_is_the_longest_extent_of_the_largest_piece(
    draw: Callable[[np.ndarray], object], longest: float
) -> None:
    mask = _mask(draw)
    extent = extent_of(mask)
    assert extent.longest == pytest.approx(longest, abs=0.5)
    assert extent.area == mask.sum()


def test_an_empty_mask_has_no_size() -> None:
    with pytest.raises(ValueError, match="the mask is empty"):
        extent_of(np.zeros((4, 4), bool))


@pytest.mark.parametrize("size", [0, -1, float("nan"), float("inf")])
def test_a_trial_of_no_size_is_refused(size: float) -> None:
    with pytest.raises(ValidationError, match="size"):
        Trial(part="a", kind="hole", size=size, area=1, probability=0.5, detected=True)
