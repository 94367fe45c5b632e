"""Pictures on their way to a model: shrunk to its pixel budget, encoded once, never kept."""

import base64
import math
from typing import Literal

import cv2
import numpy as np

from reinspect.images import Pixels

LEAST = 112
"""Shorter side of the smallest picture sent: models see in patches of about 28 pixels."""

_QUALITY = 95
_PATCH = 28


def fitted(image: Pixels, max_pixels: int) -> Pixels:
    """The picture within the budget, its shape kept; a tiny one is blown up.

    Blowing up stops at the budget, so that a long thin crop stays within it.
    """
    height, width = image.shape[:2]
    size = size_of(width, height, max_pixels)
    if size == (width, height):
        return image
    how = cv2.INTER_AREA if size[0] < width or size[1] < height else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)


def size_of(width: int, height: int, max_pixels: int) -> tuple[int, int]:
    """Width and height of a picture as it is sent."""
    scale = (max_pixels / (width * height)) ** 0.5
    if scale >= 1:
        scale = min(scale, max(1.0, LEAST / min(width, height)))
    wide, high = (int(length * scale + 1e-6) for length in (width, height))
    return max(1, wide), max(1, high)


def tokens_of(image: Pixels, max_pixels: int) -> int:
    """About how many tokens a model spends on a picture: one for each patch of 28 × 28 pixels.

    So count Qwen2.5-VL and Qwen3-VL at about their scale; others differ.
    """
    width, height = size_of(image.shape[1], image.shape[0], max_pixels)
    return math.ceil(height / _PATCH) * math.ceil(width / _PATCH)


def data_uri(image: Pixels, max_pixels: int, encoding: Literal["jpeg", "png"] = "jpeg") -> str:
    """The picture (height, width, 3; BGR) as a data URI. It holds pixels alone: no name, no EXIF.

    Raises:
        ValueError: it can't be encoded.
    """
    suffix = ".png" if encoding == "png" else ".jpg"
    options = [] if encoding == "png" else [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    done, data = cv2.imencode(suffix, fitted(image, max_pixels), options)
    if not done:
        raise ValueError(f"a picture of shape {image.shape} can't be encoded as {encoding}")
    return f"data:image/{encoding};base64,{base64.b64encode(data.tobytes()).decode()}"
