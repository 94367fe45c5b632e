"""Patch memory: how unlike every remembered cell, in units of how unlike those are each other.

The relative density follows LOF (Breunig et al., 2000), as PatchCore-like detectors use it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reinspect.tools.embedded.features import Floats

_NEIGHBOURS = 3
_GROUP = 50  # entries searched together, see _search
_CHUNK = 1024  # cells compared at once: the table of distances stays near 10 MB
_FAR = np.float32(1e12)


@dataclass(frozen=True, slots=True)
class PatchMemory:
    """Standardised cells of the references; ``owners`` says which reference each came from."""

    mean: Floats  # (features,)
    inverse_spread: Floats  # (features,)
    entries: Floats  # (n, features), standardised
    owners: NDArray[np.int32]  # (n,)
    densities: Floats  # (n,) distance to the nearest entries of other references

    @classmethod
    def learn(
        cls, grids: Sequence[Floats], rng: np.random.Generator, *, size: int = 2500
    ) -> PatchMemory:
        """Remember about ``size`` random cells, equally many of each grid (rows, columns, f).

        Raises:
            ValueError: with fewer than two grids, which leave no other reference to compare.
        """
        if len(grids) < 2:
            raise ValueError(f"a patch memory needs at least 2 references, got {len(grids)}")
        cells = [grid.reshape(-1, grid.shape[2]) for grid in grids]
        share = max(_NEIGHBOURS + 1, size // len(cells))
        picked = [own[rng.choice(len(own), min(share, len(own)), replace=False)] for own in cells]
        entries = np.concatenate(picked)
        mean = entries.mean(axis=0)
        inverse_spread = 1 / (entries.std(axis=0) + np.float32(0.02))
        entries = (entries - mean) * inverse_spread
        owners = np.repeat(np.arange(len(picked)), [len(own) for own in picked]).astype(np.int32)
        densities = np.empty(len(entries), np.float32)
        for owner in range(len(grids)):
            own = owners == owner
            distances, _ = _nearest(entries[own], entries, own)
            densities[own] = distances
        return cls(mean, inverse_spread, entries, owners, densities)

    def compare(self, grid: Floats, *, excluding: int | None = None) -> Floats:
        """Return how unusual each cell of ``grid`` is, float32 (rows, columns); 1 is ordinary."""
        cells = (grid.reshape(-1, grid.shape[2]) - self.mean) * self.inverse_spread
        left_out = None if excluding is None else self.owners == excluding
        distances, nearest = _nearest(cells, self.entries, left_out)
        # A floor of 2 % of a spread a feature, so that identical references stay finite.
        floor = 0.02 * np.sqrt(self.entries.shape[1])
        usual = self.densities[nearest].mean(axis=1) + 0.5 * np.median(self.densities) + floor
        return np.asarray(distances / usual, np.float32).reshape(grid.shape[:2])

    def colour_shift(self, grid: Floats) -> float:
        """How far the mean colour of ``grid`` lies from the references', in their spreads."""
        shift = (grid[..., :3].mean(axis=(0, 1)) - self.mean[:3]) * self.inverse_spread[:3]
        return float(np.sqrt((shift**2).mean()))

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what ``from_arrays`` needs."""
        return {
            "mean": self.mean,
            "inverse_spread": self.inverse_spread,
            "entries": self.entries,
            "owners": self.owners,
            "densities": self.densities,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> PatchMemory:
        """Rebuild a memory from ``arrays()``."""
        return cls(
            mean=np.asarray(arrays["mean"], np.float32),
            inverse_spread=np.asarray(arrays["inverse_spread"], np.float32),
            entries=np.asarray(arrays["entries"], np.float32),
            owners=np.asarray(arrays["owners"], np.int32),
            densities=np.asarray(arrays["densities"], np.float32),
        )


def _nearest(
    cells: Floats, entries: Floats, left_out: NDArray[np.bool_] | None
) -> tuple[Floats, NDArray[np.intp]]:
    """Return each cell's RMS distance to its nearest entries, and which they are."""
    groups = -(-len(entries) // _GROUP)
    padded = np.zeros((groups * _GROUP, entries.shape[1]), np.float32)
    padded[: len(entries)] = entries
    square = np.full(len(padded), _FAR, np.float32)
    square[: len(entries)] = np.einsum("ij,ij->i", entries, entries)
    if left_out is not None:
        square[: len(entries)][left_out] = _FAR
    padded *= -2
    parts = [
        _search(cells[start : start + _CHUNK], padded.T, square)
        for start in range(0, len(cells), _CHUNK)
    ]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def _search(cells: Floats, keys: Floats, square: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Search some cells (n, f) among keys (f, m), which are -2 x entries of that square norm.

    The three nearest of all lie in the three groups of columns whose best members are nearest,
    which spares a partial sort of the whole distance matrix.
    """
    groups = len(square) // _GROUP
    table = cells @ keys
    table += square
    best = table.reshape(len(cells), _GROUP, groups).min(axis=1)  # column = member * groups + group
    count = min(_NEIGHBOURS, groups)
    chosen = np.argpartition(best, count - 1, axis=1)[:, :count]
    candidates = chosen[:, None, :] + groups * np.arange(_GROUP)[:, None]
    candidates = candidates.reshape(len(cells), -1)
    values = np.take_along_axis(table, candidates, axis=1)
    order = np.argpartition(values, _NEIGHBOURS - 1, axis=1)[:, :_NEIGHBOURS]
    own = np.einsum("ij,ij->i", cells, cells)
    squares = np.take_along_axis(values, order, axis=1) + own[:, None]
    distances = np.sqrt(np.maximum(squares, 0).mean(axis=1))
    return distances, np.take_along_axis(candidates, order, axis=1)
