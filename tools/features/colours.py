"""Unusual colours: what no pixel near a place has in the references that look most alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from reinspect.tools.embedded.features import Floats, Pixels
from reinspect.tools.features.cells import resized

_SIDE = 256.0  # square root of the area at which colours are compared, in pixels
_BLUR = 1.2  # pixels
_TOLERANCE = 2  # pixels that an edge may lie elsewhere
_ALIKE = 2  # references, of those that a picture differs from least
_SMALLER = 8  # times, where alike ones are found
_LIGHTNESS = np.float32(100 / 255)  # OpenCV's eight bits of L*, against one step of a* and b*


@dataclass(frozen=True, slots=True)
class Colours:
    """Colours of references, in Lab of eight bits, at one size."""

    pictures: NDArray[np.uint8]
    """(k, rows, columns, 3)"""
    low: NDArray[np.uint8]
    """(k, rows, columns, 3): the least within the tolerance, of each channel."""
    high: NDArray[np.uint8]
    """(k, rows, columns, 3): the most."""
    small: Floats
    """(k, few rows, few columns, 3): by which alike ones are found."""
    means: Floats
    """(k, 3)"""

    @classmethod
    def learn(cls, images: Sequence[Pixels]) -> Colours:
        """Keep the colours of at least two good images; their size becomes that of the first."""
        height, width = images[0].shape[:2]
        scale = _SIDE / np.sqrt(height * width)
        rows, columns = (max(1, round(side * scale)) for side in (height, width))
        return cls.of(np.stack([_lab(image, rows, columns) for image in images]))

    @classmethod
    def of(cls, pictures: NDArray[np.uint8]) -> Colours:
        """From what `pictures` holds."""
        kernel = np.ones((2 * _TOLERANCE + 1, 2 * _TOLERANCE + 1), np.uint8)
        low = np.stack([cv2.erode(own, kernel) for own in pictures]).astype(np.uint8)
        high = np.stack([cv2.dilate(own, kernel) for own in pictures]).astype(np.uint8)
        small = np.stack([_small(own.astype(np.float32)) for own in pictures])
        return cls(pictures, low, high, small, small.mean(axis=(1, 2)))

    def compare(self, image: Pixels, *, excluding: int | None = None) -> Floats:
        """How far each pixel's colour lies outside of what is near it in two references.

        Nothing is laid over anything: where parts lie differently, edges stand out, and the other
        maps have to say which of them count.

        Args:
            image: BGR uint8 (H, W, 3), of any size.
            excluding: a reference to leave out.

        Returns:
            (rows, columns), the distance in Lab, at the size of the references.
        """
        rows, columns = self.pictures.shape[1:3]
        seen = _lab(image, rows, columns).astype(np.float32)
        shifts = self.means - seen.mean(axis=(0, 1))
        away = np.abs(_small(seen) + shifts[:, None, None] - self.small).mean(axis=(1, 2, 3))
        order = [int(own) for own in np.argsort(away, kind="stable") if own != excluding]
        found = [self._outside(seen + shifts[own], own) for own in order[:_ALIKE]]
        return np.asarray(np.mean(found, axis=0), np.float32)

    def _outside(self, seen: Floats, index: int) -> Floats:
        """How far colours lie outside of one reference's, (rows, columns)."""
        relit = np.clip(np.rint(seen), 0, 255).astype(np.uint8)
        outside = cv2.max(
            cv2.subtract(relit, self.high[index]), cv2.subtract(self.low[index], relit)
        ).astype(np.float32)
        outside[..., 0] *= _LIGHTNESS
        return np.asarray(np.sqrt(np.einsum("rcf,rcf->rc", outside, outside)), np.float32)


def _lab(image: Pixels, rows: int, columns: int) -> NDArray[np.uint8]:
    soft = cv2.GaussianBlur(resized(image, rows, columns), (0, 0), _BLUR)
    return np.asarray(cv2.cvtColor(soft, cv2.COLOR_BGR2Lab), np.uint8)


def _small(picture: Floats) -> Floats:
    rows, columns = (max(1, side // _SMALLER) for side in picture.shape[:2])
    how = cv2.INTER_AREA
    return np.asarray(cv2.resize(picture, (columns, rows), interpolation=how), np.float32)
