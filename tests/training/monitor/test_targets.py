import numpy as np
import pytest

from reinspect.metrics import upper_bound
from reinspect.policies.fitted import Dispositions
from reinspect.training.monitor.targets import Goals, calibrate, needed


def parts(n: int, rng: np.random.Generator, gap: float) -> tuple[np.ndarray, np.ndarray]:
    truth = rng.random(n) < 0.5
    z = np.where(truth, gap, -gap) + rng.normal(size=n)
    return 1 / (1 + np.exp(-z)), truth


def rates(found: Dispositions, p: np.ndarray, truth: np.ndarray) -> tuple[float, float, float]:
    passed, failed = p < found.pass_below, p >= found.fail_from
    return passed[truth].mean(), failed[~truth].mean(), (~passed & ~failed).mean()


def test_how_many_parts_a_target_takes() -> None:
    assert needed(0.01, 0.9) == 230
    assert upper_bound(0, 230, 0.9) <= 0.01 < upper_bound(0, 229, 0.9)


@pytest.mark.parametrize("gap", [0.7, 1.5])
def test_promises_hold_at_their_confidence_over_200_random_splits(gap: float) -> None:
    p, truth = parts(40_000, np.random.default_rng(0), gap)
    goals, broken = Goals(escape=0.1, overkill=0.1, confidence=0.9), np.zeros(2)
    for seed in range(200):
        drawn = np.random.default_rng(seed + 1).choice(len(p), size=300, replace=False)
        found = calibrate(p[drawn], truth[drawn], goals, split="")
        escape, overkill, _ = rates(found, p, truth)
        broken += (escape > 0.1, overkill > 0.1)
    # 20 expected at most; 32 is what chance exceeds once in 500 times.
    assert (broken <= 32).all()
    # And not so careful that nothing is settled: the bound is nearly used up.
    assert escape > 0.02


def test_well_separated_parts_are_seldom_reviewed() -> None:
    p, truth = parts(600, np.random.default_rng(3), gap=3.0)
    found = calibrate(p, truth, Goals(escape=0.02, overkill=0.02), split="")
    assert found.escape is not None
    assert found.overkill is not None
    assert found.escape.held
    assert found.overkill.held
    assert rates(found, p, truth)[2] <= 0.1


def test_a_target_that_cannot_be_supported_says_what_it_takes_and_what_can() -> None:
    p, truth = parts(200, np.random.default_rng(3), gap=3.0)
    found = calibrate(p, truth, Goals(escape=0.01), split="")
    assert found.escape is not None
    assert not found.escape.held
    assert found.pass_below == 0.0
    assert "at least 230 without one error" in found.escape.said
    nearest = float(found.escape.said.rsplit(" ", 1)[1])
    assert 0.01 < nearest < 0.1
    again = calibrate(p, truth, Goals(escape=nearest), split="").escape
    assert again is not None
    assert again.held


def test_defects_that_look_best_of_all_allow_no_pass() -> None:
    p, truth = np.linspace(0, 1, 400), np.arange(400) < 200
    found = calibrate(p, truth, Goals(escape=0.05), split="")
    assert found.escape is not None
    assert not found.escape.held
    assert "support no target" in found.escape.said


def test_a_side_without_a_target_settles_by_the_label_and_promises_nothing() -> None:
    p, truth = parts(400, np.random.default_rng(1), gap=1.5)
    only_escape = calibrate(p, truth, Goals(escape=0.05), split="")
    assert (only_escape.fail_from, only_escape.overkill) == (0.5, None)
    assert only_escape.notes == ("nothing is guaranteed of overkill: no target was set",)
    only_overkill = calibrate(p, truth, Goals(overkill=0.05), split="")
    assert (only_overkill.pass_below, only_overkill.escape) == (0.5, None)


def test_easy_targets_leave_one_cut() -> None:
    p, truth = parts(400, np.random.default_rng(1), gap=1.5)
    found = calibrate(p, truth, Goals(escape=0.5, overkill=0.5), split="")
    assert found.pass_below == found.fail_from == 0.5


def test_review_targets() -> None:
    p, truth = parts(400, np.random.default_rng(1), gap=1.0)
    alone = calibrate(p, truth, Goals(review=0.3), split="")
    assert alone.review is not None
    assert alone.review.held
    assert 0.2 < rates(alone, p, truth)[2] <= 0.3
    strict = Goals(escape=0.05, overkill=0.05, review=0.2)
    found = calibrate(p, truth, strict, split="").review
    assert found is not None
    assert not found.held
    assert "would allow it" in found.said
    held = calibrate(p, truth, Goals(escape=0.2, overkill=0.2, review=0.3), split="").review
    assert held is not None
    assert held.held


def test_a_review_target_too_small_for_the_parts_reviews_none() -> None:
    p, truth = parts(20, np.random.default_rng(1), gap=1.0)
    found = calibrate(p, truth, Goals(review=0.01), split="")
    assert found.pass_below == found.fail_from == 0.5


def test_good_parts_alone_promise_overkill_only() -> None:
    p = np.random.default_rng(0).random(300) * 0.6
    found = calibrate(p, np.zeros(300, dtype=bool), Goals(overkill=0.05), split="all")
    assert found.overkill is not None
    assert found.overkill.held
    assert found.notes[-1] == "only overkill is guaranteed: there were good parts alone"
    few = calibrate(p[:20], np.zeros(20, dtype=bool), Goals(overkill=0.05), split="all")
    assert few.overkill is not None
    assert not few.overkill.held
    assert few.fail_from > 1


def test_thresholds_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match="above fail_from"):
        Dispositions(pass_below=0.6, fail_from=0.5, confidence=0.9)
