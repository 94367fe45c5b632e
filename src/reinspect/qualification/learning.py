"""Learning curve: what fewer references would have told, from the features that are there."""

from collections.abc import Sequence

import numpy as np

from reinspect.metrics import auroc
from reinspect.qualification.findings import LearningCurve, LearningPoint
from reinspect.qualification.rehearsal import Rehearsed
from reinspect.tools.embedded.features import Floats
from reinspect.tools.features.calibration import FeatureCalibration
from reinspect.tools.features.memory import FeatureMemory

_STEPS = (2, 4, 8, 16, 32)
_DRAWS, _LOOKS = 3, 48  # of fewer references; looks a draw
_WORK = 800  # references times looks times draws: a second or two
_RISES = 0.03  # AUROC above every step before: less may be chance
_SAYS = 3  # points: fewer don't say that a curve is flat
_AIM = 0.99  # AUROC with which a curve has nowhere to go


def learning_curve(
    rehearsed: Sequence[Rehearsed], channels: Sequence[int], *, seed: int = 0
) -> LearningCurve | None:
    """AUROC of drawn damage against good looks over the number of references compared with.

    Each step compares with a few references, drawn at random, looks at the others. Features alone
    are compared anew: nothing is described again.

    Args:
        rehearsed: with features.
        channels: of the network's layers.
        seed: of the draws.

    Returns:
        The curve; None where there are no features, or too few references for two steps.
    """
    own: dict[int, Floats] = {}
    for one in rehearsed:
        if one.grid is None:
            return None
        if one.attempt.kind is None and not one.attempt.varied:
            own[one.attempt.owner] = one.grid.astype(np.float32)
    owners = sorted(own)
    whole = _ranked([one.look.z for one in rehearsed], rehearsed)
    steps = [count for count in _STEPS if count < len(owners) - 1]
    if whole is None or not steps:
        return None
    rng = np.random.default_rng(seed)
    points = []
    for count in steps:
        values = []
        draws = _DRAWS if count <= _STEPS[1] else 1
        for _ in range(draws):
            chosen = [int(owner) for owner in rng.permutation(owners)[:count]]
            value = _with(chosen, own, rehearsed, channels, _WORK // (count * draws), rng)
            values += [] if value is None else [value]
        if values:
            points.append(LearningPoint(references=count, value=float(np.mean(values))))
    points.append(LearningPoint(references=len(owners) - 1, value=whole))
    return LearningCurve(
        figure="AUROC of the first look: drawn damage against good looks",
        points=tuple(points),
        advice=_advice(points),
    )


def _with(
    chosen: Sequence[int],
    own: dict[int, Floats],
    rehearsed: Sequence[Rehearsed],
    channels: Sequence[int],
    most: int,
    rng: np.random.Generator,
) -> float | None:
    grids = [own[owner] for owner in chosen]
    memory = FeatureMemory.learn(grids, channels)
    maps = [memory.compare(grid, excluding=place) for place, grid in enumerate(grids)]
    calibration = FeatureCalibration.learn(maps, known=len(grids))
    others = [one for one in rehearsed if one.attempt.owner not in chosen]
    looks = [
        others[int(place)] for place in rng.permutation(len(others))[: max(8, min(_LOOKS, most))]
    ]
    scores = [
        calibration.z(memory.compare(one.grid.astype(np.float32)))
        for one in looks
        if one.grid is not None
    ]
    return _ranked(scores, looks)


def _ranked(scores: Sequence[float], looks: Sequence[Rehearsed]) -> float | None:
    return auroc(scores, [one.attempt.kind is not None for one in looks])


def _advice(points: Sequence[LearningPoint]) -> str:
    last, more = points[-1], points[-1].references + 1
    rise = last.value - max(point.value for point in points[:-1])
    if last.value < _AIM and rise >= _RISES:
        return f"The curve still rises: {more} more would help."
    if last.value >= _AIM or len(points) > _SAYS:
        return f"{more} references are enough: the curve hardly rises any more."
    return f"Whether more than {more} references would help can't be told from so few."
