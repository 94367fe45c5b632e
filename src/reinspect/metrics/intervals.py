"""How far a figure would move on other parts of the same kind."""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from reinspect.metrics._checked import same_length


class Interval(NamedTuple):
    """Both ends, in the unit of the figure."""

    low: float
    high: float


def wilson(k: int, n: int, *, level: float = 0.95) -> Interval | None:
    """Score interval of a share, k of n (Wilson 1927); None without parts.

    Unlike the bootstrap it says something where k is 0 or n.

    Raises:
        ValueError: `k` outside 0 … n, `level` outside (0, 1).
    """
    _check_share(k, n)
    if not 0 < level < 1:
        raise ValueError(f"level {level!r} is outside (0, 1)")
    if not n:
        return None
    z = NormalDist().inv_cdf((1 + level) / 2)
    centre = (k + z * z / 2) / (n + z * z)
    reach = z * math.sqrt(k * (n - k) / n + z * z / 4) / (n + z * z)
    return Interval(max(0.0, centre - reach), min(1.0, centre + reach))


def upper_bounds(counts: npt.ArrayLike, n: int, confidence: float) -> npt.NDArray[np.float64]:
    """For each count the largest rate that it does not refute among n, [0, 1].

    Exact, one-sided (Clopper and Pearson 1934); 1 where n = 0: nothing is known.
    """
    k = np.asarray(counts, dtype=np.float64)
    bounds = betaincinv(k + 1, np.maximum(n - k, 1), confidence)
    return np.where(k < n, bounds, 1.0)


def upper_bound(count: int, n: int, confidence: float) -> float:
    """`upper_bounds` of one count.

    Raises:
        ValueError: `count` outside 0 … n.
    """
    _check_share(count, n)
    return float(upper_bounds([count], n, confidence)[0])


def lower_bound(count: int, n: int, confidence: float) -> float:
    """The smallest rate that `count` of n does not refute, as `upper_bounds`; 0 where n = 0.

    Raises:
        ValueError: `count` outside 0 … n.
    """
    _check_share(count, n)
    return 1 - upper_bound(n - count, n, confidence)


def clopper_pearson(k: int, n: int, *, level: float = 0.95) -> Interval | None:
    """Exact interval of a share, k of n (Clopper and Pearson 1934); None without parts.

    Raises:
        ValueError: `k` outside 0 … n, `level` outside (0, 1).
    """
    if not 0 < level < 1:
        raise ValueError(f"level {level!r} is outside (0, 1)")
    sure = (1 + level) / 2
    low, high = lower_bound(k, n, sure), upper_bound(k, n, sure)
    return Interval(low, high) if n else None


def paired_difference(better: int, worse: int, n: int, *, level: float = 0.95) -> Interval | None:
    """Interval of how much a share of right parts has gained, both times of the same n parts.

    Of these `better` were put right and `worse` were broken. By Agresti and Min (2005), who add
    half a part to each of the four cells; None without parts.

    Raises:
        ValueError: counts below 0 or together above n, `level` outside (0, 1).
    """
    if better < 0 or worse < 0 or better + worse > n:
        raise ValueError(f"better {better!r} and worse {worse!r} are outside 0 … {n!r}")
    if not 0 < level < 1:
        raise ValueError(f"level {level!r} is outside (0, 1)")
    if not n:
        return None
    z = NormalDist().inv_cdf((1 + level) / 2)
    b, c, size = better + 0.5, worse + 0.5, n + 2
    gain = (b - c) / size
    reach = z * math.sqrt(b + c - (b - c) ** 2 / size) / size
    return Interval(max(-1.0, gain - reach), min(1.0, gain + reach))


def control_limits(share: float, n: int, *, sigmas: float = 3.0) -> Interval | None:
    """Within which a share of n parts lies by chance, of a process with a steady `share`.

    The limits of a p-chart (Shewhart 1931); None without parts.

    Raises:
        ValueError: `share` outside [0, 1].
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share {share!r} is outside [0, 1]")
    if n < 1:
        return None
    reach = sigmas * math.sqrt(share * (1 - share) / n)
    return Interval(max(0.0, share - reach), min(1.0, share + reach))


def bootstrap(
    statistic: Callable[..., float | None],
    *arrays: npt.ArrayLike,
    rng: np.random.Generator,
    rounds: int = 1000,
    level: float = 0.95,
) -> Interval | None:
    """Percentile bootstrap interval of `statistic(*arrays)` (Efron 1979).

    Parts are drawn with replacement, the same ones from every array. Draws on which the statistic
    is None (a class was not drawn) are left out; the interval is None where they are more than
    half.

    Args:
        statistic: takes the drawn arrays.
        arrays: each of length n, one entry a part.
        rng: where the draws come from.
        rounds: how many draws.
        level: the share of draws inside the interval.

    Raises:
        ValueError: no arrays, lengths that differ, `rounds` < 1, `level` outside (0, 1).
    """
    if not arrays:
        raise ValueError("there is nothing to draw from: no arrays")
    if rounds < 1:
        raise ValueError(f"rounds {rounds!r} is less than 1")
    if not 0 < level < 1:
        raise ValueError(f"level {level!r} is outside (0, 1)")
    columns: list[npt.NDArray[Any]] = [np.asarray(array) for array in arrays]
    same_length(**{f"array {i}": column for i, column in enumerate(columns)})
    n = len(columns[0])
    if not n:
        return None
    drawn = (rng.integers(n, size=n) for _ in range(rounds))
    figures = [statistic(*(column[places] for column in columns)) for places in drawn]
    known = [figure for figure in figures if figure is not None]
    if 2 * len(known) < rounds:
        return None
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def _check_share(k: int, n: int) -> None:
    if not 0 <= k <= n:
        raise ValueError(f"k {k!r} is outside 0 … {n!r}")
