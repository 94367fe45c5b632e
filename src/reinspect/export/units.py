"""Measured pictures for people: a colour map, a bar in their unit, axes of a spectrogram."""

import os
from collections.abc import Iterator
from math import ceil, floor, log10

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from reinspect.images import Loaded, Pixels, glance, limit_of, rules_of
from reinspect.sensing import Scale, Spectrogram
from reinspect.vocabulary import View

_LEAST = 720  # pixels of the longer side to which a small picture is enlarged, to be read
_LETTERED = 240  # pixels of the shorter side below which nothing is written on it
_TEXT, _TICK, _BAR = 13, 6, 12  # pixels


def seen(path: str | os.PathLike[str], side: int, view: View | None = None) -> Loaded:
    """A picture to look at, read as its view was, where that is known.

    Raises:
        UnreadableImage: as `glance`.
    """
    if view is None:
        return glance(path, side)
    limit = limit_of(view)
    return glance(path, side, scale=view.scale, max_pixels=limit, rules=rules_of(view))


def drawn(
    pixels: Pixels, scale: Scale | None, spectrogram: Spectrogram | None, side: int
) -> Pixels:
    """A picture for people: values in a unit in colours, a photograph as it is.

    Small ones are enlarged, the longer side to `side` pixels at most, and lettered where there is
    room: a bar with the ends of the scale, and seconds and hertz along a spectrogram's edges.

    Args:
        pixels: BGR uint8 (H, W, 3).
        scale: what is black and white.
        spectrogram: the axes of one.
        side: pixels of the longer side at most.
    """
    if scale is None or scale.measure is None:
        return pixels
    height, width = pixels.shape[:2]
    larger = max(1.0, min(side, _LEAST) / max(height, width))
    size = (round(width * larger), round(height * larger))
    grey = cv2.resize(pixels[..., 0], size, interpolation=cv2.INTER_LINEAR)
    hot = scale.measure.unit.is_temperature
    colours = cv2.COLORMAP_INFERNO if hot else cv2.COLORMAP_VIRIDIS
    shown = np.asarray(cv2.applyColorMap(np.asarray(grey, np.uint8), colours), np.uint8)
    if min(size) < _LETTERED:
        return shown
    _put_bar(shown, colours)
    page = Image.fromarray(np.ascontiguousarray(shown[..., ::-1]))
    pen = _Pen(page)
    right = size[0] - 2 * _BAR - 4
    pen.write((right, _BAR), f"{scale.white:.4g} {scale.measure.unit.sign}", "rm")
    pen.write((right, _BAR + size[1] // 3), f"{scale.black:.4g} {scale.measure.unit.sign}", "rm")
    if spectrogram is not None:
        _letter(pen, spectrogram, size)
    return np.ascontiguousarray(np.asarray(page, np.uint8)[..., ::-1])


class _Pen:
    """Writes on a picture, dark around light so that it can be read on anything."""

    def __init__(self, page: Image.Image) -> None:
        self._draw = ImageDraw.Draw(page)
        self._font = ImageFont.load_default(_TEXT)

    def write(self, at: tuple[float, float], text: str, anchor: str) -> None:
        self._draw.text(at, text, "white", self._font, anchor, stroke_width=2, stroke_fill="black")

    def line(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self._draw.line([start, end], "black", 3)
        self._draw.line([start, end], "white", 1)


def _put_bar(shown: Pixels, colours: int) -> None:
    """The colours of the scale, upright, in the top right corner."""
    height, width = shown.shape[:2]
    tall = height // 3
    ramp = np.linspace(255, 0, tall).astype(np.uint8)[:, None].repeat(_BAR, axis=1)
    left = width - 2 * _BAR
    shown[_BAR - 1 : _BAR + tall + 1, left - 1 : left + _BAR + 1] = 255
    shown[_BAR : _BAR + tall, left : left + _BAR] = cv2.applyColorMap(ramp, colours)


def _letter(pen: _Pen, made: Spectrogram, size: tuple[int, int]) -> None:
    width, height = size
    first, last = made.seconds(0), made.seconds(1)
    for at in _round(first, last):
        x = (at - first) / (last - first) * width
        if 2 * _TEXT < x < width - 2 * _TEXT:
            pen.line((x, height - _TICK), (x, height))
            pen.write((x, height - _TICK - 2), f"{at:g} s", "mb")
    shares = np.linspace(1, 0, 256)  # from the lowest frequency up
    pitches = [made.hertz(share) for share in shares]
    free = float(height)
    for hertz in _round(pitches[0], pitches[-1]):
        y = float(np.interp(hertz, pitches, shares)) * height
        if _TEXT < y < height - 2 * _TEXT and free - y >= 1.5 * _TEXT:
            said = f"{hertz / 1000:g} kHz" if hertz >= 1000 else f"{hertz:g} Hz"
            pen.line((0, y), (_TICK, y))
            pen.write((_TICK + 3, y), said, "lm")
            free = y


def _round(low: float, high: float) -> Iterator[float]:
    """About five round numbers between two."""
    step = 10.0 ** floor(log10((high - low) / 4))
    step *= next((by for by in (1, 2, 5) if (high - low) / (step * by) <= 7), 10)
    for place in range(ceil(low / step), floor(high / step) + 1):
        yield round(place * step, 9)
