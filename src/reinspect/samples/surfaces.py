"""Surfaces: what a material looks like, each picture another piece of the same material.

All sizes are for a picture of 384 pixels a side and scale with it. Colours are BGR in [0, 1].
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Rng = np.random.Generator

UNIT = 384


def smooth_noise(rng: Rng, size: int, along_y: float, along_x: float | None = None) -> Floats:
    """Noise (size, size) of unit variance whose blobs measure about `along_y` by `along_x`."""
    along_x = along_y if along_x is None else along_x
    grid = (max(2, round(UNIT / along_y) + 2), max(2, round(UNIT / along_x) + 2))
    # More knots than pixels would be thrown away by the interpolation.
    grid = (min(grid[0], size), min(grid[1], size))
    knots = rng.standard_normal(grid, np.float32)
    return _unit(cv2.resize(knots, (size, size), interpolation=cv2.INTER_CUBIC))


def turned(field: Floats, degrees: float) -> Floats:
    """The field turned about its middle; what comes in from outside is mirrored."""
    size = field.shape[0]
    matrix = cv2.getRotationMatrix2D((size / 2, size / 2), degrees, 1.0)
    return np.asarray(
        cv2.warpAffine(field, matrix, (size, size), borderMode=cv2.BORDER_REFLECT), np.float32
    )


def relief(height: Floats, light: float, size: int) -> Floats:
    """Brightness change of a height field lit from the direction `light` (radians)."""
    dx = np.asarray(cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=0.25))
    dy = np.asarray(cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=0.25))
    slope: Floats = -(np.float32(np.cos(light)) * dx + np.float32(np.sin(light)) * dy)
    return slope * np.float32(size / UNIT)


def _unit(field: npt.NDArray[np.generic]) -> Floats:
    values = np.asarray(field, np.float32)
    centred: Floats = (values - values.mean()) / (values.std() + np.float32(1e-6))
    return centred


def _blur(field: Floats, along_y: float, along_x: float) -> Floats:
    size = field.shape[0] / UNIT
    return np.asarray(
        cv2.GaussianBlur(
            field, (0, 0), sigmaX=max(0.3, along_x * size), sigmaY=max(0.3, along_y * size)
        ),
        np.float32,
    )


def _brushed(rng: Rng, size: int, s: "Surface") -> Floats:
    lines = _unit(_blur(rng.standard_normal((size, size), np.float32), 0.4, 25 * s.scale))
    broad = smooth_noise(rng, size, 9 * s.scale, 900)
    return turned(_unit(lines + 0.35 * broad), s.angle + rng.normal(0, s.turn))


def _cast(rng: Rng, size: int, s: "Surface") -> Floats:
    height = sum(
        (smooth_noise(rng, size, scale * s.scale) * weight for scale, weight in s.octaves),
        np.zeros((size, size), np.float32),
    )
    pits = np.minimum(smooth_noise(rng, size, 4 * s.scale) + 1.6, 0)
    return _unit(_unit(relief(height, s.light, size)) + 0.4 * _unit(height) + 1.5 * pits)


def _leather(rng: Rng, size: int, s: "Surface") -> Floats:
    pitch = 9 * s.scale * size / UNIT
    count = int((size / pitch) ** 2)
    seeds = np.full((size, size), 255, np.uint8)
    places = rng.integers(0, size, (count, 2))
    seeds[places[:, 0], places[:, 1]] = 0
    distance, cells = cv2.distanceTransformWithLabels(
        seeds, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    domes = _blur(np.asarray(-distance, np.float32) / np.float32(pitch), 1.0, 1.0)
    own = rng.standard_normal(int(np.max(cells)) + 1).astype(np.float32)[cells]
    creases = relief(domes * 5, s.light, size)
    return _unit(_unit(creases) + 0.5 * _unit(domes) + 0.25 * _blur(own, 1, 1))


def _woven(rng: Rng, size: int, s: "Surface") -> Floats:
    ys, xs = np.mgrid[:size, :size].astype(np.float32) * np.float32(UNIT / size)
    wobble = 1.4
    across = (xs + wobble * smooth_noise(rng, size, 60)) / (8 * s.scale) + rng.uniform(0, 2)
    down = (ys + wobble * smooth_noise(rng, size, 60)) / (8 * s.scale) + rng.uniform(0, 2)
    column, row = np.floor(across).astype(int), np.floor(down).astype(int)
    over = (column + s.twill * row) % (2 if s.twill == 1 else 4) < (1 if s.twill == 1 else 2)
    warp = np.sqrt(1 - (2 * (across - column) - 1) ** 2) * (0.65 + 0.35 * np.sin(np.pi * down))
    weft = np.sqrt(1 - (2 * (down - row) - 1) ** 2) * (0.65 + 0.35 * np.sin(np.pi * across))
    yarns = rng.normal(0, 0.06, (2, 4096)).astype(np.float32)
    lit = np.where(over, warp + yarns[0][column % 4096], 0.8 * weft + yarns[1][row % 4096])
    fibres = _blur(rng.standard_normal((size, size), np.float32), 0.7, 0.7)
    return turned(_unit(_unit(lit) + 0.3 * _unit(fibres)), s.angle + rng.normal(0, s.turn))


def _wood(rng: Rng, size: int, s: "Surface") -> Floats:
    ys = np.mgrid[:size, :size].astype(np.float32)[0] * np.float32(UNIT / size)
    bend = 16 * smooth_noise(rng, size, 220, 900) + 2 * smooth_noise(rng, size, 40, 400)
    rings = (ys + bend) / (13 * s.scale) + rng.uniform(0, 1)
    year = rings - np.floor(rings)  # pale early wood that darkens towards a sharp late edge
    widths = rng.uniform(0.6, 1.2, 512).astype(np.float32)[np.floor(rings).astype(int) % 512]
    pores = np.minimum(smooth_noise(rng, size, 1.2, 22) + 1.3, 0)
    grain = _unit(_blur(rng.standard_normal((size, size), np.float32), 0.6, 18))
    lit = -widths * year**2 + 0.7 * pores + 0.12 * grain
    return turned(_unit(_blur(np.asarray(lit, np.float32), 0.5, 0.8)), s.angle)


def _speckled(rng: Rng, size: int, s: "Surface") -> Floats:
    coarse = smooth_noise(rng, size, 6 * s.scale)
    fine = smooth_noise(rng, size, 2.5 * s.scale)
    return _unit(np.tanh(3 * (coarse - 1)) + 0.6 * np.tanh(3 * (fine + 1.2)) + 0.2 * fine)


def _painted(rng: Rng, size: int, s: "Surface") -> Floats:
    peel = relief(smooth_noise(rng, size, 5 * s.scale), s.light, size)
    return _unit(_unit(peel) + 0.5 * smooth_noise(rng, size, 90))


_FIELDS: dict[str, Callable[[Rng, int, "Surface"], Floats]] = {
    "brushed": _brushed,
    "cast": _cast,
    "leather": _leather,
    "woven": _woven,
    "wood": _wood,
    "speckled": _speckled,
    "painted": _painted,
}

# Kind → hue of the material as BGR, and how strong its texture is: (least, most).
_LOOKS: dict[str, tuple[tuple[tuple[float, float, float], ...], tuple[float, float]]] = {
    "brushed": (((0.62, 0.61, 0.60), (0.52, 0.54, 0.55), (0.46, 0.57, 0.63)), (0.025, 0.055)),
    "cast": (((0.42, 0.42, 0.43), (0.34, 0.35, 0.37)), (0.025, 0.05)),
    "leather": (((0.16, 0.24, 0.42), (0.14, 0.14, 0.16), (0.34, 0.28, 0.22)), (0.03, 0.06)),
    "woven": (((0.48, 0.40, 0.34), (0.62, 0.68, 0.70), (0.25, 0.24, 0.42)), (0.07, 0.12)),
    "wood": (((0.40, 0.58, 0.74), (0.26, 0.40, 0.56)), (0.04, 0.09)),
    "speckled": (((0.58, 0.60, 0.62), (0.44, 0.52, 0.58)), (0.05, 0.11)),
    "painted": (((0.60, 0.36, 0.16), (0.20, 0.22, 0.66), (0.70, 0.72, 0.72)), (0.008, 0.02)),
}

SURFACES = tuple(_FIELDS)


@dataclass(frozen=True, slots=True)
class Surface:
    """One material; each call gives another piece of it."""

    kind: str
    colour: tuple[float, float, float]
    contrast: float
    scale: float
    angle: float
    """Degrees, for materials with a direction."""
    turn: float
    """Degrees by which the direction differs from piece to piece (standard deviation)."""
    light: float
    """Where the light comes from, radians."""
    octaves: tuple[tuple[float, float], ...]
    """Size and weight of the grain's levels."""
    twill: int

    @classmethod
    def draw(cls, rng: Rng, kind: str, *, angle: float | None = None) -> "Surface":
        """A material of a kind.

        Raises:
            ValueError: the kind is unknown.
        """
        if kind not in _FIELDS:
            raise ValueError(f"surface {kind!r} is none of {', '.join(SURFACES)}")
        hues, (least, most) = _LOOKS[kind]
        hue = np.asarray(hues[int(rng.integers(len(hues)))]) + rng.normal(0, 0.02, 3)
        blue, green, red = (float(c) for c in hue * rng.uniform(0.88, 1.12))
        octaves = tuple(
            (float(1.6 * 2.4**level), float(2**level * rng.uniform(0.3, 1))) for level in range(3)
        )
        return cls(
            kind=kind,
            colour=(blue, green, red),
            contrast=float(rng.uniform(least, most)),
            scale=float(rng.uniform(0.85, 1.3)),
            angle=float(rng.choice([0, 0, 90, 30]) if angle is None else angle),
            turn=float(rng.uniform(0, 1)),
            light=float(rng.uniform(-2.6, -0.6)),
            octaves=octaves,
            twill=int(rng.integers(1, 3)),
        )

    def __call__(self, rng: Rng, size: int) -> Floats:
        """A piece (size, size, 3)."""
        field = _FIELDS[self.kind](rng, size, self)
        colour = np.asarray(self.colour, np.float32)
        cloud = 0.015 * smooth_noise(rng, size, 200)
        # Dark parts of a material are more saturated than its bright ones.
        tone = np.stack([field * (1.1 - 0.3 * c) for c in colour], axis=2)
        piece: Floats = colour * (1 + cloud[..., None]) + np.float32(self.contrast) * tone
        return np.clip(piece, 0, 1).astype(np.float32)
