"""What one look at one image gives, whatever it compares by."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reinspect.tools.embedded.features import Floats
from reinspect.tools.embedded.scoring import Box


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at one image gave."""

    z: float
    """Score of the image among the references, each left out in turn, in standard deviations."""
    threshold: float
    """z above which the image is called anomalous."""
    probability: float
    """P(anomalous); exactly 0.5 at ``z == threshold``."""
    members: Mapping[str, float]
    """z of each member."""
    heat_map: Floats
    """(rows, columns) of cells, in z units: spread evenly over the image, whatever its size."""
    boxes: tuple[Box, ...]
    """x1, y1, x2, y2 in [0, 1], half-open, and score; strongest first.

    At most 5, or 20 against a template.
    """
    signals: Mapping[str, float]
    """Finite numbers that help to judge how far the verdict can be relied on."""
    marks: NDArray[np.bool_] | None = None
    """(H, W) of the image, maybe made smaller: what differs from a template, to the pixel."""
    appearance: Floats | None = None
    """What the whole image looks like to the filters, see ``features.appearance``."""


def heat_signals(heat_map: Floats, threshold: float) -> dict[str, float]:
    """How high, how wide and how concentrated the heat is."""
    heat = np.sort(np.maximum(heat_map, 0), axis=None)
    strongest = heat[-max(3, heat.size // 50) :]
    return {
        "peak": float(heat[-1]),
        "area": float((heat > threshold).mean()),
        "concentration": float(strongest.sum() / (heat.sum() + 1e-6)),
    }
