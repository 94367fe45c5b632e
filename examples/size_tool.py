"""A tool of one's own: how large is the suspicious place, in millimetres?

In a recipe, after a tool that locates:

    tools:
    - segmentation
    - kind: size_tool:Size
      mm_per_pixel: 0.05
"""

from typing import Annotated

from pydantic import Field

from reinspect.components import About
from reinspect.trace import Trace
from reinspect.vocabulary import Evidence, Region


class Size:
    """Measures the strongest of the regions that were located last. It takes no side.

    Args:
        mm_per_pixel: from the calibration of the camera.
    """

    about = About("size", note="the suspicious place in millimetres")

    def __init__(self, mm_per_pixel: Annotated[float, Field(gt=0)]) -> None:
        self._scale = mm_per_pixel

    def __call__(self, trace: Trace) -> Evidence:
        located = [evidence.regions for evidence in trace.evidence if evidence.regions]
        size = trace.sample.visual.size
        if not located or size is None:
            return Evidence(source=self.about.name, summary="no region to measure")
        strongest = max(located[-1], key=lambda region: region.score)
        width, height = self._measured(strongest, size)
        return Evidence(
            source=self.about.name,
            summary=f"{width:.2f} × {height:.2f} mm",
            measurements={"width_mm": width, "height_mm": height},
        )

    def _measured(self, region: Region, size: tuple[int, int]) -> tuple[float, float]:
        x1, y1, x2, y2 = region.box
        return (x2 - x1) * size[0] * self._scale, (y2 - y1) * size[1] * self._scale
