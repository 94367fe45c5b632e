"""Drawn damage on real pictures: of a kind, at a place, about as large as it is asked for."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from reinspect.images import Pixels
from reinspect.qualification.detection import extent_of
from reinspect.samples.blemishes import blemished_at
from reinspect.samples.pieces import Piece
from reinspect.samples.textures import UNIT

KINDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "scratch": ("scratch",),
        "crack": ("crack",),
        "spot": ("spots", "hole"),
        "stain": ("stain", "patch"),
        "dent": ("dent", "bent"),
        "foreign body": ("foreign",),
        "misplaced": ("moved", "turned"),
        "worn": ("levelled", "blurred", "frayed"),
    }
)
"""Kind of damage, as a person would name it → the blemishes that are drawn for it."""

SIZES = (0.005, 0.25)
"""Smallest and largest damage that is drawn, as a share of the picture's side."""

LEAST_SIDE = 16
"""Pixels of a picture's shorter side below which nothing can be drawn on it."""

_CONTRAST = (0.15, 0.6)  # of full brightness: plain to an inspector at least
_AROUND = 7.0  # times its size: the window that damage is drawn in
_LEAST_WINDOW, _LEAST_PIXELS = 48, 3
_TRIES = 6
_LONGEST = 0.5  # of the picture's side: what comes out longer is drawn anew
_SHORTEST = 0.15  # of its size: what comes out shorter is drawn anew
_THUMBNAIL = 96  # pixels of the longer side, where part and background are told apart
_APART = 12.0  # from a background's colour to a part's, in CIELAB at 8 bits
_CROSSED = 0.25  # share of the border that a part may cross
_LEAST_PART = 0.03  # of the picture


class Damaged(NamedTuple):
    """A picture with damage drawn on it."""

    image: Pixels
    mask: npt.NDArray[np.bool_]
    """(H, W): where it differs so that it can be seen."""
    blemish: str


class Drawing(Protocol):
    """What draws damage on references, and what varies them."""

    @property
    def kinds(self) -> Sequence[str]:
        """Of damage."""
        ...

    def damaged(
        self, owner: int, image: Pixels, kind: str, share: float, rng: np.random.Generator
    ) -> Damaged | None:
        """The reference with damage of a size, of the picture's side; None where none comes out."""
        ...

    def varied(self, owner: int, image: Pixels, rng: np.random.Generator) -> Pixels:
        """The reference as it might have come out as well."""
        ...


class PictureDamage:
    """Damage on pictures."""

    kinds = tuple(KINDS)

    def damaged(
        self,
        owner: int,
        image: Pixels,
        kind: str,
        share: float,
        rng: np.random.Generator,
    ) -> Damaged | None:
        """See `damage`."""
        return damage(image, kind, share, rng)

    def varied(
        self,
        owner: int,
        image: Pixels,
        rng: np.random.Generator,
    ) -> Pixels:
        """See `varied`."""
        return varied(image, rng)


def side_of(image: Pixels) -> float:
    """Square root of the area, pixels: what sizes are shares of."""
    return float(np.sqrt(image.shape[0] * image.shape[1]))


def damage(image: Pixels, kind: str, share: float, rng: np.random.Generator) -> Damaged | None:
    """Draw damage on a picture.

    Args:
        image: BGR uint8 (H, W, 3).
        kind: of `KINDS`.
        share: its size, of the picture's side, about.
        rng: where chance comes from.

    Returns:
        The damaged picture; None where nothing comes out that could be seen.
    """
    side = side_of(image)
    size = max(float(_LEAST_PIXELS), share * side)
    places = np.argwhere(part_of(image))
    for _ in range(_TRIES):
        blemish = str(rng.choice(KINDS[kind]))
        spot = places[int(rng.integers(len(places)))] + rng.random(2)
        drawn = _drawn(image, blemish, size, spot * image.shape[:2] / _mesh(image), rng)
        if drawn.mask.sum() >= _LEAST_PIXELS:
            longest = extent_of(drawn.mask).longest
            if _SHORTEST * size <= longest <= _LONGEST * side:
                return drawn
    return None


def part_of(image: Pixels) -> npt.NDArray[np.bool_]:
    """Where the part is: (rows, columns) of a thumbnail, all of it where there is no background.

    A background is what lies along the border, if hardly any of that is of the part's colour.
    """
    rows, columns = _mesh(image)
    small = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
    colours = cv2.cvtColor(small, cv2.COLOR_BGR2LAB).astype(np.float32)
    border = np.concatenate([colours[0], colours[-1], colours[:, 0], colours[:, -1]])
    far = np.linalg.norm(colours - np.median(border, axis=0), axis=2)
    level = cv2.threshold(np.clip(far, 0, 255).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)[0]
    part = far > max(level, _APART)
    along = np.concatenate([part[0], part[-1], part[:, 0], part[:, -1]]).mean()
    if along <= _CROSSED and part.mean() > _LEAST_PART:
        return np.asarray(part, bool)
    return np.ones((rows, columns), bool)


def varied(image: Pixels, rng: np.random.Generator) -> Pixels:
    """The same part photographed again: by a few pixels, a degree, a little light.

    Args:
        image: BGR uint8 (H, W, 3).
        rng: where chance comes from.
    """
    height, width = image.shape[:2]
    moved = 0.003 * side_of(image)
    move = np.asarray(
        cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-1, 1), 1), np.float64
    )
    move[:, 2] += rng.uniform(-moved, moved, 2)
    turned = cv2.warpAffine(image, move, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(cv2.convertScaleAbs(turned, alpha=1 + rng.uniform(-0.04, 0.04)), np.uint8)


def _mesh(image: Pixels) -> tuple[int, int]:
    height, width = image.shape[:2]
    scale = min(1.0, _THUMBNAIL / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _drawn(
    image: Pixels,
    blemish: str,
    size: float,
    at: npt.NDArray[np.float64],
    rng: np.random.Generator,
) -> Damaged:
    """Damage of about a size, centred at (row, column), drawn within a window around it."""
    height, width = image.shape[:2]
    window = min(round(max(_LEAST_WINDOW, _AROUND * size)), height, width)
    top, left = (
        int(np.clip(round(place - window / 2), 0, whole - window))
        for place, whole in zip(at, (height, width), strict=True)
    )
    within = (slice(top, top + window), slice(left, left + window))
    piece = Piece(
        np.asarray(image[within] / np.float32(255), np.float32),
        np.ones((window, window), np.float32),
        None,
    )
    scale = UNIT / window
    spot = (float(at[1] - left) * scale, float(at[0] - top) * scale)
    found = blemished_at(piece, rng, blemish, at=spot, length=size * scale, contrast=_CONTRAST)
    changed, mask = image.copy(), np.zeros((height, width), bool)
    changed[within] = np.round(found.image * 255).astype(np.uint8)
    mask[within] = found.mask
    return Damaged(changed, mask, blemish)
