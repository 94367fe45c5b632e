"""The hand-set rules of reflection, for detectors without a fitted monitor."""

from collections.abc import Mapping
from statistics import fmean


def first_reliability(probability: float, signals: Mapping[str, float]) -> float:
    """P(the first label is right)."""
    return 0.5 + abs(probability - 0.5)


def wants_second_look(probability: float, reliability: float, signals: Mapping[str, float]) -> bool:
    """Whether the verdict can't be relied on as it stands."""
    return reliability < 0.7


def fuse(first: float, witnesses: Mapping[str, float]) -> float:
    """Fused P(anomalous)."""
    return fmean([first, *witnesses.values()])


def flip_allowed(first: float, fused: float, witnesses: Mapping[str, float]) -> bool:
    """A flip needs new evidence that agrees."""
    return bool(witnesses) and all((w >= 0.5) == (fused >= 0.5) for w in witnesses.values())


def final_reliability(first: float, fused: float, witnesses: Mapping[str, float]) -> float:
    """P(the label after the second look is right)."""
    return 0.5 + abs(fused - 0.5)
