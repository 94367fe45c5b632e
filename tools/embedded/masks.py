"""Masks without weights: which pixels of a box are the defect, and what a mask measures.

In a box drawn around a defect, what differs most from a ring around the box is taken for it, at
full resolution. Darker, lighter, and of another colour are tried apart: what is darker than a
streaked or shaded ring is lost among all that merely differs. GrabCut (Rother et al., 2004) was
tried and left out: the defects here are mostly too small for its colour models.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from reinspect.tools.embedded.features import Floats, Pixels, check_image

Mask = NDArray[np.bool_]
Corners = tuple[int, int, int, int]
"""x1, y1, x2, y2 in whole pixels, half-open."""

_RING = 1.0  # width of the ring, in sides of the box
_LEAST_RING = 8  # pixels
_SOFT = 1.0  # pixels, blur before colours are compared
_MOST = 1_000_000  # pixels worked on; larger places are made smaller
_GRAIN = 1.0  # Lab units added to what the ring varies by


def outline(image: Pixels, box: Corners) -> Mask:
    """The pixels of a box that stand out most from a ring around it.

    Args:
        image: BGR uint8 (H, W, 3).
        box: within the image.

    Returns:
        (H, W), set inside the box only; all of the box where nothing in it stands out.
    """
    x1, y1, x2, y2 = _with_ring(check_image(image).shape[:2], box, _RING, _LEAST_RING)
    window, inside = image[y1:y2, x1:x2], _set((y2 - y1, x2 - x1), box, (x1, y1))
    shrink = min(1.0, float(np.sqrt(_MOST / inside.size)))
    small = _scaled(inside, shrink)
    found = np.zeros(small.shape, bool)
    strongest = 0.0
    if small.any() and not small.all():
        lab = _lab(window, shrink)
        away = lab - np.median(lab[~small], axis=0)
        for plane in (-away[..., 0], away[..., 0], np.hypot(away[..., 1], away[..., 2])):
            strength, marked = _standing_out(np.maximum(plane, 0), small)
            if strength > strongest:
                strongest, found = strength, marked
    mask = np.zeros(image.shape[:2], bool)
    if found.any():
        size = (inside.shape[1], inside.shape[0])
        full = cv2.resize(found.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        mask[y1:y2, x1:x2] = (np.asarray(full) > 0) & inside
    return mask if mask.any() else _set(image.shape[:2], box)


def measure_mask(image: Pixels, mask: Mask) -> Mapping[str, float]:
    """Measure the place that a mask marks.

    Args:
        image: BGR uint8 (H, W, 3).
        mask: (H, W), at least one pixel set.

    Returns:
        ``area`` (share of the image), ``contour`` (length of the outer outlines, pixels),
        ``elongation`` (long axis over short axis of the ellipse of the same moments; 1 for a
        disc), ``contrast`` (distance in Lab between the median colours inside and in a ring half
        as wide as the place) and ``border`` (pixels to the nearest border of the image).

    Raises:
        ValueError: nothing is set, or the mask is of another size.
    """
    if mask.shape != check_image(image).shape[:2]:
        raise ValueError(f"mask of shape {mask.shape} on an image of shape {image.shape[:2]}")
    ys, xs = np.nonzero(mask)
    if not len(ys):
        raise ValueError("a mask without a pixel has no measures")
    box = (int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1)
    height, width = mask.shape
    part = np.ascontiguousarray(mask[box[1] : box[3], box[0] : box[2]]).astype(np.uint8)
    outlines, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return {
        "area": len(ys) / mask.size,
        "contour": float(sum(cv2.arcLength(line, closed=True) for line in outlines)),
        "elongation": _elongation(xs, ys),
        "contrast": _contrast(image, mask, box, np.sqrt(len(ys)) / 2),
        "border": float(min(box[0], box[1], width - box[2], height - box[3])),
    }


def _standing_out(plane: Floats, inside: Mask) -> tuple[float, Mask]:
    """The upper of two classes of pixels inside (Otsu, 1979), and how it stands out of the ring."""
    values, ring = plane[inside], plane[~inside]
    most = float(values.max())
    if most <= 0:
        return 0.0, np.zeros_like(inside)
    levels = np.rint(values * (255 / most)).astype(np.uint8).reshape(1, -1)
    cut, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_OTSU)
    marked = inside & (plane * (255 / most) > cut + 0.5)
    if not marked.any():
        return 0.0, marked
    return float((plane[marked].mean() - ring.mean()) / (ring.std() + _GRAIN)), marked


def _elongation(xs: NDArray[np.intp], ys: NDArray[np.intp]) -> float:
    if len(xs) == 1:
        return 1.0
    # A pixel is a square: 1/12 is its own variance, and keeps a line one pixel thin finite.
    spread = np.cov(np.stack([xs, ys]), bias=True) + np.eye(2) / 12
    short, long = np.linalg.eigvalsh(spread)
    return float(np.sqrt(long / short))


def _contrast(image: Pixels, mask: Mask, box: Corners, reach: float) -> float:
    ring = max(3, round(float(reach)))
    x1, y1, x2, y2 = _with_ring(mask.shape, box, 0, ring)
    window, inside = image[y1:y2, x1:x2], mask[y1:y2, x1:x2]
    shrink = min(1.0, float(np.sqrt(_MOST / inside.size)))
    small = _scaled(inside, shrink)
    away = cv2.distanceTransform((~small).astype(np.uint8), cv2.DIST_L2, 5)
    around = ~small & (np.asarray(away) <= ring * shrink + 0.5)
    if not small.any() or not around.any():
        return 0.0
    lab = _lab(window, shrink)
    return float(np.linalg.norm(np.median(lab[small], axis=0) - np.median(lab[around], axis=0)))


def _lab(window: Pixels, shrink: float) -> Floats:
    if shrink < 1:
        size = (max(1, round(window.shape[1] * shrink)), max(1, round(window.shape[0] * shrink)))
        window = np.asarray(cv2.resize(window, size, interpolation=cv2.INTER_AREA), np.uint8)
    soft = cv2.GaussianBlur(window, (0, 0), _SOFT).astype(np.float32) / 255
    return np.asarray(cv2.cvtColor(soft, cv2.COLOR_BGR2Lab), np.float32)


def _scaled(mask: Mask, shrink: float) -> Mask:
    if shrink == 1:
        return mask
    size = (max(1, round(mask.shape[1] * shrink)), max(1, round(mask.shape[0] * shrink)))
    return np.asarray(cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)) > 0


def _with_ring(shape: tuple[int, ...], box: Corners, share: float, least: int) -> Corners:
    x1, y1, x2, y2 = box
    across, down = max(least, round(share * (x2 - x1))), max(least, round(share * (y2 - y1)))
    return (
        max(0, x1 - across), max(0, y1 - down),
        min(shape[1], x2 + across), min(shape[0], y2 + down),
    )  # fmt: skip


def _set(shape: tuple[int, ...], box: Corners, origin: tuple[int, int] = (0, 0)) -> Mask:
    mask = np.zeros(shape[:2], bool)
    left, top = origin
    mask[box[1] - top : box[3] - top, box[0] - left : box[2] - left] = True
    return mask
