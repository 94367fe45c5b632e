"""Thresholds for PASS and FAIL that keep to targets, with exact bounds.

Each rate is a binomial: its upper confidence bound is Clopper and Pearson's. Thresholds are tested
in a fixed order on a grid that does not depend on the data, from the one that settles nothing
towards 0.5 and beyond, and testing stops at the first that fails (fixed-sequence testing, as in
Learn then Test, Angelopoulos et al. 2021): the last that passed keeps the target at the stated
confidence, without a correction for having tried many.

Assumption: exchangeability, i.e. parts to come are like draws from those calibrated on. Each target
is kept at the stated confidence on its own.
"""

import math
from typing import NamedTuple

import numpy as np
from pydantic import Field

from reinspect.metrics import upper_bound, upper_bounds
from reinspect.policies.fitted import Dispositions, Guarantee
from reinspect.policies.heads import Floats
from reinspect.training.monitor.newton import Bools
from reinspect.vocabulary import Value

GRID = 1 / (1 + np.exp(-np.arange(-9, 9.025, 0.05)))
"""Candidate thresholds, even steps of log-odds."""

_NOTHING_FAILED = 2.0


class Goals(Value):
    """Rates that must not be exceeded; null: not asked for."""

    escape: float | None = Field(default=None, gt=0, lt=1, description="Of defective parts.")
    overkill: float | None = Field(default=None, gt=0, lt=1, description="Of good parts.")
    review: float | None = Field(default=None, gt=0, lt=1, description="Of all parts.")
    confidence: float = Field(default=0.9, gt=0, lt=1)

    @property
    def any(self) -> bool:
        """Whether anything was asked for."""
        return (self.escape, self.overkill, self.review) != (None, None, None)


def needed(target: float, confidence: float) -> int:
    """How many parts without a single error can support a target."""
    return math.ceil(math.log(1 - confidence) / math.log(1 - target))


def calibrate(probability: Floats, truth: Bools, goals: Goals, *, split: str) -> Dispositions:
    """Thresholds for the goals, from calibration parts that nothing was fitted on.

    A target that can't be supported leaves its side unused (all such parts go to REVIEW), and the
    promise says so, with the nearest target that these parts can support. A side without a target
    settles by the label: p below or from 0.5.

    Args:
        probability: fused, of the calibration parts, shape (n,).
        truth: true = anomalous, shape (n,).
        goals: the targets.
        split: how the calibration parts were kept apart; for the record.
    """
    level, notes = goals.confidence, []
    bad, good = np.sort(probability[truth]), np.sort(probability[~truth])
    escape = overkill = None
    pass_below, fail_from = 0.5, 0.5
    if goals.escape is not None:
        pass_below, escape = _pass_threshold(bad, good, goals.escape, level)
    if goals.overkill is not None:
        fail_from, overkill = _fail_threshold(bad, good, goals.overkill, level)
    if escape is None and overkill is None:
        pass_below, fail_from = _review_band(np.sort(probability), goals.review or 0.0, level)
    elif escape is None:
        pass_below = min(0.5, fail_from)
        notes.append("nothing is guaranteed of escapes: no target was set")
    elif overkill is None:
        fail_from = max(0.5, pass_below)
        notes.append("nothing is guaranteed of overkill: no target was set")
    if not len(bad):
        notes.append("only overkill is guaranteed: there were good parts alone")
    if pass_below > fail_from:
        # Both targets leave room: one cut settles every part, as near to the label's as they let.
        pass_below = fail_from = min(max(0.5, fail_from), pass_below)
    found = Dispositions(
        pass_below=pass_below,
        fail_from=fail_from,
        confidence=level,
        escape=escape,
        overkill=overkill,
        split=split,
        notes=tuple(notes),
    )
    if goals.review is None:
        return found
    return found.model_copy(update={"review": _review_guarantee(probability, truth, goals, found)})


def _pass_threshold(
    bad: Floats, good: Floats, target: float, level: float
) -> tuple[float, Guarantee]:
    """The highest threshold of PASS, and what it promises of escapes."""
    escaped, passed = np.searchsorted(bad, GRID), np.searchsorted(good, GRID)
    last, promise = _last_kept(escaped, passed, len(bad), target, level, "escape", "defective")
    return (float(GRID[last]) if last is not None else 0.0), promise


def _fail_threshold(
    bad: Floats, good: Floats, target: float, level: float
) -> tuple[float, Guarantee]:
    """The lowest threshold of FAIL, and what it promises of overkill."""
    downwards = GRID[::-1]
    killed = len(good) - np.searchsorted(good, downwards)
    # Without defective parts nobody can say whether a threshold is of use: all count as if it were.
    caught = len(bad) - np.searchsorted(bad, downwards) if len(bad) else np.ones(len(GRID))
    last, promise = _last_kept(killed, caught, len(good), target, level, "overkill", "good")
    return (float(downwards[last]) if last is not None else _NOTHING_FAILED), promise


def _last_kept(
    wrong: Floats, settled: Floats, n: int, target: float, level: float, rate: str, kind: str
) -> tuple[int | None, Guarantee]:
    """The last place in the order of testing that keeps the target, and the promise it makes.

    `wrong` and `settled` count, at each place, the parts wrongly and rightly settled; both rise.
    """
    bounds = upper_bounds(wrong, n, level)
    kept = int((bounds <= target).sum())
    useful = int(np.argmax(settled > 0)) if (settled > 0).any() else None
    if kept and useful is not None and useful < kept:
        bound = float(bounds[kept - 1])
        said = (
            f"{rate} ≤ {target:g} holds with confidence {level:g}: {int(wrong[kept - 1])} of {n} "
            f"{kind} parts, upper bound {bound:.4f}"
        )
        return kept - 1, Guarantee(target=target, held=True, bound=bound, n=n, said=said)
    enough = needed(target, level)
    why = f"there are {n} {kind} parts to calibrate on"
    if n < enough:
        why += f", and it takes at least {enough} without one error"
    nearest = float(bounds[useful]) if useful is not None else 1.0
    can = f"the nearest they support is {math.ceil(nearest * 1000) / 1000:g}"
    if nearest >= 1:
        can = "they support no target"
    said = f"{rate} ≤ {target:g} can't be promised with confidence {level:g}: {why}; {can}"
    return None, Guarantee(target=target, held=False, bound=None, n=n, said=said)


def _review_band(ranked: Floats, target: float, level: float) -> tuple[float, float]:
    """The widest band of doubt around 0.5 that keeps reviews to a target."""
    half = GRID[GRID >= 0.5]
    reviewed = np.searchsorted(ranked, half) - np.searchsorted(ranked, 1 - half)
    kept = int((upper_bounds(reviewed, len(ranked), level) <= target).sum())
    if not kept:
        return 0.5, 0.5
    high = float(half[kept - 1])
    return 1 - high, high


class _ReviewBand(NamedTuple):
    parts: int
    bound: float


def _reviews(probability: Floats, found: Dispositions) -> _ReviewBand:
    inside = (probability >= found.pass_below) & (probability < found.fail_from)
    parts = int(inside.sum())
    return _ReviewBand(parts, upper_bound(parts, len(probability), found.confidence))


def _review_guarantee(
    probability: Floats, truth: Bools, goals: Goals, found: Dispositions
) -> Guarantee:
    target = goals.review or 0.0
    band, n = _reviews(probability, found), len(probability)
    held = band.bound <= target
    seen = f"{band.parts} of {n} parts, upper bound {band.bound:.4f}"
    if held:
        said = f"review ≤ {target:g} holds with confidence {found.confidence:g}: {seen}"
    else:
        said = (
            f"review ≤ {target:g} can't be promised with confidence {found.confidence:g}: {seen}"
            f"{_easier_targets(probability, truth, goals)}"
        )
    return Guarantee(target=target, held=held, bound=band.bound, n=n, said=said)


def _easier_targets(probability: Floats, truth: Bools, goals: Goals) -> str:
    """The error targets, eased by one factor, with which the review target could be kept."""
    for factor in np.geomspace(1.1, 50, 40):
        eased = Goals(
            escape=_eased(goals.escape, factor),
            overkill=_eased(goals.overkill, factor),
            confidence=goals.confidence,
        )
        if not eased.any:
            return ""
        band = _reviews(probability, calibrate(probability, truth, eased, split=""))
        if band.bound <= (goals.review or 0.0):
            asked = [("escape", eased.escape), ("overkill", eased.overkill)]
            words = " and ".join(f"{name} ≤ {rate:.3g}" for name, rate in asked if rate)
            return f"; {words} would allow it"
    return "; no easier targets would allow it"


def _eased(target: float | None, factor: float) -> float | None:
    return None if target is None else min(float(target * factor), 0.99)
