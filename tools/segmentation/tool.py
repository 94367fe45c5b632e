"""Segmentation: exactly where, as masks, and what they measure.

Boxes come from the tool before (grounding), from the monitor that asked, or else from the anomaly
map, tightened. Which pixels of a box are the defect is a backend's to say: embedded here, Segment
Anything in `tools.vision`.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

import cv2
import numpy as np

from reinspect.components import About, PathOrName, Stage, ToolOptions
from reinspect.images import Mask, Pixels, encode_mask, from_pixels, read_view, to_pixels
from reinspect.tools.context import ToolContext
from reinspect.tools.embedded.masks import measure_mask as measure
from reinspect.tools.embedded.masks import outline
from reinspect.tools.embedded.scoring import MAX_BOXES
from reinspect.tools.expert import Expert, Experts
from reinspect.tools.segmentation.backends import segmenter
from reinspect.tools.vision.automatic import Automatic
from reinspect.tools.vision.prompts import Corners, Segmenter, SegmentPrompt
from reinspect.tools.witness import regions_of
from reinspect.trace import Trace
from reinspect.vocabulary import Box, Evidence, Region

if TYPE_CHECKING:
    from reinspect.tools.vision.sam import Sam
    from reinspect.tools.vision.sam_ports import SamPort

_SHARE = 0.5  # of the hottest mask's heat: what else is kept of everything


class Prompting(StrEnum):
    """What a backend is pointed with."""

    BOX = "box"
    POINT = "point"
    EVERYTHING = "everything"


class SegmentationOptions(ToolOptions):
    """What a recipe may say of a `Segmentation`."""

    backend: Literal["embedded", "segment-anything", "transformers"] = "embedded"
    model: PathOrName | None = None
    weights: PathOrName | None = None
    prompt: Literal["box", "point", "everything"] = "box"
    automatic: Automatic | None = None
    device: str = "auto"


class Segmentation:
    """Masks of the suspicious places.

    The strongest place's measures (`embedded.masks.measure_mask`), the number of `regions` and the
    share of the picture that is `masked` are the evidence's measurements. A mask never leaves the
    box that was given; where a point was, the region's box is the mask's own.

    Args:
        experts: for the regions of the anomaly map.
        segmenter: the backend; the embedded one by default.
        prompt: `everything` takes what the backend finds by itself, and keeps what the anomaly map
            shows to be hot.
        name: in the recipe.
    """

    about = About(
        "segmentation",
        stage=Stage.LOCATE,
        note="tight outlines of the suspicious regions: helps where a place is only vague",
        purpose="Outline the suspicious places, those of `boxes` if there are any, and measure "
        "them: area, contour, elongation, contrast, distance to the border.",
        heeds=("box",),
    )

    Options = SegmentationOptions

    def __init__(
        self,
        experts: Experts,
        segmenter: Segmenter | None = None,
        *,
        prompt: Prompting = Prompting.BOX,
        name: str = about.name,
    ) -> None:
        self._experts, self._segmenter, self._prompt = experts, segmenter, prompt
        self._name = name

    @classmethod
    def from_recipe(cls, options: SegmentationOptions, context: ToolContext) -> Self:
        """The tool of a recipe, its weights found but not loaded.

        Raises:
            ValueError: an option that the backend has no use for, or an unknown model.
            MissingWeights, VisionError: weights or packages are missing.
        """
        chosen, prompt = cls.backend(options, context.weights), Prompting(options.prompt)
        if chosen is None and prompt is not Prompting.BOX:
            raise ValueError(
                f"prompt: {options.prompt!r} needs a backend with weights, not {options.backend!r}"
            )
        return cls(context.experts, chosen, prompt=prompt, name=options.name)

    @staticmethod
    def backend(options: SegmentationOptions, folder: Path | None) -> "Sam | SamPort | None":
        """What draws the masks of a recipe, none for the embedded one; see `segmenter`."""
        return segmenter(
            options.backend,
            model=options.model,
            weights=options.weights,
            automatic=options.automatic,
            device=options.device,
            folder=folder,
        )

    def __call__(self, trace: Trace) -> Evidence:
        image, expert = read_view(trace.sample.visual), self._experts.of(trace.sample)
        given = _asked_for(trace, self._name) or _of_other_tools(trace, self._name)
        if self._prompt is Prompting.EVERYTHING and self._segmenter and not given:
            found = _hot(self._segmenter.everything(image), expert, trace)
        else:
            boxes = given or regions_of(expert.located(trace.sample))
            found = self._masked(image, boxes, expert, trace)
        return _evidence(image, found, self._name)

    def _masked(
        self, image: Pixels, regions: Sequence[Region], expert: Expert, trace: Trace
    ) -> "list[_Found]":
        height, width = image.shape[:2]
        corners = [to_pixels(region.box, width, height) for region in regions]
        if self._segmenter is None:
            masks: Sequence[Mask] = list(_embedded(image, corners, expert, trace))
        elif not corners:
            masks = ()
        elif self._prompt is Prompting.POINT:
            heat = _heat(expert, trace, (width, height))
            points = [SegmentPrompt(point=_hottest(heat, box)) for box in corners]
            return [
                _Found(_around(region, mask), mask)
                for region, mask in zip(regions, self._segmenter.masks(image, points), strict=True)
            ]
        else:
            masks = self._segmenter.masks(image, [SegmentPrompt(box=box) for box in corners])
        inside = [clipped(mask, box) for mask, box in zip(masks, corners, strict=True)]
        return [_Found(region, mask) for region, mask in zip(regions, inside, strict=True)]


class _Found(NamedTuple):
    region: Region
    mask: Mask


def clipped(mask: Mask, box: Corners) -> Mask:
    """The mask inside a box only."""
    inside = np.zeros_like(mask)
    x1, y1, x2, y2 = box
    inside[y1:y2, x1:x2] = mask[y1:y2, x1:x2]
    return inside


def _embedded(
    image: Pixels, corners: Sequence[Corners], expert: Expert, trace: Trace
) -> Iterator[Mask]:
    """What differs from a template to the pixel, where there is one; else from the surroundings."""
    marks = expert.look(trace.sample).marks
    if marks is not None:
        size = (image.shape[1], image.shape[0])
        full = cv2.resize(marks.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        marks = np.asarray(full) > 0
    for box in corners:
        x1, y1, x2, y2 = box
        told = marks is not None and bool(marks[y1:y2, x1:x2].any())
        yield marks if told and marks is not None else outline(image, box)


def _asked_for(trace: Trace, name: str) -> list[Region]:
    wish = trace.assessment.wish if trace.assessment else None
    if wish is None or wish.look != name or wish.box is None:
        return []
    return [Region(box=wish.box)]


def _of_other_tools(trace: Trace, name: str) -> list[Region]:
    """What the newest tool before this one points at."""
    evidence = [e for e in trace.products(Evidence) if e.source != name and e.regions]
    return list(evidence[-1].regions) if evidence else []


def _heat(expert: Expert, trace: Trace, size: tuple[int, int]) -> np.ndarray:
    heat = expert.look(trace.sample).heat_map
    return np.asarray(cv2.resize(heat, size, interpolation=cv2.INTER_LINEAR))


def _hottest(heat: np.ndarray, box: Corners) -> tuple[int, int]:
    x1, y1, x2, y2 = box
    down, right = np.unravel_index(int(heat[y1:y2, x1:x2].argmax()), (y2 - y1, x2 - x1))
    return x1 + int(right), y1 + int(down)


def _around(region: Region, mask: Mask) -> Region:
    """The region with the box of its mask, or as it was where that is empty."""
    if not mask.any():
        return region
    ys, xs = np.nonzero(mask)
    corners = (int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1)
    return region.model_copy(update={"box": from_pixels(corners, mask.shape[1], mask.shape[0])})


def _hot(masks: Sequence[Mask], expert: Expert, trace: Trace) -> list[_Found]:
    """The masks that are hot in the mean, the hottest first."""
    if not masks:
        return []
    height, width = masks[0].shape
    heat = _heat(expert, trace, (width, height))
    scored = [(float(heat[mask].mean()), mask) for mask in masks if mask.any()]
    hottest = max((heat for heat, _ in scored), default=0.0)
    least = max(expert.look(trace.sample).threshold, _SHARE * hottest)
    best = sorted((s for s in scored if s[0] >= least), key=lambda s: -s[0])[:MAX_BOXES]
    whole = Box(0, 0, 1, 1)
    return [_Found(_around(Region(box=whole, score=score), mask), mask) for score, mask in best]


def _evidence(image: Pixels, found: Sequence[_Found], name: str) -> Evidence:
    regions = tuple(
        region.model_copy(update={"mask": encode_mask(mask) if mask.any() else None})
        for region, mask in found
    )
    count = f"{len(regions)} region{'' if len(regions) == 1 else 's'} to look at again"
    numbers: dict[str, float] = {"regions": float(len(regions))}
    drawn = [part for part in found if part.mask.any()]
    if not drawn:
        return Evidence(source=name, summary=count, regions=regions, measurements=numbers)
    strongest = max(drawn, key=lambda part: part.region.score)
    union = np.logical_or.reduce([part.mask for part in drawn])
    numbers = {**measure(image, strongest.mask), **numbers, "masked": float(union.mean())}
    return Evidence(
        source=name,
        summary=f"{count}; the strongest {_in_words(numbers)}",
        regions=regions,
        measurements=numbers,
    )


def _in_words(numbers: Mapping[str, float]) -> str:
    return (
        f"covers {numbers['area']:.2%} of the picture, {numbers['elongation']:.1f} times as long "
        f"as wide, contrast {numbers['contrast']:.1f} to its surroundings, "
        f"{numbers['border']:.0f} px from the border"
    )
