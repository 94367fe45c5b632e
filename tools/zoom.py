"""Zoom: the suspicious place at full resolution, beside the same place of a good part."""

import math
from collections.abc import Iterator
from typing import Annotated, Self

import cv2
import numpy as np
from pydantic import Field

from reinspect.components import About, ToolOptions
from reinspect.images import Pixels, crop, from_pixels, read_view, to_pixels
from reinspect.pictures import Pictures, side_by_side
from reinspect.tools.context import ToolContext
from reinspect.tools.embedded.boxes import measure
from reinspect.tools.expert import Expert, Experts
from reinspect.tools.witness import picture_key
from reinspect.trace import Trace
from reinspect.vocabulary import Box, Evidence, Picture, Region

LEAST = 96
"""Side of the smallest crop, pixels: context to see a defect by."""
TILE = 1024
"""Side of the largest crop, pixels: what is larger is cut into tiles, so that none is shrunk."""
MOST = 6
"""Tiles that are kept, the hottest first."""

_OVERLAP = 0.1  # of a tile's side: what lies on a border is whole in one of them


class ZoomOptions(ToolOptions):
    """What a recipe may say of a `Zoom`."""

    margin: Annotated[float, Field(ge=0, le=4)] = 0.5
    tile: Annotated[int, Field(ge=64)] = TILE


class Zoom:
    """Crops the region that the monitor asked for, else the strongest located, and measures it.

    Args:
        experts: for the best aligned reference, and for where a large region is hottest.
        pictures: where crops are kept; without, the region is only measured.
        margin: context around the region, in multiples of its size.
        tile: side in pixels above which a crop is cut into tiles.
        name: in the recipe.
    """

    about = About(
        "zoom",
        note="an enlarged, measured crop of `box`: helps to tell dirt or reflections from damage",
        purpose="Enlarge and measure the first of `boxes`.",
        heeds=("box",),
    )

    Options = ZoomOptions

    def __init__(
        self,
        experts: Experts,
        pictures: Pictures | None = None,
        *,
        margin: float = 0.5,
        tile: int = TILE,
        name: str = about.name,
    ) -> None:
        self._experts, self._pictures, self._name = experts, pictures, name
        self._margin, self._tile = margin, tile

    @classmethod
    def from_recipe(cls, options: ZoomOptions, context: ToolContext) -> Self:
        """The tool of a recipe."""
        return cls(
            context.experts,
            context.pictures,
            margin=options.margin,
            tile=options.tile,
            name=options.name,
        )

    def __call__(self, trace: Trace) -> Evidence:
        region = self._wanted(trace)
        if region is None:
            return Evidence(source=self._name, summary="no region to zoom in on")
        image = read_view(trace.sample.visual)
        numbers = measure(image, (*region.box, region.score))
        return Evidence(
            source=self._name,
            summary=(
                f"{numbers['width']:.0f}×{numbers['height']:.0f} px, contrast "
                f"{numbers['contrast']:.1f} to its surroundings"
            ),
            measurements=numbers,
            pictures=tuple(self._kept(image, region, trace)),
        )

    def _wanted(self, trace: Trace) -> Region | None:
        wish = trace.assessment.wish if trace.assessment else None
        if wish is not None and wish.look == self._name and wish.box is not None:
            return Region(box=wish.box)
        return max(trace.regions, key=lambda found: found.score, default=None)

    def _kept(self, image: Pixels, region: Region, trace: Trace) -> Iterator[Picture]:
        if self._pictures is None:
            return
        expert = self._experts.of(trace.sample)
        key = picture_key(trace.sample, self._name, self.about)
        whole = crop(image, region.box, margin=self._margin, least=LEAST)
        height, width = whole.pixels.shape[:2]
        if max(height, width) > self._tile:
            places = self._hottest(image, whole.box, expert, trace)
        else:
            places = [whole.box]
        others = expert.abreast(trace.sample)
        good = None
        if others:
            size = (image.shape[1], image.shape[0])
            good = np.asarray(cv2.resize(others[0].image, size), np.uint8)
        for number, box in enumerate(places, start=1):
            shown = [crop(picture, box).pixels for picture in (image, good) if picture is not None]
            shows = "crop-beside-reference" if others else "crop"
            tile = f"-{number}" if len(places) > 1 else ""
            yield self._pictures.save(side_by_side(*shown), shows=f"{shows}{tile}", key=key)

    def _hottest(self, image: Pixels, box: Box, expert: Expert, trace: Trace) -> list[Box]:
        """The tiles of a large crop, the hottest first, as many as are kept."""
        rows, columns = image.shape[:2]
        heat = expert.look(trace.sample).heat_map
        x1, y1, x2, y2 = to_pixels(box, columns, rows)
        found = []
        for left, top, right, bottom in tiles(x2 - x1, y2 - y1, self._tile):
            corners = (x1 + left, y1 + top, x1 + right, y1 + bottom)
            place = from_pixels(corners, columns, rows)
            down, across = heat.shape
            u1, v1, u2, v2 = to_pixels(place, across, down)
            found.append((float(heat[v1:v2, u1:u2].max()), place))
        return [place for _, place in sorted(found, key=lambda one: -one[0])[:MOST]]


def tiles(width: int, height: int, side: int) -> list[tuple[int, int, int, int]]:
    """Corners in pixels, half-open, of tiles that cover a picture, row by row.

    None is larger than `side`, and neighbours overlap by at least a tenth of it.

    Raises:
        ValueError: a size below one pixel.
    """
    if min(width, height, side) < 1:
        raise ValueError(f"no tiles of {side} pixels in a picture of {width}×{height}")
    return [
        (left, top, min(left + side, width), min(top + side, height))
        for top in _starts(height, side)
        for left in _starts(width, side)
    ]


def _starts(length: int, side: int) -> list[int]:
    if length <= side:
        return [0]
    step = max(1.0, side * (1 - _OVERLAP))
    count = math.ceil((length - side) / step) + 1
    return [round(n * (length - side) / (count - 1)) for n in range(count)]
