"""A memory of features: how far each cell is from the nearest that a good part has.

Nearest neighbours as PatchCore (Roth et al., 2022, arXiv 2106.08265) takes them, each layer
standardised and of equal weight. Every reference stays in: beyond the budget each keeps the cells
that those before it have least of, which is PatchCore's greedy coreset taken reference by
reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reinspect.references import evenly_spaced
from reinspect.tools.embedded.features import Floats

BUDGET = 16_384
"""Cells kept, of all references together: 40 of 400 cells stay whole."""

_FLOOR = 0.05  # of a layer's spread: the least that a feature is taken to vary by
_CHUNK = 1024  # cells compared at once


@dataclass(frozen=True, slots=True)
class FeatureMemory:
    """Standardised cells of the references; ``owners`` says which reference each came from."""

    mean: Floats  # (features,)
    scale: Floats  # (features,)
    entries: Floats  # (n, features), standardised
    owners: NDArray[np.int32]  # (n,)

    @classmethod
    def learn(
        cls,
        grids: Sequence[Floats],
        channels: Sequence[int],
        *,
        turned: Sequence[Floats] = (),
        budget: int = BUDGET,
        groups: Sequence[int] | None = None,
    ) -> FeatureMemory:
        """Remember the cells of each grid (rows, columns, features).

        Args:
            grids: one a reference, at least two.
            channels: how many of the features are of each layer.
            turned: more cells of each reference (n, features); by default, there are none.
            budget: cells to keep.
            groups: of what each is a part, to be left out together; each of its own by default.

        Raises:
            ValueError: with fewer than two grids, which leave no other reference to compare.
        """
        if len(grids) < 2:
            raise ValueError(f"a memory of features needs at least 2 references, got {len(grids)}")
        cells = [grid.reshape(-1, grid.shape[2]) for grid in grids]
        count = sum(map(len, cells))
        mean = sum(own.sum(axis=0, dtype=np.float64) for own in cells) / count
        variance = sum(((own - mean) ** 2).sum(axis=0, dtype=np.float64) for own in cells) / count
        layers = np.split(np.sqrt(variance), np.cumsum(channels)[:-1])
        scale = np.concatenate(
            [1 / (own + _FLOOR * _spread(own) + 1e-6) / np.sqrt(len(own)) for own in layers]
        )
        mean, scale = mean.astype(np.float32), scale.astype(np.float32)
        if turned:
            cells = [np.concatenate(both) for both in zip(cells, turned, strict=True)]
        share = max(1, budget // len(cells))
        kept: list[Floats] = []
        for own in cells:
            entries = np.asarray((own - mean) * scale, np.float32)
            kept.append(_newest(entries, kept, share))
        each = np.arange(len(kept)) if groups is None else np.asarray(groups)
        owners = np.repeat(each, [len(own) for own in kept]).astype(np.int32)
        return cls(mean, scale, np.concatenate(kept), owners)

    def compare(self, grid: Floats, *, excluding: int | None = None) -> Floats:
        """How far each cell of ``grid`` is from the nearest entry: float32 (rows, columns).

        Args:
            grid: (rows, columns, features).
            excluding: a reference, or a group of them, to leave out.
        """
        entries = self.entries if excluding is None else self.entries[self.owners != excluding]
        cells = np.asarray((grid.reshape(-1, grid.shape[2]) - self.mean) * self.scale, np.float32)
        return _distances(cells, entries).reshape(grid.shape[:2])

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what ``from_arrays`` needs."""
        return {
            "mean": self.mean,
            "scale": self.scale,
            "entries": self.entries,
            "owners": self.owners,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> FeatureMemory:
        """Rebuild a memory from ``arrays()``."""
        return cls(
            mean=np.asarray(arrays["mean"], np.float32),
            scale=np.asarray(arrays["scale"], np.float32),
            entries=np.asarray(arrays["entries"], np.float32),
            owners=np.asarray(arrays["owners"], np.int32),
        )


def _spread(deviations: NDArray[np.float64]) -> float:
    """Of all cells of a layer, whatever the feature."""
    return float(np.sqrt((deviations**2).mean()))


def _newest(cells: Floats, kept: Sequence[Floats], share: int) -> Floats:
    """So many of the cells, those that are farthest from what is kept."""
    if len(cells) <= share:
        return cells
    if not kept:
        return np.asarray(cells[evenly_spaced(len(cells), share)], np.float32)
    far = _distances(cells, np.concatenate(kept))
    chosen = np.sort(np.argpartition(far, -share)[-share:])
    return np.asarray(cells[chosen], np.float32)


def _distances(cells: Floats, entries: Floats) -> Floats:
    """Of each cell to the nearest entry."""
    half = np.einsum("ij,ij->i", entries, entries) / 2
    nearest = [
        (half - cells[start : start + _CHUNK] @ entries.T).min(axis=1)
        for start in range(0, len(cells), _CHUNK)
    ]
    squares = np.einsum("ij,ij->i", cells, cells) + 2 * np.concatenate(nearest)
    return np.asarray(np.sqrt(np.maximum(squares, 0)), np.float32)
