"""What a set-up check says: what is amiss, and how the picture is laid over the references."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf, log

import cv2
import numpy as np
from numpy.typing import NDArray

from reinspect.tools.embedded.features import Floats, Pixels
from reinspect.tools.embedded.scoring import Box

Warp = NDArray[np.float64]


class SetupKind(StrEnum):
    """What of a picture's set-up may differ, what explains most first."""

    PRODUCT = "product"
    SHAPE = "shape"
    MIRRORED = "mirrored"
    ANGLE = "angle"
    PLACE = "place"
    SCALE = "scale"
    BLUR = "blur"
    NOISE = "noise"
    EXPOSURE = "exposure"
    COLOUR = "colour"


# From which amount on a finding keeps a picture from being judged, and from which on it does where
# the first look calls the picture defective. Chosen over real and drawn kinds, each left out: what
# is beyond a limit makes good parts look defective, hardly ever defective ones good. What damage
# itself brings about stops nothing: noise where a part is pitted, a place where a piece is missing.
_STOPS = {
    SetupKind.PRODUCT: 0.0,
    SetupKind.MIRRORED: 0.0,
    SetupKind.SHAPE: 0.4,  # log of width by height: half as wide again
    SetupKind.ANGLE: 15.0,  # degrees
    SetupKind.EXPOSURE: log(3),  # of times as bright
}
_STOPS_ANOMALOUS = {
    SetupKind.ANGLE: 10.0,
    SetupKind.SCALE: 0.0,
    SetupKind.BLUR: 0.45,  # log of the energy of the finest structure
    SetupKind.EXPOSURE: 0.4,  # 1.5 times; 0.6 would do by that rule, and × 0.6 fail good parts
    SetupKind.COLOUR: 10.0,  # of a* or b*
}


@dataclass(frozen=True, slots=True)
class SetupFinding:
    """One thing that differs from what the references show."""

    kind: SetupKind
    amount: float
    """How much, in the kind's own unit; ``words`` says which."""
    limit: float
    """From which amount on it is found."""
    words: str


@dataclass(frozen=True, slots=True)
class Correction:
    """How a picture is laid over the references: one resampling of the original."""

    warp: tuple[float, float, float, float, float, float]
    """Row by row the (2, 3) matrix from a pixel of the corrected picture to the original's."""
    words: str

    @property
    def matrix(self) -> Warp:
        """(2, 3), as OpenCV takes it with ``WARP_INVERSE_MAP``."""
        return np.array(self.warp, np.float64).reshape(2, 3)

    def apply(self, image: Pixels, beyond: Pixels) -> Pixels:
        """The corrected picture, of the same size.

        Args:
            image: what was checked, BGR uint8 (H, W, 3).
            beyond: a reference of any size, lying as they do, which shows what lay outside; in
                the light of the picture.
        """
        height, width = image.shape[:2]
        turn, shift = self.matrix[:, :2], self.matrix[:, 2]
        whole = np.array_equal(turn, np.eye(2)) and np.array_equal(shift, shift.round())
        smooth = cv2.INTER_NEAREST if whole else cv2.INTER_LANCZOS4
        moved = cv2.warpAffine(
            image,
            self.matrix,
            (width, height),
            flags=cv2.WARP_INVERSE_MAP | smooth,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        seen = cv2.warpAffine(
            np.ones((height, width), np.uint8),
            self.matrix,
            (width, height),
            flags=cv2.WARP_INVERSE_MAP | cv2.INTER_NEAREST,
        )
        if seen.all() or not seen.any():
            return np.asarray(moved, np.uint8)
        other = cv2.resize(beyond, (width, height), interpolation=cv2.INTER_LINEAR)
        relit = other + (np.array(cv2.mean(moved, seen)) - cv2.mean(other, seen))[:3]
        # Over two pixels on the inside of the border one goes over into the other.
        inside = cv2.erode(seen, np.ones((5, 5), np.uint8), borderValue=1)
        share = cv2.blur(inside.astype(np.float32), (3, 3))[..., None]
        mixed = moved * share + relit * (1 - share)
        return np.asarray(np.rint(mixed).clip(0, 255), np.uint8)

    def original(self, box: Box, width: int, height: int) -> Box:
        """Where a box of the corrected picture lies in the original, ``width`` × ``height``.

        The upright box around it, within the picture.
        """
        x1, y1, x2, y2, score = box
        size = np.array([width, height], np.float64)
        corners = np.array([[x1, y1], [x2, y1], [x1, y2], [x2, y2]]) * size - 0.5
        there = (corners @ self.matrix[:, :2].T + self.matrix[:, 2] + 0.5) / size
        (left, top), (right, bottom) = there.min(axis=0).clip(0, 1), there.max(axis=0).clip(0, 1)
        return float(left), float(top), float(right), float(bottom), score


@dataclass(frozen=True, slots=True)
class SetupCheck:
    """What is amiss with a picture's set-up."""

    findings: tuple[SetupFinding, ...] = ()
    """What can't be put right, what explains most first."""
    correction: Correction | None = None
    """What can, where nothing else is found: the corrected picture is to be judged."""

    def without(self, kind: SetupKind) -> SetupCheck:
        """The check without findings of a kind."""
        kept = tuple(finding for finding in self.findings if finding.kind is not kind)
        return replace(self, findings=kept)

    @property
    def ok(self) -> bool:
        """Whether nothing is amiss with the picture, corrected where it must be; see `stops`."""
        return not self.findings

    def stops(self, *, anomalous: bool) -> bool:
        """Whether the picture must not be judged, whatever it shows.

        Another product, a mirror image, half as wide a shape again, an angle of 15° or light three
        times off stops every picture. What only makes good parts look defective stops those that
        would be called so: a size or an angle of 10° that can't be put right, a picture out of
        focus, light 1.5 times off, another colour of light. All else is said of the picture.

        Args:
            anomalous: whether the first look would call it so.
        """
        return bool(self.stopping(anomalous=anomalous))

    def stopping(self, *, anomalous: bool) -> tuple[SetupFinding, ...]:
        """What of it stops the picture; see `stops`."""
        return tuple(finding for finding in self.findings if _stops(finding, anomalous))

    @property
    def reason(self) -> str:
        """In words, ``setup: turned by 88°, too dark``; empty where nothing is amiss."""
        if not self.findings:
            return ""
        return f"setup: {', '.join(finding.words for finding in self.findings)}"


def _stops(finding: SetupFinding, anomalous: bool) -> bool:
    amount = abs(finding.amount)
    always = amount > _STOPS.get(finding.kind, inf)
    return always or (anomalous and amount > _STOPS_ANOMALOUS.get(finding.kind, inf))


@dataclass(frozen=True, slots=True)
class PreparedPicture:
    """A picture as it is to be judged."""

    check: SetupCheck
    image: Pixels
    """Corrected where the check says so, else as it was given."""
    grid: Floats
    """Its features."""
