"""A calibrated second look as evidence."""

from collections.abc import Mapping

from reinspect.tools.embedded.second_look import Witness
from reinspect.vocabulary import Evidence


def heard(witness: Witness, source: str, **more: float) -> Evidence:
    """What a witness says, in words and numbers."""
    side = "above" if witness.z >= witness.threshold else "below"
    numbers: Mapping[str, float] = {"z": witness.z, "threshold": witness.threshold, **more}
    return Evidence(
        source=source,
        summary=f"deviation {witness.z:.1f} is {side} the threshold {witness.threshold:.1f}",
        probability=witness.probability,
        measurements=numbers,
    )
