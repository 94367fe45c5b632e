"""What the references say of each other: copies, an odd one, two products, too few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from reinspect.tools.embedded.features import Floats, Pixels

ENOUGH = 8
"""References with which limits and thresholds stop being mostly a prior."""

_SIDE = 32  # of what is compared for copies
_SAME = 1.5  # grey levels there: another file or moment, but not another part
_OWN = 0.5  # of the fine structure there: two pieces of an even material differ by more
_BLANK = 1e-3  # grey levels, likewise, of pictures without any
_APART = 0.7  # spreads of a feature: references farther apart than this may be two products
_GAP = 1.8  # times the usual step from one to the next like it
# Of 19 kinds, each left out, this names something in 6 % of sound sets of eight, and half of the
# defective pictures put among them.
_ODD = 4.1  # robust deviations of a score among the references'
_DOUBT = 1.0  # what such scores are taken to vary by, at least
_MAD = 1.4826  # makes a median deviation a standard one


class ReferenceFault(StrEnum):
    """What may be amiss with a set of references."""

    FEW = "few"
    COPIES = "copies"
    ODD = "odd"
    PRODUCTS = "products"


_OTHER = {ReferenceFault.ODD, ReferenceFault.PRODUCTS}


@dataclass(frozen=True, slots=True)
class ReferenceNote:
    """One thing to know of the references before they are trusted."""

    fault: ReferenceFault
    references: tuple[int, ...]
    """Which are meant, in the order in which they were given."""
    words: str


def look(image: Pixels) -> NDArray[np.uint8]:
    """What copies are told by: a small grey picture, flat."""
    small = cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8).ravel()


def copies(looks: NDArray[np.uint8]) -> tuple[tuple[int, ...], ...]:
    """Groups of pictures, by ``look``, that show one part once: the same, or hardly changed."""
    if len(looks) < 2:
        return ()
    from scipy.spatial.distance import pdist

    levels = looks.reshape(len(looks), _SIDE, _SIDE).astype(np.float32)
    fine = [float((one - cv2.blur(one, (5, 5))).std()) for one in levels]
    least = pdist(np.array(fine)[:, None], lambda one, other: min(one[0], other[0]))
    apart = pdist(levels.reshape(len(looks), -1)) / _SIDE
    steps = apart / np.minimum(_SAME, _OWN * least + _BLANK)
    return tuple(group for group in _joined(steps, 1.0) if len(group) > 1)


def distinct(looks: NDArray[np.uint8]) -> list[int]:
    """Which pictures are left where of copies only the first counts."""
    again = {index for group in copies(looks) for index in group[1:]}
    return [index for index in range(len(looks)) if index not in again]


def notes(
    looks: NDArray[np.uint8],
    kept: Sequence[int],
    wholes: Floats | None,
    scores: Sequence[float] | None,
) -> tuple[ReferenceNote, ...]:
    """Look for what is amiss.

    Args:
        looks: (given, n) by ``look``.
        kept: which of them are ``distinct``.
        wholes: (k, features), what each of those has on the whole, in spreads of a feature.
        scores: (given,) how anomalous each is where it is left out, in the unit of a z.
    """
    found = []
    if len(kept) < ENOUGH:
        words = f"{len(kept)} different part{'s' if len(kept) > 1 else ''}, {ENOUGH} say more"
        found.append(ReferenceNote(ReferenceFault.FEW, (), words))
    for group in copies(looks):
        words = f"{len(group)} are one picture, and say no more than one"
        found.append(ReferenceNote(ReferenceFault.COPIES, group, words))
    if wholes is not None:
        found += [
            replace(note, references=tuple(kept[index] for index in note.references))
            for note in _products(wholes)
        ]
    if scores is not None and len(scores) > 2:
        said = {place for note in found if note.fault in _OTHER for place in note.references}
        found += [note for note in _odd(np.asarray(scores)) if not said & {*note.references}]
    return tuple(found)


def _products(wholes: Floats) -> list[ReferenceNote]:
    """Groups with a gap between them: another product, or where it is one, an odd reference."""
    if len(wholes) < 3:
        return []
    from scipy.cluster.hierarchy import linkage

    scaled = wholes / np.sqrt(wholes.shape[1])
    steps = linkage(scaled, "single")[:, 2]
    gap = max(_APART, _GAP * float(np.median(steps)))
    if steps[-1] <= gap:
        return []
    groups = sorted(_groups(scaled, gap), key=len, reverse=True)
    found = []
    for group in groups[1:]:
        if len(group) == 1:
            words = "one looks like no other"
            found.append(ReferenceNote(ReferenceFault.ODD, group, words))
        else:
            words = f"{len(group)} of {len(wholes)} look like another product"
            found.append(ReferenceNote(ReferenceFault.PRODUCTS, group, words))
    return found


def _odd(scores: NDArray[np.float64]) -> list[ReferenceNote]:
    middle = float(np.median(scores))
    usual = max(_MAD * float(np.median(np.abs(scores - middle))), _DOUBT)
    return [
        ReferenceNote(ReferenceFault.ODD, (index,), "one is strange, and maybe defective")
        for index, score in enumerate(scores)
        if (score - middle) / usual > _ODD
    ]


def _groups(points: Floats, reach: float) -> list[tuple[int, ...]]:
    """Points that a chain of steps no longer than ``reach`` joins."""
    from scipy.spatial.distance import pdist

    return _joined(pdist(points), reach)


def _joined(steps: NDArray[np.floating], reach: float) -> list[tuple[int, ...]]:
    """As ``_groups``, by the condensed distances."""
    from scipy.cluster.hierarchy import fcluster, linkage

    labels = fcluster(linkage(steps, "single"), reach, "distance")
    return [
        tuple(int(index) for index in np.flatnonzero(labels == label))
        for label in dict.fromkeys(labels.tolist())
    ]
