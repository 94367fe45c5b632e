"""Pictures as networks take them, and the cells of a picture as networks give them."""

from collections.abc import Sequence

import cv2
import numpy as np
from scipy import ndimage

from reinspect.errors import ReinspectError
from reinspect.tools.embedded.features import Floats, Pixels

_SLENDER = 16  # times the working side: no picture is longer


class FeaturesError(ReinspectError, RuntimeError):
    """A network of features can't be had; the message is one line: what, what to do."""


def scaled(image: Pixels, side: float, *, multiple: int) -> Pixels:
    """An image at an area of about `side` squared, in its own shape.

    Args:
        image: BGR uint8 (H, W, 3).
        side: in pixels.
        multiple: of which height and width are one, in pixels.
    """
    height, width = image.shape[:2]
    scale = side / np.sqrt(height * width)
    rows, columns = (
        max(multiple, round(min(own * scale, _SLENDER * side) / multiple) * multiple)
        for own in (height, width)
    )
    return resized(image, rows, columns)


def resized(image: Pixels, rows: int, columns: int) -> Pixels:
    """An image of any other size, BGR uint8, at exactly this one."""
    smaller = rows * columns < image.shape[0] * image.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (columns, rows), interpolation=how), np.uint8)


def joined(layers: Sequence[Floats]) -> Floats:
    """Layers (rows, columns, own features) on the finest grid among them, side by side."""
    rows, columns = (max(layer.shape[axis] for layer in layers) for axis in (0, 1))
    return np.concatenate([_laid(layer, rows, columns) for layer in layers], axis=2)


def averaged(layer: Floats) -> Floats:
    """Each cell with its neighbours, 3 × 3, as PatchCore does; outside of the picture are zeros.

    Zeros damp the cells at the border: a network's own padding makes them odd.
    """
    return np.asarray(ndimage.uniform_filter(layer, (3, 3, 1), mode="constant"), np.float32)


def _laid(layer: Floats, rows: int, columns: int) -> Floats:
    if layer.shape[:2] == (rows, columns):
        return layer
    # OpenCV resizes few channels at a time; its weights, applied as matrices, do for any number.
    down, across = (
        cv2.resize(np.eye(own, dtype=np.float32), (own, wanted), interpolation=cv2.INTER_LINEAR)
        for own, wanted in zip(layer.shape[:2], (rows, columns), strict=True)
    )
    laid = np.einsum("ri,ijf,cj->rcf", down, layer, across, optimize=True)
    return np.asarray(laid, np.float32)
