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
_LEAST_DOUBT = 3  # .8 is the most that two references allow, .91 four, .97 eight
_BLUR = 0.8  # cells
_BOX_QUANTILE = 0.998  # of the references' own cells lie below the box threshold


@dataclass(frozen=True, slots=True)
class FeatureCalibration:
    """What the maps of references look like when each is left out of its own comparison."""

    scores: NDArray[np.float64]  # (k, statistics)
    centre: float  # median of all cells
    spread: float  # standard deviation of all cells
    box_threshold: float  # heat above which a cell may be boxed
    known: int  # references that are no stand-ins
    threshold: float = THRESHOLD  # z; not kept with the references, since answers move it

    @classmethod
    def learn(cls, maps: Sequence[Floats], *, known: int) -> FeatureCalibration:
        """Learn from the left-out maps (rows, columns), one a reference or stand-in for one."""
        pooled = np.concatenate([smooth(plane, _BLUR).ravel() for plane in maps])
        centre, spread = float(np.median(pooled)), float(pooled.std()) + 0.02
        hot = float(np.quantile((pooled - centre) / spread, _BOX_QUANTILE))
        return cls(np.array([statistics(plane) for plane in maps]), centre, spread, hot, known)

    def heat_map(self, plane: Floats) -> Floats:
        """A map (rows, columns) in units of the references' spread."""
        return np.asarray((smooth(plane, _BLUR) - self.centre) / self.spread, np.float32)

    def z(self, plane: Floats, *, excluding: int | None = None) -> float:
        """The score of a part by its map, in what good parts vary by."""
        usual = self._usual(excluding)
        return float((statistics(plane) / usual.mean(axis=0)).mean() - 1) / _spread(usual)

    def left_out(self, *, excluding: int | None = None) -> NDArray[np.float64]:
        """The z of each reference among all: (k,)."""
        usual = self._usual(excluding)
        return np.asarray(((usual / usual.mean(axis=0)).mean(axis=1) - 1) / _spread(usual))

    @property
    def slope(self) -> float:
        """Log-odds for each z beyond the threshold."""
        if self.known < 2:
            return _SLOPE_OF_ONE
        usual = self._usual(None)
        steep = _SLOPE * self.known**2 / (self.known**2 + _HALF)
        return steep * _spread(usual) / _spread(usual, _USUAL_SLOPE, _WEIGHT_SLOPE)

    def probability(self, z: float) -> float:
        """P(anomalous), exactly 0.5 at the threshold; never sure where references are few."""
        beyond = np.clip(z - self.threshold, -60, 60)
        sure = float(1 / (1 + np.exp(-self.slope * beyond)))
        most = 1 - 1 / (_LEAST_DOUBT + self.known**2 / 2)
        return 0.5 + (sure - 0.5) * (2 * most - 1)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what ``from_arrays`` needs."""
        numbers = [self.centre, self.spread, self.box_threshold, float(self.known)]
        return {"scores": self.scores, "numbers": np.array(numbers)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> FeatureCalibration:
        """Rebuild a calibration from ``arrays()``."""
        centre, spread, hot, known = np.asarray(arrays["numbers"], np.float64)
        scores = np.asarray(arrays["scores"], np.float64)
        return cls(scores, float(centre), float(spread), float(hot), int(known))

    def _usual(self, excluding: int | None) -> NDArray[np.float64]:
        rest = self.scores if excluding is None else np.delete(self.scores, excluding, axis=0)
        return np.maximum(rest, 1e-6)  # identical references are at no distance


def _spread(usual: NDArray[np.float64], pull: float = _USUAL, weight: int = _WEIGHT) -> float:
    """Standard deviation of good parts' scores, as a share of their mean, pulled to the usual."""
    own = (usual / usual.mean(axis=0)).mean(axis=1) - 1
    return float(np.sqrt(((own**2).sum() + weight * pull**2) / (len(usual) - 1 + weight)))
