"""What the embedded expert says, as evidence."""

from collections.abc import Iterable, Mapping

from reinspect.components import About
from reinspect.files import digest_of
from reinspect.tools.embedded import scoring
from reinspect.tools.embedded.second_look import Witness
from reinspect.vocabulary import Box, Evidence, Region, Sample


def heard(witness: Witness, source: str, **more: float) -> Evidence:
    """What a witness says, in words and numbers."""
    numbers: Mapping[str, float] = {"z": witness.z, "threshold": witness.threshold, **more}
    return Evidence(
        source=source,
        summary=compared(witness.z, witness.threshold),
        probability=witness.probability,
        measurements=numbers,
    )


def compared(z: float, threshold: float) -> str:
    """A score beside its threshold, in words."""
    side = "above" if z >= threshold else "below"
    return f"deviation {z:.1f} is {side} the threshold {threshold:.1f}"


def regions_of(boxes: Iterable[scoring.Box]) -> tuple[Region, ...]:
    """Boxes (x1, y1, x2, y2 in [0, 1], and score) as regions, in their order."""
    return tuple(Region(box=Box(*box[:4]), score=box[4]) for box in boxes)


def picture_key(sample: Sample, name: str, about: About) -> str:
    """What a tool's pictures of a sample are filed under: two of one kind keep theirs apart."""
    return (sample.visual.sha256 or "") if name == about.name else own_key(sample, name)


def own_key(sample: Sample, name: str) -> str:
    """What a tool's map is filed under, beside the first look's of the same picture."""
    return digest_of(f"{sample.visual.sha256 or ''} {name}")
