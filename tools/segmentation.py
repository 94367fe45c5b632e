"""Segmentation: exactly where, by the embedded backend at full resolution."""

from reinspect.tools.expert import Experts
from reinspect.vocabulary import Box, Evidence, Region, Trace

SOURCE = "segmentation"


class TightenedRegions:
    """The regions of the anomaly map, tightened at full resolution."""

    def __init__(self, experts: Experts) -> None:
        self._experts = experts

    def __call__(self, trace: Trace) -> Evidence:
        boxes = self._experts.of(trace.sample).located(trace.sample)
        regions = tuple(Region(box=Box(*box[:4]), score=box[4]) for box in boxes)
        count = f"{len(regions)} region{'' if len(regions) == 1 else 's'}"
        return Evidence(source=SOURCE, summary=f"{count} to look at again", regions=regions)
