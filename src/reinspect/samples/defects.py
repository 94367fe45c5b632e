"""Defects: each changes a scene in one place and says exactly which pixels.

Sizes are for a picture of 384 pixels a side and scale with it. `severity` in [0, 1] goes from
subtle to plain; contrast grows with the texture around, so that a defect never drowns in it.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from reinspect.samples.parts import Scene
from reinspect.samples.surfaces import UNIT, Floats, Rng, relief, smooth_noise

Mask = npt.NDArray[np.bool_]


class Damage(NamedTuple):
    """A damaged picture (floats) and where at most it may differ from the sound one."""

    image: Floats
    reach: Mask


class Defective(NamedTuple):
    """A damaged picture (floats) and the pixels that are defective."""

    image: Floats
    mask: Mask


_VISIBLE = 0.03  # change of brightness from which a pixel counts as defective
_TRIES = 60


def damaged(scene: Scene, rng: Rng, kind: str) -> Defective:
    """The scene with one defect of a kind, drawn until it can be seen.

    Raises:
        ValueError: the kind is unknown, or the scene has no place for it.
    """
    if kind not in _DEFECTS:
        raise ValueError(f"defect {kind!r} is none of {', '.join(DEFECTS)}")
    scale = scene.image.shape[0] / UNIT
    for _ in range(_TRIES):
        damage = _DEFECTS[kind](scene, rng, float(rng.uniform(0.3, 1)))
        change = np.abs(damage.image - scene.image).max(axis=2)
        change = np.asarray(cv2.GaussianBlur(change, (0, 0), 0.7 * scale), np.float32)
        seen = (change > _VISIBLE) & damage.reach
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
        mask = cv2.morphologyEx(seen.astype(np.uint8), cv2.MORPH_CLOSE, disc) > 0
        if mask.sum() >= 30 * scale**2 and change[mask].mean() > 1.8 * _VISIBLE:
            return Defective(np.clip(damage.image, 0, 1).astype(np.float32), np.asarray(mask))
    raise ValueError(f"no place for a {kind} was found in {_TRIES} tries")


def _scratch(scene: Scene, rng: Rng, severity: float) -> Damage:
    x, y = _place(scene, rng)
    scale = scene.image.shape[0] / UNIT
    length = rng.uniform(35, 150) * scale
    path = _walk(rng, x, y, length, wander=0.03, bend=0.02)
    line = _stroke(scene, [path], rng.uniform(0.9, 2.4) * scale, taper=True)
    depth = line * np.float32(4 * severity)
    tone = float(rng.choice([-0.6, 1.0])) * _contrast(scene, x, y, severity)
    return _over(scene, line, tone * line + 0.12 * relief(-depth, rng.uniform(0, 6), _size(scene)))


def _crack(scene: Scene, rng: Rng, severity: float) -> Damage:
    x, y = _place(scene, rng)
    scale = scene.image.shape[0] / UNIT
    main = _walk(rng, x, y, rng.uniform(40, 120) * scale, wander=0.5, bend=0.0)
    paths = [main]
    for _ in range(int(rng.integers(0, 4))):
        x2, y2 = main[int(rng.integers(len(main)))]
        fork = _walk(rng, x2, y2, rng.uniform(20, 70) * scale, wander=0.5, bend=0.0)
        paths.append(fork[len(fork) // 2 :])
    line = _stroke(scene, paths, rng.uniform(0.8, 2.0) * scale, taper=True)
    return _over(scene, line, -2.2 * _contrast(scene, x, y, severity) * line)


def _fibre(scene: Scene, rng: Rng, severity: float) -> Damage:
    x, y = _place(scene, rng)
    scale = scene.image.shape[0] / UNIT
    path = _walk(rng, x, y, rng.uniform(40, 110) * scale, wander=0.12, bend=0.12)
    line = _stroke(scene, [path], rng.uniform(0.9, 1.6) * scale, taper=False)
    hair = np.asarray(rng.choice([0.08, 0.85]) + rng.normal(0, 0.03, 3), np.float32)
    weight = (line * np.float32(0.5 + 0.5 * severity))[..., None]
    away = np.roll(line, (round(2 * scale), round(2 * scale)), (0, 1))[..., None]
    image = scene.image * (1 - np.float32(0.25) * away)
    return Damage(image * (1 - weight) + hair * weight, np.asarray(_widened(line, 2)))


def _dent(scene: Scene, rng: Rng, severity: float) -> Damage:
    x, y = _place(scene, rng)
    radius = rng.uniform(6, 20) * scene.image.shape[0] / UNIT
    hollow = _bump(scene, rng, x, y, radius)
    height = -hollow * np.float32(radius * (0.35 + 0.6 * severity))
    light = relief(height, rng.uniform(-2.6, -0.6), _size(scene))
    strongest = 0.06 + 1.2 * _contrast(scene, x, y, severity)
    change = np.float32(strongest) * np.tanh(light) - np.float32(0.02) * hollow
    return _over(scene, hollow, change)


def _stain(scene: Scene, rng: Rng, severity: float) -> Damage:
    x, y = _place(scene, rng)
    blob = _blob(scene, rng, x, y, rng.uniform(9, 30), soft=rng.uniform(0.8, 4))
    colour = rng.choice([[0.5, 0.7, 0.9], [0.7, 0.75, 0.8], [0.85, 0.75, 0.6], [1.3, 1.3, 1.3]])
    strength = 0.5 + 0.5 * severity + _contrast(scene, x, y, severity)
    factor = 1 + (np.asarray(colour, np.float32) - 1) * np.float32(strength)
    dried = 1 + 0.5 * np.clip(4 * blob * (1 - blob), 0, 1)  # a darker line where it dried
    weight = (blob * dried * scene.part)[..., None].astype(np.float32)
    image = scene.image * (1 + weight * (factor - 1))
    return Damage(image, np.asarray(blob > 0.08))


def _spots(scene: Scene, rng: Rng, severity: float) -> Damage:
    x, y = _place(scene, rng)
    scale = scene.image.shape[0] / UNIT
    canvas = np.zeros(scene.part.shape, np.uint8)
    spread, radius = rng.uniform(4, 22) * scale, rng.uniform(1.5, 4.5) * scale
    for _ in range(int(rng.integers(1, 9))):
        at = (x + rng.normal(0, spread), y + rng.normal(0, spread))
        dot = radius * np.exp(rng.normal(0, 0.3))
        axes = (round(dot * 16), round(dot * rng.uniform(0.7, 1) * 16))
        centre = (round(at[0] * 16), round(at[1] * 16))
        turn = float(rng.uniform(0, 180))
        cv2.ellipse(canvas, centre, axes, turn, 0, 360, 255, -1, cv2.LINE_AA, 4)
    cover = canvas.astype(np.float32) / np.float32(255)
    tone = float(rng.choice([-1.6, -1.6, 1.6])) * _contrast(scene, x, y, severity)
    return _over(scene, cover, np.float32(tone) * cover)


def _missing(scene: Scene, rng: Rng, severity: float) -> Damage:
    scale = scene.image.shape[0] / UNIT
    if scene.background is None:  # a piece torn or broken out of a surface
        x, y = _place(scene, rng)
        hole = _blob(scene, rng, x, y, rng.uniform(6, 14) * (0.6 + severity), soft=0.6)
        behind = scene.image * np.float32(0.22)
    else:
        x, y = _edge(scene, rng)
        radius = rng.uniform(9, 20) * (0.5 + 0.7 * severity)
        hole = _blob(scene, rng, x, y, radius, soft=0.6)
        behind = scene.background
    weight = (hole * scene.part)[..., None]
    # The broken face behind the edge catches the light.
    face = np.clip(cv2.GaussianBlur(hole, (0, 0), 1.6 * scale) - hole, 0, 1)
    sign = np.float32(rng.choice([-0.7, 0.7]))
    image = scene.image + sign * (np.asarray(face) * scene.part)[..., None]
    image = image * (1 - weight) + behind * weight
    return Damage(image.astype(np.float32), np.asarray(_widened(hole, 2)))


def _bent(scene: Scene, rng: Rng, severity: float) -> Damage:
    scale = scene.image.shape[0] / UNIT
    x, y = _place(scene, rng) if scene.background is None else _edge(scene, rng)
    radius = rng.uniform(20, 38) * scale
    pull = _bump(scene, rng, x, y, radius)
    angle, far = rng.uniform(0, 2 * np.pi), (4 + 11 * severity) * scale
    ys, xs = np.mgrid[: _size(scene), : _size(scene)].astype(np.float32)
    across = xs + np.float32(far * np.cos(angle)) * pull
    down = ys + np.float32(far * np.sin(angle)) * pull
    moved = np.asarray(
        cv2.remap(scene.image, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    )
    slope = relief(pull * np.float32(far), rng.uniform(-2.6, -0.6), _size(scene))
    on_part = cv2.remap(scene.part, across, down, cv2.INTER_LINEAR)
    image = moved * (1 + 0.45 * np.clip(slope, -0.5, 0.5) * np.asarray(on_part))[..., None]
    return Damage(image.astype(np.float32), np.asarray(pull > 0.12))


def _misprint(scene: Scene, rng: Rng, severity: float) -> Damage:
    """Print that is faded away, or smeared."""
    scale = scene.image.shape[0] / UNIT
    x, y = _pick(scene.print > 0.6, rng)
    blob = _blob(scene, rng, x, y, rng.uniform(10, 22), soft=1)
    near = np.asarray(_widened(scene.print, 2))
    if rng.random() < 0.5:
        eight = (scene.image * 255).astype(np.uint8)
        bare = cv2.inpaint(eight, near.astype(np.uint8), 3 * scale, cv2.INPAINT_TELEA)
        other = np.asarray(bare, np.float32) / 255
        weight = blob * near * np.float32(0.6 + 0.4 * severity)
    else:
        far = max(3, round((6 + 10 * severity) * scale))
        kernel = np.zeros((2 * far + 1, 2 * far + 1), np.float32)
        kernel[far, far:] = 1 / (far + 1)
        other = np.asarray(
            cv2.filter2D(scene.image, -1, kernel if rng.random() < 0.5 else kernel.T)
        )
        weight = blob * cv2.dilate(scene.print, np.ones((far, far), np.uint8))
    change = np.asarray(weight)[..., None] * (other - scene.image)
    return Damage((scene.image + change).astype(np.float32), np.asarray(blob > 0.1))


_DEFECTS: dict[str, Callable[[Scene, Rng, float], Damage]] = {
    "scratch": _scratch,
    "crack": _crack,
    "fibre": _fibre,
    "dent": _dent,
    "stain": _stain,
    "spots": _spots,
    "missing": _missing,
    "bent": _bent,
    "misprint": _misprint,
}

DEFECTS = tuple(_DEFECTS)


def _size(scene: Scene) -> int:
    return int(scene.image.shape[0])


def _pick(where: Mask, rng: Rng) -> tuple[float, float]:
    ys, xs = np.nonzero(where)
    if not len(ys):
        raise ValueError("the scene has no place for this defect")
    index = int(rng.integers(len(ys)))
    return float(xs[index]), float(ys[index])


def _place(scene: Scene, rng: Rng) -> tuple[float, float]:
    """A point (x, y) well on the part."""
    border = max(2, round(8 * scene.image.shape[0] / UNIT))
    inside = scene.part > 0.5
    inside[:border], inside[-border:], inside[:, :border], inside[:, -border:] = (False,) * 4
    core = cv2.erode(inside.astype(np.uint8), np.ones((border, border), np.uint8)) > 0
    return _pick(np.asarray(core) if core.any() else inside, rng)


def _edge(scene: Scene, rng: Rng) -> tuple[float, float]:
    """A point (x, y) on the part's outer edge; holes don't count."""
    solid = (scene.part > 0.5).astype(np.uint8)
    outlines, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        raise ValueError("the scene shows no part")
    outline = np.asarray(max(outlines, key=len))[:, 0]
    x, y = outline[int(rng.integers(len(outline)))]
    return float(x), float(y)


def _contrast(scene: Scene, x: float, y: float, severity: float) -> np.float32:
    """How much brighter or darker a defect at a point is than what it lies on."""
    reach = max(4, round(16 * scene.image.shape[0] / UNIT))
    top, left = max(0, round(y) - reach), max(0, round(x) - reach)
    around = scene.image[top : round(y) + reach, left : round(x) + reach].mean(axis=2)
    return np.float32(severity * (0.1 + 1.4 * min(float(around.std()), 0.12)))


def _over(scene: Scene, cover: Floats, change: Floats) -> Damage:
    image = scene.image + (change * scene.part)[..., None]
    # Slopes reach a little further than what casts them.
    return Damage(image.astype(np.float32), _widened(cover, 1.5))


def _widened(cover: Floats, by: float) -> Mask:
    radius = max(1, round(by * cover.shape[0] / UNIT))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(cv2.dilate((cover > 0.15).astype(np.uint8), disc)) > 0


def _walk(
    rng: Rng, x: float, y: float, length: float, *, wander: float, bend: float
) -> npt.NDArray[np.float64]:
    """A path (n, 2) through (x, y), drawn as steps that keep their direction more or less."""
    steps = 24
    curve = np.cumsum(rng.normal(0, bend, steps))
    angles = rng.uniform(0, 2 * np.pi) + curve + rng.normal(0, wander, steps)
    deltas = np.stack([np.cos(angles), np.sin(angles)], axis=1) * length / steps
    path = np.cumsum(deltas, axis=0)
    moved: npt.NDArray[np.float64] = path - path[steps // 2] + [x, y]
    return moved


def _stroke(
    scene: Scene, paths: list[npt.NDArray[np.float64]], width: float, *, taper: bool
) -> Floats:
    """Coverage of lines; drawn four times as large, since OpenCV's widths are whole pixels."""
    size, fine = _size(scene), 4
    canvas = np.zeros((size * fine, size * fine), np.uint8)
    for path in paths:
        points = np.round(path * fine * 16).astype(int)
        for index in range(len(points) - 1):
            share = 1 - abs(2 * index / (len(points) - 1) - 1) if taper else 1.0
            thick = max(1, round(width * fine * (0.45 + 0.55 * share)))
            start, end = (tuple(int(v) for v in points[index + i]) for i in (0, 1))
            cv2.line(canvas, start, end, 255, thick, cv2.LINE_AA, 4)
    small = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255)


def _blob(scene: Scene, rng: Rng, x: float, y: float, radius: float, *, soft: float) -> Floats:
    """Coverage of a ragged spot of a radius in pixels at 384."""
    size = _size(scene)
    scale = size / UNIT
    ys, xs = np.mgrid[:size, :size].astype(np.float32)
    stretch = np.exp(rng.normal(0, 0.25))
    distance = np.hypot((xs - x) * stretch, (ys - y) / stretch) / (radius * scale)
    ragged = 1 - distance + 0.22 * smooth_noise(rng, size, 0.9 * radius + 2)
    ragged = np.where(distance < 1.8, ragged, -1)
    cover = np.clip(ragged * radius / soft + 0.5, 0, 1).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(cover, (0, 0), max(0.4, soft * 0.5) * scale), np.float32)


def _bump(scene: Scene, rng: Rng, x: float, y: float, radius: float) -> Floats:
    """A smooth hump of height 1, longer one way than the other."""
    size = _size(scene)
    ys, xs = np.mgrid[:size, :size].astype(np.float32)
    angle, stretch = rng.uniform(0, np.pi), rng.uniform(0.6, 1)
    along = (xs - x) * np.cos(angle) + (ys - y) * np.sin(angle)
    across = (-(xs - x) * np.sin(angle) + (ys - y) * np.cos(angle)) / stretch
    hump: Floats = np.exp(-(along**2 + across**2) / radius**2 * 1.2).astype(np.float32)
    return hump
