"""From anomaly maps to one z-score, a threshold that needs no defect, a probability, and boxes.

Everything is calibrated on the references alone: each is looked at with itself left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from reinspect.tools.embedded.features import Floats
from reinspect.tools.embedded.positional import smooth

MAX_BOXES = 5
DOUBT = 0.04
"""What a score is believed to vary by, as a share of its mean, before any reference is seen."""
DOUBT_OF_ONE = 1.0
"""The same where stand-ins replace all references but one (see ``variation``)."""

Box = tuple[float, float, float, float, float]
"""x1, y1, x2, y2 in [0, 1], half-open, and a score in z units."""

_SHARES = (0.002, 0.02)  # of the cells, whose strongest are averaged
_BLUR = 0.8  # cells
_PRIOR_WEIGHT = 3  # references which that belief is worth
_CLIP = 4.0  # one odd reference must not set the threshold
_QUANTILE = 0.9  # of good images expected below the threshold
# Student's t at that quantile with 1, 2 … 40 degrees of freedom, as scipy.special.stdtrit gives it:
# importing it takes 18 MB in every worker.
_STUDENT = (
    3.0776835371752544, 1.8856180831641272, 1.637744353696209, 1.533206274058944,
    1.4758840488244815, 1.4397557472651483, 1.4149239276505086, 1.3968153097438654,
    1.3830287383966329, 1.372183641110336, 1.3634303180205407, 1.356217334023205,
    1.3501712887800552, 1.345030374454651, 1.3406056078504558, 1.3367571673273153,
    1.3333793897216268, 1.3303909435699093, 1.3277282090267986, 1.3253407069850465,
    1.3231878738651728, 1.321236741613362, 1.3194602398161621, 1.3178359336731498,
    1.31634507267387, 1.3149718642705175, 1.3137029128292737, 1.3125267815926664,
    1.311433647301551, 1.3104150253913955, 1.3094635494946454, 1.3085727931295192,
    1.3077371244508864, 1.30695158712643, 1.3062118020160345, 1.3055138855362491,
    1.3048543814976248, 1.3042302038905027, 1.303638588621274, 1.3030770526071949,
)  # fmt: skip
_LOWEST, _HIGHEST = 1.2, 4.0  # where a threshold may lie
_THRESHOLD_OF_ONE = 0.25  # stand-ins differ about as much as well fixtured parts do
_SLOPE = 0.52  # log-odds per z
_ENLARGE = 4  # cells are cut this fine before boxes are drawn
_BOX_QUANTILE = 0.998  # of the references' own cells lie below the box threshold
_BOX_SHARE = 0.55  # of a box's own peak: where its edge is drawn


def statistics(plane: Floats) -> NDArray[np.float64]:
    """Summarise a map by the means of its strongest 0.2 % (at least 3 cells) and 2 %."""
    values = np.sort(smooth(plane, _BLUR), axis=None).astype(np.float64)
    counts = [min(len(values), max(3, int(len(values) * share))) for share in _SHARES]
    return np.array([values[-count:].mean() for count in counts])


def standardise(
    value: NDArray[np.float64], usual: NDArray[np.float64], doubt: float = DOUBT
) -> NDArray[np.float64]:
    """Standardise ``value`` (...,) among ``usual`` (k, ...), with a spread shrunk to ``doubt``."""
    count, mean = len(usual), usual.mean(axis=0)
    own = ((usual - mean) ** 2).sum(axis=0)
    prior = _PRIOR_WEIGHT * (doubt * np.maximum(np.abs(mean), 0.05)) ** 2
    return np.asarray((value - mean) / np.sqrt((own + prior) / (count + 2)))


def probability(z: float, threshold: float) -> float:
    """P(anomalous), exactly 0.5 at the threshold."""
    return float(1 / (1 + np.exp(-_SLOPE * np.clip(z - threshold, -60, 60))))


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the maps of references look like when each is left out of its own comparison."""

    scores: NDArray[np.float64]  # (k, members, statistics)
    centres: NDArray[np.float64]  # (members,) median of all cells
    spreads: NDArray[np.float64]  # (members,) standard deviation of all cells
    box_threshold: float  # heat above which a cell may be boxed
    doubt: float  # prior spread of a score, as a share of its mean

    @classmethod
    def learn(cls, maps: Sequence[Sequence[Floats]], *, doubt: float = DOUBT) -> Calibration:
        """Learn from the leave-one-out maps: for each reference, one map a member."""
        scores = np.array([[statistics(plane) for plane in own] for own in maps])
        pooled = [
            np.concatenate([smooth(plane, _BLUR).ravel() for plane in member])
            for member in zip(*maps, strict=True)
        ]
        centres = np.array([np.median(cells) for cells in pooled], np.float64)
        spreads = np.array([cells.std() for cells in pooled], np.float64) + 0.02
        heats = [_heat(own, centres, spreads).ravel() for own in maps]
        threshold = float(np.quantile(np.concatenate(heats), _BOX_QUANTILE))
        return cls(scores, centres, spreads, threshold, doubt)

    def heat_map(self, maps: Sequence[Floats]) -> Floats:
        """Average the members' maps (rows, columns) in units of the references' spread."""
        return _heat(maps, self.centres, self.spreads)

    def members(
        self, maps: Sequence[Floats], *, excluding: int | None = None
    ) -> NDArray[np.float64]:
        """Score each member: its z: (members,)."""
        usual = self.scores if excluding is None else np.delete(self.scores, excluding, axis=0)
        own = np.array([statistics(plane) for plane in maps])
        return np.asarray(standardise(own, usual, self.doubt).mean(axis=1))

    def left_out(self, *, excluding: int | None = None) -> NDArray[np.float64]:
        """Fused z of each reference among the others, (k,) or (k - 1,)."""
        usual = self.scores if excluding is None else np.delete(self.scores, excluding, axis=0)
        if len(usual) < 2:
            return np.zeros(1)
        fused = [
            standardise(own, np.delete(usual, index, axis=0), self.doubt).mean()
            for index, own in enumerate(usual)
        ]
        return np.asarray(np.clip(fused, -_CLIP, _CLIP), np.float64)

    def threshold(self, *, excluding: int | None = None) -> float:
        """The z that about a tenth of good images exceed, allowing for how few are known."""
        if self.doubt >= DOUBT_OF_ONE:
            return _THRESHOLD_OF_ONE
        own = self.left_out(excluding=excluding)
        count, mean = len(own), own.mean()
        spread = np.sqrt((((own - mean) ** 2).sum() + 4) / (count + 3))
        reach = _STUDENT[min(max(1, count - 1), len(_STUDENT)) - 1] * spread
        return float(np.clip(mean + reach, _LOWEST, _HIGHEST))

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what ``from_arrays`` needs."""
        return {
            "scores": self.scores,
            "centres": self.centres,
            "spreads": self.spreads,
            "box_threshold": np.array(self.box_threshold),
            "doubt": np.array(self.doubt),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Calibration:
        """Rebuild a calibration from ``arrays()``."""
        return cls(
            scores=np.asarray(arrays["scores"], np.float64),
            centres=np.asarray(arrays["centres"], np.float64),
            spreads=np.asarray(arrays["spreads"], np.float64),
            box_threshold=float(np.asarray(arrays["box_threshold"], np.float64)),
            doubt=float(np.asarray(arrays["doubt"], np.float64)),
        )


def _heat(
    maps: Sequence[Floats], centres: NDArray[np.float64], spreads: NDArray[np.float64]
) -> Floats:
    planes = [
        (smooth(plane, _BLUR) - centre) / spread
        for plane, centre, spread in zip(maps, centres, spreads, strict=True)
    ]
    return np.asarray(np.mean(planes, axis=0), np.float32)


def find_boxes(heat_map: Floats, threshold: float) -> tuple[Box, ...]:
    """Box the regions of a heat-map (rows, columns) above ``threshold``, strongest first."""
    rows, columns = heat_map.shape[0] * _ENLARGE, heat_map.shape[1] * _ENLARGE
    fine = np.asarray(cv2.resize(heat_map, (columns, rows), interpolation=cv2.INTER_CUBIC))
    count, labels, spans, _ = cv2.connectedComponentsWithStats(
        (fine > threshold).astype(np.uint8), connectivity=8
    )
    found: list[Box] = []
    for label in range(1, count):
        x, y, width, height = (int(value) for value in spans[label][:4])
        region = np.where(
            labels[y : y + height, x : x + width] == label,
            fine[y : y + height, x : x + width],
            -np.inf,
        )
        peak = float(region.max())
        inside = region > max(threshold, _BOX_SHARE * peak)
        down, right = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        found.append(
            (
                float(x + right[0]) / columns,
                float(y + down[0]) / rows,
                float(x + right[-1] + 1) / columns,
                float(y + down[-1] + 1) / rows,
                peak,
            )
        )
    return tuple(sorted(found, key=lambda box: -box[4])[:MAX_BOXES])
