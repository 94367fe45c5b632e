"""How far a figure would move on other parts of the same kind."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reinspect.metrics._checked import same_length


class Interval(NamedTuple):
    """Both ends, in the unit of the figure."""

    low: float
    high: float


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
