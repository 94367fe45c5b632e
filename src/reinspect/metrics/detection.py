"""How well parts are told apart: from forced labels, from ranks, and from dispositions."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reinspect.metrics._checked import Bools, Floats, finite, flags, judged, same_length
from reinspect.vocabulary import Outcome


def accuracy(probability: npt.ArrayLike, truth: npt.ArrayLike) -> float | None:
    """Share of forced labels that are right, [0, 1]; None without parts."""
    p, t = judged(probability, truth)
    return float(((p >= 0.5) == t).mean()) if len(t) else None


def balanced_accuracy(probability: npt.ArrayLike, truth: npt.ArrayLike) -> float | None:
    """Mean of the shares of defective and of good parts labelled right, [0, 1].

    None when one class is absent: half of a mean is not the mean.
    """
    p, t = judged(probability, truth)
    if t.all() or not t.any():
        return None
    called = p >= 0.5
    return float((called[t].mean() + (~called[~t]).mean()) / 2)


def auroc(score: npt.ArrayLike, truth: npt.ArrayLike) -> float | None:
    """Area under the receiver operating characteristic, [0, 1].

    The probability that a random defective part scores above a random good one, a tie counting
    half (Hanley and McNeil 1982). `score`: shape (n,), finite, of any unit, higher = more
    anomalous. None when one class is absent.
    """
    s, t = finite(score, "score"), flags(truth, "truth")
    same_length(score=s, truth=t)
    values, place = np.unique(s, return_inverse=True)
    defective = np.bincount(place[t], minlength=len(values))
    good = np.bincount(place[~t], minlength=len(values))
    return auroc_of_counts(defective, good)


def auroc_of_counts(defective: npt.NDArray[np.int64], good: npt.NDArray[np.int64]) -> float | None:
    """AUROC of scores counted in bins of rising score, each of shape (bins,)."""
    pairs = float(defective.sum()) * float(good.sum())
    if pairs == 0:
        return None
    below = np.cumsum(good) - good
    won: Floats = defective.astype(np.float64) * (below + good / 2)
    return float(won.sum() / pairs)


def escape_rate(outcomes: Sequence[Outcome], truth: npt.ArrayLike) -> float | None:
    """Defective parts given PASS / defective parts, [0, 1]; None without defective parts."""
    t = _settled(outcomes, truth)
    return _share(outcomes, Outcome.PASS, t)


def overkill_rate(outcomes: Sequence[Outcome], truth: npt.ArrayLike) -> float | None:
    """Good parts given FAIL / good parts, [0, 1]; None without good parts."""
    t = _settled(outcomes, truth)
    return _share(outcomes, Outcome.FAIL, ~t)


def review_rate(outcomes: Sequence[Outcome]) -> float | None:
    """Parts given REVIEW / parts, [0, 1]; None without parts."""
    return _share(outcomes, Outcome.REVIEW, np.ones(len(outcomes), dtype=bool))


def _settled(outcomes: Sequence[Outcome], truth: npt.ArrayLike) -> Bools:
    t = flags(truth, "truth")
    if len(outcomes) != len(t):
        raise ValueError(f"lengths differ: outcomes {len(outcomes)}, truth {len(t)}")
    return t


def _share(outcomes: Sequence[Outcome], which: Outcome, among: Bools) -> float | None:
    given = np.array([Outcome(outcome) is which for outcome in outcomes], dtype=bool)
    return float(given[among].mean()) if among.any() else None
