"""Where a part lies, at which angle and how large, beside where the references lie.

Rigid parts are laid over the mean of the references by enhanced correlation (Evangelidis and
Psarakis, 2008); what has no fixed outline still has a grain, whose direction the structure tensor
gives (Bigün and Granlund, 1987).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from reinspect.tools.embedded.alignment import register
from reinspect.tools.embedded.features import Floats, Pixels
from reinspect.tools.setup.findings import Warp

SIDE = 96.0
"""Square root of the area at which pictures are registered, in pixels."""

_SHORTEST = 16  # side of a thin picture
_SOFT, _COARSE = 1.0, 9.0  # pixels: what is finer is noise, what is wider is light and shade
_STEPS = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 1e-3)
_CELLS = 8  # rows and columns whose grain is averaged
_LEAST = 1.0  # of the energy of a slope: flat places have no grain
_TURNS = 24  # angles tried, of a full circle
_COVERED = 0.3  # of a picture, at least, where two are compared
_STAY = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))


@dataclass(frozen=True, slots=True)
class Pose:
    """How a picture lies over the template."""

    warp: Warp
    """(2, 3) from a pixel of the template to the picture's, both at registration."""
    shift: tuple[float, float]
    """Of the middle, right and down, as a share of the square root of the area."""
    angle: float
    """Degrees, clockwise."""
    stretch: float
    """Log of how much larger it is."""
    correlation: float
    """Of the two, once laid over each other, in [-1, 1]."""


def thumbnail(image: Pixels, size: tuple[int, int]) -> Floats:
    """What fine structure a picture has at registration: float32 of ``size`` (width, height)."""
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32) / 255
    soft = cv2.GaussianBlur(grey, (0, 0), _SOFT)
    return np.asarray(soft - cv2.GaussianBlur(grey, (0, 0), _COARSE), np.float32)


def thumbnail_size(aspect: float) -> tuple[int, int]:
    """Width and height at registration of pictures ``aspect`` times as wide as high."""
    root = np.sqrt(aspect)
    return max(_SHORTEST, round(SIDE * root)), max(_SHORTEST, round(SIDE / root))


def resize(picture: Floats, size: tuple[int, int]) -> Floats:
    """Bring a thumbnail to another size, that of the template."""
    if picture.shape[::-1] == size:
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.float32)


def grain(image: Pixels) -> complex:
    """Direction of a picture's structure as twice its angle; its size is how much has it: [0, 1].

    The mean structure tensor of 8 × 8 places, each of equal weight: no scratch decides alone.
    """
    height, width = image.shape[:2]
    small = cv2.resize(image, thumbnail_size(width / height), interpolation=cv2.INTER_AREA)
    grey = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), (0, 0), _SOFT)
    right, down = (cv2.Sobel(grey, cv2.CV_32F, *way) for way in ((1, 0), (0, 1)))
    along, across, energy = (
        cv2.resize(plane, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
        for plane in (right**2 - down**2, 2 * right * down, right**2 + down**2)
    )
    return complex(((along + 1j * across) / (energy + _LEAST)).mean())


def lay(template: Floats, picture: Floats, start: Warp | None = None) -> Pose:
    """Find the rotation and shift that lay a picture over the template (both thumbnails)."""
    if start is None:
        warp, correlation = register(template, picture)
        return pose(warp, correlation, template)
    return _refined(template, picture, start, cv2.MOTION_EUCLIDEAN)


def lay_scaled(template: Floats, picture: Floats, start: Pose) -> Pose:
    """As ``lay`` from a first pose, with size and shear."""
    return _refined(template, picture, start.warp, cv2.MOTION_AFFINE)


def search(template: Floats, picture: Floats) -> Pose:
    """As ``lay``, at whatever angle it lies."""
    height, width = template.shape
    middle = ((width - 1) / 2, (height - 1) / 2)
    starts = [
        np.asarray(cv2.getRotationMatrix2D(middle, 360 * turn / _TURNS, 1), np.float64)
        for turn in range(_TURNS)
    ]
    tried = sorted(starts, key=lambda warp: -correlation(template, picture, warp))[:3]
    return max((lay(template, picture, one) for one in tried), key=lambda found: found.correlation)


def _refined(template: Floats, picture: Floats, start: Warp, motion: int) -> Pose:
    before = pose(start, correlation(template, picture, start), template)
    everywhere = np.full(picture.shape, 255, np.uint8)
    try:
        _, refined = cv2.findTransformECC(
            template, picture, start.astype(np.float32), motion, _STEPS, everywhere, 1
        )
    except cv2.error:  # flat pictures and hopeless starts do not converge
        return before
    warp = np.asarray(refined, np.float64)
    if not np.isfinite(warp).all():
        return before
    after = pose(warp, correlation(template, picture, warp), template)
    return max(before, after, key=lambda found: found.correlation)


def pose(warp: Warp, correlation: float, template: Floats) -> Pose:
    """Read a warp."""
    height, width = template.shape
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    moved = (warp[:, :2] @ middle + warp[:, 2] - middle) / np.sqrt(height * width)
    turn = warp[:, :2]
    return Pose(
        warp=warp,
        shift=(float(moved[0]), float(moved[1])),
        angle=float(np.degrees(np.arctan2(turn[1, 0] - turn[0, 1], turn[0, 0] + turn[1, 1]))),
        stretch=float(np.log(max(abs(np.linalg.det(turn)), 1e-6)) / 2),
        correlation=float(correlation),
    )


def correlation(template: Floats, picture: Floats, warp: Warp) -> float:
    """Of the template with the warped picture, where that is covered; 0 where too little is."""
    size = template.shape[::-1]
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(picture, np.asarray(warp, np.float32), size, flags=how)
    inside = cv2.warpAffine(np.ones_like(picture), np.asarray(warp, np.float32), size, flags=how)
    one, two = template[inside > 0.99], moved[inside > 0.99]
    if one.size < _COVERED * template.size:
        return 0.0
    one, two = one - one.mean(), two - two.mean()
    scale = float(np.sqrt((one @ one) * (two @ two)))
    return float(one @ two) / scale if scale > 1e-6 else 0.0


@dataclass(frozen=True, slots=True)
class Overlay:
    """Thumbnails of one size, laid over the one that most others are like."""

    pictures: tuple[Floats, ...]
    laid: tuple[Floats, ...]
    central: int
    """Which one the others were laid over."""

    @classmethod
    def of(cls, pictures: Sequence[Floats]) -> Overlay:
        """Lay them, at least one."""
        flat = np.stack([one.ravel() - one.mean() for one in pictures])
        flat = flat / (np.linalg.norm(flat, axis=1, keepdims=True) + 1e-9)
        central = int((flat @ flat.T).sum(axis=0).argmax())
        size = pictures[0].shape[::-1]
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        laid = []
        for one in pictures:
            warp = lay(pictures[central], one).warp.astype(np.float32)
            moved = cv2.warpAffine(one, warp, size, flags=how, borderMode=cv2.BORDER_REFLECT_101)
            laid.append(np.asarray(moved, np.float32))
        return cls(tuple(pictures), tuple(laid), central)

    @property
    def mean(self) -> Floats:
        """Of all, laid over each other."""
        return np.asarray(np.mean(self.laid, axis=0), np.float32)

    def left_out(self) -> list[Pose]:
        """How each lies over the mean of the others, its size included; none of a single one."""
        if len(self.laid) < 2:
            return []
        total = np.sum(self.laid, axis=0)
        poses = []
        for picture, own in zip(self.pictures, self.laid, strict=True):
            template = np.asarray((total - own) / (len(self.laid) - 1), np.float32)
            pose = lay(template, picture)
            poses.append(replace(pose, stretch=lay_scaled(template, picture, pose).stretch))
        return poses
