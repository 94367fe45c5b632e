"""Where and what: boxes, defect types and heat-maps against the truth."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reinspect.metrics._checked import Floats
from reinspect.metrics.detection import auroc_of_counts

Boxes = Sequence[Sequence[float]] | npt.NDArray[np.float64]

# What the graded type match gives a substring and, at best, a fuzzy match (IAD-R1).
_SUBSTRING, _FUZZY, _ALIKE = 0.85, 0.4, 0.7
_SHORTEST_SUBSTRING = 3
# Below the least score of a fuzzy match: all three ways of matching count for F1_type.
_TYPE_THRESHOLD = 0.25
# Pixel scores are told apart by 20 bits of their float32: 2048 steps to each power of two.
_DROPPED_BITS = 12
_LEVELS = 1 << (32 - _DROPPED_BITS)
_ZERO = _LEVELS // 2


class Matches(NamedTuple):
    """How many predictions and truths found each other."""

    true_positive: int
    false_positive: int
    false_negative: int

    @property
    def f1(self) -> float | None:
        """2 TP / (2 TP + FP + FN), [0, 1]; None where there was nothing to find.

        Without a true one there is no recall: false alarms alone give None, too, and not zero.
        """
        if not self.true_positive + self.false_negative:
            return None
        found = 2 * self.true_positive
        return found / (found + self.false_positive + self.false_negative)


def iou(predicted: Boxes, true: Boxes) -> Floats:
    """Intersection over union of each pair of boxes, shape (m, n), [0, 1].

    Boxes are (x1, y1, x2, y2), half-open, all in one unit: pixels and normalised corners give the
    same.

    Raises:
        ValueError: a box is not four finite numbers with x1 < x2 and y1 < y2.
    """
    intersection, union, _ = _areas(predicted, true)
    return intersection / union


def giou(predicted: Boxes, true: Boxes) -> Floats:
    """Generalised IoU of each pair of boxes, shape (m, n), (−1, 1].

    IoU minus the share of the smallest enclosing box that neither covers (Rezatofighi et al.
    2019): it still tells near from far where boxes do not meet. Boxes as for `iou`.
    """
    intersection, union, enclosing = _areas(predicted, true)
    return intersection / union - (enclosing - union) / enclosing


def match(similarity: Floats, threshold: float) -> Matches:
    """Greedy one-to-one matching: best pair first, as long as it is above `threshold`.

    Of equally similar pairs the first in order of (predicted, true) is taken.

    Args:
        similarity: shape (m, n), m predicted against n true.
        threshold: a pair must be strictly above it.
    """
    m, n = similarity.shape
    pairs = np.argwhere(similarity > threshold)
    best_first = pairs[np.argsort(-similarity[tuple(pairs.T)], kind="stable")]
    predicted: set[int] = set()
    true: set[int] = set()
    for i, j in best_first.tolist():
        if i not in predicted and j not in true:
            predicted.add(i)
            true.add(j)
    return Matches(len(true), m - len(predicted), n - len(true))


def f1_loc(predicted: Sequence[Boxes], true: Sequence[Boxes], threshold: float) -> float | None:
    """F1 of boxes over all images, [0, 1]: greedy matching by IoU within each image.

    Args:
        predicted: one list of boxes an image; empty where it was given as normal.
        true: one list of boxes an image; empty for a good one. An anomalous image whose boxes are
            not known has to be left out of both.
        threshold: a match has an IoU strictly above it, [0, 1].

    Returns:
        None where no image has a true box.

    Raises:
        ValueError: lengths differ, a malformed box, a threshold outside [0, 1].
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold {threshold!r} is outside [0, 1]")
    _same_images(predicted, true)
    pairs = zip(predicted, true, strict=True)
    return _pooled(match(iou(guess, real), threshold) for guess, real in pairs)


def match_types(predicted: Sequence[str], true: Sequence[str]) -> Matches:
    """How many of one image's distinct names found each other, as `f1_type` counts them."""
    return match(_similarities(_distinct(predicted), _distinct(true)), _TYPE_THRESHOLD)


def type_similarity(predicted: str, true: str) -> float:
    """How alike two names of a defect are, [0, 1] (the graded match of IAD-R1, without classes).

    Names are compared without case, accents' composition, punctuation and underscores. Equal: 1;
    one contains the other (three letters or more): 0.85; ratio of matching characters ≥ 0.7: 0.4 ×
    ratio; else 0.
    """
    one, other = sorted((_plain(predicted), _plain(true)), key=lambda name: (len(name), name))
    if not one:
        return 0.0
    if one == other:
        return 1.0
    if len(one) >= _SHORTEST_SUBSTRING and one in other:
        return _SUBSTRING
    ratio = SequenceMatcher(None, one, other, autojunk=False).ratio()
    return _FUZZY * ratio if ratio >= _ALIKE else 0.0


def f1_type(predicted: Sequence[Sequence[str]], true: Sequence[Sequence[str]]) -> float | None:
    """F1 of the named defect types over all images, [0, 1].

    Within each image the distinct names are matched greedily by `type_similarity`; equal,
    contained and fuzzily alike names (threshold 0.25) all count as a match.

    Args:
        predicted: the names given to each image; empty where it was given as normal.
        true: the true names of each image; empty for a good one.

    Returns:
        None where no image has a true name.

    Raises:
        ValueError: lengths differ.
    """
    _same_images(predicted, true)
    return _pooled(match_types(*both) for both in zip(predicted, true, strict=True))


def mask_iou(images: Iterable[tuple[npt.ArrayLike | None, npt.ArrayLike]]) -> float | None:
    """Mean over images of the IoU of the predicted and the true pixels, [0, 1].

    Args:
        images: of each image the union of its predicted masks, or None without any (IoU 0), and
            the union of its true masks, both of shape (height, width), non-zero = defective. Taken
            one by one.

    Returns:
        None when there are no images.

    Raises:
        ValueError: shapes differ, or a truth marks nothing.
    """
    shares = [_mask_iou(guess, np.asarray(real) != 0) for guess, real in images]
    return float(np.mean(shares)) if shares else None


def _mask_iou(predicted: npt.ArrayLike | None, true: npt.NDArray[np.bool_]) -> float:
    if not true.any():
        raise ValueError("a true mask marks nothing: the image has to be left out")
    if predicted is None:
        return 0.0
    found = np.asarray(predicted) != 0
    if found.shape != true.shape:
        raise ValueError(f"predicted mask of shape {found.shape}, true mask of shape {true.shape}")
    return float(np.count_nonzero(found & true) / np.count_nonzero(found | true))


def pixel_auroc(images: Iterable[tuple[npt.ArrayLike, npt.ArrayLike]]) -> float | None:
    """AUROC of heat-map pixels against mask pixels, over all pixels of all images, [0, 1].

    Scores are counted at 2048 levels to each power of two, so that a thousand maps need no more
    memory (16 MB) than one. Scores of one level count as a tie, so the result is off by at most
    half the share of (defective, good) pixel pairs that differ by less than 1 / 2048 of their
    value. The tests hold it to within 0.001 of the exact figure over five scales of scores.

    Args:
        images: heat-map and mask of each image, both of shape (height, width); finite scores, all
            maps in one unit, higher = more anomalous; mask non-zero = defective. Taken one by one.

    Returns:
        None when there is no defective or no good pixel.

    Raises:
        ValueError: shapes differ or a score is not finite.
    """
    defective = np.zeros(_LEVELS, dtype=np.int64)
    good = np.zeros(_LEVELS, dtype=np.int64)
    for heat, mask in images:
        level, bad = _levels(heat), np.asarray(mask) != 0
        if level.shape != bad.shape:
            raise ValueError(f"heat-map of shape {level.shape}, mask of shape {bad.shape}")
        if bad.any():
            defective += np.bincount(level[bad], minlength=_LEVELS)
        good += np.bincount(level[~bad], minlength=_LEVELS)
    return auroc_of_counts(defective, good)


def _levels(heat: npt.ArrayLike) -> npt.NDArray[np.int32]:
    with np.errstate(over="ignore"):
        scores = np.asarray(heat, dtype=np.float32)
    if not np.isfinite(scores).all():
        odd = scores[~np.isfinite(scores)].flat[0]
        raise ValueError(f"heat-map has a score of {float(odd)!r}, not a finite number")
    # The bits of a float32's magnitude rise with it. Levels mirror each other about zero, so that
    # −0 is 0, and what is too small to be told from zero is a tie with it from either side.
    magnitude = (np.abs(scores).view(np.uint32) >> np.uint32(_DROPPED_BITS)).astype(np.int32)
    return np.where(scores < 0, _ZERO - magnitude, _ZERO + magnitude)


def _areas(predicted: Boxes, true: Boxes) -> tuple[Floats, Floats, Floats]:
    a, b = _corners(predicted)[:, None], _corners(true)[None, :]
    low, high = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])
    intersection = np.clip(high - low, 0, None).prod(-1)
    union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - intersection
    outer = np.maximum(a[..., 2:], b[..., 2:]) - np.minimum(a[..., :2], b[..., :2])
    return intersection, union, outer.prod(-1)


def _corners(boxes: Boxes) -> Floats:
    if not len(boxes):
        return np.empty((0, 4))
    corners = np.asarray(boxes, dtype=np.float64)
    if corners.ndim != 2 or corners.shape[1] != 4:
        raise ValueError(f"boxes have shape {corners.shape}, expected (n, 4)")
    for corner in corners:
        x1, y1, x2, y2 = corner
        if not (np.isfinite(corner).all() and x1 < x2 and y1 < y2):
            raise ValueError(f"box {tuple(corner.tolist())} is not x1 < x2, y1 < y2")
    return corners


def _plain(name: str) -> str:
    spaced = re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", name).casefold())
    return spaced.strip()


def _distinct(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(_plain(name) for name in names))


def _similarities(predicted: Sequence[str], true: Sequence[str]) -> Floats:
    rows = [[type_similarity(guess, real) for real in true] for guess in predicted]
    return np.array(rows, dtype=np.float64).reshape(len(predicted), len(true))


def _same_images(predicted: Sequence[object], true: Sequence[object]) -> None:
    if len(predicted) != len(true):
        raise ValueError(f"lengths differ: predicted {len(predicted)}, true {len(true)}")


def _pooled(images: Iterable[Matches]) -> float | None:
    counts = np.array([tuple(image) for image in images], dtype=int).reshape(-1, 3)
    return Matches(*counts.sum(axis=0).tolist()).f1
