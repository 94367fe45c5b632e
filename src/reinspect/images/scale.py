"""One scale for a whole set of pictures: which of their values are black and white.

A camera of 10 or 12 bits stores its values in 16, and nothing in most files says so. Judged picture
by picture, one hot pixel would darken a part sixteen times; so the references decide together.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reinspect.images.reading import Pixels
from reinspect.sensing import Measure, Unit
from reinspect.vocabulary import Scale

CAMERA_BITS = (8, 10, 12, 14, 16)
"""Depths that cameras have; a scale is the least of them that holds a set."""

QUANTILE = 0.999
"""Of the values of a set: what is brighter, hot pixels for one, has no say."""

SLACK = 1.0625
"""How far beyond a full scale that quantile may lie, and be white itself: the next full scale would
be four times as coarse."""

SAMPLE = 1 << 20
"""Values that a scale is told from at most, of all pictures together."""


DYNAMIC = 80.0
"""dB from the loudest of a set down to black at most: as far as a sensor of 16 bits reaches."""

HEADROOM = 20.0
"""dB above the loudest of a set up to white."""

ROOM = 0.25
"""Of temperatures and distances: by this share of their range a scale goes beyond them."""


class Raw(NamedTuple):
    """A picture as it is stored, with more than 8 bits a channel."""

    values: npt.NDArray[Any]
    """(H, W), or (H, W, 3) in BGR order."""
    alpha: Pixels | None = None
    """(H, W), 255 where it is opaque."""
    declared: float | None = None
    """The full scale by the file's own tags; a claim, which its values may belie."""


class Levels(NamedTuple):
    """What of a picture has a say in the scale of its set."""

    values: npt.NDArray[np.float32]
    """(n,)"""
    whole: bool
    """Whether it holds integers."""
    declared: float | None
    measure: Measure | None = None
    """Of values that are in a unit."""


def levels(raw: Raw, most: int = SAMPLE, measure: Measure | None = None) -> Levels:
    """So many of a picture's values at most, evenly spread; of colours the largest of a pixel."""
    grey = raw.values if raw.values.ndim == 2 else raw.values.max(axis=2)
    flat = grey.reshape(-1)
    flat = flat[:: max(1, -(-flat.size // most))].astype(np.float32)
    return Levels(flat[np.isfinite(flat)], grey.dtype.kind in "iu", raw.declared, measure)


def common_scale(found: Iterable[Levels]) -> Scale | None:
    """The scale of pictures that belong together; none where there are no such.

    It is the full scale that most of their tags claim, if their values don't belie it; else the
    least one of a camera that holds a high quantile of all their values together, or that quantile
    where it lies just beyond.
    """
    every = list(found)
    if every and every[0].measure is not None:
        return measured_scale((own.values for own in every), every[0].measure)
    values = np.concatenate([own.values for own in every]) if every else np.zeros(0)
    if not values.size:
        return None
    low, high = (float(np.quantile(values, share)) for share in (1 - QUANTILE, QUANTILE))
    claims = Counter(own.declared for own in every if own.declared is not None)
    steps = [float(2**bits - 1) for bits in CAMERA_BITS]
    if not all(own.whole for own in every):
        steps.insert(0, 1.0)
    fitting = [claim for claim, _ in claims.most_common(1)] + steps
    white = max(next((step for step in fitting if high <= step * SLACK), high), high)
    white = float(np.ceil(white)) if white > 1 else white
    if low < 0:  # signed values, such as temperatures
        return Scale(black=low, white=max(high, low + 1e-6))
    return Scale(white=white)


def physical(values: npt.NDArray[Any], measure: Measure) -> npt.NDArray[np.float32]:
    """Stored values in the unit of what was measured.

    A distance of 0 is none, and NaN; so is what is infinite.
    """
    with np.errstate(over="ignore"):
        wide = values.astype(np.float32)
    wide[np.isinf(wide)] = np.nan
    if measure.unit.is_distance:
        wide[wide == 0] = np.nan
    if measure.gain != 1 or measure.offset != 0:
        wide = wide * np.float32(measure.gain) + np.float32(measure.offset)
    return wide


def measured_scale(values: Iterable[npt.NDArray[np.float32]], measure: Measure) -> Scale | None:
    """The scale of values in a unit: from a low quantile of all of them to a high one, with room.

    Of levels in dB no more than `DYNAMIC` below the loudest; what is beyond is cut, and told.
    """
    every = [own[np.isfinite(own)] for own in values]
    flat = np.concatenate(every) if every else np.zeros(0, np.float32)
    if not flat.size:
        return None
    low, high = (float(np.quantile(flat, share)) for share in (1 - QUANTILE, QUANTILE))
    if measure.unit is Unit.DECIBEL:
        low, room = max(low, high - DYNAMIC), HEADROOM
    else:
        room = max(ROOM * (high - low), 1e-3)
        low -= room
    black, white = (round(value, 3) for value in (low, high + room))
    return Scale(black=black, white=max(white, black + 1e-3), measure=measure)


def to_8_bits(values: npt.NDArray[Any], scale: Scale) -> Pixels:
    """Values of any shape by a scale: clipped to it; what is no number is black."""
    factor = np.float32(255 / (scale.white - scale.black))
    wide = values.astype(np.float32)
    if scale.black:
        wide -= np.float32(scale.black)
    wide *= factor
    np.nan_to_num(wide, copy=False, nan=0.0)
    scaled: Pixels = np.rint(wide.clip(0, 255, out=wide), out=wide).astype(np.uint8)
    return scaled


def filled(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A picture (H, W) whose holes have the value of the nearest place that has one."""
    holes = ~np.isfinite(values)
    if not holes.any() or holes.all():
        return values
    from scipy.ndimage import distance_transform_edt

    rows, columns = distance_transform_edt(holes, return_distances=False, return_indices=True)
    return np.asarray(values[rows, columns])


def outside(values: npt.NDArray[Any], scale: Scale) -> float:
    """The share of values that a scale cuts off, or that are no numbers, in [0, 1]."""
    more = (scale.white - scale.black) * (SLACK - 1)
    inside = (values >= scale.black - more) & (values <= scale.white + more)
    return float(1 - np.count_nonzero(inside) / inside.size)
