"""What goes wrong in what sensors measure, drawn as it differs: hot spots, seams, dents."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from reinspect.samples.surfaces import Floats, Rng


class ReadingFault(NamedTuple):
    """How a kind of fault differs from what is around it."""

    sign: int
    """1: more is measured there; -1: less."""
    length: float = 1.0
    """Its length in widths: a seam is long, a spot round."""


TEMPERATURE: Mapping[str, ReadingFault] = MappingProxyType(
    {
        "hot spot": ReadingFault(1),
        "cold spot": ReadingFault(-1),
        "warm seam": ReadingFault(1, length=8.0),
    }
)
"""Kinds of fault in a picture of temperatures."""

DISTANCE: Mapping[str, ReadingFault] = MappingProxyType(
    {"dent": ReadingFault(1), "bump": ReadingFault(-1), "groove": ReadingFault(1, length=8.0)}
)
"""Kinds of fault in a picture of distances: what is farther away lies deeper."""


def faulty_place(
    fault: ReadingFault, shape: tuple[int, int], at: tuple[float, float], size: float, rng: Rng
) -> Floats:
    """Where a fault is and how strong, float32 (H, W) from 0 to 1 in its middle.

    Args:
        fault: its kind.
        shape: of the picture.
        at: row and column of its middle.
        size: its length, pixels.
        rng: where chance comes from.
    """
    ys, xs = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    turned = rng.uniform(0, np.pi)
    along = (xs - at[1]) * np.cos(turned) + (ys - at[0]) * np.sin(turned)
    across = (ys - at[0]) * np.cos(turned) - (xs - at[1]) * np.sin(turned)
    half = max(size / 2, 1.0)
    wide = max(half / (fault.length * rng.uniform(1.0, 1.5)), 1.0)
    beyond = np.square(along / half) + np.square(across / wide)
    # Smooth to its border, as heat and pressed metal are; half as strong at 0.54 of the way there.
    return np.asarray(np.square(np.clip(1 - beyond, 0, None)), np.float32)
