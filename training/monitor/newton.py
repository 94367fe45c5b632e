"""Maximum a posteriori weights of a logistic regression, under bounds."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from reinspect.policies.heads import Floats

Bools = npt.NDArray[np.bool_]

_STEPS, _CLOSE = 50, 1e-9  # Newton's method: at most so many, until no weight moves more


def map_weights(
    columns: Floats, truth: Bools, prior: Floats, spread: Floats, rising: Bools
) -> Floats:
    """Maximum a posteriori weights, the intercept last; those that are `rising` are not negative.

    Projected Newton's method (Bertsekas 1982); the loss is convex, so there is one answer.

    Args:
        columns: shape (n, d).
        truth: shape (n,).
        prior: means, shape (d + 1,).
        spread: standard deviations, shape (d + 1,).
        rising: shape (d + 1,).
    """
    design = np.column_stack([columns, np.ones(len(truth))])
    precision, target = spread**-2.0, truth.astype(np.float64)

    def loss(weights: Floats) -> float:
        z = design @ weights
        misfit = np.logaddexp(0, z).sum() - z @ target
        return float(misfit + precision @ (weights - prior) ** 2 / 2)

    weights = prior.copy()
    for _ in range(_STEPS):
        p = logistic(design @ weights)
        slope = design.T @ (p - target) + precision * (weights - prior)
        # A weight at its bound stays there as long as the loss pulls it beyond.
        free = ~(rising & (weights <= 0) & (slope > 0))
        bend = (design.T * (p * (1 - p))) @ design + np.diag(precision)
        step = np.zeros_like(weights)
        step[free] = np.linalg.solve(bend[np.ix_(free, free)], slope[free])
        if np.abs(step).max() < _CLOSE:
            break
        weights = _descended(loss, weights, step, rising)
    return weights


def _descended(
    loss: Callable[[Floats], float], weights: Floats, step: Floats, rising: Bools
) -> Floats:
    """The weights after a Newton step, cut in half until it descends, and kept in bounds."""
    before, length = loss(weights), 1.0
    # Close to the end a step changes the loss by less than its own rounding.
    before += abs(before) * 1e-12
    while length > _CLOSE:
        after = weights - length * step
        after = np.where(rising, np.maximum(after, 0), after)
        if loss(after) <= before:
            return after
        length /= 2
    return weights


def logistic(z: Floats) -> Floats:
    return 1 / (1 + np.exp(-np.clip(z, -500, 500)))
