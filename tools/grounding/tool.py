"""Grounding: is the thing that was named really there, and where.

A model that finds what a phrase names gives confident boxes for absent things, too. So whatever is
suspected is asked for beside *control phrases*, which name what is surely absent: a box that these
get as easily is thrown out, and what a box scores above them is its margin.

A box is no proof: the evidence has no probability, so it neither moves a verdict's nor allows a
flip. It says where to look, and its margin is a signal that a fitted monitor may weigh.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, Self

import cv2
import numpy as np
import numpy.typing as npt

from reinspect.components import About, Stage
from reinspect.images import Pixels, from_pixels, read_view
from reinspect.tools.context import ToolContext
from reinspect.tools.expert import Experts
from reinspect.tools.grounding.backends import CONTROLS, GroundingOptions, finder
from reinspect.tools.vision.prompts import Finder, Found, Prompt, cleaned
from reinspect.tools.witness import regions_of
from reinspect.trace import Trace
from reinspect.vocabulary import Box, Evidence, Region

PHRASES = ("defect", "scratch", "dent", "crack", "hole", "stain", "dirt")
"""Asked for where neither the recipe nor the verdict names a defect."""

_SAME = 0.5  # intersection over union from which two boxes are of one place
_MOST = 0.9  # share of the picture from which a box says nothing of where
_NARROWEST = 4  # times as long as wide
_GREY = 128
_AT_MOST = 20  # boxes that are kept: a trace stays small


ABOUT = About(
    "grounding",
    stage=Stage.LOCATE,
    note="searches the image for `phrase`: helps to find a named kind of defect",
    purpose="Search the picture for each of `phrases`, names of a defect. What an absent thing "
    "gets as easily is left out.",
    heeds=("phrase",),
)


class _Padded(NamedTuple):
    """A picture that was made less narrow, and how much wider and higher it is than before."""

    pixels: Pixels
    wider: float
    higher: float

    def back(self, found: Found) -> Found:
        """The same box in shares of the picture as it was."""
        x1, y1, x2, y2 = found.corners
        wide, high = self.wider, self.higher
        return found._replace(corners=(x1 * wide, y1 * high, x2 * wide, y2 * high))


class Kept(NamedTuple):
    """A box that the control phrases don't get as easily."""

    box: Box
    found: Found
    margin: float


class MapRegions:
    """The regions of the anomaly map: the backend that needs no weights, and reads no phrases."""

    def __init__(self, experts: Experts, *, name: str = ABOUT.name) -> None:
        self.about = ABOUT
        self._experts, self._name = experts, name

    def __call__(self, trace: Trace) -> Evidence:
        boxes = self._experts.of(trace.sample).look(trace.sample).boxes
        regions = regions_of(boxes)
        summary = f"the anomaly map stands out at {_places(len(regions))}"
        return Evidence(source=self._name, summary=summary, regions=regions)


class Grounding:
    """Asks a finder for what is suspected, and for the controls.

    Suspected is, in this order: the phrase of the monitor's wish for this look, the types of the
    verdict's defects, and the vocabulary. A region's score is its margin, in (0, 1].

    Args:
        find: the model.
        vocabulary: names of the defects to expect; `PHRASES` if it is empty.
        controls: what is surely absent.
        box_threshold: score above which a box counts, [0, 1].
        margin: least score above the controls, [0, 1].
        name: in the recipe.

    Raises:
        ValueError: a phrase is empty, there is no control, or one of them is in the vocabulary.
    """

    about = ABOUT
    Options = GroundingOptions

    def __init__(
        self,
        find: Finder,
        vocabulary: Sequence[str] = (),
        controls: Sequence[str] = CONTROLS,
        *,
        box_threshold: float = 0.35,
        margin: float = 0.05,
        name: str = ABOUT.name,
    ) -> None:
        self._name = name
        self._find, self._box_threshold, self._margin = find, box_threshold, margin
        self._vocabulary = _named("phrases", vocabulary) or PHRASES
        self._controls = _named("controls", controls)
        if not self._controls:
            raise ValueError("controls: at least one phrase must name what is surely absent")
        both = set(self._vocabulary) & set(self._controls)
        if both:
            raise ValueError(f"controls: {min(both)!r} is asked for as a defect, too")

    @classmethod
    def from_recipe(cls, options: GroundingOptions, context: ToolContext) -> Self | MapRegions:
        """The tool of a recipe, its weights found but not loaded.

        Raises:
            ValueError: an option that the backend has no use for, an unknown model, an empty
                phrase.
            MissingWeights, VisionError: weights or packages are missing.
        """
        find = finder(options, context.weights)
        if find is None:
            return MapRegions(context.experts, name=options.name)
        return cls(
            find,
            (*options.phrases, *context.product.defects),
            options.controls,
            box_threshold=options.box_threshold,
            margin=options.margin,
            name=options.name,
        )

    def __call__(self, trace: Trace) -> Evidence:
        image = _squarer(read_view(trace.sample.visual))
        prompts = self._find.prompts(self._suspected(trace))
        found = self._asked(image, prompts, self._box_threshold)
        # Any score of a control counts against a box, were it below the threshold.
        rivals = self._asked(image, self._find.prompts(self._controls), 0.0) if found else []
        ahead = _beside(found, rivals)
        kept = _apart([one for one in ahead if one.margin > 0 and one.margin >= self._margin])
        best = max((one.margin for one in kept), default=0.0)
        return Evidence(
            source=self._name,
            summary=_in_words(kept, len(found)),
            regions=tuple(Region(box=one.box, score=one.margin) for one in kept),
            measurements={
                "margin": best,
                "score": max((one.found.score for one in kept), default=0.0),
                "found": float(len(found)),
                "kept": float(len(kept)),
                "prompts": float(len(prompts)),
            },
        )

    def _suspected(self, trace: Trace) -> tuple[str, ...]:
        wish = trace.assessment.wish if trace.assessment else None
        asked = (wish.phrase,) if wish and wish.look == self._name else ()
        types = (found.type for found in (trace.verdict.defects if trace.verdict else ()))
        every = cleaned((*asked, *(kind for kind in types if kind), *self._vocabulary))
        return tuple(phrase for phrase in every if phrase not in self._controls)

    def _asked(self, image: _Padded, prompts: Sequence[Prompt], least: float) -> list[Found]:
        answers = self._find(image.pixels, prompts, least=least)
        return [image.back(found) for answer in answers for found in answer]


def _squarer(image: Pixels) -> _Padded:
    """The picture with grey below or beside it where it is narrow.

    A strip, made as large as the models want it, has fewer places than they look for boxes.
    """
    height, width = image.shape[:2]
    lower = max(0, math.ceil(width / _NARROWEST) - height)
    right = max(0, math.ceil(height / _NARROWEST) - width)
    if not (lower or right):
        return _Padded(image, 1.0, 1.0)
    pixels = np.pad(image, ((0, lower), (0, right), (0, 0)), constant_values=_GREY)
    return _Padded(pixels, (width + right) / width, (height + lower) / height)


def _named(what: str, phrases: Sequence[str]) -> tuple[str, ...]:
    for place, phrase in enumerate(phrases):
        if not cleaned((phrase,)):
            raise ValueError(f"{what}.{place}: {phrase!r} names nothing")
    return cleaned(phrases)


def _beside(found: Sequence[Found], rivals: Sequence[Found]) -> list[Kept]:
    """The boxes that lie in the picture and say where, with their margin over the controls."""
    others = [(box, rival.score) for rival in rivals if (box := _cut(rival)) is not None]
    corners = np.array([box for box, _ in others], np.float64).reshape(-1, 4)
    scores = np.array([score for _, score in others], np.float64)
    kept = []
    for one in found:
        box = _cut(one)
        if box is None or (box.x2 - box.x1) * (box.y2 - box.y1) > _MOST:
            continue
        control = scores[_overlaps(box, corners) >= _SAME].max(initial=0.0)
        kept.append(Kept(box, one, float(one.score - control)))
    return kept


def _cut(found: Found) -> Box | None:
    """The box within the picture; none where nothing of it is, or its numbers are none."""
    if not all(map(math.isfinite, (*found.corners, found.score))):
        return None
    try:
        return from_pixels(found.corners, 1, 1)
    except ValueError:
        return None


def _overlaps(box: Box, others: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Intersection over union of a box with others (N, 4)."""
    low = np.maximum(others[:, :2], box[:2])
    high = np.minimum(others[:, 2:], box[2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    sizes = (others[:, 2:] - others[:, :2]).prod(axis=1)
    whole: npt.NDArray[np.float64] = shared / (
        sizes + (box.x2 - box.x1) * (box.y2 - box.y1) - shared
    )
    return whole


def _apart(kept: Sequence[Kept]) -> tuple[Kept, ...]:
    """One box a place, that with the largest margin, whichever prompt it came from."""
    if not kept:
        return ()
    corners = [(b.x1, b.y1, b.x2 - b.x1, b.y2 - b.y1) for b in (one.box for one in kept)]
    margins = [one.margin for one in kept]
    stay = cv2.dnn.NMSBoxes(corners, margins, 0.0, _SAME)
    return tuple(kept[int(place)] for place in stay)[:_AT_MOST]


def _in_words(kept: Sequence[Kept], found: int) -> str:
    if not found:
        return "nothing of what was asked for was found"
    if not kept:
        return f"nothing is sure to be there: none of {found} boxes stands out from the controls"
    names = Counter(one.found.phrase or "something" for one in kept)
    listed = ", ".join(f"{name} at {_places(count)}" for name, count in names.most_common())
    left_out = found - len(kept)
    others = f"; {left_out} more that overlap these or don't stand out" if left_out else ""
    return f"{listed}, at best {kept[0].margin:.2f} above the control phrases{others}"


def _places(count: int) -> str:
    return f"{count} place{'' if count == 1 else 's'}"
