"""Two-level parts, such as printed circuits: compare with the one reference that is the template.

Where references are black and white and one of them matches the image, what is left after
aligning the two is the defect itself, to the pixel. The comparison is two-sided and tolerates
edges displaced by a few pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from reinspect.references import evenly_spaced
from reinspect.tools.embedded.album import Album
from reinspect.tools.embedded.features import CELL, Floats, Pixels
from reinspect.tools.embedded.scoring import Box, probability

MAX_TEMPLATES = 512
MAX_BOXES = 20
"""More than elsewhere: a board can have a dozen defects, and hardly anything else is boxed."""
THRESHOLD = 2.0
"""z above which a board is called anomalous."""

_SIDE = 640.0  # square root of the largest working area, in pixels
_NEAR = 0.05  # of the contrast: a surface with more in it has defects that no level shows
_TWO_LEVEL = 0.95  # share of pixels so near a level in black-and-white references
_ASKED = 16  # references at most that are asked whether they are black and white, and alike
_ALARMS = 0.1  # share of references, beside their own template, that may differ from it
_THUMBNAIL = 64  # pixels a side, to find the template among many
_ALIKE = 0.8  # correlation of thumbnails below which a reference is no template
_FAR = 0.05  # of the side: a larger shift is a mistaken one
_RESIDUAL = 0.05  # share of differing pixels above which a reference is no template
_SIGMA = 0.8  # pixels, blur before comparing
_TOLERANCE = 3  # pixels an edge may be displaced
_CONTRAST = 0.4  # of the contrast: how much a defect differs
_OPEN = 3  # pixels: thinner differences are edges, not defects
_MERGE = 9  # pixels: nearer differences are one defect
_LEAST = 6  # pixels of area that a defect has
_MARGIN = 12  # pixels around a defect that its box takes in, as inspectors draw it


@dataclass(frozen=True, slots=True)
class Difference:
    """An image against its template."""

    z: float
    probability: float
    heat_map: Floats  # (rows, columns) of cells; above THRESHOLD where something differs
    marks: NDArray[np.bool_]  # (H, W) at the working size: the pixels that differ
    boxes: tuple[Box, ...]
    likeness: float  # correlation of the two thumbnails
    residual: float  # share of pixels that differ
    reference: int  # index of the template


@dataclass(frozen=True, slots=True)
class Templates:
    """Black-and-white references and what finds the right one among them."""

    album: Album
    spectra: NDArray[np.complex64]  # (k, 64, 33) of the normalised thumbnails

    @classmethod
    def collect(cls, images: Sequence[Pixels]) -> Templates | None:
        """Keep the references as templates.

        Returns:
            None if they are not black and white, or where those that show one thing differ among
            themselves: lying turned, for one, they are not equal to the pixel.
        """
        asked = evenly_spaced(len(images), _ASKED)
        if np.median([_two_level_share(images[place]) for place in asked]) < _TWO_LEVEL:
            return None
        album = Album.collect(images, MAX_TEMPLATES)
        thumbnails = np.stack([_thumbnail(_grey(image)) for image in album.images()])
        found = cls(album, np.fft.rfft2(thumbnails).astype(np.complex64))
        return None if found._alarms() > _ALARMS else found

    def _alarms(self) -> float:
        """Share of the references, of those with a template among the others, that differ."""
        asked = evenly_spaced(len(self.album.pages), _ASKED)
        seen = [self.compare(self.album.image(page), excluding=page) for page in asked]
        found = [difference.z > THRESHOLD for difference in seen if difference is not None]
        return float(np.mean(found)) if found else 0.0

    def compare(self, image: Pixels, *, excluding: int | None = None) -> Difference | None:
        """Compare with the best reference, or return None if none is the image's template.

        Args:
            image: BGR uint8 (H, W, 3).
            excluding: page of the album to leave out.
        """
        if _two_level_share(image) < _TWO_LEVEL:
            return None
        grey = _grey(image)
        spectrum = np.fft.rfft2(_thumbnail(grey))
        likeness = np.fft.irfft2(spectrum * self.spectra.conj()).max(axis=(1, 2))
        if excluding is not None:
            likeness[excluding] = -1
        best = int(likeness.argmax())
        if likeness[best] < _ALIKE:
            return None
        template = _grey(self.album.image(best))
        template = np.asarray(cv2.resize(template, grey.shape[::-1]), np.float32)
        difference = _differences(grey, _align(template, grey))
        residual = float((difference > _CONTRAST).mean())
        if residual > _RESIDUAL:
            return None
        return _judge(difference, likeness=float(likeness[best]), residual=residual, best=best)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what ``from_arrays`` needs."""
        return {"spectra": self.spectra, **self.album.arrays()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Templates:
        """Rebuild templates from ``arrays()``."""
        return cls(Album.from_arrays(arrays), np.asarray(arrays["spectra"], np.complex64))


def _grey(image: Pixels) -> Floats:
    """Grey in [0, 1] at the working size."""
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
    scale = min(1.0, _SIDE / np.sqrt(grey.size))
    if scale < 1:
        size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))
    return grey.astype(np.float32) / np.float32(255)


def _two_level_share(image: Pixels) -> float:
    """Share of pixels near one of the two levels that divide the image best (Otsu, 1979)."""
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
    cut, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)
    counts = np.bincount(grey.ravel(), minlength=256)
    levels = np.arange(256)
    bright = levels > cut
    if not counts[bright].any() or not counts[~bright].any():
        return 0.0
    high, low = (
        float(np.average(levels[side], weights=counts[side])) for side in (bright, ~bright)
    )
    reach = _NEAR * (high - low)
    near = (np.abs(levels - high) < reach) | (np.abs(levels - low) < reach)
    return float(counts[near].sum() / counts.sum())


def _thumbnail(grey: Floats) -> Floats:
    small = cv2.resize(grey, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA)
    small = np.asarray(small, np.float32) - np.float32(small.mean())
    return np.asarray(small / max(float(np.linalg.norm(small)), 1e-6), np.float32)


def _align(template: Floats, grey: Floats) -> Floats:
    """Shift the template onto the image; leave it where a repeating pattern misleads the match."""
    rows, columns = grey.shape
    window = np.asarray(cv2.createHanningWindow((columns, rows), cv2.CV_32F))
    # phaseCorrelate overwrites its inputs at sizes that suit its Fourier transform: pass copies.
    (right, down), _ = cv2.phaseCorrelate(grey.copy(), template.copy(), window)
    if max(abs(right) / columns, abs(down) / rows) > _FAR:
        return template
    move = np.array([[1, 0, round(right, 1)], [0, 1, round(down, 1)]], np.float32)
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(
        template, move, (columns, rows), flags=how, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.float32)


def _differences(grey: Floats, template: Floats) -> Floats:
    """How far each pixel lies outside what the template shows nearby, in units of contrast."""
    grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), _SIGMA), np.float32)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _TOLERANCE + 1,) * 2)
    above = grey - cv2.dilate(template, disc)
    below = cv2.erode(template, disc) - grey
    low, high = np.quantile(template[::8, ::8], [0.02, 0.98])
    contrast = max(float(high - low), 0.1)
    return np.asarray(np.maximum(np.maximum(above, below), 0) / contrast, np.float32)


def _judge(difference: Floats, *, likeness: float, residual: float, best: int) -> Difference:
    rows, columns = difference.shape
    marked = (difference > _CONTRAST).astype(np.uint8)
    marked = np.asarray(cv2.morphologyEx(marked, cv2.MORPH_OPEN, np.ones((_OPEN, _OPEN))))
    merged = np.asarray(cv2.dilate(marked, np.ones((_MERGE, _MERGE))))
    count, labels, spans, _ = cv2.connectedComponentsWithStats(merged, connectivity=8)
    found: list[Box] = []
    for label in range(1, count):
        x, y, width, height = (int(value) for value in spans[label][:4])
        region = np.s_[y : y + height, x : x + width]
        ys, xs = np.nonzero((labels[region] == label) & (marked[region] > 0))
        if len(ys) >= _LEAST:
            found.append(
                (
                    max(0, x + int(xs.min()) - _MARGIN) / columns,
                    max(0, y + int(ys.min()) - _MARGIN) / rows,
                    min(columns, x + int(xs.max()) + 1 + _MARGIN) / columns,
                    min(rows, y + int(ys.max()) + 1 + _MARGIN) / rows,
                    _severity(len(ys)),
                )
            )
    boxes = tuple(sorted(found, key=lambda box: -box[4]))
    z = boxes[0][4] if boxes else min(THRESHOLD, float(difference.max()))
    cells = (max(1, columns // CELL), max(1, rows // CELL))
    heat = cv2.resize(marked.astype(np.float32), cells, interpolation=cv2.INTER_AREA)
    return Difference(
        z=z,
        probability=probability(z, THRESHOLD),
        heat_map=np.asarray(np.asarray(heat) * np.float32(z), np.float32),
        marks=marked > 0,
        boxes=boxes[:MAX_BOXES],
        likeness=likeness,
        residual=residual,
        reference=best,
    )


def _severity(area: int) -> float:
    """Grade a defect of ``area`` pixels in z: twice the area is one more."""
    return THRESHOLD + float(np.log2(area / _LEAST))
