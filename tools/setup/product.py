"""Whether a picture shows the product at all, by a network's features.

A defect is somewhere; another product is everywhere. So two things must be strange at once: what
the picture has on the whole, and the tenth of its places that is most like the references.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reinspect.references import evenly_spaced
from reinspect.tools.embedded.features import Floats

_ENTRIES = 1024  # cells kept of all references together
_ASKED = 100  # cells of a picture that are compared
_FLOOR = 0.05  # of the spread of all features: the least that one is taken to vary by
_BLANK = 1e-3  # likewise, of the size of all features
_ALIKE = 0.1  # share of the cells that is most like the references


@dataclass(frozen=True, slots=True)
class Product:
    """What the references have, on the whole and place by place."""

    scale: Floats  # (features,) what brings each to unit spread over cells
    wholes: Floats  # (k, features) mean of each reference's cells
    entries: Floats  # (n, features) some of the cells
    owners: NDArray[np.int32]  # (n,) which reference each is of

    @classmethod
    def learn(cls, grids: Sequence[Floats]) -> Product:
        """Learn from features (rows, columns, features) of each reference."""
        cells = [grid.reshape(-1, grid.shape[2]) for grid in grids]
        spread = np.sqrt(np.mean([own.var(axis=0) for own in cells], axis=0))
        size = np.sqrt(np.mean([(own**2).mean() for own in cells]))  # blank pictures vary by less
        scale = 1 / (spread + _FLOOR * spread.mean() + _BLANK * size + 1e-6)
        kept = [_spaced(own, max(1, _ENTRIES // len(cells))) * scale for own in cells]
        return cls(
            scale=scale.astype(np.float32),
            wholes=np.stack([own.mean(axis=0) * scale for own in cells]).astype(np.float32),
            entries=np.concatenate(kept).astype(np.float32),
            owners=np.repeat(np.arange(len(kept)), [len(own) for own in kept]).astype(np.int32),
        )

    def strangeness(self, grid: Floats, *, excluding: int | None = None) -> tuple[float, float]:
        """How far a picture is from the nearest reference on the whole, and where it is nearest.

        In units of the spread of a feature; with ``excluding``, a reference is left out.
        """
        wholes, entries = self.wholes, self.entries
        if excluding is not None:
            wholes = np.delete(wholes, excluding, axis=0)
            entries = entries[self.owners != excluding]
        cells = grid.reshape(-1, grid.shape[2]) * self.scale
        whole = np.sqrt(((wholes - cells.mean(axis=0)) ** 2).mean(axis=1)).min()
        return float(whole), float(np.quantile(_nearest(cells, entries), _ALIKE))

    def unlikeness(self, grid: Floats) -> float:
        """How far half of a picture's places are from any that a reference has."""
        cells = grid.reshape(-1, grid.shape[2]) * self.scale
        return float(np.median(_nearest(cells, self.entries)))

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what ``from_arrays`` needs."""
        return {
            "scale": self.scale,
            "wholes": self.wholes,
            "entries": self.entries,
            "owners": self.owners,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Product:
        """Rebuild it from ``arrays()``."""
        return cls(
            scale=np.asarray(arrays["scale"], np.float32),
            wholes=np.asarray(arrays["wholes"], np.float32),
            entries=np.asarray(arrays["entries"], np.float32),
            owners=np.asarray(arrays["owners"], np.int32),
        )


def _nearest(cells: Floats, entries: Floats) -> Floats:
    """Of some of the cells, how far each is from the nearest entry."""
    asked = _spaced(cells, _ASKED)
    squares = (asked**2).sum(axis=1)[:, None] + (entries**2).sum(axis=1) - 2 * asked @ entries.T
    return np.asarray(np.sqrt(np.maximum(squares.min(axis=1), 0) / cells.shape[1]))


def _spaced(cells: Floats, count: int) -> Floats:
    """So many of the cells, evenly spaced."""
    return np.asarray(cells[evenly_spaced(len(cells), count)])
