"""Whether confidence and reliability can be believed."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reinspect.metrics._checked import Bools, Floats, flags, judged, same_length, share, unit

BINS = 10


class Bin(NamedTuple):
    """One bar of a reliability diagram: verdicts whose confidence lies in [low, high).

    The last bin takes 1.0 as well. `confidence` and `right` are means over the bin's verdicts,
    null where it has none.
    """

    low: float
    high: float
    n: int
    confidence: float | None
    right: float | None


def confidence(probability: npt.ArrayLike) -> Floats:
    """max(p, 1 − p), shape (n,), [0.5, 1]: how sure a single look is of its own label."""
    p = unit(probability, "probability")
    return np.maximum(p, 1 - p)


def right(probability: npt.ArrayLike, truth: npt.ArrayLike) -> Bools:
    """Whether each forced label is right, shape (n,)."""
    p, t = judged(probability, truth)
    return np.equal(p >= 0.5, t)


def reliability_diagram(probability: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[Bin, ...]:
    """Confidence against the share of right labels, in 10 equal bins of confidence on [0.5, 1].

    A confidence on an edge belongs to the upper bin, compared as the floats they are.
    """
    sure, hit = confidence(probability), right(probability, truth)
    edges = np.linspace(0.5, 1, BINS + 1)
    place = np.clip(np.digitize(sure, edges) - 1, 0, BINS - 1)
    bins = []
    for i in range(BINS):
        inside = place == i
        n = int(inside.sum())
        bins.append(
            Bin(
                low=float(edges[i]),
                high=float(edges[i + 1]),
                n=n,
                confidence=float(sure[inside].mean()) if n else None,
                right=float(hit[inside].mean()) if n else None,
            )
        )
    return tuple(bins)


def bins_of(
    place: npt.ArrayLike, n: npt.ArrayLike, sure: npt.ArrayLike, hit: npt.ArrayLike
) -> tuple[Bin, ...]:
    """The bins of a reliability diagram from counts.

    Args:
        place: shape (k,), which bin each count is of.
        n: shape (k,), verdicts.
        sure: shape (k,), the sum of their confidence.
        hit: shape (k,), how many of them are right.
    """
    places = np.asarray(place, dtype=np.int64)
    each = [
        np.bincount(places, weights=np.asarray(w, float), minlength=BINS) for w in (n, sure, hit)
    ]
    edges = np.linspace(0.5, 1, BINS + 1)
    return tuple(
        Bin(
            float(edges[i]),
            float(edges[i + 1]),
            int(count),
            float(total / count) if count else None,
            float(right / count) if count else None,
        )
        for i, (count, total, right) in enumerate(zip(*each, strict=True))
    )


def ece(probability: npt.ArrayLike, truth: npt.ArrayLike) -> float | None:
    """Expected calibration error, [0, 1]; None without parts.

    The mean over verdicts of |mean confidence − share right| of their bin (Naeini et al. 2015),
    over the bins of `reliability_diagram`.
    """
    return ece_of(reliability_diagram(probability, truth))


def ece_of(bins: Sequence[Bin]) -> float | None:
    """The same of bins that were counted elsewhere."""
    n = sum(bar.n for bar in bins)
    if not n:
        return None
    gaps = (
        bar.n * abs(bar.confidence - bar.right)
        for bar in bins
        if bar.confidence is not None and bar.right is not None
    )
    return math.fsum(gaps) / n


def risk_coverage(reliability: npt.ArrayLike, hit: npt.ArrayLike) -> tuple[Floats, Floats]:
    """The risk–coverage curve: what share of labels is wrong among the k most reliable ones.

    Args:
        reliability: shape (n,), [0, 1]; its order alone matters.
        hit: shape (n,), whether each label is right.

    Returns:
        Coverage k / n and risk, each of shape (n,), for k = 1 … n. Where verdicts tie, the risk is
        its expected value over their orders: each place of the tie holds the tie's mean.
    """
    order, risks = unit(reliability, "reliability"), ~flags(hit, "hit")
    same_length(reliability=order, hit=risks)
    n = len(risks)
    values, place = np.unique(-order, return_inverse=True)
    size = np.bincount(place, minlength=len(values))
    wrong = np.bincount(place, weights=risks, minlength=len(values))
    expected = np.repeat(wrong / np.maximum(size, 1), size)
    kept = np.arange(1, n + 1)
    return kept / max(n, 1), np.cumsum(expected) / kept


def aurc(reliability: npt.ArrayLike, hit: npt.ArrayLike) -> float | None:
    """Area under the risk–coverage curve, [0, 1], lower is better; None without parts.

    The mean risk over all n coverages (Geifman and El-Yaniv 2017), in expectation over ties.
    """
    _, risk = risk_coverage(reliability, hit)
    return float(risk.mean()) if len(risk) else None


def accuracy_at_coverage(
    reliability: npt.ArrayLike, hit: npt.ArrayLike, coverage: float = 0.8
) -> float | None:
    """Share of right labels among the most reliable ⌈coverage · n⌉, in expectation over ties.

    None without parts.

    Raises:
        ValueError: `coverage` is outside (0, 1].
    """
    share(coverage, "coverage")
    _, risk = risk_coverage(reliability, hit)
    # 0.8 × 35 is 28.000000000000004 as a float, and 28 is what is meant.
    kept = math.ceil(round(coverage * len(risk), 9))
    return float(1 - risk[kept - 1]) if len(risk) else None
