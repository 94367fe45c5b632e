"""Small pictures that travel inside a report, as `data:` addresses."""

import base64
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from reinspect.export.units import drawn, seen
from reinspect.images import Pixels, UnreadableImage
from reinspect.pictures import COOL, HOT, heat_map_picture, read_map
from reinspect.vocabulary import View

_QUALITY = 78


class Thumbnail(NamedTuple):
    """A picture in small, or why there is none."""

    data: str | None
    width: int = 4
    height: int = 3
    missing: str = ""


def thumbnails(
    photo: Path | str, heat_map: Path | None, side: int, view: View | None = None
) -> tuple[Thumbnail, Thumbnail | None]:
    """A part, and its heat-map laid over it, the longer side at most `side` pixels.

    It is read as its view was, where that is given, and measured values are shown in colours.
    What can't be read gives why; without a photo, the map lies on black.
    """
    small: Pixels | None = None
    try:
        loaded = seen(photo, side, view)
        small = drawn(shrunk(loaded.pixels, side), loaded.scale, loaded.spectrogram, side)
        part = _encoded(small)
    except UnreadableImage as error:
        part = Thumbnail(None, missing=str(error))
    if heat_map is None:
        return part, None
    try:
        heat = read_map(heat_map)
    except ValueError as error:
        return part, Thumbnail(None, missing=str(error))
    if small is None:
        scale = side / max(heat.shape)
        small = np.zeros((*(max(1, round(length * scale)) for length in heat.shape), 3), np.uint8)
    return part, _encoded(heat_map_picture(small, heat, low=COOL, high=HOT))


def heated(photo: Pixels, heat_map: Path, side: int) -> Thumbnail:
    """A part as it is shown, in small, with its heat-map laid over it; or why there is none.

    Args:
        photo: (H, W, 3), BGR.
        heat_map: the file of the map.
        side: the longer one, in pixels.
    """
    try:
        heat = read_map(heat_map)
    except ValueError as error:
        return Thumbnail(None, missing=str(error))
    laid = heat_map_picture(shrunk(photo, side), heat, low=COOL, high=HOT)
    return Thumbnail(webp(laid), laid.shape[1], laid.shape[0])


def shrunk(pixels: Pixels, side: int) -> Pixels:
    """A picture (H, W, 3) whose longer side has at most `side` pixels."""
    height, width = pixels.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _encoded(pixels: Pixels) -> Thumbnail:
    height, width = pixels.shape[:2]
    return Thumbnail(jpeg(pixels, _QUALITY), width, height)


def jpeg(pixels: Pixels, quality: int = 85) -> str:
    """The picture as a `data:` address."""
    coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return f"data:image/jpeg;base64,{base64.b64encode(coded.tobytes()).decode()}"


def webp(pixels: Pixels, quality: int = 80) -> str:
    """The same, half as large, and some twenty times slower to make."""
    coded = cv2.imencode(".webp", pixels, [cv2.IMWRITE_WEBP_QUALITY, quality])[1]
    return f"data:image/webp;base64,{base64.b64encode(coded.tobytes()).decode()}"
