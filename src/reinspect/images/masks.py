"""Masks: of files, as run lengths, the boxes around their parts."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco

from reinspect.images.decoding import read_values
from reinspect.images.places import from_pixels
from reinspect.images.reading import Mask
from reinspect.vocabulary import MAX_PIXELS, Box, Rle

INVERTED = "#inverted"
"""What the name of a mask ends with of which all that is *black* is defective."""

_LOSSY = 127
"""From which value on a pixel of a JPEG is set: around edges, black is not 0."""

_MOST_PIXELS = 4 * MAX_PIXELS
"""Of a mask: which pictures are too large somebody decided before its mask is asked for."""

_GREYS = 16
"""Different greys beside black and white, from which on a mask was scaled with smooth edges."""


def read_mask(path: str | os.PathLike[str]) -> Mask:
    """A mask as booleans (height, width): True where it is set.

    That is where it is not black, whatever its values: 1, 255, a number for each defect, of 8 bits
    or 16, colours of a palette. Of a JPEG, or one that was scaled, what is brighter than mid-grey.
    Where parts of it are transparent, what is painted. Of a folder what any of its masks sets; of a
    name that ends with `#inverted` what that mask leaves black.

    Raises:
        UnreadableImage: as `load`.
    """
    text = os.fspath(path)
    if text.endswith(INVERTED) and not os.path.exists(text):  # noqa: PTH110 - of any name
        return ~read_mask(text.removesuffix(INVERTED))
    if os.path.isdir(text):  # noqa: PTH112 - as above
        return _union(sorted(file for file in Path(text).iterdir() if file.name[0] != "."))
    stored = read_values(text, max_pixels=_MOST_PIXELS)
    soft = stored.lossy or _is_soft(stored.values)
    drawn = stored.values > (_LOSSY if soft else 0)
    if stored.values.dtype.kind == "f":
        drawn = np.nan_to_num(stored.values) != 0
    if stored.opaque is not None and not stored.opaque.all():
        coloured = drawn & stored.opaque
        return coloured if coloured.any() else stored.opaque
    if stored.indices is not None and not drawn.any():
        return np.asarray(stored.indices != 0)  # all its colours are black
    return np.asarray(drawn)


def _is_soft(values: npt.NDArray[Any]) -> bool:
    """Whether a black and white mask was scaled: it has many greys between, as no ids have."""
    if values.dtype != np.uint8 or values.max() < 255:
        return False
    between = np.unique(values[(values > 0) & (values < 255)])
    return len(between) > _GREYS and bool(np.mean(between > _LOSSY) > 0.2)


def seems_inverted(mask: Mask) -> bool:
    """Whether most of a mask is set, and its border nearly everywhere: what a good surface is."""
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    return bool(mask.mean() > 0.5 and border.mean() > 0.9)


def _union(files: Sequence[Path]) -> Mask:
    masks = [read_mask(file) for file in files]
    if not masks:
        return np.zeros((1, 1), bool)
    union: Mask = np.logical_or.reduce([fitted_mask(mask, masks[0].shape) for mask in masks])
    return union


def fitted_mask(mask: Mask, shape: tuple[int, ...]) -> Mask:
    """A mask in another size (height, width), by its nearest pixels."""
    if mask.shape == shape:
        return mask
    size = (shape[1], shape[0])
    scaled = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(scaled) > 0


_LONGEST_RUN = 40
"""Bits of a run length, beyond which no picture has that many pixels."""


def encode_mask(mask: npt.NDArray[Any]) -> Rle:
    """COCO run lengths of a mask (height, width); non-zero counts as set."""
    run = coco.encode(np.asfortranarray(np.asarray(mask) != 0).astype(np.uint8, order="F"))
    return Rle(size=(int(run["size"][0]), int(run["size"][1])), counts=run["counts"].decode())


def decode_mask(rle: Rle) -> Mask:
    """The boolean mask (height, width) of COCO run lengths.

    Raises:
        ValueError: they are no run lengths, or don't fill its size. Nothing large is made of them.
    """
    # By hand: pycocotools' own decoder gives a warning under numpy 2, once a call.
    runs: list[int] = []
    value = shift = 0
    for code in rle.counts.encode():
        code -= 48
        if not 0 <= code < 64 or shift > _LONGEST_RUN:
            raise ValueError(f"the counts of a mask of size {rle.size} are no run lengths")
        value |= (code & 31) << shift
        shift += 5
        if not code & 32:  # the last digit of this number; its highest bit is the sign
            value -= (code & 16) << (shift - 4)
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    if (
        shift
        or min(rle.size) < 0
        or min(runs, default=0) < 0
        or sum(runs) != rle.size[0] * rle.size[1]
    ):
        raise ValueError(f"the run lengths of a mask don't fill its size {rle.size}")
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    mask: Mask = flat.reshape(rle.size[::-1]).T
    return mask


def boxes_from_mask(mask: npt.NDArray[Any], *, merge: float = 0.01) -> tuple[Box, ...]:
    """The smallest upright boxes around the parts of a mask (height, width), largest part first.

    Fragments closer than about `merge` of the longer side are one part: the mask is dilated by half
    of that, its connected components are found, and each box holds the undilated pixels of one.
    """
    found = (np.asarray(mask) != 0).astype(np.uint8)
    height, width = found.shape
    radius = max(round(merge * max(height, width) / 2), 0)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    count, parts = cv2.connectedComponents(cv2.dilate(found, disc), connectivity=8)
    boxes = []
    for part in range(1, count):
        ys, xs = np.nonzero((parts == part) & (found > 0))
        corners = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
        boxes.append((len(xs), from_pixels(corners, width, height)))
    return tuple(box for _, box in sorted(boxes, key=lambda sized: (-sized[0], sized[1])))
