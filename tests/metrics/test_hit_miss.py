"""Probability of detection: bounds keep their promise, whatever was found or missed."""

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar

from reinspect.metrics.hit_miss import Floats, fit_hit_miss

Trials = tuple[Floats, np.ndarray, np.ndarray]


def inspections(
    count: int,
    n: int,
    a50: float,
    a90: float,
    *,
    parts: int | None = None,
    over_log: bool = True,
    between: float = 0.0,
    seed: int = 0,
) -> Trials:
    """Simulated ones of a known curve: sizes of 3 to 60, log-uniform.

    Args:
        parts: that the flaws of one inspection share; each has its own where None.
        between: standard deviation of a part's log-odds.
    """
    rng = np.random.default_rng(seed)
    sizes = np.exp(rng.uniform(np.log(3), np.log(60), (count, n)))
    owners = np.tile(np.arange(n) % (parts or n), (count, 1))
    at = np.log(sizes / a50) / np.log(a90 / a50) if over_log else (sizes - a50) / (a90 - a50)
    odds = np.log(9) * at
    odds += between * np.take_along_axis(rng.normal(size=(count, parts or n)), owners, axis=1)
    return sizes, rng.random((count, n)) < 1 / (1 + np.exp(-odds)), owners


@pytest.mark.slow
@pytest.mark.parametrize(
    "truth",
    [
        pytest.param({"n": 100, "a50": 8, "a90": 16}, id="100-flaws"),
        pytest.param({"n": 60, "a50": 10, "a90": 40}, id="shallow-60-flaws"),
        pytest.param({"n": 200, "a50": 20, "a90": 40, "over_log": False}, id="over-plain-size"),
        pytest.param({"n": 96, "a50": 10, "a90": 25, "parts": 8}, id="8-parts-alike"),
    ],
)
def test_bounds_hold_in_95_of_100_inspections(truth: dict[str, float]) -> None:
    fit = fit_hit_miss(*inspections(500, **truth))  # type: ignore[arg-type]
    assert 0.93 <= (fit.bounded_size(0.9) >= truth["a90"]).mean() <= 0.97
    assert 0.93 <= (fit.lower([truth["a90"]])[:, 0] <= 0.9).mean() <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "a50", "a90"),
    [pytest.param(100, 12, 14, id="steep"), pytest.param(30, 8, 16, id="30-flaws")],
)
def test_with_hardly_any_doubtful_flaw_the_bound_is_careful(n: int, a50: float, a90: float) -> None:
    fit = fit_hit_miss(*inspections(500, n, a50, a90))
    assert (fit.bounded_size(0.9) >= a90).mean() >= 0.95


def test_parts_that_differ_widen_the_bound() -> None:
    sizes, found, owners = inspections(300, 160, 10, 25, parts=8, between=1.5)
    together = fit_hit_miss(sizes, found, owners)
    apart = fit_hit_miss(sizes, found, np.tile(np.arange(160), (300, 1)))
    assert np.median(together.design_effect) > 1.5 > 1.1 > np.median(apart.design_effect)
    assert np.median(together.bounded_size(0.9)) > np.median(apart.bounded_size(0.9))


SIZES = np.linspace(4, 40, 40)


def test_the_bound_is_that_of_the_profile_likelihood() -> None:
    """Solved another way: at each probability the best slope, at log sizes."""
    found = np.random.default_rng(2).random(40) < 1 / (1 + (12 / SIZES) ** 4)
    fit = fit_hit_miss(SIZES, found, np.arange(40))
    u = np.log(SIZES)
    assert fit.is_log[0]
    assert not np.isnan(fit.plain.region).any()

    def penalised(slope: float, at: float, odds: float, x: np.ndarray) -> float:
        z = odds + slope * (x - at)
        p = 1 / (1 + np.exp(-z))
        design = np.stack([np.ones_like(x), x])
        information = (design * p * (1 - p)) @ design.T
        logs = -np.logaddexp(0, np.where(found, -z, z)).sum()
        return float(logs + np.linalg.slogdet(information)[1] / 2)

    def lowest(size: float, x: np.ndarray, to_x: float) -> float:
        def profile(odds: float) -> float:
            top = 12 / x.std()
            best = minimize_scalar(
                lambda slope: -penalised(slope, to_x, odds, x), bounds=(0, top), method="bounded"
            )
            return -float(best.fun)

        odds = np.linspace(-6, 9, 301)
        values = np.array([profile(o) for o in odds])
        peak = int(values.argmax())
        goal = values[peak] - 1.6448536**2 * fit.design_effect[0] / 2
        return float(brentq(lambda o: profile(o) - goal, odds[0], odds[peak]))

    for size in (8.0, 20.0, 36.0):
        both = min(lowest(size, u, np.log(size)), lowest(size, SIZES, size))
        assert fit.lower([size])[0, 0] == pytest.approx(1 / (1 + np.exp(-both)), abs=0.01)


@pytest.mark.parametrize(
    ("found", "a50", "a90_95"),
    [
        pytest.param(SIZES > 15, (12, 17), (15, 30), id="separated"),
        pytest.param(SIZES > 0, (0, 4), (4, 40), id="all-found"),
        pytest.param(SIZES < 0, (40, np.inf), (40, np.inf), id="none-found"),
        pytest.param(SIZES < 15, (np.inf, np.inf), (np.inf, np.inf), id="only-small-ones"),
        pytest.param(np.arange(40) % 2 == 0, (0, np.inf), (40, np.inf), id="by-chance"),
    ],
)
def test_what_is_found_in_an_odd_way_has_honest_bounds(
    found: np.ndarray, a50: tuple[float, float], a90_95: tuple[float, float]
) -> None:
    fit = fit_hit_miss(SIZES, found, np.arange(40))
    assert a50[0] <= fit.size(0.5)[0] <= a50[1]
    assert a90_95[0] <= fit.bounded_size(0.9)[0] <= a90_95[1]
    curve, lower = fit.probability(SIZES), fit.lower(SIZES)
    assert np.isfinite([curve, lower]).all()
    assert (lower < curve).all()
    assert (np.diff(curve) >= 0).all()
    assert (np.diff(lower) >= 0).all()


def test_inspections_at_once_and_one_by_one_give_the_same() -> None:
    sizes, found, owners = inspections(5, 50, 8, 16, parts=10)
    together = fit_hit_miss(sizes, found, owners).bounded_size(0.9)
    alone = [
        fit_hit_miss(*one).bounded_size(0.9)[0] for one in zip(sizes, found, owners, strict=True)
    ]
    assert together == pytest.approx(alone, rel=1e-3)


def test_the_unit_of_sizes_does_not_matter() -> None:
    sizes, found, owners = inspections(5, 80, 8, 16)
    px, mm = (fit_hit_miss(sizes * unit, found, owners) for unit in (1.0, 0.02))
    assert mm.size(0.9) == pytest.approx(px.size(0.9) * 0.02, rel=1e-3)
    assert mm.bounded_size(0.9) == pytest.approx(px.bounded_size(0.9) * 0.02, rel=1e-2)


@pytest.mark.parametrize(
    ("sizes", "found", "confidence", "message"),
    [
        pytest.param([3, 0], [1, 0], 0.95, "size 0.0 is not", id="no-size"),
        pytest.param([3, np.nan], [1, 0], 0.95, "size nan is not", id="nan"),
        pytest.param([3, 3], [1, 0], 0.95, "one size alone", id="one-size"),
        pytest.param([3, 4], [1], 0.95, "shapes differ", id="shapes"),
        pytest.param([3, 4], [1, 0], 95, "confidence 95 is outside", id="percent"),
    ],
)
def test_what_cannot_be_fitted_is_refused(
    sizes: list[float], found: list[int], confidence: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        fit_hit_miss(sizes, found, np.arange(len(found)), confidence=confidence)
