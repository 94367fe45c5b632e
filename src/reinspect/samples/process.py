"""Processes: one product as it leaves one line, seen by one camera."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from reinspect.images import Pixels
from reinspect.samples.defects import damaged
from reinspect.samples.parts import PARTS, Part, Scene, pose
from reinspect.samples.surfaces import UNIT, Floats, Rng, Surface


class DefectivePicture(NamedTuple):
    """A picture of a defective part, which pixels are defective, and by what."""

    image: Pixels
    mask: npt.NDArray[np.bool_]
    kind: str


# Product → surface that fills the picture.
_SHEETS = {
    "brushed_metal": "brushed",
    "casting": "cast",
    "leather": "leather",
    "fabric": "woven",
    "wood": "wood",
    "terrazzo": "speckled",
    "painted_panel": "painted",
}
_ON_SURFACES = ("scratch", "stain", "spots", "dent")
_FAULTS: dict[str, tuple[str, ...]] = {
    "brushed_metal": _ON_SURFACES,
    "casting": ("crack", "missing", "scratch", "spots"),
    "leather": ("scratch", "missing", "stain", "fibre"),
    "fabric": ("missing", "stain", "scratch", "fibre"),
    "wood": ("scratch", "crack", "stain", "missing"),
    "terrazzo": ("crack", "stain", "missing", "scratch"),
    "painted_panel": _ON_SURFACES,
    "flange": ("scratch", "dent", "missing", "stain"),
    "gear": ("missing", "bent", "crack", "spots"),
    "biscuit": ("missing", "crack", "spots", "fibre"),
    "board": ("scratch", "missing", "misprint", "stain"),
    "capsule": ("dent", "crack", "misprint", "spots"),
    "bracket": ("bent", "scratch", "missing", "misprint"),
}

PRODUCTS = tuple(_FAULTS)

# Product → how differently it lies: degrees (180: any), shift and zoom as in `pose`.
_POSES = {
    "biscuit": (180.0, 0.01, 0.015),
    "gear": (180.0, 0.006, 0.003),
    "board": (0.3, 0.003, 0.002),
}


@dataclass(frozen=True, slots=True)
class Camera:
    """Light and sensor: fixed for a process, with small changes from picture to picture."""

    gain: float
    tint: float
    slope: float
    direction: float
    vignette: float
    noise: float
    blur: float
    grey: bool

    @classmethod
    def draw(cls, rng: Rng, *, grey: bool | None = None) -> "Camera":
        """A camera; grey or colour as drawn unless told."""
        return cls(
            gain=float(rng.uniform(0.01, 0.035)),
            tint=float(rng.uniform(0, 0.008)),
            slope=float(rng.uniform(0, 0.12)),
            direction=float(rng.uniform(0, 2 * np.pi)),
            vignette=float(rng.uniform(0, 0.2)),
            noise=float(rng.uniform(0.005, 0.014)),
            blur=float(rng.uniform(0.3, 0.75)),
            grey=bool(rng.random() < 0.2) if grey is None else grey,
        )

    def __call__(self, image: Floats, rng: Rng) -> Pixels:
        """The picture (size, size, 3) that it takes of a scene."""
        size = image.shape[0]
        ys, xs = (np.mgrid[:size, :size].astype(np.float32) / size - 0.5) * 2
        angle = self.direction + rng.normal(0, 0.15)
        light = 1 + self.slope * (np.cos(angle) * xs + np.sin(angle) * ys)
        light = light * (1 - self.vignette * (xs**2 + ys**2) / 2) * (1 + rng.normal(0, self.gain))
        tint = 1 + rng.normal(0, self.tint, 3)
        seen = image * light[..., None].astype(np.float32) * tint.astype(np.float32)
        sharp = self.blur * size / UNIT * (1 + abs(rng.normal(0, 0.1)))
        seen = np.asarray(cv2.GaussianBlur(seen, (0, 0), max(sharp, 0.25)), np.float32)
        if self.grey:
            seen = np.repeat(seen @ np.array([[0.114], [0.587], [0.299]], np.float32), 3, axis=2)
        grain = rng.standard_normal((size, size, 1 if self.grey else 3), np.float32)
        # Shot noise grows with the root of the light; read noise is the same everywhere.
        seen = seen + grain * np.float32(self.noise) * (0.4 + np.sqrt(np.clip(seen, 0, 1)))
        pixels: Pixels = np.rint(np.clip(seen, 0, 1) * 255).astype(np.uint8)
        return pixels


@dataclass(frozen=True, slots=True)
class Process:
    """One product of one line. Every picture shows another piece; all sound ones are normal."""

    product: str
    part: Part
    camera: Camera
    turn: float
    shift: float
    zoom: float
    faults: tuple[str, ...]

    @classmethod
    def draw(cls, rng: Rng, product: str | None = None) -> "Process":
        """A process, of a product of `PRODUCTS` or of any.

        Raises:
            ValueError: the product is unknown.
        """
        if product is None:
            product = str(rng.choice(PRODUCTS))
        if product not in _FAULTS:
            raise ValueError(f"product {product!r} is none of {', '.join(PRODUCTS)}")
        sheet = _SHEETS.get(product)
        part = PARTS[product](rng) if sheet is None else Part(Surface.draw(rng, sheet))
        turn, shift, zoom = _POSES.get(product, (float(rng.uniform(0.3, 4)), 0.006, 0.006))
        return cls(
            product=product,
            part=part,
            camera=Camera.draw(rng, grey=False if product in ("board", "biscuit") else None),
            turn=turn,
            shift=shift,
            zoom=zoom,
            faults=_FAULTS[product],
        )

    def picture(self, rng: Rng, size: int = UNIT) -> Pixels:
        """A sound piece, BGR (size, size, 3)."""
        return self.camera(self.scene(rng, size).image, rng)

    def defective(self, rng: Rng, size: int = UNIT, *, kind: str | None = None) -> DefectivePicture:
        """A piece with one defect, of a kind or of any of the process's `faults`.

        Raises:
            ValueError: the kind is unknown, or this product has no place for it.
        """
        kind = str(rng.choice(self.faults)) if kind is None else kind
        damage = damaged(self.scene(rng, size), rng, kind)
        return DefectivePicture(self.camera(damage.image, rng), damage.mask, kind)

    def scene(self, rng: Rng, size: int) -> Scene:
        """A sound piece before the camera."""
        return self.part(
            rng, size, pose(rng, size, turn=self.turn, shift=self.shift, zoom=self.zoom)
        )
