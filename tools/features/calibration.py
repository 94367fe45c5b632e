"""From distances to references to a score, a threshold that needs no defect, and a probability.

A part's score is how much farther it is from the references than these are from each other, each
left out in turn, as a share; its unit is what good parts vary by. Where the threshold lies, eight
references hardly say better than what is usual; how fast a part gets suspicious beyond it, their
own spread does say. All constants were chosen over seven kinds of real part, each left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reinspect.references import surest
from reinspect.tools.embedded.features import Floats
from reinspect.tools.embedded.positional import smooth
from reinspect.tools.embedded.scoring import statistics

THRESHOLD = 1.7
"""z above which a part is called anomalous: about one good part in ten at 8 references."""

_USUAL = 0.07  # what good parts vary by, as a share of the mean score, before any is seen
_WEIGHT = 30  # references that this is worth, for the threshold
_USUAL_SLOPE, _WEIGHT_SLOPE = 0.05, 3  # the same, for how fast doubt falls beyond it
_SLOPE = 1.65  # log-odds per such spread where references are many
_HALF = 14  # square of the number of references at which the slope is half of that
_SLOPE_OF_ONE = 0.1  # stand-ins say hardly anything of how good parts differ
_BLUR = 0.8  # cells
_AROUND, _SHARE = 2.5, 0.5  # cells, and the share of what surrounds a cell that doesn't count
_BOX_QUANTILE = 0.998  # of the references' own cells lie below the box threshold


@dataclass(frozen=True, slots=True)
class FeatureCalibration:
    """What the maps of references look like when each is left out of its own comparison."""

    scores: NDArray[np.float64]  # (k, statistics)
    weights: NDArray[np.float64]  # (k,) of each: near-copies weigh as much as one reference
    centre: float  # median of all cells
    spread: float  # standard deviation of all cells
    box_threshold: float  # heat above which a cell may be boxed
    known: int  # different references, without stand-ins
    threshold: float = THRESHOLD  # z; not kept with the references, since answers move it

    @classmethod
    def learn(
        cls, maps: Sequence[Floats], *, known: int, weights: Sequence[float] | None = None
    ) -> FeatureCalibration:
        """Learn from the left-out maps (rows, columns), one a reference or stand-in for one.

        Args:
            maps: of each.
            known: how many different references there are.
            weights: of each, by which it counts; 1 by default.
        """
        pooled = np.concatenate([smooth(plane, _BLUR).ravel() for plane in maps])
        centre, spread = float(np.median(pooled)), float(pooled.std()) + 0.02
        hot = float(np.quantile((pooled - centre) / spread, _BOX_QUANTILE))
        scores = np.array([_strangeness(plane) for plane in maps])
        counts = np.ones(len(maps)) if weights is None else np.asarray(weights, np.float64)
        return cls(scores, counts, centre, spread, hot, known)

    def heat_map(self, plane: Floats) -> Floats:
        """A map (rows, columns) in units of the references' spread."""
        return np.asarray((smooth(plane, _BLUR) - self.centre) / self.spread, np.float32)

    def z(self, plane: Floats, *, excluding: int | Sequence[int] | None = None) -> float:
        """The score of a part by its map, in what good parts vary by."""
        usual = self._usual(excluding)
        return float((_strangeness(plane) / usual.mean).mean() - 1) / usual.spread()

    def left_out(self, *, excluding: int | Sequence[int] | None = None) -> NDArray[np.float64]:
        """The z of each reference among all: (k,)."""
        usual = self._usual(excluding)
        return usual.shares / usual.spread()

    @property
    def slope(self) -> float:
        """Log-odds for each z beyond the threshold."""
        if self.known < 2:
            return _SLOPE_OF_ONE
        usual = self._usual(None)
        steep = _SLOPE * self.known**2 / (self.known**2 + _HALF)
        return steep * usual.spread() / usual.spread(_USUAL_SLOPE, _WEIGHT_SLOPE)

    def probability(self, z: float) -> float:
        """P(anomalous), exactly 0.5 at the threshold; never sure where references are few."""
        beyond = np.clip(z - self.threshold, -60, 60)
        sure = float(1 / (1 + np.exp(-self.slope * beyond)))
        return 0.5 + (sure - 0.5) * (2 * surest(self.known) - 1)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what ``from_arrays`` needs."""
        numbers = [self.centre, self.spread, self.box_threshold, float(self.known)]
        return {"scores": self.scores, "weights": self.weights, "numbers": np.array(numbers)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> FeatureCalibration:
        """Rebuild a calibration from ``arrays()``."""
        centre, spread, hot, known = np.asarray(arrays["numbers"], np.float64)
        scores = np.asarray(arrays["scores"], np.float64)
        weights = np.asarray(arrays["weights"], np.float64)
        return cls(scores, weights, float(centre), float(spread), float(hot), int(known))

    def _usual(self, excluding: int | Sequence[int] | None) -> _Usual:
        scores, weights = self.scores, self.weights
        if excluding is not None:
            scores = np.delete(scores, excluding, axis=0)
            weights = np.delete(weights, excluding)
        return _Usual(np.maximum(scores, 1e-6), weights)  # identical ones are at no distance


def _strangeness(plane: Floats) -> NDArray[np.float64]:
    """Of a map: its statistics, by how far cells stand out from what surrounds them.

    What is all over a picture or a region of it is the part's own look, or the light's, more often
    than a defect.
    """
    return statistics(plane - np.float32(_SHARE) * smooth(plane, _AROUND))


@dataclass(frozen=True, slots=True)
class _Usual:
    """The scores that parts are held against."""

    scores: NDArray[np.float64]  # (k, statistics)
    weights: NDArray[np.float64]  # (k,)

    @property
    def mean(self) -> NDArray[np.float64]:
        """Of each statistic."""
        return np.asarray(np.average(self.scores, axis=0, weights=self.weights))

    @property
    def shares(self) -> NDArray[np.float64]:
        """By how much each lies above the mean, as a share: (k,)."""
        return np.asarray((self.scores / self.mean).mean(axis=1) - 1)

    def spread(self, pull: float = _USUAL, weight: int = _WEIGHT) -> float:
        """Standard deviation of good parts' scores, as a share of their mean, pulled to usual."""
        squares = float((self.weights * self.shares**2).sum()) + weight * pull**2
        return float(np.sqrt(squares / (float(self.weights.sum()) - 1 + weight)))
