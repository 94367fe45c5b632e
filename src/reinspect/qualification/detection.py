"""Probability of detection (POD) of damage by its size, from trials: what was found, what missed.

The method is `reinspect.metrics.hit_miss`; here its numbers become values with words for whoever
asks what an inspection finds. What can't be answered is an answer, too: why not.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.spatial.distance import pdist

from reinspect.metrics import lower_bound, upper_bound
from reinspect.metrics.hit_miss import HitMissFit, SizeScale, fit_hit_miss
from reinspect.vocabulary import Probability, Value

CONFIDENCE = 0.95
"""Of all bounds, one-sided."""
FEWEST = 10
"""Trials without which there is no curve."""
ENOUGH = 60
"""Trials that MIL-HDBK-1823A asks for at least where they are found or missed."""
_POINTS, _GROUPS = 60, 8


class DamageOrigin(StrEnum):
    """Where the damage of trials comes from."""

    DRAWN = "drawn"
    REAL = "real"


class Extent(NamedTuple):
    """How large damage is, in pixels of the picture that its mask belongs to."""

    longest: float
    area: int


def extent_of(mask: npt.NDArray[np.bool_]) -> Extent:
    """Size of damage: the longest extent of its largest piece, with the area of all pieces.

    Longest is the greatest distance between two pixels of one connected piece, their own width
    counted: what a ruler would say. Of a shower of spots it is the longest spot's.

    Args:
        mask: (height, width), of the original picture: sizes of a smaller one are smaller.

    Raises:
        ValueError: it is empty.
    """
    if not mask.any():
        raise ValueError("the mask is empty: damage that isn't there has no size")
    pieces, labels = cv2.connectedComponents(mask.astype(np.uint8))
    longest = max(_longest(labels == piece) for piece in range(1, pieces))
    return Extent(longest, int(mask.sum()))


def _longest(piece: npt.NDArray[np.bool_]) -> float:
    points = cv2.convexHull(np.argwhere(piece).astype(np.int32))[:, 0]
    return 1.0 + (float(pdist(points).max()) if len(points) > 1 else 0.0)


class Trial(Value):
    """One look at one piece of damage, which is known to be there."""

    part: str = Field(description="Of the part that it is on; trials of one part are alike.")
    kind: str = Field(description="Of damage: a defect's name.")
    size: float = Field(
        gt=0, allow_inf_nan=False, description="Longest extent, pixels of the original picture."
    )
    area: float = Field(gt=0, allow_inf_nan=False, description="Pixels of the original picture.")
    probability: Probability = Field(description="That the inspection gave: P(anomalous).")
    detected: bool = Field(description="Whether the part was called defective.")


class SizeLimit(Value):
    """From which size on damage is found with some probability."""

    px: float | None = Field(
        default=None, description="Pixels, within the sizes tried; null: see `why`."
    )
    why: str = Field(default="", description="There is no number; where there is one, empty.")

    def __str__(self) -> str:
        return self.why if self.px is None else f"{pixels(self.px)} px"


class CurvePoint(Value):
    """The curve at one size."""

    px: float
    probability: Probability
    lower: Probability = Field(description="Lower 95 % bound of the probability, one-sided.")


class SizeGroup(Value):
    """Trials of similar size: what was found of them, without any model."""

    px: float = Field(description="Geometric mean of their sizes.")
    found: int
    n: int


class DetectionLimits(Value):
    """What is found of one kind of damage, or of all."""

    kind: str | None = Field(description="Null: all kinds together, as they were tried.")
    n: int
    found: int
    parts: int = Field(description="That the damage was on.")
    smallest: float | None = Field(description="Size tried, pixels.")
    largest: float | None = Field(description="Size tried, pixels.")
    a50: SizeLimit = Field(description="Found in half of the cases.")
    a90: SizeLimit = Field(description="Found in nine of ten cases: the best estimate.")
    a90_95: SizeLimit = Field(description="As a90, with 95 % confidence.")
    scale: SizeScale | None = Field(
        default=None, description="Over which the log-odds are a line; null: there is no curve."
    )
    design_effect: float = Field(
        default=1.0, description="Variance between parts, of that of independent trials; ≥ 1."
    )
    curve: tuple[CurvePoint, ...] = ()
    groups: tuple[SizeGroup, ...] = ()
    notes: tuple[str, ...] = ()


class FalseCalls(Value):
    """Good parts that were called defective."""

    k: int = Field(ge=0)
    n: int = Field(ge=0)
    bound: Probability = Field(
        description="Upper 95 % bound of their share, exact (Clopper and Pearson 1934), one-sided."
    )

    @classmethod
    def of(cls, k: int, n: int) -> "FalseCalls":
        """Of n good parts, k: looks at one part count once, or the bound promises too much.

        Raises:
            ValueError: k is outside 0 … n.
        """
        return cls(k=k, n=n, bound=upper_bound(k, n, CONFIDENCE))


class PicturesFound(Value):
    """Pictures of defective parts that were found, whatever the size of the damage."""

    k: int = Field(ge=0)
    n: int = Field(ge=0)
    bound: Probability = Field(
        description="Lower 95 % bound of their share, exact (Clopper and Pearson 1934), one-sided."
    )

    @classmethod
    def of(cls, k: int, n: int) -> "PicturesFound":
        """Of n pictures, k.

        Raises:
            ValueError: k is outside 0 … n.
        """
        return cls(k=k, n=n, bound=lower_bound(k, n, CONFIDENCE))


class Detection(Value):
    """What an inspection finds of damage, and what it fails without any."""

    origin: DamageOrigin = DamageOrigin.DRAWN
    overall: DetectionLimits
    kinds: tuple[DetectionLimits, ...] = Field(
        default=(), description="Each kind alone, in the order of their names."
    )
    false_calls: FalseCalls | None = None
    pictures: PicturesFound | None = Field(
        default=None, description="Real defects, those of unknown size as well."
    )


def measure_detection(
    trials: Sequence[Trial],
    false_calls: FalseCalls | None = None,
    *,
    origin: DamageOrigin = DamageOrigin.DRAWN,
) -> Detection:
    """POD of all damage and of each kind.

    Args:
        trials: any number, none as well.
        false_calls: what the same inspection failed of good parts.
        origin: where the damage comes from.
    """
    kinds = sorted({trial.kind for trial in trials})
    return Detection(
        origin=origin,
        overall=detection_limits(trials),
        kinds=tuple(
            detection_limits([trial for trial in trials if trial.kind == kind], kind)
            for kind in kinds
        ),
        false_calls=false_calls,
    )


def detection_limits(trials: Sequence[Trial], kind: str | None = None) -> DetectionLimits:
    """POD of trials taken together; what they can't tell is said in words."""
    sizes = np.array([trial.size for trial in trials], dtype=np.float64)
    found = np.array([trial.detected for trial in trials], dtype=bool)
    names = sorted({trial.part for trial in trials})
    owners = np.array([names.index(trial.part) for trial in trials], dtype=np.int64)
    limits = DetectionLimits(
        kind=kind,
        n=len(trials),
        found=int(found.sum()),
        parts=len(names),
        smallest=float(sizes.min()) if trials else None,
        largest=float(sizes.max()) if trials else None,
        a50=SizeLimit(),
        a90=SizeLimit(),
        a90_95=SizeLimit(),
    )
    why = _no_curve(sizes)
    if why:
        none = SizeLimit(why=why)
        return limits.model_copy(update={"a50": none, "a90": none, "a90_95": none})
    fit = fit_hit_miss(sizes, found, owners, confidence=CONFIDENCE)
    at = np.geomspace(sizes.min(), sizes.max(), _POINTS)
    bounded = float(fit.bounded_size(0.9)[0])
    return limits.model_copy(
        update={
            "a50": _limit(float(fit.size(0.5)[0]), sizes, found),
            "a90": _limit(float(fit.size(0.9)[0]), sizes, found),
            "a90_95": _limit(bounded, sizes, found, promised=True),
            "scale": SizeScale.LOG if fit.is_log[0] else SizeScale.PLAIN,
            "design_effect": float(fit.design_effect[0]),
            "curve": _curve(fit, at),
            "groups": _groups(sizes, found),
            "notes": _notes(len(names), bounded, sizes, found),
        }
    )


def pixels(px: float) -> str:
    """A length as people read it: one decimal below 100."""
    return f"{px:.1f}" if px < 100 else f"{px:.0f}"


def _no_curve(sizes: npt.NDArray[np.float64]) -> str:
    if not len(sizes):
        return "not known: nothing was tried"
    if len(sizes) < FEWEST:
        return f"not known: {len(sizes)} trials, and it takes {FEWEST}"
    if not np.ptp(sizes):
        return f"not known: every trial was of one size, {pixels(sizes[0])} px"
    return ""


def _limit(
    px: float,
    sizes: npt.NDArray[np.float64],
    found: npt.NDArray[np.bool_],
    *,
    promised: bool = False,
) -> SizeLimit:
    """A number where it is among the sizes tried: a curve says nothing of others."""
    low, high = float(sizes.min()), float(sizes.max())
    if low <= px <= high:
        return SizeLimit(px=px)
    if px < low:
        return SizeLimit(why=f"below {pixels(low)} px, the smallest that was tried")
    if not found.any():
        return SizeLimit(why=f"not reached: none was found, up to {pixels(high)} px")
    if promised and found.all():
        return SizeLimit(why=f"not proven: all were found, but {len(found)} are too few")
    return SizeLimit(why=f"not reached up to {pixels(high)} px, the largest that was tried")


def _curve(fit: HitMissFit, at: npt.NDArray[np.float64]) -> tuple[CurvePoint, ...]:
    probability, lower = fit.probability(at)[0], fit.lower(at)[0]
    return tuple(
        CurvePoint(px=float(px), probability=float(p), lower=float(min(p, bound)))
        for px, p, bound in zip(at, probability, lower, strict=True)
    )


def _groups(sizes: npt.NDArray[np.float64], found: npt.NDArray[np.bool_]) -> tuple[SizeGroup, ...]:
    """Equally many trials a group."""
    order = np.argsort(sizes, kind="stable")
    groups = np.array_split(order, min(_GROUPS, max(2, len(sizes) // 5)))
    return tuple(
        SizeGroup(
            px=float(np.exp(np.log(sizes[group]).mean())),
            found=int(found[group].sum()),
            n=len(group),
        )
        for group in groups
    )


def _notes(
    parts: int, bounded: float, sizes: npt.NDArray[np.float64], found: npt.NDArray[np.bool_]
) -> tuple[str, ...]:
    notes = []
    if len(sizes) < ENOUGH:
        notes.append(f"{len(sizes)} trials: MIL-HDBK-1823A asks for {ENOUGH} or more.")
    if parts == 1:
        notes.append("All trials are on one part: how much parts differ is not in the bound.")
    large = sizes >= bounded
    hits, n = int(found[large].sum()), int(large.sum())
    if n and upper_bound(hits, n, CONFIDENCE) < 0.9:
        notes.append(
            f"The curve doesn't hold: of {n} trials of {pixels(bounded)} px or more only {hits} "
            "were found; size alone doesn't say what is found."
        )
    return tuple(notes)
