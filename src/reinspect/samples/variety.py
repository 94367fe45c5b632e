"""Products drawn at random, each with a variation of its own that counts as normal.

A `Variety` is one process: parts or a material, how differently its pieces lie, bend and shine,
what marks are tolerated on them, and the camera that sees them. What two sound pieces of it may
differ by is drawn with it, so that only comparing tells a defect from what is usual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from reinspect.images import Pixels
from reinspect.samples.blemishes import blemished, tolerated
from reinspect.samples.pieces import Piece, Thing
from reinspect.samples.surfaces import Floats, Rng
from reinspect.samples.textures import UNIT, axes, blotches, spread


class BeforeAfter(NamedTuple):
    """Two pictures of one piece: before and after it may have been damaged."""

    sound: Pixels
    seen: Pixels
    mask: npt.NDArray[np.bool_]
    """Defective pixels of `seen`; none where it was not damaged."""


@dataclass(frozen=True, slots=True)
class CameraRange:
    """Light and sensor of one process, and by how much both change from picture to picture."""

    gain: float
    offset: float
    tint: float
    vignette: float
    shade: float
    noise: float
    blur: float
    focus: float
    grey: bool
    quality: int
    """Of JPEG; 0 for none."""

    @classmethod
    def draw(cls, rng: Rng) -> CameraRange:
        """A camera, from a laboratory's to a poor one."""
        return cls(
            gain=float(rng.choice([0, 0.03, 0.1, 0.25])),
            offset=float(rng.choice([0, 0.02, 0.06])),
            tint=float(rng.choice([0, 0, 0.03])),
            vignette=float(rng.choice([0, 0, 0.1, 0.4])),
            shade=float(rng.choice([0, 0.1, 0.3])),
            noise=float(rng.choice([0.002, 0.01, 0.03])),
            blur=float(rng.choice([0, 0.4, 0.9])),
            focus=float(rng.choice([0, 0.2, 0.5])),
            grey=bool(rng.random() < 0.4),
            quality=int(rng.choice([0, 0, 70, 90])),
        )

    def __call__(self, image: Floats, rng: Rng) -> Pixels:
        """The picture (size, size, 3) that it takes."""
        size = image.shape[0]
        seen = image * np.float32(1 + rng.normal() * self.gain * 0.6)
        seen = seen + np.float32(rng.normal() * self.offset)
        if self.tint:
            seen = seen * (1 + rng.normal(0, self.tint, 3)).astype(np.float32)
        if self.shade:
            light = blotches(rng, size, 110)[..., None]
            seen = seen * (1 + np.float32(0.5 * self.shade) * light)
        if self.vignette:
            ys, xs = axes(size)
            middle = UNIT / 2 + rng.normal(0, 15, 2)
            far = ((xs - middle[0]) ** 2 + (ys - middle[1]) ** 2) / (UNIT * UNIT / 2)
            seen = seen * (1 - np.float32(self.vignette) * far.astype(np.float32)[..., None])
        blur = (self.blur + abs(rng.normal()) * self.focus) * size / UNIT
        if blur > 0.25:
            seen = np.asarray(cv2.GaussianBlur(seen, (0, 0), blur), np.float32)
        grain = rng.standard_normal((size, size, 1 if self.grey else 3), np.float32)
        seen = seen + np.float32(self.noise) * grain
        eight = (np.clip(seen, 0, 1) * 255).astype(np.uint8)
        if self.grey:
            eight = cv2.cvtColor(cv2.cvtColor(eight, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        if self.quality:
            packed = cv2.imencode(".jpg", eight, [cv2.IMWRITE_JPEG_QUALITY, self.quality])[1]
            eight = cv2.imdecode(packed, cv2.IMREAD_COLOR)
        return np.asarray(eight, np.uint8)


@dataclass(frozen=True, slots=True)
class Variety:
    """One process drawn at random. Every piece of it is another; all sound ones are normal."""

    thing: Thing
    camera: CameraRange
    elastic: float
    """Pixels by which pieces are bent (standard deviation)."""
    marks: float
    """Share of pieces that bear a mark which is tolerated: oil, wear, a smudge."""
    mark: int
    """Seed of the kind of that mark."""
    relight: float
    """Share of pieces seen in a light that no reference was seen in."""

    @classmethod
    def draw(cls, rng: Rng) -> Variety:
        """A process."""
        return cls(
            thing=Thing.draw(rng),
            camera=CameraRange.draw(rng),
            elastic=float(rng.choice([0, 0, 1, 3])),
            marks=float(rng.choice([0, 0, 0.3, 0.8])),
            mark=int(rng.integers(1 << 30)),
            relight=float(rng.choice([0, 0, 0.3])),
        )

    def piece(self, rng: Rng, size: int) -> Piece:
        """Another sound piece, before the camera."""
        piece = self.thing(rng, size)
        if self.elastic:
            piece = piece.bent(
                blotches(rng, size, 40) * np.float32(self.elastic * size / UNIT),
                blotches(rng, size, 40) * np.float32(self.elastic * size / UNIT),
            )
        if rng.random() < self.marks:
            piece = piece._replace(image=tolerated(piece, rng, self.mark))
        return piece

    def pair(
        self, rng: Rng, size: int = UNIT, *, damaged: bool, strangers: Sequence[Floats] = ()
    ) -> BeforeAfter:
        """Two pictures of another piece, the second of them damaged or not.

        Args:
            rng: where chance comes from.
            size: side of the pictures in pixels.
            damaged: whether the second picture shows up to three defects.
            strangers: pieces of other processes, (size, size, 3), that may be pasted in.
        """
        piece = self.piece(rng, size)
        sound = self.camera(piece.image, rng)
        image, mask = piece.image, np.zeros((size, size), bool)
        if damaged:
            for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
                image, where = blemished(piece._replace(image=image), rng, strangers)
                mask |= where
        if rng.random() < self.relight:
            image = image * np.float32(spread(rng, 0.75, 1.3))
            image = image * (1 + np.float32(0.15) * blotches(rng, size, 120)[..., None])
        closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
        return BeforeAfter(sound, self.camera(np.clip(image, 0, 1), rng), np.asarray(closed) > 0)
