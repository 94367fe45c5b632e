"""Sixteen kinds of damage to any piece, each with a mask of the pixels that it changed.

Lengths are in pixels of a picture 192 pixels a side and scale with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from reinspect.samples.pieces import Piece, blob, filled, rough_polygon
from reinspect.samples.surfaces import Floats, Rng, turned
from reinspect.samples.textures import UNIT, axes, blotches, colour, spread

_VISIBLE = 0.025  # change of brightness from which a pixel counts as defective
_FAINTEST, _LOUDEST = 0.05, 0.6  # contrast, of full brightness
_TOLERATED = ("stain", "spots", "scratch", "dent")


class Blemished(NamedTuple):
    """A damaged image (floats) and its defective pixels."""

    image: Floats
    mask: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a defect goes, how large it is and how it differs from what it lies on."""

    rng: Rng
    at: tuple[float, float]
    length: float
    """Pixels of the unit picture, from a few to a sixth of its side."""
    contrast: float
    """Signed."""
    tint: Floats
    """(3,): the contrast as a colour."""
    strangers: Sequence[Floats]

    def blob(self, size: int, share: float, least: float, rough: float, spread: float) -> Floats:
        """A rough ellipse of `share` of the length, at least `least`."""
        reach = self.length * share + least
        other = reach * float(np.exp(self.rng.normal(0, spread)))
        return blob(self.rng, size, self.at, (reach, other), rough)


class _Change(NamedTuple):
    image: Floats
    reach: Floats
    """Where at most it may differ: coverage (size, size)."""


def blemished(piece: Piece, rng: Rng, strangers: Sequence[Floats] = ()) -> Blemished:
    """The piece with one defect of any kind.

    The mask may be empty: a defect that nobody could see is none.

    Args:
        piece: what is damaged.
        rng: where chance comes from.
        strangers: images of the piece's size of which parts may be pasted in.
    """
    return _damaged(piece, rng, str(rng.choice(BLEMISHES)), strangers)


def blemished_at(
    piece: Piece,
    rng: Rng,
    kind: str,
    *,
    at: tuple[float, float],
    length: float,
    contrast: tuple[float, float] = (_FAINTEST, _LOUDEST),
) -> Blemished:
    """The piece with a defect of one kind at one place; see `blemished`.

    Args:
        piece: what is damaged.
        rng: where chance comes from.
        kind: one of `BLEMISHES`.
        at: column and row in pixels of the unit picture.
        length: about how long the defect is, in pixels of the unit picture; lines are as long as
            they come out.
        contrast: how much it differs at least and at most, of full brightness.
    """
    return _damaged(piece, rng, kind, (), contrast=contrast, at=at, length=length)


def tolerated(piece: Piece, rng: Rng, kind: int) -> Floats:
    """The piece's image with a slight mark of one kind (any number): oil, wear, a smudge."""
    # Marks of one sort look alike, wherever they are.
    look = np.random.default_rng(kind)
    sort, contrast = _TOLERATED[kind % len(_TOLERATED)], (_FAINTEST, 0.25)
    return _damaged(piece, rng, sort, (), look=look, contrast=contrast).image


def _damaged(
    piece: Piece,
    rng: Rng,
    kind: str,
    strangers: Sequence[Floats],
    *,
    look: Rng | None = None,
    contrast: tuple[float, float] = (_FAINTEST, _LOUDEST),
    at: tuple[float, float] | None = None,
    length: float | None = None,
) -> Blemished:
    look = look or rng
    signed = spread(look, *contrast) * float(look.choice([-1, 1], p=[0.6, 0.4]))
    tint = np.ones(3) if look.random() < 0.6 else look.uniform(-0.3, 1, 3)
    length = spread(look, 2.2, 40) if length is None else length
    spot = _Spot(
        rng=rng,
        at=_place(piece, rng) if at is None else at,
        length=length,
        contrast=signed,
        tint=np.asarray(signed * tint, np.float32),
        strangers=strangers,
    )
    change = _CHANGES[kind](piece, spot)
    image = np.clip(change.image, 0, 1).astype(np.float32)
    scale = len(image) / UNIT
    seen = np.abs(image - piece.image).max(axis=2)
    seen = np.asarray(cv2.GaussianBlur(seen, (0, 0), 0.8 * scale))
    near = np.asarray(cv2.dilate(change.reach, np.ones((3, 3), np.uint8)))
    return Blemished(image, (seen > _VISIBLE) & (near > 0.15))


def _place(piece: Piece, rng: Rng) -> tuple[float, float]:
    size = len(piece.cover)
    inside = piece.cover > 0.5
    if rng.random() < 0.85 and inside.any():
        ys, xs = np.nonzero(inside)
        index = int(rng.integers(len(ys)))
        return float(xs[index]) * UNIT / size, float(ys[index]) * UNIT / size
    x, y = rng.uniform(6, UNIT - 6, 2)
    return float(x), float(y)


def _line(piece: Piece, spot: _Spot, *, cracked: bool) -> Floats:
    rng, scale = spot.rng, len(piece.cover) / UNIT
    canvas = np.zeros(piece.cover.shape, np.uint8)
    length, width = spread(rng, 8, 110), spread(rng, 1, 3.5)
    heading = float(rng.uniform(0, 2 * np.pi))
    steps = max(3, int(length / (3 if cracked else 8)))
    start = np.asarray(spot.at) - np.array([np.cos(heading), np.sin(heading)]) * length / 2
    walks = [(start, heading, steps, width)]
    while walks:
        at, heading, count, width = walks.pop()
        bend = 0.0
        for index in range(count):
            bend = 0.0 if cracked else bend + rng.normal(0, 0.04)
            heading += rng.normal(0, 0.55) if cracked else bend
            to = at + np.array([np.cos(heading), np.sin(heading)]) * length / steps
            thick = max(1, round(width * scale * (1.2 - abs(2 * index / count - 1))))
            ends = [tuple(int(v) for v in np.round(point * scale * 16)) for point in (at, to)]
            cv2.line(canvas, ends[0], ends[1], 255, thick, cv2.LINE_AA, 4)
            at = to
            if cracked and rng.random() < 0.06 and count > 5:
                fork = heading + 0.8 * float(rng.choice([-1, 1]))
                walks.append((at, fork, count // 3, max(1.0, 0.7 * width)))
    line = canvas.astype(np.float32) / np.float32(255)
    if rng.random() < 0.4:
        line = np.asarray(cv2.GaussianBlur(line, (0, 0), rng.uniform(0.5, 1.2) * scale))
        line = line / max(float(line.max()), 1e-3)
    return line


def _scratch(piece: Piece, spot: _Spot) -> _Change:
    line = _line(piece, spot, cracked=False)
    image = piece.image + line[..., None] * spot.tint
    if spot.rng.random() < 0.25:  # a groove has a dark and a bright side
        image = image - np.roll(line, (1, 1), (0, 1))[..., None] * spot.tint * np.float32(0.6)
    return _Change(image, line)


def _crack(piece: Piece, spot: _Spot) -> _Change:
    line = _line(piece, spot, cracked=True)
    return _Change(piece.image - line[..., None] * np.abs(spot.tint), line)


def _patch(piece: Piece, spot: _Spot) -> _Change:
    cover = spot.blob(len(piece.cover), 0.5, 1, 0.3, 0.4)
    return _Change(piece.image + cover[..., None] * spot.tint, cover)


def _hole(piece: Piece, spot: _Spot) -> _Change:
    cover = spot.blob(len(piece.cover), 0.5, 1, 0.1, 0.4)
    image = piece.image * (1 - cover[..., None] * np.float32(spot.rng.uniform(0.5, 1)))
    rim = np.clip(cv2.dilate(cover, np.ones((3, 3), np.uint8)) - cover, 0, 1)
    return _Change(image + rim[..., None] * np.float32(spot.rng.uniform(-0.1, 0.35)), cover)


def _foreign(piece: Piece, spot: _Spot) -> _Change:
    rng = spot.rng
    outline = rough_polygon(rng, int(rng.integers(3, 9)), 0.2, float(rng.uniform(0.2, 1)))
    cover = filled(outline * (spot.length * 0.5 + 1) + spot.at, len(piece.cover))
    return _over(piece, cover, np.asarray(colour(rng), np.float32))


def _spots(piece: Piece, spot: _Spot) -> _Change:
    rng, scale = spot.rng, len(piece.cover) / UNIT
    canvas = np.zeros(piece.cover.shape, np.uint8)
    apart, radius = rng.uniform(3, 25), spread(rng, 0.7, 3)
    for _ in range(int(rng.integers(1, 14))):
        x, y = (np.asarray(spot.at) + rng.normal(0, apart, 2)) * scale * 8
        dot = radius * float(np.exp(rng.normal(0, 0.3))) * scale * 8
        cv2.circle(canvas, (round(x), round(y)), max(1, round(dot)), 255, -1, cv2.LINE_AA, 3)
    cover = canvas.astype(np.float32) / np.float32(255)
    return _Change(piece.image + cover[..., None] * spot.tint * np.float32(1.3), cover)


def _stain(piece: Piece, spot: _Spot) -> _Change:
    cover = spot.blob(len(piece.cover), 1.2, 8, 0.5, 0.4)
    soft = spot.rng.uniform(0.5, 4) * len(piece.cover) / UNIT
    cover = np.asarray(cv2.GaussianBlur(cover, (0, 0), soft), np.float32)
    return _Change(piece.image * (1 + cover[..., None] * spot.tint * np.float32(0.9)), cover)


def _dent(piece: Piece, spot: _Spot) -> _Change:
    ys, xs = axes(len(piece.cover))
    reach, flat = spot.length * 0.4 + 1.5, float(spot.rng.uniform(0.7, 1.4))
    across, down = (xs - spot.at[0]) / reach, (ys - spot.at[1]) / reach * flat
    bump = np.exp(-(across**2 + down**2) / 2)
    light = float(spot.rng.uniform(0, 2 * np.pi))
    slope = (across * np.cos(light) + down * np.sin(light)) * bump * abs(spot.contrast) * 1.6
    image = piece.image + slope[..., None].astype(np.float32)
    return _Change(image, (bump > 0.25).astype(np.float32))


def _moved_patch(piece: Piece, spot: _Spot) -> _Change:
    """A part of the piece itself where it doesn't belong."""
    size, rng = len(piece.cover), spot.rng
    down, right = (int(v) for v in rng.integers(size // 10, size - size // 10, 2))
    other = np.roll(piece.image, (down, right), (0, 1))
    if rng.random() < 0.5:
        other = turned(other, float(rng.uniform(0, 360)))
    return _over(piece, spot.blob(size, 0.6, 2.5, 0.3, 0.4), other)


def _turned_patch(piece: Piece, spot: _Spot) -> _Change:
    other = turned(piece.image, float(spot.rng.choice([45, 90, 135, 180])))
    return _over(piece, spot.blob(len(piece.cover), 0.6, 2.5, 0.3, 0.4), other)


def _stranger(piece: Piece, spot: _Spot) -> _Change:
    """A part of some other product."""
    if not spot.strangers:
        return _moved_patch(piece, spot)
    other = spot.strangers[int(spot.rng.integers(len(spot.strangers)))]
    return _over(piece, spot.blob(len(piece.cover), 0.6, 2.5, 0.3, 0.4), other)


def _missing(piece: Piece, spot: _Spot) -> _Change:
    """A piece broken off an edge."""
    if piece.behind is None:
        return _levelled(piece, spot)
    rng, size = spot.rng, len(piece.cover)
    inner = cv2.erode(piece.cover, np.ones((5, 5), np.uint8))
    edge = np.clip(piece.cover - inner, 0, 1)
    at = _place(piece._replace(cover=np.asarray(edge, np.float32)), rng)
    reach = spot.length * 0.8 + 4
    if rng.random() < 0.6:
        other = reach * float(np.exp(rng.normal(0, 0.5)))
        cover = blob(rng, size, at, (reach, other), 0.25)
    else:
        cover = filled(rough_polygon(rng, int(rng.integers(3, 7)), 0.3, 1) * reach + at, size)
    return _over(piece, cover, piece.behind)


def _bent(piece: Piece, spot: _Spot) -> _Change:
    size = len(piece.cover)
    ys, xs = axes(size)
    reach = spot.length * 0.7 + 5
    pull = np.exp(-((xs - spot.at[0]) ** 2 + (ys - spot.at[1]) ** 2) / (2 * reach * reach))
    way = float(spot.rng.uniform(0, 2 * np.pi))
    far = reach * float(spot.rng.uniform(0.5, 1.1)) * size / UNIT
    moved = piece.bent(
        np.asarray(pull * far * np.cos(way), np.float32),
        np.asarray(pull * far * np.sin(way), np.float32),
    )
    return _Change(moved.image, (pull > 0.2).astype(np.float32))


def _blurred(piece: Piece, spot: _Spot) -> _Change:
    sigma = float(spot.rng.uniform(1.5, 5)) * len(piece.cover) / UNIT
    other = np.asarray(cv2.GaussianBlur(piece.image, (0, 0), sigma), np.float32)
    return _over(piece, spot.blob(len(piece.cover), 0.6, 3, 0.3, 0.5), other)


def _levelled(piece: Piece, spot: _Spot) -> _Change:
    """What was there is worn or wiped away."""
    cover = spot.blob(len(piece.cover), 0.6, 3, 0.3, 0.5)
    inside = piece.image[cover > 0.05]
    level = np.median(inside, axis=0) if len(inside) else np.float32(0.5)
    return _over(piece, cover, np.asarray(level + spot.contrast * 0.3, np.float32))


def _frayed(piece: Piece, spot: _Spot) -> _Change:
    size = len(piece.cover)
    noise = blotches(spot.rng, size, 1.0)[..., None] * np.float32(abs(spot.contrast) * 1.2)
    return _over(piece, spot.blob(size, 0.6, 3, 0.3, 0.5), piece.image + noise)


def _over(piece: Piece, cover: Floats, other: Floats) -> _Change:
    weight = cover[..., None]
    return _Change(piece.image * (1 - weight) + other * weight, cover)


_CHANGES: dict[str, Callable[[Piece, _Spot], _Change]] = {
    "scratch": _scratch,
    "crack": _crack,
    "patch": _patch,
    "hole": _hole,
    "foreign": _foreign,
    "spots": _spots,
    "stain": _stain,
    "dent": _dent,
    "moved": _moved_patch,
    "turned": _turned_patch,
    "stranger": _stranger,
    "missing": _missing,
    "bent": _bent,
    "blurred": _blurred,
    "levelled": _levelled,
    "frayed": _frayed,
}

BLEMISHES = tuple(_CHANGES)
