"""What a better threshold alone would have given: the control of every gain."""

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from reinspect.metrics._checked import Bools, Floats, judged, unit

# Probabilities of exactly 0 or 1 have no finite odds; a threshold is kept this far from them.
_MARGIN = 1e-6


def fit_threshold(
    probability: npt.ArrayLike,
    truth: npt.ArrayLike,
    groups: Sequence[Hashable] | None = None,
) -> float | None:
    """The threshold of "anomalous iff p ≥ threshold" with the best balanced accuracy, [0, 1].

    Candidates are 0 (everything is anomalous) and the mid-points between neighbouring distinct
    values of the probabilities, 0 and 1. Of equally good ones the nearest to 0.5 is taken (a
    threshold moves only for a gain), then the lower (a false alarm costs less than an escape).

    Args:
        probability: shape (n,), [0, 1].
        truth: shape (n,), true = anomalous.
        groups: n names; where given, the mean of the groups' balanced accuracies is maximised, so
            that a large group does not outvote a small one. A group of one class has no say.

    Returns:
        The threshold; None when no group has both classes.

    Raises:
        ValueError: malformed or of different lengths.
    """
    p, t = judged(probability, truth)
    names = list(groups) if groups is not None else [None] * len(t)
    if len(names) != len(t):
        raise ValueError(f"lengths differ: groups {len(names)}, truth {len(t)}")
    if not len(t):
        return None
    candidates = _candidates(p)
    total, voters = np.zeros(len(candidates)), 0
    for inside in _members(names).values():
        found = _balanced_accuracies(p[inside], t[inside], candidates)
        if found is not None:
            total, voters = total + found, voters + 1
    if not voters:
        return None
    # A sum of shares is exact to about 1e-15 a group only: equal scores must count as equal.
    best = candidates[total >= total.max() - 1e-9]
    return float(min(best, key=lambda threshold: (round(abs(threshold - 0.5), 12), threshold)))


def leave_one_group_out(
    probability: npt.ArrayLike, truth: npt.ArrayLike, groups: Sequence[Hashable]
) -> dict[Hashable, float | None]:
    """For each group the threshold fitted on all *other* groups by `fit_threshold`.

    None for a group that has no other with both classes.
    """
    p, t = judged(probability, truth)
    if len(groups) != len(t):
        raise ValueError(f"lengths differ: groups {len(groups)}, truth {len(t)}")
    fitted = {}
    for name, inside in _members(groups).items():
        others = [group for group, mine in zip(groups, inside, strict=True) if not mine]
        fitted[name] = fit_threshold(p[~inside], t[~inside], others)
    return fitted


def shift(probability: npt.ArrayLike, threshold: float) -> Floats:
    """Probabilities moved in logit space so that `threshold` comes to lie at 0.5; shape (n,).

    logit(p') = logit(p) − logit(threshold). Order is kept, and p' ≥ 0.5 if, and only if,
    p ≥ threshold.

    Raises:
        ValueError: a value outside [0, 1].
    """
    p = unit(probability, "probability")
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold {threshold!r} is outside [0, 1]")
    pivot = min(max(threshold, _MARGIN), 1 - _MARGIN)
    for_it, against = p * (1 - pivot), (1 - p) * pivot
    moved = for_it / (for_it + against)
    # Rounding must not carry a probability across the threshold that it was labelled by.
    return np.where(p >= threshold, np.maximum(moved, 0.5), np.minimum(moved, np.nextafter(0.5, 0)))


def _candidates(p: Floats) -> Floats:
    ends = np.unique(np.concatenate([[0.0], p, [1.0]]))
    return np.concatenate([[0.0], (ends[:-1] + ends[1:]) / 2])


def _members(names: Sequence[Hashable]) -> dict[Hashable, Bools]:
    return {
        name: np.array([other == name for other in names], dtype=bool)
        for name in dict.fromkeys(names)
    }


def _balanced_accuracies(p: Floats, t: Bools, thresholds: Floats) -> Floats | None:
    if t.all() or not t.any():
        return None
    defective, good = np.sort(p[t]), np.sort(p[~t])
    found = 1 - np.searchsorted(defective, thresholds) / len(defective)
    passed = np.searchsorted(good, thresholds) / len(good)
    return np.asarray((found + passed) / 2, dtype=np.float64)
