"""Where things lie in a picture: boxes in pixels, normalised boxes, crops."""

from typing import NamedTuple

import numpy as np

from reinspect.images.reading import Pixels
from reinspect.vocabulary import Box


def to_pixels(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """The smallest (x1, y1, x2, y2) in whole pixels, half-open, that holds the normalised box.

    Never empty: a box thinner than a pixel gives that pixel.
    """
    # Rounded first, so that a box that came from whole pixels goes back to the same ones.
    x1, y1 = (int(np.floor(round(v, 6))) for v in (box[0] * width, box[1] * height))
    x2, y2 = (int(np.ceil(round(v, 6))) for v in (box[2] * width, box[3] * height))
    x1, y1 = min(max(x1, 0), width - 1), min(max(y1, 0), height - 1)
    return x1, y1, max(min(x2, width), x1 + 1), max(min(y2, height), y1 + 1)


def from_pixels(corners: tuple[float, float, float, float], width: int, height: int) -> Box:
    """The normalised box of pixel corners, half-open, cut to the picture.

    Raises:
        ValueError: nothing of it lies within the picture.
    """
    xs = [min(max(float(v) / width, 0.0), 1.0) for v in corners[::2]]
    ys = [min(max(float(v) / height, 0.0), 1.0) for v in corners[1::2]]
    if not (xs[0] < xs[1] and ys[0] < ys[1]):
        raise ValueError(f"box {tuple(corners)} is empty in a picture of {width}×{height} pixels")
    return Box(xs[0], ys[0], xs[1], ys[1])


class Crop(NamedTuple):
    """A cut-out and where it lies in the picture (normalised)."""

    pixels: Pixels
    box: Box


def crop(image: Pixels, box: Box, *, margin: float = 0.0, least: int = 1) -> Crop:
    """Cut out a box with context.

    `margin` is added on every side, as a share of the box's longer side; the cut-out is widened to
    `least` pixels a side where the picture has them. The pixels are a copy.
    """
    height, width = image.shape[:2]
    x1, y1, x2, y2 = to_pixels(box, width, height)
    extra = margin * max(x2 - x1, y2 - y1)
    sides = []
    for low, high, limit in ((x1, x2, width), (y1, y2, height)):
        length = min(max(high - low + 2 * extra, least), limit)
        # Shifted inwards at the border: context on one side only beats a smaller cut-out.
        start = min(max((low + high - length) / 2, 0), limit - length)
        sides.append((int(np.floor(start)), min(int(np.ceil(start + length)), limit)))
    (x1, x2), (y1, y2) = sides
    return Crop(image[y1:y2, x1:x2].copy(), from_pixels((x1, y1, x2, y2), width, height))
