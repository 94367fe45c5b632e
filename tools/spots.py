"""What a thermal or a depth picture measures where a part is odd, in its own unit."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from reinspect.images import read_measured, to_pixels
from reinspect.vocabulary import Region, Sample


class MeasuredSpots(NamedTuple):
    """Regions with what they measure."""

    regions: tuple[Region, ...]
    words: str
    """Of the strongest; empty where nothing is measured."""
    measurements: Mapping[str, float]


def measured_spots(sample: Sample, regions: Sequence[Region]) -> MeasuredSpots:
    """Measure regions in the unit of the sample's picture; holes don't count.

    A spot is hot where its highest value is farther from the median of all else than its lowest.

    Raises:
        UnreadableImage: the picture can't be read any more.
    """
    view = sample.visual
    measure = view.scale.measure if view.scale else None
    values = None if measure is None or view.spectrogram else read_measured(view)
    if values is None or measure is None or not np.isfinite(values).any():
        return MeasuredSpots(tuple(regions), "", {})
    unit, name = measure.unit.sign, measure.unit.value
    found = {
        f"lowest_{name}": float(np.nanmin(values)),
        f"highest_{name}": float(np.nanmax(values)),
    }
    words = f"{found[f'lowest_{name}']:.4g} to {found[f'highest_{name}']:.4g} {unit}"
    height, width = values.shape
    covering, rest = [], values.copy()
    for region in regions:
        x1, y1, x2, y2 = to_pixels(region.box, width, height)
        inside = values[y1:y2, x1:x2]
        rest[y1:y2, x1:x2] = np.nan
        if np.isfinite(inside).any():
            ends = float(np.nanmin(inside)), float(np.nanmax(inside))
            region = region.model_copy(update={"covers": {unit: ends}})
        covering.append(region)
    usual = float(np.nanmedian(rest)) if np.isfinite(rest).any() else None
    strongest = covering[0].covers if covering else None
    if strongest and usual is not None:
        low, high = strongest[unit]
        is_high = high - usual >= usual - low
        spot = high if is_high else low
        found |= {f"spot_{name}": spot, f"rest_{name}": usual}
        kind = ("hot" if is_high else "cold") if measure.unit.is_temperature else "place"
        what = f"{kind} spot of" if measure.unit.is_temperature else kind + " of"
        words = f"{what} {spot:.4g} {unit} where the rest has {usual:.4g} {unit}; {words}"
    return MeasuredSpots(tuple(covering), words, found)
