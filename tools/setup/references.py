"""What the references say of each other: copies, an odd one, two products, too few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from reinspect.tools.embedded.features import Floats
from reinspect.tools.embedded.near_copies import copies, joined

ENOUGH = 8
"""References with which limits and thresholds stop being mostly a prior."""

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


def notes(
    looks: NDArray[np.uint8],
    kept: Sequence[int],
    wholes: Floats | None,
    scores: Sequence[float] | None,
) -> tuple[ReferenceNote, ...]:
    """Look for what is amiss.

    Args:
        looks: (given, n) by ``near_copies.look``.
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

    return joined(pdist(points), reach)
