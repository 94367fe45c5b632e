"""How sharp, bright and coloured a picture is, place by place, beside the references."""

from __future__ import annotations

import cv2
import numpy as np

from reinspect.tools.embedded.features import Floats, Pixels

SIDE = 320.0
"""Square root of the area at which sharpness is measured, in pixels: what the networks see."""

_CELLS = 8  # rows and columns
_SHORTEST = 16  # side of a thin picture
_ENERGY = 1e-7  # of [0, 1] squared: what a flat place is taken to have
_LEAST = 4.0  # grey levels that black is taken to have
_DARK, _BRIGHT = 12.0, 245.0  # grey levels beyond which a place says nothing of exposure


def read(image: Pixels) -> Floats:
    """Measure an image, BGR uint8 (H, W, 3), in 8 × 8 places: float32 (5, 64).

    Grey level; a* and b* of CIELAB; log energy of structure about four times as coarse as the
    finest; and by how much that of the finest is above it.
    """
    grid = (_CELLS, _CELLS)
    small = at_side(image, SIDE)
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32) / 255
    low = cv2.GaussianBlur(grey, (0, 0), 1.0)
    half = cv2.pyrDown(low)
    fine, coarse = (
        np.log(cv2.resize(band * band, grid, interpolation=cv2.INTER_AREA).ravel() + _ENERGY)
        for band in (grey - low, half - cv2.GaussianBlur(half, (0, 0), 1.0))
    )
    cells = cv2.resize(small, grid, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    level = cv2.cvtColor(cells, cv2.COLOR_BGR2GRAY).ravel() * 255
    _, green_red, blue_yellow = cv2.cvtColor(cells, cv2.COLOR_BGR2Lab).reshape(-1, 3).T
    return np.stack([level, green_red, blue_yellow, coarse, fine - coarse]).astype(np.float32)


def compare(own: Floats, usual: Floats) -> Floats:
    """How a picture differs from the mean of others, both as ``read`` gives them: float32 (5,).

    Log energy of the finest structure, beside that of the coarser, where there is much; the same
    for itself where there is little, which is noise; log brightness, a* and b*. Each is a median
    over places, which no defect moves that covers less than half of them.
    """
    middle = np.median(usual[3])
    busy, quiet = usual[3] >= middle, usual[3] <= middle
    lit = (usual[0] > _DARK) & (usual[0] < _BRIGHT)
    gain = np.log((own[0] + _LEAST) / (usual[0] + _LEAST))
    differences = [
        (own[4] - usual[4])[busy],
        (own[3:].sum(axis=0) - usual[3:].sum(axis=0))[quiet],
        gain[lit] if lit.any() else gain,
        own[1] - usual[1],
        own[2] - usual[2],
    ]
    return np.array([np.median(places) for places in differences], np.float32)


def at_side(image: Pixels, side: float) -> Pixels:
    """Resize to ``side`` squared pixels, up as well as down; no side is shorter than 16."""
    height, width = image.shape[:2]
    scale = side / np.sqrt(height * width)
    size = (max(_SHORTEST, round(width * scale)), max(_SHORTEST, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)
