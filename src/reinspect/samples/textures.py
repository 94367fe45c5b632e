"""Textures drawn at random: what a surface might look like, be it metal, cloth, food or print.

Where `surfaces` imitates seven materials, these cover as much ground as they can, so that a
network that learns from them can't learn any of them by heart. Lengths are in pixels of a picture
192 pixels a side and scale with it. Colours are BGR in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from reinspect.samples.surfaces import SURFACES, Floats, Rng, Surface, turned

UNIT = 192

Colour = tuple[float, float, float]


def blotches(rng: Rng, size: int, along_y: float, along_x: float | None = None) -> Floats:
    """Noise (size, size) of about unit variance; its blobs measure `along_y` by `along_x`."""
    along_x = along_y if along_x is None else along_x
    knots = (min(size, int(UNIT / along_y) + 2), min(size, int(UNIT / along_x) + 2))
    field = rng.standard_normal((max(2, knots[0]), max(2, knots[1])), np.float32)
    return np.asarray(cv2.resize(field, (size, size), interpolation=cv2.INTER_CUBIC), np.float32)


def colour(rng: Rng) -> Colour:
    """A colour, grey in a third of all cases, rarely a garish one."""
    if rng.random() < 0.35:
        grey = float(rng.random())
        return grey, grey, grey
    blue, green, red = (float(c) for c in rng.random(3) * 0.5 + rng.random() * 0.5)
    return blue, green, red


def spread(rng: Rng, least: float, most: float) -> float:
    """A number between two, evenly spread over their orders of magnitude."""
    return float(np.exp(rng.uniform(np.log(least), np.log(most))))


def axes(size: int) -> tuple[Floats, Floats]:
    """Row and column of each pixel in pixels of the unit picture: two arrays (size, size)."""
    ys, xs = np.mgrid[:size, :size].astype(np.float32) * np.float32(UNIT / size)
    return ys, xs


@dataclass(frozen=True, slots=True)
class Texture:
    """One kind of surface; each call gives another piece of it. `Texture.draw` draws the kind."""

    kind: str
    colours: tuple[Colour, Colour]
    contrast: float
    angle: float
    """Degrees."""
    turn: float
    """Degrees by which pieces differ (standard deviation)."""
    pitch: float
    """Pixels from one repeat to the next."""
    stretch: float
    """How much longer things are than wide."""
    steep: float
    """From waves (below 1) to steps."""
    adrift: bool
    """Whether a pattern starts anywhere, or at the same place in each piece."""
    octaves: tuple[tuple[float, float, float], ...]
    """Height, width and weight of the noise's levels."""
    bend: float
    """How far patterns are warped, in radians of their phase."""
    count: int
    radius: float
    fine: float
    """Standard deviation of pixel-sized grain."""
    pattern: int
    """Seed of what all pieces share."""
    material: Surface | None
    second: Texture | None
    mix: str
    """How the second texture joins: "blend", "patches" or "shade"."""
    share: float

    @classmethod
    def draw(cls, rng: Rng, *, plain: bool = False) -> Texture:
        """A texture; `plain` ones are not mixed of two."""
        kind = str(rng.choice(_KINDS))
        first = colour(rng)
        near = np.clip(np.asarray(first) + rng.normal(0, 0.15) + rng.normal(0, 0.03, 3), 0, 1)
        tones = [float(c) for c in near] if rng.random() < 0.6 else list(colour(rng))
        octaves = []
        for _ in range(int(rng.integers(1, 5))):
            high = spread(rng, 1, 70)
            wide = high * float(np.exp(rng.normal(0, 0.9))) if rng.random() < 0.5 else high
            octaves.append((high, wide, float(rng.random() ** 1.5 * high ** rng.uniform(0, 0.5))))
        return cls(
            kind=kind,
            colours=(first, (tones[0], tones[1], tones[2])),
            contrast=float(rng.uniform(0.15, 1)),
            angle=float(rng.uniform(0, 180) if rng.random() < 0.5 else rng.choice([0, 90])),
            turn=float(rng.choice([0, 0, 2, 8])),
            pitch=spread(rng, 4, 40),
            stretch=float(np.exp(rng.normal(0, 0.6))),
            steep=float(rng.choice([0.5, 1, 2, 4])),
            adrift=bool(rng.random() < 0.6),
            octaves=tuple(octaves),
            bend=float(rng.choice([0, 0.1, 0.5, 1.5]) * rng.random()),
            count=int(spread(rng, 4, 250)),
            radius=spread(rng, 0.8, 9),
            fine=float(rng.choice([0, 0.01, 0.03, 0.08])),
            pattern=int(rng.integers(1 << 30)),
            material=Surface.draw(rng, str(rng.choice(SURFACES))) if kind == "material" else None,
            second=None if plain or rng.random() < 0.65 else cls.draw(rng, plain=True),
            mix=str(rng.choice(["blend", "patches", "shade"])),
            share=float(rng.uniform(0.2, 0.8)),
        )

    def __call__(self, rng: Rng, size: int) -> Floats:
        """A piece, (size, size, 3)."""
        if self.material is not None:
            piece = self.material(rng, size)
        else:
            field = _KINDS_OF[self.kind](self, rng, size)
            weight = np.clip(0.5 + 0.5 * self.contrast * field, 0, 1)[..., None]
            low, high = (np.asarray(tone, np.float32) for tone in self.colours)
            piece = low + weight * (high - low)
        if self.fine:
            grain = cv2.GaussianBlur(rng.standard_normal((size, size), np.float32), (0, 0), 0.7)
            piece = piece + np.float32(self.fine) * np.asarray(grain)[..., None]
        if self.second is not None:
            piece = self._mixed(piece, self.second(rng, size), rng)
        return np.clip(piece, 0, 1).astype(np.float32)

    def _mixed(self, piece: Floats, other: Floats, rng: Rng) -> Floats:
        if self.mix == "shade":
            return piece * (np.float32(0.5) + np.float32(0.7) * other)
        weight: Floats | np.float32 = np.float32(self.share)
        if self.mix == "patches":
            where = blotches(rng, piece.shape[0], 20 + self.pitch)
            weight = np.clip(where * 4 + np.float32(self.share * 2 - 1), 0, 1)[..., None]
        mixed: Floats = piece * weight + other * (1 - weight)
        return mixed

    def _phase(self, rng: Rng) -> float:
        return float(rng.uniform(0, 2 * np.pi)) if self.adrift else 0.0

    def _warp(self, rng: Rng, size: int) -> Floats | np.float32:
        if not self.bend:
            return np.float32(0)
        return np.float32(2 * self.bend) * blotches(rng, size, 35)

    def _direction(self, rng: Rng) -> float:
        return float(np.deg2rad(self.angle + rng.normal(0, 1) * self.turn))


def _noise(texture: Texture, rng: Rng, size: int) -> Floats:
    field = np.zeros((size, size), np.float32)
    for high, wide, weight in texture.octaves:
        field += np.float32(weight) * blotches(rng, size, high, wide)
    if texture.angle not in (0, 90):
        field = turned(field, texture.angle)
    return np.asarray(field / (field.std() + np.float32(1e-3)) / 2, np.float32)


def _waves(texture: Texture, rng: Rng, size: int) -> Floats:
    ys, xs = axes(size)
    angle = texture._direction(rng)
    warp = texture._warp(rng, size)
    rate = 2 * np.pi / texture.pitch
    along = (xs * np.float32(np.cos(angle)) + ys * np.float32(np.sin(angle))) * np.float32(rate)
    wave = np.sin(along + np.float32(texture._phase(rng)) + warp)
    if texture.kind == "weave":
        across = ys * np.float32(np.cos(angle)) - xs * np.float32(np.sin(angle))
        wave = wave * np.sin(across * np.float32(rate / texture.stretch) + warp)
    if texture.kind == "bars":
        return np.asarray(np.tanh((wave - np.float32(0.8)) * 8), np.float32)
    return np.asarray(np.tanh(wave * np.float32(texture.steep)), np.float32)


def _brushed(texture: Texture, rng: Rng, size: int) -> Floats:
    scale = size / UNIT
    noise = rng.standard_normal((size, size), np.float32)
    lines = cv2.GaussianBlur(noise, (0, 0), sigmaX=(4 + texture.pitch) * scale, sigmaY=0.6)
    lines = lines / lines.std() + 0.5 * blotches(rng, size, texture.octaves[0][0], UNIT)
    halved = np.asarray(lines / 2, np.float32)
    return turned(halved, np.rad2deg(texture._direction(rng)))


def _cells(texture: Texture, rng: Rng, size: int) -> Floats:
    seeds = np.full((size, size), 255, np.uint8)
    at = rng.integers(0, size, (texture.count + 5, 2))
    seeds[at[:, 0], at[:, 1]] = 0
    distance, labels = cv2.distanceTransformWithLabels(
        seeds, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    own = rng.standard_normal(int(np.max(labels)) + 1).astype(np.float32)[labels]
    if texture.steep < 2:
        return np.asarray(own * np.float32(0.6), np.float32)
    inside = np.asarray(distance, np.float32)
    domed = own * np.float32(0.4) - np.float32(0.3) * inside / (inside.mean() + 1)
    return np.asarray(domed, np.float32)


def _rings(texture: Texture, rng: Rng, size: int) -> Floats:
    ys, xs = axes(size)
    shared = np.random.default_rng(texture.pattern)
    centre = shared.uniform(-0.2, 1.2, 2) * UNIT if texture.steep < 2 else np.full(2, UNIT / 2)
    centre = centre + rng.normal(0, 1 + texture.turn, 2)
    if texture.kind == "grain":
        far = np.hypot((xs - centre[0]) * 0.15, (ys - centre[1]) / texture.stretch)
        wave = np.sin(
            far * (2 * np.pi / texture.pitch) + texture._phase(rng) + texture._warp(rng, size)
        )
        return np.asarray(np.tanh(wave * texture.steep), np.float32)
    far = np.hypot(xs - centre[0], ys - centre[1])
    profile = cv2.GaussianBlur(
        shared.standard_normal((1, 512), np.float32), (0, 0), max(0.6, texture.pitch / 8)
    )[0]
    profile = profile / (profile.std() + np.float32(1e-6)) / 2
    return np.asarray(profile[np.clip(far, 0, 511).astype(np.int32)], np.float32)


def _dots(texture: Texture, rng: Rng, size: int) -> Floats:
    canvas = np.zeros((size, size), np.uint8)
    scale = size / UNIT
    for _ in range(max(1, int(rng.poisson(texture.count * 0.6)))):
        x, y = (round(float(v) * 8) for v in rng.uniform(0, size, 2))
        radius = texture.radius * float(np.exp(rng.normal(0, 0.35))) * scale * 8
        reach = (round(radius) + 4, round(radius * texture.stretch) + 4)
        turn = texture.angle if texture.turn < 3 else float(rng.uniform(0, 180))
        tone = int(rng.integers(120, 255))
        cv2.ellipse(canvas, (x, y), reach, turn, 0, 360, tone, -1, cv2.LINE_AA, 3)
    return canvas.astype(np.float32) / np.float32(128) - np.float32(0.4)


def _tiles(texture: Texture, rng: Rng, size: int) -> Floats:
    shared = np.random.default_rng(texture.pattern)
    side = int(np.clip(texture.pitch * 1.5 * size / UNIT, 6, 60 * size / UNIT))
    knots = shared.standard_normal((side, side), np.float32)
    tile = cv2.GaussianBlur(knots, (0, 0), side / shared.uniform(6, 14))
    tile = tile / (tile.std() + np.float32(1e-6))
    if texture.steep > 1:
        tile = np.tanh(tile * 3)
    down, right = rng.integers(0, side, 2) if texture.adrift else (0, 0)
    many = np.tile(tile, (size // side + 3, size // side + 3))
    field = np.ascontiguousarray(many[down : down + size, right : right + size], np.float32)
    field = np.asarray(field / 2, np.float32)
    return turned(field, texture.angle) if texture.angle not in (0, 90) else field


def _flat(_: Texture, __: Rng, size: int) -> Floats:
    return np.zeros((size, size), np.float32)


_KINDS_OF: dict[str, Callable[[Texture, Rng, int], Floats]] = {
    "noise": _noise,
    "stripes": _waves,
    "weave": _waves,
    "bars": _waves,
    "brushed": _brushed,
    "cells": _cells,
    "rings": _rings,
    "grain": _rings,
    "dots": _dots,
    "tiles": _tiles,
    "flat": _flat,
}

_KINDS = ("noise", "material", *_KINDS_OF)  # noise twice: it is the most various

TEXTURES = (*_KINDS_OF, "material")
