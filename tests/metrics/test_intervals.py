import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reinspect import metrics


def test_the_interval_of_a_mean_is_that_of_theory():
    values = np.random.default_rng(0).normal(5, 2, 400)
    low, high = metrics.bootstrap(
        lambda x: float(x.mean()), values, rng=np.random.default_rng(1), rounds=2000
    )
    error = values.std() / 20
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.03)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.03)


def test_the_same_parts_are_drawn_from_every_array():
    both = np.arange(50)
    interval = metrics.bootstrap(
        lambda a, b: float(np.abs(a - b).max()), both, both, rng=np.random.default_rng(0)
    )
    assert interval == (0, 0)


def test_the_same_generator_gives_the_same_interval():
    p, t = np.random.default_rng(4).random(60), np.arange(60) % 2
    one, other = (
        metrics.bootstrap(metrics.auroc, p, t, rng=np.random.default_rng(9), rounds=100)
        for _ in range(2)
    )
    assert one == other


@pytest.mark.parametrize(
    ("probability", "truth"),
    [
        pytest.param([0.2, 0.4, 0.6], [1, 1, 1], id="one-class"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_no_interval_without_a_figure(probability, truth):
    rng = np.random.default_rng(0)
    assert metrics.bootstrap(metrics.auroc, probability, truth, rng=rng, rounds=50) is None


def test_a_paired_difference_by_hand():
    """Two surveys of 1,600 people, of whom 150 changed their minds one way and 86 the other."""
    low, high = metrics.paired_difference(150, 86, 1600)
    assert (low, high) == pytest.approx((0.0212, 0.0587), abs=1e-4)
    assert metrics.paired_difference(0, 0, 0) is None
    with pytest.raises(ValueError, match="outside"):
        metrics.paired_difference(3, 3, 5)


@pytest.mark.parametrize(
    ("share", "n", "limits"),
    [
        pytest.param(0.1, 100, (0.01, 0.19), id="by-hand"),
        pytest.param(0.01, 100, (0.0, 0.0398), id="not-below-nothing"),
        pytest.param(0.0, 5, (0.0, 0.0), id="never"),
    ],
)
def test_the_limits_of_a_p_chart(share, n, limits):
    assert metrics.control_limits(share, n) == pytest.approx(limits, abs=1e-4)


def test_no_limits_without_parts():
    assert metrics.control_limits(0.1, 0) is None
    with pytest.raises(ValueError, match=r"share 1\.5"):
        metrics.control_limits(1.5, 10)


def test_draws_without_a_figure_are_left_out():
    p, t = [0.1, 0.2, 0.3, 0.9], [0, 0, 0, 1]  # a third of draws lacks the defective part
    interval = metrics.bootstrap(metrics.auroc, p, t, rng=np.random.default_rng(0), rounds=200)
    assert interval == (1, 1)


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        pytest.param((), {}, "no arrays", id="no-arrays"),
        pytest.param(([1, 2], [1]), {}, "array 0 2, array 1 1", id="lengths"),
        pytest.param(([1],), {"rounds": 0}, "rounds 0", id="no-rounds"),
        pytest.param(([1],), {"level": 1.0}, "level 1.0", id="level"),
    ],
)
def test_refuses(arrays, options, message):
    with pytest.raises(ValueError, match=message):
        metrics.bootstrap(np.mean, *arrays, rng=np.random.default_rng(0), **options)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        # Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        pytest.param(81, 263, 0.2553, 0.3662, id="81-of-263"),
        pytest.param(15, 148, 0.0624, 0.1605, id="15-of-148"),
        pytest.param(0, 20, 0.0, 0.1611, id="none"),
        pytest.param(1, 29, 0.0061, 0.1718, id="one"),
        pytest.param(20, 20, 1 - 0.1611, 1.0, id="all"),
    ],
)
def test_wilson_is_the_published_interval(k: int, n: int, low: float, high: float) -> None:
    assert metrics.wilson(k, n) == pytest.approx((low, high), abs=5e-5)


def test_wilson_has_nothing_to_say_without_parts() -> None:
    assert metrics.wilson(0, 0) is None


def test_wilson_refuses_what_is_no_share() -> None:
    with pytest.raises(ValueError, match="k 3 is outside 0 … 2"):
        metrics.wilson(3, 2)
    with pytest.raises(ValueError, match="level 1 is outside"):
        metrics.wilson(1, 2, level=1)


@pytest.mark.parametrize(
    ("count", "n", "confidence", "bound"),
    [
        pytest.param(0, 230, 0.9, 0.00996, id="none-of-230"),
        pytest.param(0, 10, 0.95, 0.25887, id="none-of-10"),
        pytest.param(3, 50, 0.9, 0.12876, id="3-of-50"),
        pytest.param(5, 5, 0.9, 1.0, id="all"),
        pytest.param(0, 0, 0.9, 1.0, id="nothing"),
    ],
)
def test_bounds_are_exact(count: int, n: int, confidence: float, bound: float) -> None:
    assert metrics.upper_bound(count, n, confidence) == pytest.approx(bound, abs=1e-5)


@given(n=st.integers(1, 400))
def test_bounds_rise_with_the_count(n: int) -> None:
    assert (np.diff(metrics.upper_bounds(np.arange(n + 1), n, 0.9)) >= 0).all()
