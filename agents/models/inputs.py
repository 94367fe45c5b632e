"""What a model is shown beside the test image, and how the prompts speak of it."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from reinspect.agents.models.further import LEAST_SIDE, MARGIN, NOTHING_MORE, Further, GoodParts
from reinspect.agents.models.places import THOUSANDTHS, Grid
from reinspect.agents.models.settings import Form
from reinspect.images import Crop, Pixels, crop, read_view
from reinspect.tools.embedded.alignment import GoodPart
from reinspect.trace import Trace
from reinspect.vocabulary import Box, Label, Region, Sample, Verdict

Reference = Callable[[Sample], GoodPart | None]
"""A good part to show beside the sample; none where there is none."""

HeatPicture = Callable[[Sample], Pixels]
"""The sample with an anomaly map laid over it."""

CLOSE_UPS = 2
"""Regions that are shown at full resolution."""

_MOST = 5  # candidates that are listed
# Around a place: margin and side, the most first.
_CONTEXTS = ((MARGIN, LEAST_SIDE), (MARGIN, 1), (MARGIN / 2, 1))
_ALIKE = 0.5  # intersection over union from which on two close-ups show the same

_LAID = "a good part of the same kind, laid over the test image: both show the same place at one"
_APART = (
    "a good part of the same kind. It can't be laid over the test image: compare what both look "
    "like, not place by place"
)
_HEAT = (
    "the test image with an anomaly map laid over it: the brighter a place, the less any good part "
    "is like it. It may be wrong both ways"
)


class ShownPictures(NamedTuple):
    """Pictures in the order in which they are sent, and the sentence that says what each is."""

    pictures: tuple[Pixels, ...]
    labels: tuple[str, ...]
    of_part: int = 1
    """How many of a close look, the first ones, show the part and what it is held against; those
    behind them show other parts."""

    @property
    def words(self) -> str:
        """All of them, as a prompt has them."""
        return " ".join(self.labels)


def first_look(
    sample: Sample,
    reference: Reference | None,
    heat: HeatPicture | None = None,
    more: Further = NOTHING_MORE,
) -> ShownPictures:
    """The part, a good one beside it where there is one, and where an expert finds it unusual.

    Then what else there is room for.
    """
    image = read_view(sample.visual)
    good = reference(sample) if reference else None
    beside: list[tuple[Pixels, str]] = []
    if good is not None:
        beside.append((good.image, _LAID if good.laid_over else _APART))
    if heat is not None:
        beside.append((heat(sample), _HEAT))
    beside += more.with_room(sample, (image, *(picture for picture, _ in beside)))
    if not beside:
        return ShownPictures((image,), ("The picture is the test image.",))
    return _numbered(image, beside)


def _numbered(image: Pixels, beside: Iterable[tuple[Pixels, str]]) -> ShownPictures:
    """The test image, and what is beside it, each with what it is."""
    every = [(image, "the test image"), *beside]
    labels = (f"Picture {number} is {what}." for number, (_, what) in enumerate(every, start=1))
    return ShownPictures(tuple(picture for picture, _ in every), tuple(labels))


def trained_look(
    sample: Sample, reference: Reference | None, others: GoodParts | None = None
) -> ShownPictures:
    """What critics trained on episodes were shown: good parts where there are any, then the part.

    Nothing else, in both modes: a model that was fine-tuned on one form is asked in that form.
    """
    image = read_view(sample.visual)
    good = reference(sample) if reference else None
    goods = [] if good is None else [good, *(others(sample) if others else ())]
    pictures = (*(one.image for one in goods), image)
    return ShownPictures(pictures, (beside(len(pictures) - 1),))


def beside(references: int) -> str:
    """What trained critics are told they see: good parts first, the test image last."""
    if not references:
        return "The picture is the test image."
    good = "Picture 1 is a good part" if references == 1 else f"Pictures 1 to {references} are good"
    return f"{good}{'' if references == 1 else ' parts'} of the same kind. " + (
        f"Picture {references + 1} is the test image."
    )


def close_look(
    sample: Sample,
    boxes: Sequence[Box],
    reference: Reference | None,
    more: Further = NOTHING_MORE,
    grid: Grid = THOUSANDTHS,
) -> ShownPictures:
    """The part, and its suspicious places at full resolution, each beside the same of a good part.

    Left out are places that are most of the picture, which is there already, and those that another
    close-up shows. A good part that can't be laid over the part is shown as a whole. Then what else
    there is room for.
    """
    image = read_view(sample.visual)
    good = reference(sample) if reference else None
    laid = good is not None and good.laid_over
    close = _apart([box for box in boxes if _is_part(box)])
    beside = [
        found for box in close[:CLOSE_UPS] for found in close_ups(image, good, box, grid=grid)
    ]
    if good is not None and not (laid and close):
        beside.append((good.image, _LAID if laid else _APART))
    own = (image, *(picture for picture, _ in beside))
    shown = _numbered(image, (*beside, *more.with_room(sample, own)))
    return shown._replace(of_part=len(own))


def close_ups(
    image: Pixels,
    good: GoodPart | None,
    box: Box,
    but: Sequence[Box] = (),
    grid: Grid = THOUSANDTHS,
) -> list[tuple[Pixels, str]]:
    """A place at full resolution, and the same place of a good part that is laid over; in words.

    Args:
        image: the part.
        good: a good part.
        box: the place.
        but: places that were shown: of one that is most of the picture, or as good as shown, there
            is nothing to see.
        grid: how places are written.
    """
    if not _is_part(box) or any(_overlap(box, other) >= _ALIKE for other in but):
        return []
    cut = _with_context(image, box)
    region = grid.told(cut.box)
    found = [(cut.pixels, f"region {region} of the test image, at full resolution")]
    if good is not None and good.laid_over:
        same = _with_context(good.image, box).pixels
        found.append((same, f"the same region {region} of a good part"))
    return found


def _with_context(image: Pixels, box: Box) -> Crop:
    """A place with as much around it as leaves it a part of the picture.

    A large place, and any place of a small picture, would else be the whole picture once more.
    """
    for margin, least in _CONTEXTS:
        cut = crop(image, box, margin=margin, least=least)
        if _is_part(cut.box):
            return cut
    return crop(image, box)


def _is_part(box: Box) -> bool:
    """Whether a place is no more than half of the picture, which is there already."""
    return (box.x2 - box.x1) * (box.y2 - box.y1) < 0.5


def _apart(boxes: Sequence[Box]) -> list[Box]:
    """Those that show something that none before them shows."""
    kept: list[Box] = []
    for box in boxes:
        if all(_overlap(box, other) < _ALIKE for other in kept):
            kept.append(box)
    return kept


def _overlap(one: Box, two: Box) -> float:
    """Intersection over union."""
    across = max(0.0, min(one.x2, two.x2) - max(one.x1, two.x1))
    down = max(0.0, min(one.y2, two.y2) - max(one.y1, two.y1))
    areas = ((box.x2 - box.x1) * (box.y2 - box.y1) for box in (one, two))
    return across * down / (sum(areas) - across * down)


def candidates(regions: Sequence[Region], form: Form = Form.TAGS, grid: Grid = THOUSANDTHS) -> str:
    """Regions of an anomaly map, for a model to confirm or refute."""
    if not regions:
        return "No region was marked beforehand."
    strongest = sorted(regions, key=lambda region: -region.score)[:_MOST]
    listed = "; ".join(place(region.box, form, grid) for region in strongest)
    return (
        f"An anomaly map marks these regions of the test image: {listed}. They are candidates to "
        "confirm or to refute, not defects, and there may be others."
    )


def verdict_in_words(verdict: Verdict, form: Form = Form.TAGS, grid: Grid = THOUSANDTHS) -> str:
    """A verdict as the first model gave it: label, places, reasons."""
    places = "; ".join(
        f"{found.type or 'defect'} at {place(found.box, form, grid)}" for found in verdict.defects
    )
    label = "yes, defective" if verdict.label is Label.ANOMALOUS else "no defects"
    reasons = f" {verdict.rationale}" if verdict.rationale else ""
    return f"{label}{f' ({places})' if places else ''}.{reasons}"


def evidence_in_words(trace: Trace) -> str:
    """What tools found, each in a line."""
    lines = [f"- {piece.source}: {piece.summary}" for piece in trace.evidence if piece.summary]
    return "\n".join(["Found by tools:", *lines]) if lines else "No tool has looked at it."


def places_of(trace: Trace) -> tuple[Box, ...]:
    """Where to look closely: where the monitor asked, located regions, the verdict's defects."""
    wish = trace.assessment.wish if trace.assessment else None
    asked = (wish.box,) if wish and wish.box else ()
    located = [piece.regions for piece in trace.evidence if piece.regions]
    regions: Sequence[Region] = located[-1] if located else ()
    strongest = sorted(regions, key=lambda region: -region.score)
    own = trace.verdict.defects if trace.verdict else ()
    return tuple(dict.fromkeys((*asked, *(found.box for found in (*strongest, *own)))))


def place(box: Box, form: Form, grid: Grid) -> str:
    """A box in the numbers that a model is to answer in: one system a prompt."""
    return grid.told(box) if form is Form.JSON else corners(box)


def thousandths(box: Box) -> str:
    """A box as a critic that acts is told it."""
    return THOUSANDTHS.told(box)


def corners(box: Box) -> str:
    """A box as prompts have it that ask for tags: fractions of the picture."""
    return f"({box.x1:.3f},{box.y1:.3f})({box.x2:.3f},{box.y2:.3f})"
