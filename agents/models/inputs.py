"""What a model is shown beside the test image, and how the prompts speak of it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from reinspect.images import Pixels, crop, read_view
from reinspect.trace import Trace
from reinspect.vocabulary import Box, Label, Region, Sample, Verdict

Reference = Callable[[Sample], Pixels | None]
"""A good part laid over the sample, in any size; none where there is none."""

CLOSE_UPS = 2
"""Regions that are shown at full resolution."""

_MARGIN = 0.5
_LEAST = 96  # pixels of a crop's side: context to see a defect by
_MOST = 5  # candidates that are listed


class ShownPictures(NamedTuple):
    """Pictures in the order in which they are sent, and the sentence that says what they are."""

    pictures: tuple[Pixels, ...]
    words: str


def first_look(sample: Sample, reference: Reference | None) -> ShownPictures:
    """The part, and a good one beside it where there is one."""
    image = read_view(sample.visual)
    other = reference(sample) if reference else None
    if other is None:
        return ShownPictures((image,), "The picture is the test image.")
    words = "Picture 1 is the test image. Picture 2 is a good part of the same kind, laid over it."
    return ShownPictures((image, other), words)


def trained_look(sample: Sample, reference: Reference | None) -> ShownPictures:
    """What critics trained on episodes were shown: a good part where there is one, then the part.

    Nothing else, in both modes: a model that was fine-tuned on one form is asked in that form.
    """
    image = read_view(sample.visual)
    other = reference(sample) if reference else None
    pictures = (image,) if other is None else (other, image)
    return ShownPictures(pictures, beside(len(pictures) - 1))


def beside(references: int) -> str:
    """What trained critics are told they see: good parts first, the test image last."""
    if not references:
        return "The picture is the test image."
    good = "Picture 1 is a good part" if references == 1 else f"Pictures 1 to {references} are good"
    return f"{good}{'' if references == 1 else ' parts'} of the same kind. " + (
        f"Picture {references + 1} is the test image."
    )


def close_look(sample: Sample, boxes: Sequence[Box], reference: Reference | None) -> ShownPictures:
    """The part, and its suspicious places at full resolution, each beside the same of a good part.

    Places that are most of the picture are left out: it is there already.
    """
    image = read_view(sample.visual)
    other = reference(sample) if reference else None
    pictures, words = [image], ["Picture 1 is the test image."]
    if other is not None:
        height, width = image.shape[:2]
        other = np.asarray(cv2.resize(other, (width, height)), np.uint8)
    close = [box for box in boxes if (box.x2 - box.x1) * (box.y2 - box.y1) < 0.5][:CLOSE_UPS]
    for box in close:
        cut = crop(image, box, margin=_MARGIN, least=_LEAST)
        pictures.append(cut.pixels)
        words.append(f"Picture {len(pictures)} is its region {corners(cut.box)}, enlarged.")
        if other is not None:
            pictures.append(crop(other, box, margin=_MARGIN, least=_LEAST).pixels)
            words.append(f"Picture {len(pictures)} is the same region of a good part.")
    if other is not None and not close:
        pictures.append(other)
        words.append("Picture 2 is a good part of the same kind, laid over it.")
    return ShownPictures(tuple(pictures), " ".join(words))


def candidates(regions: Sequence[Region]) -> str:
    """Regions of an anomaly map, for a model to confirm or refute."""
    if not regions:
        return "No region was marked beforehand."
    strongest = sorted(regions, key=lambda region: -region.score)[:_MOST]
    listed = "; ".join(corners(region.box) for region in strongest)
    return (
        f"An anomaly map marks these regions of the test image: {listed}. They are candidates to "
        "confirm or to refute, not defects, and there may be others."
    )


def verdict_in_words(verdict: Verdict) -> str:
    """A verdict as the first model gave it: label, places, reasons."""
    places = "; ".join(
        f"{found.type or 'defect'} at {corners(found.box)}" for found in verdict.defects
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


def corners(box: Box) -> str:
    """A box as prompts have it: fractions of the picture."""
    return f"({box.x1:.3f},{box.y1:.3f})({box.x2:.3f},{box.y2:.3f})"
