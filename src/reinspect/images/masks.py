"""Masks: of files, as run lengths, the boxes around their parts."""

import os
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco

from reinspect.images.decoding import read_image
from reinspect.images.places import from_pixels
from reinspect.images.reading import Mask
from reinspect.vocabulary import Box, Rle


def read_mask(path: str | os.PathLike[str]) -> Mask:
    """A mask file as booleans (height, width): True where the picture is not black.

    Raises:
        UnreadableImage: as `load`.
    """
    mask: Mask = read_image(path).max(axis=2) > 0
    return mask


def encode_mask(mask: npt.NDArray[Any]) -> Rle:
    """COCO run lengths of a mask (height, width); non-zero counts as set."""
    run = coco.encode(np.asfortranarray(np.asarray(mask) != 0).astype(np.uint8, order="F"))
    return Rle(size=(int(run["size"][0]), int(run["size"][1])), counts=run["counts"].decode())


def decode_mask(rle: Rle) -> Mask:
    """The boolean mask (height, width) of COCO run lengths."""
    # By hand: pycocotools' own decoder gives a warning under numpy 2, once a call.
    runs: list[int] = []
    value = shift = 0
    for code in rle.counts.encode():
        code -= 48
        value |= (code & 31) << shift
        shift += 5
        if not code & 32:  # the last digit of this number; its highest bit is the sign
            value -= (code & 16) << (shift - 4)
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
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
