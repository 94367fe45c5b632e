"""Near-copies: pictures that show one part once, told by what small grey versions have in common.

The same file saved again, the same moment with other noise, the same part moved by a pixel or under
a lamp that flickers. Such pictures say no more than one, and vouch for each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from reinspect.tools.embedded.features import Pixels

_SIDE = 32  # of what is compared
_SAME = 1.5  # grey levels there: another file or moment, but not another part
_OWN = 0.5  # of the fine structure there: two pieces of an even material differ by more
_BLANK = 1e-3  # grey levels, likewise, of pictures without any
_MOVED = 0.003  # of the side: a shift that is taken back first
_LIT = 0.03  # of the light, likewise
_EVEN = 1e-3  # squared grey levels a pixel: keeps flat pictures from being moved far


def look(image: Pixels) -> NDArray[np.uint8]:
    """What copies are told by: a small grey picture, flat."""
    small = cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8).ravel()


def copies(looks: NDArray[np.uint8]) -> tuple[tuple[int, ...], ...]:
    """Groups of pictures, (k, n) by ``look``, that show one part once."""
    if len(looks) < 2:
        return ()
    levels = looks.reshape(len(looks), _SIDE, _SIDE).astype(np.float64)
    fine = np.array([float((one - cv2.blur(one, (5, 5))).std()) for one in levels])
    steps = [
        apart / np.minimum(_SAME, _OWN * np.minimum(fine[at], fine[at + 1 :]) + _BLANK)
        for at, apart in enumerate(_apart(levels))
    ]
    return tuple(group for group in joined(np.concatenate(steps), 1.0) if len(group) > 1)


def distinct(looks: NDArray[np.uint8]) -> list[int]:
    """Which pictures are left where of copies only the first counts."""
    again = {index for group in copies(looks) for index in group[1:]}
    return [index for index in range(len(looks)) if index not in again]


def are_tiles(groups: Sequence[int] | None) -> bool:
    """Whether some pictures are of one: empty tiles look alike, and are no copies."""
    return groups is not None and len(set(groups)) < len(groups)


def joined(steps: NDArray[np.floating], reach: float) -> list[tuple[int, ...]]:
    """Groups that a chain of steps no longer than ``reach`` joins.

    Args:
        steps: condensed distances, as of ``scipy.spatial.distance.pdist``.
        reach: the longest.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    labels = fcluster(linkage(steps, "single"), reach, "distance")
    return [
        tuple(int(index) for index in np.flatnonzero(labels == label))
        for label in dict.fromkeys(labels.tolist())
    ]


def _apart(levels: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """Grey levels by which a picture and each later one differ, but for a slight shift and light.

    One step of the registration of Lucas and Kanade (1981), with a gain, from the inner products of
    pictures and gradients. So many as there are pictures but for the last: (those after it,).
    """
    down, right = np.gradient(levels, axis=(1, 2))
    whole = np.stack([levels, right, down], axis=1)[..., 1:-1, 1:-1]  # half known at the edge
    views = whole.reshape(len(levels), 3, -1) / np.sqrt(whole[0, 0].size)
    own = views @ views.transpose(0, 2, 1)  # (k, 3, 3)
    most = np.array([_LIT, _MOVED * _SIDE, _MOVED * _SIDE])
    for at in range(len(levels) - 1):
        rest = own[at + 1 :]
        cross = views[at] @ views[at + 1 :].transpose(0, 2, 1)
        mean = (own[at] + rest + cross + cross.transpose(0, 2, 1)) / 4
        change = (cross[:, :, 0] - own[at, :, 0] + rest[:, :, 0] - cross[:, 0, :]) / 2
        solved = np.linalg.solve(mean + _EVEN * np.eye(3), change[..., None])[..., 0]
        back = np.clip(solved, -most, most)
        squares = own[at, 0, 0] + rest[:, 0, 0] - 2 * cross[:, 0, 0]
        squares += np.einsum("ju,juv,jv->j", back, mean, back) - 2 * (back * change).sum(axis=1)
        yield np.sqrt(np.maximum(squares, 0))
