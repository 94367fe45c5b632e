"""Small pictures that travel inside a report, as `data:` addresses."""

import base64
from pathlib import Path
from typing import NamedTuple

import cv2

from reinspect.images import UnreadableImage, read_image

_QUALITY = 78


class Thumbnail(NamedTuple):
    """A picture in small, or why there is none."""

    data: str | None
    width: int = 4
    height: int = 3
    missing: str = ""


def thumbnail(path: Path | str, side: int) -> Thumbnail:
    """The picture, its longer side at most `side` pixels; a file that can't be read gives why."""
    try:
        pixels = read_image(path)
    except UnreadableImage as error:
        return Thumbnail(None, missing=str(error))
    height, width = pixels.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
    data = base64.b64encode(jpeg.tobytes()).decode()
    return Thumbnail(f"data:image/jpeg;base64,{data}", *size)
