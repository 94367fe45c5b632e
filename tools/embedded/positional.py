"""Positional memory: each cell against the same place, give or take two cells, of every reference.

The residual from the mean reference is whitened, as PaDiM (Defard et al., 2020) does a cell at a
time; one whitening for the whole grid needs far fewer references.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from reinspect.tools.embedded.features import Floats

RADIUS = 2
"""How far, in cells, a part may be displaced."""

_COMPONENTS = 24
_SAMPLE = 12_000  # cells from which the whitening is estimated
_NOISE = 1e-4  # least feature variance: what rounding to 8 bits leaves in identical references
_ENOUGH = 8  # references, below which the usual distance is blurred twice as far


def resample(grid: Floats, shape: tuple[int, int]) -> Floats:
    """Resize a grid (rows, columns, features) to ``shape`` = (rows, columns)."""
    if grid.shape[:2] == shape:
        return grid
    chunks = [
        cv2.resize(
            np.ascontiguousarray(grid[..., start : start + 4]),
            shape[::-1],
            interpolation=cv2.INTER_LINEAR,
        ).reshape(*shape, -1)
        for start in range(0, grid.shape[2], 4)
    ]
    return np.concatenate(chunks, axis=2).astype(np.float32)


def smooth(plane: Floats, sigma: float) -> Floats:
    """Blur a map (rows, columns) with a Gaussian of ``sigma`` cells."""
    blurred = cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, np.float32)


def learn_whitening(grids: Sequence[Floats], rng: np.random.Generator) -> Floats:
    """Whiten the residuals of equal grids from their mean: (features, components)."""
    rows, columns, features = grids[0].shape
    mean = grids[0].copy()  # grid by grid: all of them stacked take most of a fit's memory
    for grid in grids[1:]:
        mean += grid
    mean /= len(grids)
    cells = np.arange(len(grids) * rows * columns)
    if len(cells) > _SAMPLE:
        cells = rng.choice(len(cells), _SAMPLE, replace=False)
    owners, places = np.divmod(cells, rows * columns)
    residuals = np.empty((len(cells), features), np.float32)
    for owner, grid in enumerate(grids):
        own = owners == owner
        at = places[own]
        residuals[own] = grid.reshape(-1, features)[at] - mean.reshape(-1, features)[at]
    values, vectors = np.linalg.eigh(np.cov(residuals.T.astype(np.float64)))
    ridge = 0.1 * np.maximum(values, 0).mean() + _NOISE
    strongest = slice(-1, -1 - _COMPONENTS, -1)
    scale = np.sqrt(np.maximum(values[strongest], 0) + ridge)
    return np.ascontiguousarray(vectors[:, strongest] / scale, np.float32)


def whiten(grid: Floats, whitening: Floats) -> Floats:
    """Project (rows, columns, features) to planes (components, rows, columns)."""
    return np.ascontiguousarray((grid @ whitening).transpose(2, 0, 1))


def window_distances(planes: Floats, references: Floats, radius: int = RADIUS) -> Floats:
    """Distance of each cell to the nearest cell within ``radius`` of it, a reference each.

    Args:
        planes: whitened image (components, rows, columns).
        references: whitened references (k, components, rows, columns).
        radius: reach of the search, in cells.

    Returns:
        float32 (k, rows, columns).
    """
    _, rows, columns = planes.shape
    margin = (radius, radius)
    nearest = np.full((len(references), rows, columns), np.inf, np.float32)
    difference = np.empty_like(planes)
    square = np.empty((rows, columns), np.float32)
    for best, reference in zip(nearest, references, strict=True):
        padded = np.pad(reference, ((0, 0), margin, margin), mode="edge")
        for down in range(2 * radius + 1):
            for right in range(2 * radius + 1):
                shifted = padded[:, down : down + rows, right : right + columns]
                np.subtract(planes, shifted, out=difference)
                np.multiply(difference, difference, out=difference)
                np.sum(difference, axis=0, out=square)
                np.minimum(best, square, out=best)
    return np.sqrt(nearest)


@dataclass(frozen=True, slots=True)
class Positional:
    """Whitened references and the distance that is usual at each place."""

    whitening: Floats  # (features, components)
    references: Floats  # (k, components, rows, columns)
    offset: Floats  # (rows, columns) half the usual leave-one-out distance
    spread: Floats  # (rows, columns) of the leave-one-out distance

    @classmethod
    def learn(cls, grids: Sequence[Floats], rng: np.random.Generator) -> Positional:
        """Learn from the references' features (rows, columns, f), whose shapes may differ.

        Raises:
            ValueError: with fewer than two grids, which leave nothing to compare.
        """
        if len(grids) < 2:
            raise ValueError(f"a positional memory needs at least 2 references, got {len(grids)}")
        rows, columns = np.median([grid.shape[:2] for grid in grids], axis=0)
        grids = [resample(grid, (int(rows), int(columns))) for grid in grids]
        whitening = learn_whitening(grids, rng)
        references = np.stack([whiten(grid, whitening) for grid in grids])
        left_out = np.stack(
            [
                window_distances(own, np.delete(references, index, axis=0)).min(axis=0)
                for index, own in enumerate(references)
            ]
        )
        reach = 1.5 if len(grids) >= _ENOUGH else 3.0
        offset = 0.5 * smooth(left_out.mean(axis=0), reach)
        deviation = np.sqrt(smooth(left_out.var(axis=0), 2 * reach / 1.5))
        floor = 0.25 * left_out.std() + 0.02 * np.sqrt(whitening.shape[1])
        return cls(whitening, references, offset, np.sqrt(deviation + np.float32(floor)))

    def compare(self, grid: Floats, *, excluding: int | None = None) -> Floats:
        """Return how unusual each cell of ``grid`` is for its place: float32 (rows, columns)."""
        shape = (self.offset.shape[0], self.offset.shape[1])
        planes = whiten(resample(grid, shape), self.whitening)
        references = self.references
        if excluding is not None:
            references = np.delete(references, excluding, axis=0)
        distance = window_distances(planes, references).min(axis=0)
        unusual = (distance - self.offset) / self.spread
        if unusual.shape == grid.shape[:2]:
            return np.asarray(unusual, np.float32)
        return np.asarray(cv2.resize(unusual, grid.shape[1::-1]), np.float32)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what ``from_arrays`` needs."""
        return {
            "whitening": self.whitening,
            "references": self.references,
            "offset": self.offset,
            "spread": self.spread,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Positional:
        """Rebuild a positional memory from ``arrays()``."""
        return cls(
            whitening=np.asarray(arrays["whitening"], np.float32),
            references=np.asarray(arrays["references"], np.float32),
            offset=np.asarray(arrays["offset"], np.float32),
            spread=np.asarray(arrays["spread"], np.float32),
        )
