"""Describe an image, cell by cell, by filters learned from the reference images themselves.

The filters are the centroids of a spherical k-means over whitened 7x7 patches (Coates & Ng,
"Learning feature representations with k-means", 2012); nothing is downloaded. One cell is 8x8
pixels of the image at its working size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

CELL = 8
"""Side of a cell, in pixels at the working size."""
WORKING_SIDE = 384.0
"""Square root of the working area, in pixels."""

_SLENDER = 16  # times the working side: no image is longer, lest a thread take a huge grid
_PLACES = 4  # rows and columns in which a whole image is described
_LEVELS = 3  # octaves of grey that the filters see
_SIDE = 7  # of a filter
_FILTERS = 24  # a level
_PATCHES = 12_000  # a level, over all references
_ROUNDS = 6  # of k-means
_DEAD_ZONE = 0.5  # responses weaker than this many standard deviations are ignored
_STRIP = 64  # rows convolved at once: the unrolled patches stay within a few MB
_GREY_NOISE = 1 / 255 / np.sqrt(12)  # what rounding to 8 bits adds; keeps flat images finite


def check_image(image: Pixels) -> Pixels:
    """Return ``image`` if it is a BGR uint8 array (H, W, 3) with at least one pixel.

    Raises:
        ValueError: for anything else.
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        found = getattr(image, "dtype", type(image).__name__)
        raise ValueError(f"expected a BGR uint8 image, got {found}")
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"expected an image of shape (H, W, 3), got {image.shape}")
    return image


def resize(image: Pixels, side: float = WORKING_SIDE, max_upscale: float = 1.5) -> Pixels:
    """Resize to about ``side`` squared pixels, each side a multiple of 16 and at least 16."""
    height, width = check_image(image).shape[:2]
    scale = min(max_upscale, side / np.sqrt(height * width))
    longest = _SLENDER * side
    rows = round(min(max(16, height * scale), longest) / 16) * 16
    columns = round(min(max(16, width * scale), longest) / 16) * 16
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (columns, rows), interpolation=how), np.uint8)


@dataclass(frozen=True, slots=True)
class Bank:
    """Filters learned from references: ``filters`` is float32 (levels, filters, 49)."""

    filters: Floats

    @classmethod
    def learn(cls, images: Sequence[Pixels], rng: np.random.Generator) -> Bank:
        """Learn the filters from images at their working size (see ``resize``)."""
        if not images:
            raise ValueError("a filter bank needs at least one image")
        pyramids = [_pyramid(image) for image in images]
        levels = [_learn_level([grey[level] for grey in pyramids], rng) for level in range(_LEVELS)]
        return cls(np.stack(levels))

    def describe(self, image: Pixels) -> Floats:
        """Return the features of an image at its working size: (H/8, W/8, 147).

        Three colour means, then for each filter how strongly the cell answers to it and to its
        negative, softened by the eight neighbouring cells.
        """
        rows, columns = image.shape[0] // CELL, image.shape[1] // CELL
        lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_BGR2Lab) * np.float32(0.04)
        colour = cv2.resize(lab, (columns, rows), interpolation=cv2.INTER_AREA)
        planes = [np.asarray(colour, np.float32).reshape(rows, columns, 3).transpose(2, 0, 1)]
        for level, grey in enumerate(_pyramid(image)):
            planes.append(_respond(grey, self.filters[level], CELL >> level))
        stack = np.concatenate(planes)
        return np.ascontiguousarray((0.5 * (stack + _box3(stack))).transpose(1, 2, 0))

    def appearance(self, image: Pixels) -> Floats:
        """Return what an image of any size looks like, as ``appearance`` of its description."""
        return appearance(self.describe(resize(image)))

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what ``from_arrays`` needs."""
        return {"filters": self.filters}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Bank:
        """Rebuild a bank from ``arrays()``."""
        return cls(np.asarray(arrays["filters"], np.float32))


def appearance(grid: Floats) -> Floats:
    """Return the means, in 4 × 4 places, of a description (rows, columns, features): flat."""
    size = (_PLACES, _PLACES)
    planes = grid.transpose(2, 0, 1)
    means = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in planes]
    return np.asarray(means, np.float32).ravel()


def _pyramid(image: Pixels) -> list[Floats]:
    grey = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_BGR2GRAY)
    levels = [np.asarray(grey, np.float32)]
    for _ in range(_LEVELS - 1):
        levels.append(np.asarray(cv2.pyrDown(levels[-1]), np.float32))
    return levels


def _padded(grey: Floats) -> Floats:
    margin = _SIDE // 2
    return np.asarray(
        cv2.copyMakeBorder(grey, margin, margin, margin, margin, cv2.BORDER_REFLECT_101),
        np.float32,
    )


def _learn_level(greys: Sequence[Floats], rng: np.random.Generator) -> Floats:
    patches = np.concatenate([_sample(grey, _PATCHES // len(greys) + 1, rng) for grey in greys])
    patches -= patches.mean(axis=1, keepdims=True)
    values, vectors = np.linalg.eigh(np.cov(patches.T.astype(np.float64)))
    values = np.maximum(values, 0)
    ridge = 0.05 * values.mean() + _GREY_NOISE**2
    whitening = ((vectors / np.sqrt(values + ridge)) @ vectors.T).astype(np.float32)
    white = patches @ whitening
    norms = np.linalg.norm(white, axis=1)
    busy = norms > np.median(norms)
    if busy.sum() < _FILTERS:  # a flat image: any direction is as good as another
        white = rng.standard_normal(white.shape).astype(np.float32)
        norms, busy = np.linalg.norm(white, axis=1), np.ones(len(white), bool)
    filters = _spherical_means(white[busy] / norms[busy, None], rng) @ whitening
    noise = _GREY_NOISE * np.linalg.norm(filters, axis=1)
    filters /= np.hypot((patches @ filters.T).std(axis=0), noise)[:, None].astype(np.float32)
    return np.asarray(filters - filters.mean(axis=1, keepdims=True), np.float32)


def _sample(grey: Floats, count: int, rng: np.random.Generator) -> Floats:
    windows = np.lib.stride_tricks.sliding_window_view(_padded(grey), (_SIDE, _SIDE))
    rows = rng.integers(0, grey.shape[0], count)
    columns = rng.integers(0, grey.shape[1], count)
    return windows[rows, columns].reshape(count, _SIDE * _SIDE).copy()


def _spherical_means(units: Floats, rng: np.random.Generator) -> Floats:
    means = units[rng.choice(len(units), _FILTERS, replace=False)]
    for _ in range(_ROUNDS):
        nearest = (units @ means.T).argmax(axis=1)
        members = np.zeros((_FILTERS, len(units)), np.float32)
        members[nearest, np.arange(len(units))] = 1
        sums = members @ units
        empty = ~members.any(axis=1)
        sums[empty] = units[rng.integers(0, len(units), int(empty.sum()))]
        means = sums / (np.linalg.norm(sums, axis=1, keepdims=True) + 1e-9)
    return np.asarray(means, np.float32)


def _respond(grey: Floats, filters: Floats, cell: int) -> Floats:
    """Root of the mean rectified response in each cell: (2 x filters, rows, columns)."""
    height, width = grey.shape
    padded = _padded(grey)
    parts = []
    for top in range(0, height, _STRIP):
        count = min(_STRIP, height - top)
        unrolled = np.empty((_SIDE, _SIDE, count, width), np.float32)
        for row in range(_SIDE):
            for column in range(_SIDE):
                unrolled[row, column] = padded[
                    top + row : top + row + count, column : column + width
                ]
        response = filters @ unrolled.reshape(_SIDE * _SIDE, -1)
        # With s the response outside the dead zone, mean(s+) = (mean|s| + mean s) / 2.
        response -= np.clip(response, -_DEAD_ZONE, _DEAD_ZONE)
        signed = _pool(response, count, width, cell)
        strength = _pool(np.abs(response, out=response), count, width, cell)
        parts.append(np.concatenate([strength + signed, strength - signed]))
    mean = np.concatenate(parts, axis=1) * np.float32(0.5)
    return np.asarray(np.sqrt(np.maximum(mean, 0)), np.float32)


def _pool(planes: Floats, height: int, width: int, cell: int) -> Floats:
    """Average (n, height x width) over square cells: (n, height / cell, width / cell)."""
    rows = planes.reshape(-1, height // cell, cell, width).sum(axis=2)
    cells = rows.reshape(len(planes), height // cell, width // cell, cell).sum(axis=3)
    return np.asarray(cells / np.float32(cell * cell), np.float32)


def _box3(planes: Floats) -> Floats:
    """Average each plane of (n, rows, columns) over 3x3 cells."""
    padded = np.pad(planes, ((0, 0), (1, 1), (1, 1)), mode="reflect")
    tall = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    return np.asarray((tall[..., :-2] + tall[..., 1:-1] + tall[..., 2:]) / 9, np.float32)
