"""Things drawn at random: a surface, or an object with parts before a background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from reinspect.samples.surfaces import Floats, Rng
from reinspect.samples.textures import UNIT, Colour, Texture, axes, blotches, colour

Polygon = npt.NDArray[np.float64]


class Piece(NamedTuple):
    """One piece before the camera: floats (size, size, 3) or (size, size)."""

    image: Floats
    cover: Floats
    """Of the object; all ones where a surface fills the picture."""
    behind: Floats | None
    """What lies behind the object; none behind a surface."""

    def bent(self, across: Floats, down: Floats) -> Piece:
        """The piece with each pixel taken from so many pixels further across and down."""
        ys, xs = np.mgrid[: len(across), : len(across)].astype(np.float32)

        def moved(plane: Floats) -> Floats:
            return np.asarray(
                cv2.remap(
                    plane, xs + across, ys + down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
                ),
                np.float32,
            )

        behind = None if self.behind is None else moved(self.behind)
        return Piece(moved(self.image), moved(self.cover), behind)


def rough_polygon(rng: Rng, corners: int, rough: float, flat: float) -> Polygon:
    """A closed outline (corners, 2) about the origin, of radius about 1."""
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    radius = np.ones(corners)
    for order in range(1, 8):
        swing = np.cos(order * angles + rng.uniform(0, 2 * np.pi))
        radius += rng.normal(0, rough / order**0.7) * swing
    return np.stack([np.cos(angles) * radius, np.sin(angles) * radius * flat], axis=1)


def filled(outline: Polygon, size: int) -> Floats:
    """Coverage (size, size) of an outline in pixels of the unit picture."""
    canvas = np.zeros((size, size), np.uint8)
    corners = np.round(np.clip(outline * (size / UNIT), -4e3, 4e3) * 16).astype(np.int32)
    cv2.fillPoly(canvas, [corners], 255, cv2.LINE_AA, 4)
    return canvas.astype(np.float32) / np.float32(255)


def turning(angle: float) -> Polygon:
    """The matrix (2, 2) of a turn by radians."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine], [sine, cosine]])


@dataclass(frozen=True, slots=True)
class Feature:
    """Something on an object, once or several times around its middle."""

    outline: Polygon
    at: tuple[float, float]
    angle: float
    paint: Texture | Colour
    play: float
    """How far it may be off its place, as a share of the object."""
    times: int

    @classmethod
    def draw(cls, rng: Rng) -> Feature:
        """A feature of an object whose radius is 1."""
        outline = rough_polygon(
            rng, int(rng.choice([4, 5, 24])), float(rng.choice([0, 0.1, 0.3])), rng.uniform(0.3, 1)
        )
        return cls(
            outline=outline * rng.uniform(0.05, 0.4),
            at=(float(rng.normal(0, 0.4)), float(rng.normal(0, 0.4))),
            angle=float(rng.uniform(0, 2 * np.pi)),
            paint=Texture.draw(rng, plain=True) if rng.random() < 0.4 else colour(rng),
            play=float(rng.choice([0, 0, 0.03])),
            times=int(rng.integers(1, 4)),
        )


@dataclass(frozen=True, slots=True)
class Body:
    """The outline of an object, what is on it and what is behind it."""

    outline: Polygon
    radius: float
    centre: tuple[float, float]
    swell: float
    """How much outlines of pieces differ, as a share of the radius."""
    features: tuple[Feature, ...]
    behind: Texture | Colour
    dome: float
    shadow: float

    @classmethod
    def draw(cls, rng: Rng) -> Body:
        """An object: round, angular or odd, with up to six kinds of features."""
        outline = rough_polygon(
            rng,
            int(rng.choice([4, 6, 60, 60])),
            float(rng.choice([0, 0.03, 0.12, 0.25])),
            rng.uniform(0.5, 1),
        )
        middle = UNIT / 2 + rng.normal(0, 8, 2)
        return cls(
            outline=outline,
            radius=float(rng.uniform(0.22, 0.62) * UNIT),
            centre=(float(middle[0]), float(middle[1])),
            swell=float(rng.choice([0, 0, 0.02, 0.08])),
            features=tuple(Feature.draw(rng) for _ in range(int(rng.integers(0, 7)))),
            behind=Texture.draw(rng) if rng.random() < 0.5 else colour(rng),
            dome=float(rng.choice([0, 0, 0.3, 0.6])),
            shadow=float(rng.choice([0, 0, 0.4])),
        )


@dataclass(frozen=True, slots=True)
class Thing:
    """A surface, or an object with a surface; each call renders another piece."""

    surface: Texture
    body: Body | None
    shift: float
    """Pixels by which pieces are off their place (standard deviation)."""
    turn: float
    """Degrees; from 100 on, they lie anyhow."""
    zoom: float

    @classmethod
    def draw(cls, rng: Rng) -> Thing:
        """An object in a bit more than half of all cases."""
        return cls(
            surface=Texture.draw(rng),
            body=Body.draw(rng) if rng.random() < 0.55 else None,
            shift=float(rng.choice([0, 1, 3.5, 17], p=[0.25, 0.3, 0.3, 0.15])),
            turn=float(rng.choice([0, 1.5, 6, 180], p=[0.35, 0.35, 0.15, 0.15])),
            zoom=float(rng.choice([0, 0.014, 0.07])),
        )

    def __call__(self, rng: Rng, size: int) -> Piece:
        """Another sound piece."""
        surface = self.surface(rng, size)
        if self.body is None:
            return Piece(surface, np.ones((size, size), np.float32), None)
        angle = rng.normal() * self.turn if self.turn < 100 else rng.uniform(0, 360)
        lie = turning(np.deg2rad(angle)) * max(0.5, 1 + rng.normal() * self.zoom)
        middle = np.asarray(self.body.centre) + rng.normal(0, 1, 2) * self.shift
        return _placed(self.body, surface, lie, middle, rng)


def _placed(body: Body, surface: Floats, lie: Polygon, middle: Polygon, rng: Rng) -> Piece:
    size = surface.shape[0]
    scale = size / UNIT
    at = (middle - lie @ np.asarray(body.centre)) * scale
    matrix = np.concatenate([lie, at[:, None]], axis=1)
    image = np.asarray(
        cv2.warpAffine(surface, matrix, (size, size), borderMode=cv2.BORDER_REFLECT), np.float32
    )
    cover = filled(_swollen(body, rng) * body.radius @ lie.T + middle, size)
    for feature in body.features:
        for time in range(feature.times):
            around = turning(feature.angle + 2 * np.pi * time / feature.times)
            own = feature.outline + feature.at + rng.normal(0, 1, 2) * feature.play
            weight = filled((own @ around.T * body.radius) @ lie.T + middle, size)[..., None]
            image = image * (1 - weight) + _painted(feature.paint, rng, size) * weight
    if body.dome:
        depth = np.asarray(cv2.GaussianBlur(cover, (0, 0), body.radius * 0.35 * scale))
        image = image * (1 + np.float32(body.dome) * (np.float32(1.3) * depth - 1))[..., None]
    behind = np.zeros((size, size, 3), np.float32) + _painted(body.behind, rng, size)
    if body.shadow:
        far = max(1, round(4 * scale))
        cast = cv2.GaussianBlur(np.roll(cover, (far, far), (0, 1)), (0, 0), 5 * scale)
        behind = behind * (1 - np.float32(body.shadow) * np.asarray(cast)[..., None])
    weight = cover[..., None]
    return Piece(image * weight + behind * (1 - weight), cover, behind)


def _swollen(body: Body, rng: Rng) -> Polygon:
    if not body.swell:
        return body.outline
    angles = np.linspace(0, 2 * np.pi, len(body.outline), endpoint=False)
    swell = np.ones(len(angles))
    for order in range(2, 9):
        swell += body.swell / order * rng.normal() * np.cos(order * angles + rng.uniform(0, 6.3))
    return body.outline * swell[:, None]


def _painted(paint: Texture | Colour, rng: Rng, size: int) -> Floats:
    return paint(rng, size) if isinstance(paint, Texture) else np.asarray(paint, np.float32)


def blob(
    rng: Rng, size: int, at: tuple[float, float], reach: tuple[float, float], rough: float
) -> Floats:
    """Coverage (size, size) of an ellipse with a noisy edge; pixels of the unit picture."""
    ys, xs = axes(size)
    far = np.hypot((xs - np.float32(at[0])) / reach[0], (ys - np.float32(at[1])) / reach[1])
    least = min(reach)
    edge = blotches(rng, size, max(3.0, least * 0.8)) * np.clip(1.6 - far, 0, 1)
    cover = np.clip((1 - far + np.float32(rough) * edge) * (least * 0.7), 0, 1)
    return np.asarray(cover, np.float32)
