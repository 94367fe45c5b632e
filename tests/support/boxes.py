"""Boxes, compared."""

from collections.abc import Sequence

from reinspect import metrics


def overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union."""
    return float(metrics.iou([one], [other])[0, 0])
