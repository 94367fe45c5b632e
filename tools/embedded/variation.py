"""Stand-ins for references that were never taken, when only one is at hand.

One image does not say how much good parts differ. The stand-ins are the same part photographed
again, carelessly: moved, turned, scaled, relit, out of focus and noisy. They make the scores
finite and comparable; how far real parts differ beyond that stays unknown, which the caller
expresses by a wide prior (see ``scoring.DOUBT_OF_ONE``).
"""

from __future__ import annotations

import cv2
import numpy as np

from reinspect.tools.embedded.features import Pixels

_SHIFT = 0.06  # of the side, at most
_TURN = 6.0  # degrees, at most
_SCALE = 0.06
_LIGHT = 0.2  # of brightness, and of contrast, at most
_NOISE = 4.0  # grey levels


def vary(image: Pixels, count: int, rng: np.random.Generator) -> list[Pixels]:
    """Return ``count`` images of the same shape, as if the part were photographed again."""
    return [_vary(image, rng) for _ in range(count)]


def _vary(image: Pixels, rng: np.random.Generator) -> Pixels:
    rows, columns = image.shape[:2]
    turn, scale, light, contrast = rng.uniform(-1, 1, 4)
    centre = (columns / 2, rows / 2)
    move = np.asarray(cv2.getRotationMatrix2D(centre, turn * _TURN, 1 + scale * _SCALE), np.float64)
    move[:, 2] += rng.uniform(-_SHIFT, _SHIFT, 2) * (columns, rows)
    moved = np.asarray(
        cv2.warpAffine(
            image, move, (columns, rows), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
    )
    if rng.random() < 0.5:
        moved = np.asarray(cv2.GaussianBlur(moved, (0, 0), rng.uniform(0.3, 1.9)))
    mean = moved.mean()
    relit = (moved - mean) * (1 + contrast * _LIGHT) + mean * (1 + light * _LIGHT)
    noisy = relit + rng.normal(0, _NOISE, relit.shape)
    return np.asarray(np.clip(noisy, 0, 255).round(), np.uint8)
