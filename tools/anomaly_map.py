"""The anomaly map: where, and how strongly, a part differs from its references."""

from reinspect.pictures import Pictures
from reinspect.references import ReferenceMode
from reinspect.tools.embedded.look import Look
from reinspect.tools.expert import Experts
from reinspect.tools.setup.findings import SetupCheck
from reinspect.tools.spots import measured_spots
from reinspect.tools.witness import compared, regions_of
from reinspect.vocabulary import Evidence, Picture, Sample

SOURCE = "anomaly_map"

SETUP = "setup_"
"""What the measurements of a picture that is not judged begin with."""

BEYOND = 0.01
"""Share of pixels that a scale cuts off, from which on it is said."""


class AnomalyMap:
    """One look of the embedded expert as evidence, its heat-map kept as a file.

    Args:
        experts: for what is known of the references.
        pictures: where heat-maps are kept; without, none are.
    """

    def __init__(self, experts: Experts, pictures: Pictures | None = None) -> None:
        self._experts, self._pictures = experts, pictures

    def __call__(self, sample: Sample) -> Evidence:
        expert = self._experts.of(sample)
        look = expert.look(sample)
        alone = expert.references.mode is ReferenceMode.ALONE
        amiss = expert.setup(sample)
        if amiss.stops(anomalous=look.probability >= 0.5):
            return self._not_judged(amiss, look, sample)
        said = _alone_in_words(look) if alone else _in_words(look)
        spots = measured_spots(sample, regions_of(look.boxes))
        words = (said, spots.words, amiss.reason, _beyond(sample), expert.first.notice)
        return Evidence(
            source=SOURCE,
            summary="; ".join(filter(None, words)),
            probability=None if alone else look.probability,
            regions=spots.regions,
            measurements={
                "z": look.z,
                "threshold": look.threshold,
                **{f"{name}_z": z for name, z in look.members.items()},
                **look.signals,
                **spots.measurements,
                **_measured(amiss),
            },
            pictures=self._kept(look, sample),
        )

    def _not_judged(self, amiss: SetupCheck, look: Look, sample: Sample) -> Evidence:
        """What is said of a picture that is not of the learned scene: no probability."""
        return Evidence(
            source=SOURCE,
            summary="; ".join(filter(None, (amiss.reason, _beyond(sample)))),
            measurements=_measured(amiss),
            pictures=self._kept(look, sample),
        )

    def _kept(self, look: Look, sample: Sample) -> tuple[Picture, ...]:
        if self._pictures is None:
            return ()
        key = sample.visual.sha256 or ""
        return (self._pictures.save_map(look.heat_map, key=key),)


def _measured(check: SetupCheck) -> dict[str, float]:
    return {f"{SETUP}{finding.kind}": finding.amount for finding in check.findings}


def _beyond(sample: Sample) -> str:
    view = sample.visual
    if view.outside < BEYOND or view.scale is None:
        return ""
    return f"{view.outside:.0%} of its pixels are beyond the scale of the set ({view.scale})"


def _in_words(look: Look) -> str:
    members = ", ".join(f"{name} {z:.1f}" for name, z in look.members.items())
    return f"{compared(look.z, look.threshold)} ({members})"


def _alone_in_words(look: Look) -> str:
    return (
        "no reference to compare with: a heat-map of what stands out in the image itself "
        f"({len(look.boxes)} places), and no verdict"
    )
