"""Lay good references over an image, so that the two can be compared pixel by pixel.

The references that look most like the image are moved onto it (phase correlation for the shift,
then a Euclidean ECC refinement: Evangelidis and Psarakis, 2008) and given its exposure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from reinspect.tools.embedded.features import Floats, Pixels, check_image

_STAY = ((1, 0, 0), (0, 1, 0))  # the warp that moves nothing
_SIDE = 160.0  # square root of the area at which images are registered
_SHORTEST = 16  # side of a thin image at registration
_REACH = 0.25  # of a side: a larger shift is taken for a mistake
_TURN = np.deg2rad(30)  # likewise a larger rotation
_STEPS = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 1e-3)
_GAIN = (0.7, 1.4)  # limits between which a reference's contrast is matched
_LEAST_SPREAD = 2.0  # grey levels; flatter channels are only shifted
_BLUR = 1.2  # pixels, before colours are compared
_TOLERANCE = 2  # pixels that an edge may move
_COARSE = 12.0  # pixels at registration: structure wider than this is light and shade


@dataclass(frozen=True, slots=True)
class Aligned:
    """A reference moved onto an image."""

    index: int
    """Which reference."""
    image: Pixels
    """BGR uint8 at the size of the image it was moved onto."""
    warp: NDArray[np.float64]
    """(2, 3): from a pixel of the image to the pixel of the resized reference shown there."""
    correlation: float
    """Of the two grey thumbnails after alignment, in [-1, 1]."""


class GoodPart(NamedTuple):
    """A good part to show beside another, from its own file."""

    image: Pixels
    """BGR uint8: at the size of the other where it is laid over it, else at its own."""
    laid_over: bool
    """Whether both show the same at the same place."""


def nearest(
    own: Floats, appearances: Floats, count: int, *, excluding: int | None = None
) -> tuple[int, ...]:
    """Return the indices of the ``count`` references that look most like an image.

    Args:
        own: its appearance, (n,): by ``Bank.appearance``, or by a model's embedding.
        appearances: of the references, (k, n), by the same.
        count: fewer are returned if there are no more.
        excluding: a reference that must not be used, when it is itself looked at.
    """
    distances = np.abs(appearances - own).mean(axis=1)
    order = [int(index) for index in np.argsort(distances, kind="stable") if index != excluding]
    return tuple(order[:count])


def align(image: Pixels, reference: Pixels, index: int = 0) -> Aligned:
    """Move ``reference`` onto ``image``; a registration that does not help is left out."""
    height, width = check_image(image).shape[:2]
    moving = check_image(reference)
    if moving.shape != image.shape:
        moving = np.asarray(
            cv2.resize(moving, (width, height), interpolation=cv2.INTER_AREA), np.uint8
        )
    size = _thumbnail_size(image)
    small_warp, correlation = register(_thumbnail(image, size), _thumbnail(moving, size))
    stretch = np.diag([size[0] / width, size[1] / height, 1.0])
    warp = (np.linalg.inv(stretch) @ np.vstack([small_warp, [0, 0, 1]]) @ stretch)[:2]
    how = cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(
        moving,
        warp,
        (width, height),
        flags=cv2.INTER_LINEAR | how,
        borderMode=cv2.BORDER_REPLICATE,
    )
    inside = cv2.warpAffine(
        np.ones((height, width), np.uint8), warp, (width, height), flags=cv2.INTER_NEAREST | how
    )
    matched = _match_gain(np.asarray(moved, np.uint8), image, inside > 0)
    return Aligned(index, matched, warp, correlation)


def register(fixed: Floats, moving: Floats) -> tuple[NDArray[np.float64], float]:
    """Find the rotation and shift that lay ``moving`` over ``fixed`` (both grey, equal size).

    Returns:
        The warp (2, 3) from pixels of ``fixed`` to pixels of ``moving``, and the correlation of
        the two once laid over each other.  The identity where nothing correlates better.
    """
    height, width = fixed.shape
    stay = np.array(_STAY, np.float32)
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    # OpenCV multiplies the window into its inputs where their size is already optimal.
    shift, _ = cv2.phaseCorrelate(fixed.copy(), moving.copy(), window)
    candidates = [stay]
    if _plausible(_shifted(shift), width, height):
        candidates.append(_shifted(shift))
    start = max(candidates, key=lambda warp: _correlation(fixed, moving, warp))
    everywhere = np.full(fixed.shape, 255, np.uint8)
    try:
        _, found = cv2.findTransformECC(
            fixed, moving, start.copy(), cv2.MOTION_EUCLIDEAN, _STEPS, everywhere, 1
        )
    except cv2.error:  # flat images and hopeless starts do not converge
        found = start
    refined = np.asarray(found, np.float32)
    if _plausible(refined, width, height):
        candidates.append(refined)
    scores = [_correlation(fixed, moving, warp) for warp in candidates]
    best = int(np.argmax(scores))
    return candidates[best].astype(np.float64), scores[best]


def move_whole(aligned: Aligned, reference: Pixels, size: tuple[int, int]) -> Pixels:
    """Move a reference as ``align`` has moved its small copy, at full resolution.

    Args:
        aligned: the small copy, moved onto a small copy of the image.
        reference: BGR uint8, of any size, as it was photographed.
        size: (width, height) of the image itself, and of what is returned.
    """
    width, height = size
    rows, columns = aligned.image.shape[:2]
    across, down = columns / width, rows / height
    shrunk = np.array(
        [[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]], np.float64
    )
    warp = np.linalg.inv(shrunk) @ np.vstack([aligned.warp, [0, 0, 1]]) @ shrunk
    smaller = reference.shape[0] > height or reference.shape[1] > width
    how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    moving = reference
    if reference.shape[:2] != (height, width):
        moving = np.asarray(cv2.resize(reference, (width, height), interpolation=how), np.uint8)
    moved = cv2.warpAffine(
        moving,
        warp[:2],
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(moved, np.uint8)


def difference(image: Pixels, aligned: Sequence[Aligned]) -> Floats:
    """Colour difference that no edge displaced by two pixels explains: float32 (H, W), in Lab.

    The mean over the two references that differ least at each pixel, so that neither one bad
    alignment nor one lucky match decides.

    Raises:
        ValueError: without an aligned reference.
    """
    if not aligned:
        raise ValueError("a difference needs at least one aligned reference")
    seen = _soft_lab(image)
    side = 2 * _TOLERANCE + 1
    kernel = np.ones((side, side), np.uint8)
    layers = []
    for reference in aligned:
        other = _soft_lab(reference.image)
        above = seen - cv2.dilate(other, kernel)
        below = cv2.erode(other, kernel) - seen
        excess = np.maximum(np.maximum(above, below), 0)
        layers.append(np.sqrt((excess * excess).sum(axis=2)))
    least = np.sort(np.stack(layers), axis=0)[:2]
    return np.asarray(least.mean(axis=0), np.float32)


def shared_structure(image: Pixels, aligned: Sequence[Aligned]) -> float:
    """Correlation of fine structure with the aligned reference that shares most of it: [-1, 1].

    Without the coarse light and shade that any two pictures of one setup have in common, this is
    near 1 for rigid parts and near 0 for textures, which cannot be laid over each other.
    """
    own = _fine_structure(image)
    stay = np.array(_STAY, np.float32)
    return max(
        (_correlation(own, _fine_structure(other.image), stay) for other in aligned),
        default=0.0,
    )


def _fine_structure(image: Pixels) -> Floats:
    grey = _thumbnail(image, _thumbnail_size(image))
    return np.asarray(grey - cv2.GaussianBlur(grey, (0, 0), _COARSE), np.float32)


def _soft_lab(image: Pixels) -> Floats:
    soft = cv2.GaussianBlur(image, (0, 0), _BLUR).astype(np.float32) / 255
    return np.asarray(cv2.cvtColor(soft, cv2.COLOR_BGR2Lab), np.float32)


def _thumbnail_size(image: Pixels) -> tuple[int, int]:
    height, width = image.shape[:2]
    scale = _SIDE / np.sqrt(height * width)
    return max(_SHORTEST, round(width * scale)), max(_SHORTEST, round(height * scale))


def _thumbnail(image: Pixels, size: tuple[int, int]) -> Floats:
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32) / 255
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.0), np.float32)


def _shifted(shift: Sequence[float]) -> Floats:
    return np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)


def _plausible(warp: Floats, width: int, height: int) -> bool:
    if not np.isfinite(warp).all():
        return False
    centre = np.array([width / 2, height / 2, 1])
    moved = np.abs(warp @ centre - centre[:2]) / (width, height)
    return bool((moved <= _REACH).all() and abs(np.arctan2(warp[1, 0], warp[0, 0])) <= _TURN)


def _correlation(fixed: Floats, moving: Floats, warp: Floats) -> float:
    """Correlation of ``fixed`` with the warped ``moving``, where that is covered."""
    size = fixed.shape[::-1]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = np.asarray(cv2.warpAffine(moving, warp, size, flags=flags), np.float32)
    inside = cv2.warpAffine(np.ones_like(moving), warp, size, flags=flags) > 0.99
    one, two = fixed[inside], moved[inside]
    if one.size < 2:
        return 0.0
    one, two = one - one.mean(), two - two.mean()
    scale = float(np.sqrt((one @ one) * (two @ two)))
    return float(one @ two) / scale if scale > 1e-6 else 0.0


def _match_gain(moved: Pixels, image: Pixels, inside: NDArray[np.bool_]) -> Pixels:
    """Give ``moved`` the mean and, within limits, the contrast of ``image`` in each channel."""
    if not inside.any():
        return moved
    where = inside.astype(np.uint8)
    (theirs, spread), (ours, wanted) = (cv2.meanStdDev(it, mask=where) for it in (moved, image))
    gain = np.clip((wanted + _LEAST_SPREAD) / (spread + _LEAST_SPREAD), *_GAIN)
    levels = (np.arange(256) - theirs) * gain + ours  # (channels, 256): each of them is looked up
    table = np.clip(np.rint(levels), 0, 255).astype(np.uint8).T[None]
    return np.asarray(cv2.LUT(moved, table), np.uint8)
