"""The words of target answers: by a teacher model, or by templates filled from the evidence.

A template knows the truth and what the run's tools found, and claims nothing else. In three stages,
as AD-FM deliberates (2508.04175): regions, examination, decision.
"""

from collections.abc import Sequence

from reinspect.agents.models.inputs import corners
from reinspect.training.episodes.labelled import LabelledInspection
from reinspect.vocabulary import Box, Evidence, Label, Region

TEMPLATE = "template"
"""Source of the captions that no model wrote."""

_MOST = 3  # regions that are named


def thinking(inspection: LabelledInspection) -> str:
    """What leads from the picture to the true answer."""
    seen = inspection.trace.first.evidence if inspection.trace.first else ()
    regions = _strongest([region for piece in seen for region in piece.regions])
    elsewhere = [r.box for r in regions if not _overlaps(r.box, inspection.truth.boxes)]
    said = []
    if regions:
        said.append(f"Regions that stand out: {_listed([r.box for r in regions])}.")
    else:
        said.append("No region stands out at first sight.")
    if inspection.truth.anomalous:
        said.append(_defects(inspection))
        if elsewhere:
            said.append(f"{_listed(elsewhere)}: nothing there that a good part would not show.")
        said.append("At least one region survives: the part has a defect.")
    elif regions:
        said.append("Examined one by one, each shows nothing that a good part would not show.")
        said.append("No region survives: the part has no defect.")
    else:
        said.append("Examined closely, the part looks as a good part does: it has no defect.")
    return " ".join(said)


def reflection(inspection: LabelledInspection) -> str:
    """What leads from the first answer and the later evidence to the true answer."""
    first = inspection.trace.first
    if first is None:
        return thinking(inspection)
    wrong = (first.label is Label.ANOMALOUS) != inspection.truth.anomalous
    said = [f"The original answer is {'yes' if first.label is Label.ANOMALOUS else 'no'}."]
    said += _opinions(inspection)
    if inspection.truth.anomalous:
        said.append(_defects(inspection))
        said.append(
            "The original answer missed it: corrected to yes."
            if wrong
            else "The original answer holds: kept."
        )
    elif wrong:
        claimed = [defect.box for defect in first.defects][:_MOST]
        where = f" at {_listed(claimed)}" if claimed else ""
        said.append(
            f"What was taken for a defect{where} does not survive the comparison with good parts: "
            "corrected to no."
        )
    else:
        said.append("Nothing speaks against it that survives examination: kept.")
    return " ".join(said)


def _defects(inspection: LabelledInspection) -> str:
    kinds = inspection.truth.box_types or inspection.truth.types
    if not inspection.truth.boxes:
        return f"There is a defect of type {', '.join(kinds) or 'unknown'}."
    if inspection.truth.box_types:
        pairs = zip(inspection.truth.box_types, inspection.truth.boxes, strict=True)
        found = "; ".join(f"{kind} at {corners(box)}" for kind, box in pairs)
    else:
        found = f"{', '.join(kinds) or 'a defect'} at {_listed(inspection.truth.boxes)}"
    return f"Examined closely, there is {found}, which no good part shows."


def _opinions(inspection: LabelledInspection) -> list[str]:
    """What later witnesses said, those that were wrong included."""
    words = []
    for piece in inspection.later_evidence:
        if piece.probability is None:
            continue
        words.append(f"{_name(piece)} says {'yes' if piece.probability >= 0.5 else 'no'}")
    return [f"Verified with other means: {', '.join(words)}."] if words else []


def _name(piece: Evidence) -> str:
    return piece.source.replace("_", " ")


def _strongest(regions: Sequence[Region]) -> list[Region]:
    return sorted(regions, key=lambda region: -region.score)[:_MOST]


def _overlaps(box: Box, others: Sequence[Box]) -> bool:
    mine = Region(box=box)
    return any(mine.overlaps(Region(box=other)) for other in others)


def _listed(boxes: Sequence[Box]) -> str:
    return "; ".join(map(corners, boxes))
