"""Zoom: the suspicious place at full resolution, beside the same place of a good part."""

import cv2
import numpy as np

from reinspect.images import Pixels, crop, read_view
from reinspect.pictures import Pictures, side_by_side
from reinspect.tools.embedded.boxes import measure
from reinspect.tools.expert import Experts
from reinspect.vocabulary import Evidence, Picture, Region, Trace

SOURCE = "zoom"
LEAST = 96
"""Side of the smallest crop, pixels: context to see a defect by."""


class Zoom:
    """Crops the region that the monitor asked for, else the strongest located, and measures it.

    Args:
        experts: for the best aligned reference.
        pictures: where the crop is kept; without, it is only measured.
        margin: context around the region, in multiples of its size.
    """

    def __init__(
        self, experts: Experts, pictures: Pictures | None = None, *, margin: float = 0.5
    ) -> None:
        self._experts, self._pictures, self._margin = experts, pictures, margin

    def __call__(self, trace: Trace) -> Evidence:
        if not trace.regions:
            return Evidence(source=SOURCE, summary="no region to zoom in on")
        region = max(trace.regions, key=lambda found: found.score)
        image = read_view(trace.sample.visual)
        numbers = measure(image, (*region.box, region.score))
        return Evidence(
            source=SOURCE,
            summary=(
                f"{numbers['width']:.0f}×{numbers['height']:.0f} px, contrast "
                f"{numbers['contrast']:.1f} to its surroundings"
            ),
            measurements=numbers,
            pictures=self._kept(image, region, trace),
        )

    def _kept(self, image: Pixels, region: Region, trace: Trace) -> tuple[Picture, ...]:
        if self._pictures is None:
            return ()
        shown = [crop(image, region.box, margin=self._margin, least=LEAST).pixels]
        others = self._experts.of(trace.sample).abreast(trace.sample)
        if others:
            size = (image.shape[1], image.shape[0])
            other = np.asarray(cv2.resize(others[0].image, size), np.uint8)
            shown.append(crop(other, region.box, margin=self._margin, least=LEAST).pixels)
        key = trace.sample.visual.sha256 or ""
        shows = "crop-beside-reference" if others else "crop"
        return (self._pictures.save(side_by_side(*shown), shows=shows, key=key),)


def _wanted(trace: Trace) -> Region | None:
    wish = trace.assessment.wish if trace.assessment else None
    if wish is not None and wish.look == SOURCE and wish.box is not None:
        return Region(box=wish.box)
    located = [evidence.regions for evidence in trace.evidence if evidence.regions]
    return max(located[-1], key=lambda found: found.score) if located else None
