"""Parts: shapes with holes, raised features and print, rendered in a pose on a background.

Shapes are polygons in the part's own frame, whose unit is about half the picture's side less a
margin; y points down.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from reinspect.samples.surfaces import UNIT, Floats, Rng, Surface, relief, smooth_noise

Polygon = npt.NDArray[np.float64]
Colour = tuple[float, float, float]

_FRAME = 0.40  # the part frame's unit, as a share of the picture's side


class Mark(NamedTuple):
    """Something on a part: print (no height) or a raised or sunk feature of its own colour."""

    polygon: Polygon
    colour: Colour | None
    height: float
    opacity: float = 1.0


class Scene(NamedTuple):
    """A picture before the camera: floats, (size, size, 3) or (size, size)."""

    image: Floats
    part: Floats
    """Coverage of the part; all ones where the picture shows nothing but a surface."""
    background: Floats | None
    """What lies behind the part; none where there is nothing behind it."""
    print: Floats
    """Coverage of the print on it."""


@dataclass(frozen=True, slots=True)
class Part:
    """One product. An outline of none is a surface that fills the picture."""

    surface: Surface
    outline: Polygon | None = None
    holes: tuple[Polygon, ...] = ()
    marks: tuple[Mark, ...] = ()
    behind: Surface | None = None
    bevel: float = 4.0
    """Width of the rounded edge, pixels at a size of 384."""
    edge: float = 0.6
    """How strongly the edge catches the light."""
    light: float = -2.2
    shadow: float = 0.45
    waviness: float = 0.0
    """How far the outline differs from piece to piece, in part units."""
    rim: float = 0.0
    """Darkening towards the outline, as of something baked."""

    def __call__(self, rng: Rng, size: int, matrix: npt.NDArray[np.float64]) -> Scene:
        """Render another piece in the pose of a 2×3 matrix, part frame → picture."""
        piece = self.surface(rng, size)
        if self.outline is None:
            none = np.zeros((size, size), np.float32)
            return Scene(piece, np.ones((size, size), np.float32), None, none)
        angle = np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))
        turn = cv2.getRotationMatrix2D((size / 2, size / 2), -angle, 1.0)
        turn[:, 2] = turn[:, 2] + matrix[:, 2] - size / 2
        piece = np.asarray(
            cv2.warpAffine(piece, turn, (size, size), borderMode=cv2.BORDER_REFLECT), np.float32
        )
        part = filled(self._swollen(self.outline, rng), matrix, size)
        for hole in self.holes:
            part = part * (1 - filled(hole, matrix, size))
        image, height, printed = self._marked(piece, matrix)
        bevel = np.clip(_inward(part) / (self.bevel * size / UNIT), 0, 1)
        rounded = np.sqrt(1 - (1 - bevel) ** 2).astype(np.float32) * np.float32(self.bevel)
        # Without the blur a wide bevel shows creases where the distances from two edges meet.
        blur = max(0.3, (self.bevel / 5 - 0.5) * size / UNIT)
        height = height + np.asarray(cv2.GaussianBlur(rounded, (0, 0), blur), np.float32)
        shade = 1 + np.float32(self.edge) * np.clip(relief(height, self.light, size), -0.7, 0.7)
        if self.rim:
            depth = _inward(part) / np.float32(0.1 * size)
            uneven = 1 + np.float32(0.2) * smooth_noise(rng, size, 40)
            shade = shade - np.float32(self.rim) * np.exp(-depth * uneven)
        background = self._background(rng, size)
        shaded = self._shadowed(background, part, size)
        cover = part[..., None]
        lit = np.clip(image * shade[..., None] * cover + shaded * (1 - cover), 0, 1)
        return Scene(lit.astype(np.float32), part, shaded, printed * part)

    def _swollen(self, outline: Polygon, rng: Rng) -> Polygon:
        if not self.waviness:
            return outline
        angles = np.linspace(0, 2 * np.pi, len(outline), endpoint=False)
        swell = np.ones(len(outline))
        for order in range(2, 9):
            swell += (
                self.waviness / order * rng.normal() * np.cos(order * angles + rng.uniform(0, 6))
            )
        return outline * swell[:, None]

    def _marked(
        self, piece: Floats, matrix: npt.NDArray[np.float64]
    ) -> tuple[Floats, Floats, Floats]:
        size = piece.shape[0]
        image = piece.copy()
        height, printed = np.zeros((2, size, size), np.float32)
        for mark in self.marks:
            at, cover = _covered(mark.polygon, matrix, size)
            if mark.colour is not None:
                weight = (cover * np.float32(mark.opacity))[..., None]
                colour = np.asarray(mark.colour, np.float32)
                image[at] = image[at] * (1 - weight) + colour * weight
            if mark.height:
                height[at] += np.float32(mark.height) * cover
                printed[at] *= 1 - cover
            else:
                printed[at] = np.maximum(printed[at], cover)
        soft = np.asarray(cv2.GaussianBlur(height, (0, 0), 0.8 * size / UNIT), np.float32)
        return image, soft, printed

    def _background(self, rng: Rng, size: int) -> Floats:
        if self.behind is not None:
            return self.behind(rng, size)
        cloud = 0.01 * smooth_noise(rng, size, 150)[..., None]
        return np.full((size, size, 3), 0.11, np.float32) + cloud.astype(np.float32)

    def _shadowed(self, background: Floats, part: Floats, size: int) -> Floats:
        reach = 7 * size / UNIT
        away = np.array(
            [[1, 0, -reach * np.cos(self.light)], [0, 1, -reach * np.sin(self.light)]], np.float64
        )
        cast = cv2.GaussianBlur(cv2.warpAffine(part, away, (size, size)), (0, 0), 0.7 * reach)
        shadowed: Floats = background * (1 - np.float32(self.shadow) * np.asarray(cast)[..., None])
        return shadowed


def pose(rng: Rng, size: int, *, turn: float, shift: float, zoom: float) -> npt.NDArray[np.float64]:
    """A random pose (2×3): degrees, share of the side and share of the size, each one sd.

    A turn of 180 or more is any angle.
    """
    degrees = rng.uniform(0, 360) if turn >= 180 else rng.normal(0, turn)
    angle, scale = np.radians(degrees), _FRAME * size * np.exp(rng.normal(0, zoom))
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    x, y = size / 2 + rng.normal(0, shift, 2) * size
    return np.array([[cos, -sin, x], [sin, cos, y]])


def filled(polygon: Polygon, matrix: npt.NDArray[np.float64], size: int) -> Floats:
    """Coverage (size, size) of a polygon of the part frame, with soft edges."""
    whole = np.zeros((size, size), np.float32)
    at, cover = _covered(polygon, matrix, size)
    whole[at] = cover
    return whole


def _covered(
    polygon: Polygon, matrix: npt.NDArray[np.float64], size: int
) -> tuple[tuple[slice, slice], Floats]:
    """Where a polygon lies, and its coverage there; a board has hundreds of small ones."""
    corners = polygon @ matrix[:, :2].T + matrix[:, 2]
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int) - 2, 0, size)
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 3, 0, size)
    at = (slice(int(top), int(bottom)), slice(int(left), int(right)))
    cover = np.zeros((max(bottom - top, 1), max(right - left, 1)), np.uint8)
    moved = np.round((corners - [left, top]) * 16).astype(np.int32)
    cv2.fillPoly(cover, [moved], 255, cv2.LINE_AA, 4)
    return at, cover[: bottom - top, : right - left].astype(np.float32) / np.float32(255)


def _inward(part: Floats) -> Floats:
    """Distance of each pixel of the part from its edge, in pixels."""
    inside = (part > 0.5).astype(np.uint8)
    return np.asarray(cv2.distanceTransform(inside, cv2.DIST_L2, 5), np.float32)


def disc(radius: float, x: float = 0, y: float = 0, *, stretch: float = 1, n: int = 96) -> Polygon:
    """A circle, or with `stretch` an ellipse of that height."""
    angles = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.stack([x + radius * np.cos(angles), y + radius * stretch * np.sin(angles)], axis=1)


def slab(width: float, height: float, x: float = 0, y: float = 0, *, round_: float = 0) -> Polygon:
    """A rectangle about (x, y), its corners rounded by a radius."""
    corners: list[npt.NDArray[np.float64]] = []
    for quarter, (right, down) in enumerate([(1, 1), (-1, 1), (-1, -1), (1, -1)]):
        angles = np.radians(np.linspace(0, 90, 9) + 90 * quarter)
        arc = round_ * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        centre = (x + right * (width / 2 - round_), y + down * (height / 2 - round_))
        corners.append(arc + np.array(centre))
    return np.concatenate(corners)


def around(polygon: Polygon, count: int, start: float = 0.0) -> tuple[Polygon, ...]:
    """Copies turned about the origin, evenly; `start` in radians."""
    copies = []
    for angle in start + np.arange(count) * 2 * np.pi / count:
        cos, sin = np.cos(angle), np.sin(angle)
        copies.append(polygon @ np.array([[cos, sin], [-sin, cos]]))
    return tuple(copies)


def lettering(
    rng: Rng, text: str, height: float, x: float, y: float, colour: Colour
) -> tuple[Mark, ...]:
    """Block letters about (x, y), each a pattern of strokes that the random generator chooses."""
    marks = []
    width, thick = 0.62 * height, 0.17 * height
    strokes = (
        slab(width, thick, 0, -height / 2),
        slab(width, thick),
        slab(width, thick, 0, height / 2),
        slab(thick, height / 2, -width / 2, -height / 4),
        slab(thick, height / 2, width / 2, -height / 4),
        slab(thick, height / 2, -width / 2, height / 4),
        slab(thick, height / 2, width / 2, height / 4),
    )
    for index, letter in enumerate(text):
        if letter == " ":
            continue
        at = np.array([x + (index - (len(text) - 1) / 2) * height * 1.05, y])
        chosen = rng.permutation(len(strokes))[: int(rng.integers(4, 6))]
        marks += [Mark(strokes[int(i)] + at, colour, 0.0) for i in chosen]
    return tuple(marks)


def flange(rng: Rng) -> Part:
    """A turned disc with a bore and a circle of bolt holes."""
    count = int(rng.integers(4, 9))
    bore, circle, hole = rng.uniform(0.22, 0.36), rng.uniform(0.66, 0.74), rng.uniform(0.07, 0.1)
    step = (bore + circle - hole) / 2
    grooves = (Mark(disc(step + 0.03), None, 1.6), Mark(disc(step), None, -1.6))
    return Part(
        surface=Surface.draw(rng, str(rng.choice(["brushed", "cast"])), angle=0),
        outline=disc(1.0, n=180),
        holes=(disc(bore), *around(disc(hole, circle, 0, n=48), count, rng.uniform(0, 1))),
        marks=(Mark(disc(0.93, n=160), None, 1.2), *grooves),
        behind=Surface.draw(rng, "painted") if rng.random() < 0.3 else None,
        light=rng.uniform(-2.8, -0.4),
    )


def gear(rng: Rng) -> Part:
    """A toothed wheel with a bore, a keyway and perhaps windows."""
    teeth, depth, bore = int(rng.integers(16, 29)), rng.uniform(0.12, 0.17), rng.uniform(0.2, 0.28)
    tooth = np.array(
        [(0.0, 1 - depth), (0.22, 1 - depth), (0.38, 1.0), (0.62, 1.0), (0.78, 1 - depth)]
    )
    angles = (np.arange(teeth)[:, None] + tooth[:, 0]).ravel() * 2 * np.pi / teeth
    radii = np.tile(tooth[:, 1], teeth)
    outline = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    windows: tuple[Polygon, ...] = ()
    if rng.random() < 0.6:
        windows = around(disc(0.13, 0.54, 0, n=48), int(rng.integers(3, 7)))
    return Part(
        surface=Surface.draw(rng, str(rng.choice(["cast", "brushed"]))),
        outline=outline,
        holes=(disc(bore), slab(0.12, 0.12, 0, -bore), *windows),
        marks=(Mark(disc(bore + 0.1), None, 2.0), Mark(disc(0.98 - depth - 0.06), None, 1.0)),
        light=rng.uniform(-2.8, -0.4),
    )


def biscuit(rng: Rng) -> Part:
    """A baked disc with a scalloped edge and a pattern of holes."""
    scallops = int(rng.integers(18, 30))
    angles = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    radii = 0.97 + 0.035 * np.abs(np.sin(scallops / 2 * angles))
    outline = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    dots = [disc(0.035, n=24)]
    for ring in range(1, 4):
        dots += around(disc(0.035, 0.24 * ring, 0, n=24), 6 * ring)
    crust = Surface.draw(rng, "speckled")
    brown = tuple(float(c) for c in np.array([0.30, 0.52, 0.74]) * rng.uniform(0.9, 1.1))
    return Part(
        surface=Surface(
            kind="speckled",
            colour=(brown[0], brown[1], brown[2]),
            contrast=0.035,
            scale=crust.scale,
            angle=0,
            turn=0,
            light=crust.light,
            octaves=crust.octaves,
            twill=1,
        ),
        outline=outline,
        marks=tuple(Mark(dot, (0.15, 0.28, 0.45), -1.5, 0.6) for dot in dots),
        behind=Surface.draw(rng, "painted") if rng.random() < 0.5 else None,
        bevel=14,
        edge=0.5,
        light=rng.uniform(-2.8, -0.4),
        waviness=0.03,
        rim=0.35,
    )


def board(rng: Rng) -> Part:
    """A printed board: tracks, pads, holes, components and white print."""
    green = np.array([[0.22, 0.36, 0.10], [0.36, 0.20, 0.06], [0.10, 0.12, 0.34]])[
        int(rng.choice(3, p=[0.6, 0.25, 0.15]))
    ]
    mask: Colour = tuple(float(c) for c in green * rng.uniform(0.9, 1.1))  # type: ignore[assignment]
    track: Colour = tuple(float(c) for c in green * 1.5 + 0.03)  # type: ignore[assignment]
    tin, black, white = (0.74, 0.78, 0.80), (0.13, 0.12, 0.12), (0.86, 0.88, 0.88)
    grid = np.linspace(-0.86, 0.86, 15)
    marks: list[Mark] = []
    for _ in range(26):  # tracks: a run, a bend, a run
        x, y = rng.choice(grid, 2)
        dx, dy = rng.choice(grid, 2)
        wide = float(rng.choice([0.022, 0.03]))
        marks.append(Mark(slab(abs(dx - x) + wide, wide, (x + dx) / 2, y), track, 0.35))
        marks.append(Mark(slab(wide, abs(dy - y) + wide, dx, (y + dy) / 2), track, 0.35))
        for end in ((x, y), (dx, dy)):
            marks.append(Mark(disc(0.042, *end, n=24), tin, 0.5))
            marks.append(Mark(disc(0.018, *end, n=16), black, -0.5))
    for _ in range(int(rng.integers(5, 9))):
        x, y = rng.uniform(-0.66, 0.66, 2)
        marks += _component(rng, x, y, (tin, black, white))
    marks += lettering(rng, "LOT 47", 0.1, rng.uniform(-0.3, 0.3), 0.9, white)
    flat = Surface.draw(rng, "painted", angle=0)
    return Part(
        surface=Surface(
            kind="painted",
            colour=mask,
            contrast=0.012,
            scale=flat.scale,
            angle=0,
            turn=0,
            light=flat.light,
            octaves=flat.octaves,
            twill=1,
        ),
        outline=slab(2.16, 2.04, round_=0.06),
        holes=tuple(disc(0.055, x, y, n=32) for x in (-0.98, 0.98) for y in (-0.92, 0.92)),
        marks=tuple(marks),
        bevel=2,
        edge=0.5,
        light=rng.uniform(-2.8, -0.4),
    )


def _component(rng: Rng, x: float, y: float, colours: tuple[Colour, Colour, Colour]) -> list[Mark]:
    tin, black, white = colours
    if rng.random() < 0.5:  # a chip with legs
        legs = int(rng.integers(3, 6))
        width = 0.085 * legs
        rows = [
            slab(0.035, 0.075, x + (leg - (legs - 1) / 2) * 0.08, y + side * 0.15)
            for leg in range(legs)
            for side in (-1, 1)
        ]
        chip = [Mark(slab(width, 0.24, x, y, round_=0.01), black, 3.0)]
        dot = [Mark(disc(0.02, x - width / 2 + 0.045, y + 0.07, n=16), white, 0.0, 0.7)]
        return [*(Mark(row, tin, 1.0) for row in rows), *chip, *dot]
    wide, tall = (0.17, 0.085) if rng.random() < 0.5 else (0.085, 0.17)
    brown = (0.32, 0.45, 0.58) if rng.random() < 0.5 else black
    body = slab(wide * 0.66 if wide > tall else wide, tall if wide > tall else tall * 0.66, x, y)
    return [
        Mark(slab(wide + 0.07, tall + 0.07, x, y), white, 0.0, 0.8),
        Mark(slab(wide + 0.05, tall + 0.05, x, y), colours[0], 0.3, 0.25),
        Mark(slab(wide, tall, x, y), tin, 1.5),
        Mark(body, brown, 1.0),
    ]


def capsule(rng: Rng) -> Part:
    """A two-coloured capsule with print."""
    palette = [(0.15, 0.15, 0.72), (0.62, 0.40, 0.12), (0.25, 0.62, 0.80), (0.30, 0.55, 0.20)]
    first = palette[int(rng.integers(len(palette)))]
    shell = Surface.draw(rng, "painted")
    length, width = 2.05, rng.uniform(0.78, 0.92)
    half = slab(length / 2, 2 * width, -length / 4, 0)
    ridge = slab(0.03, 2 * width, 0.02, 0)
    return Part(
        surface=Surface(
            kind="painted",
            colour=(0.80, 0.84, 0.86),
            contrast=0.008,
            scale=shell.scale,
            angle=0,
            turn=0,
            light=shell.light,
            octaves=shell.octaves,
            twill=1,
        ),
        outline=slab(length, width, round_=width / 2 - 0.001),
        marks=(
            Mark(half, first, 0.001),
            Mark(ridge, None, 1.0),
            *lettering(rng, "R17", 0.17, 0.48, 0, (0.25, 0.22, 0.2)),
        ),
        behind=Surface.draw(rng, "painted") if rng.random() < 0.3 else None,
        bevel=50,
        edge=0.5,
        light=float(rng.uniform(-1.9, -1.2)),
    )


def bracket(rng: Rng) -> Part:
    """A stamped sheet with slots, holes and an engraved mark."""
    wide = rng.uniform(1.6, 2.0)
    tall = rng.uniform(1.0, 1.5)
    notch = rng.uniform(0.25, 0.4)
    left, right, top, bottom = -wide / 2, wide / 2, -tall / 2, tall / 2
    outline = np.array(
        [
            (left, top),
            (right - notch, top),
            (right, top + notch),
            (right, bottom),
            (right * 0.3, bottom),
            (right * 0.3 - 0.12, bottom - notch),
            (left, bottom - notch * 0.6),
        ]
    )
    slot = slab(0.42, 0.13, left + 0.42, top + 0.28, round_=0.064)
    holes = [disc(0.08, right - 0.2, bottom - 0.2, n=40), disc(0.11, 0.15, top + 0.3, n=48)]
    dark = (0.25, 0.25, 0.26)
    return Part(
        surface=Surface.draw(rng, "brushed"),
        outline=outline,
        holes=(slot, *holes),
        marks=lettering(rng, "A38", 0.14, left + 0.45, 0.05, dark),
        bevel=2.5,
        edge=0.5,
        light=rng.uniform(-2.8, -0.4),
    )


PARTS: dict[str, Callable[[Rng], Part]] = {
    "flange": flange,
    "gear": gear,
    "biscuit": biscuit,
    "board": board,
    "capsule": capsule,
    "bracket": bracket,
}
