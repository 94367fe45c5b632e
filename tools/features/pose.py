"""Parts at any angle: references turned, where that explains the references themselves better."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import cv2
import numpy as np

from reinspect.tools.embedded.features import Floats, Pixels
from reinspect.tools.features.cells import scaled
from reinspect.tools.features.network import FeatureNetwork

ANGLES = tuple(range(45, 360, 45))
"""In which references are turned, in degrees, besides as they are."""

LEAST_FALL = 0.1
"""Share by which turned references must lower the left-out distances of the references.

It is 4 to 5 % for parts that always lie alike, 14 % for some that are turned a little, and a third
for those that lie at any angle.
"""

LEAST_REFERENCES = 4
"""Fewer don't say whether turning helps: any more cells would lower their distances."""

_MULTIPLE = 32  # pixels: sides of the turned pictures, which no network then scales
_INSIDE = 0.999  # share of a cell and its neighbours that must be picture


class PartPose(StrEnum):
    """How parts may lie. A mirror image is not the same part, whatever its angle."""

    FIXED = "fixed"
    ANY = "any"
    AUTO = "auto"


def turned_cells(image: Pixels, network: FeatureNetwork, side: float) -> Floats:
    """The cells of an image at every one of `ANGLES`: (n, features).

    Cells that see beyond the border of the turned picture are left out.

    Args:
        image: BGR uint8 (H, W, 3).
        network: that describes it.
        side: its working side, in pixels.
    """
    fitted = scaled(image, side, multiple=1)
    return np.concatenate([_at(fitted, angle, network) for angle in ANGLES])


def fall(upright: Sequence[Floats], turned: Sequence[Floats]) -> float:
    """Share by which distances are lower where turned references are compared with, too.

    Args:
        upright: map of each left-out reference, to the others as they are.
        turned: the same to the others turned.
    """
    before = np.concatenate([plane.ravel() for plane in upright])
    after = np.concatenate(
        [np.minimum(*both).ravel() for both in zip(upright, turned, strict=True)]
    )
    return float(1 - after.mean() / max(float(before.mean()), 1e-9))


def _at(image: Pixels, angle: float, network: FeatureNetwork) -> Floats:
    height, width = image.shape[:2]
    turn = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1), np.float64)
    reach = np.abs(turn[:, :2]) @ (width, height)
    columns, rows = (int(-(-length // _MULTIPLE)) * _MULTIPLE for length in np.round(reach))
    turn[:, 2] += ((columns - width) / 2, (rows - height) / 2)
    canvas = cv2.warpAffine(
        image, turn, (columns, rows), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    inside = cv2.warpAffine(np.ones((height, width), np.float32), turn, (columns, rows))
    grid = network.describe(np.asarray(canvas, np.uint8), side=float(np.sqrt(rows * columns)))
    share = cv2.resize(inside, grid.shape[1::-1], interpolation=cv2.INTER_AREA)
    whole = cv2.blur(share, (3, 3), borderType=cv2.BORDER_REPLICATE) >= _INSIDE
    return grid[whole]
