"""Thermal pictures of sample parts: drawn temperatures, as a radiometric camera stores them."""

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from reinspect.samples.process import Process
from reinspect.samples.surfaces import UNIT, Floats, Rng, smooth_noise

Stored = npt.NDArray[np.uint16]

GAIN, OFFSET = 0.01, -273.15
"""A stored step in kelvin, and what a stored 0 is in °C: hundredths of a kelvin."""

_ROOM, _PART = 22.0, 41.0  # °C
_NOISE = 0.05  # K, of the camera
_TRIES = 50


class ThermalPicture(NamedTuple):
    """Temperatures in hundredths of a kelvin, and where the hot spot is, if there is one."""

    stored: Stored
    mask: npt.NDArray[np.bool_] | None


def thermal_picture(process: Process, rng: Rng, size: int, *, hot: bool) -> ThermalPicture:
    """A warm piece of a product in front of a cool wall; `hot`: with a spot 3 to 9 K warmer."""
    part = process.scene(rng, size).part
    warm = _PART + rng.normal(0, 0.6) + 0.5 * smooth_noise(rng, size, 60)
    wall = _ROOM + rng.normal(0, 0.3) + 0.2 * smooth_noise(rng, size, 90)
    heat = wall + (warm - wall) * np.asarray(cv2.GaussianBlur(part, (0, 0), 3 * size / UNIT))
    mask = None
    if hot:
        spot = _spot(part, rng, size)
        heat = heat + rng.uniform(3, 9) * spot
        mask = np.asarray(spot > 0.4)
    heat = heat + rng.normal(0, _NOISE, heat.shape)
    stored = np.rint((heat - OFFSET) / GAIN).clip(0, 65535).astype(np.uint16)
    return ThermalPicture(stored, mask)


def _spot(part: Floats, rng: Rng, size: int) -> Floats:
    """A warm place on the part, 1 in its middle."""
    ys, xs = np.mgrid[:size, :size].astype(np.float32)
    sigma = rng.uniform(0.015, 0.04) * size
    x, y = rng.uniform(0.2, 0.8, 2) * size
    for _ in range(_TRIES):
        if part[int(y), int(x)] > 0.9:
            break
        x, y = rng.uniform(0.2, 0.8, 2) * size
    spot = np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / (2 * sigma**2)) * part
    return np.asarray(spot, np.float32)
