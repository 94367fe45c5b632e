"""The anomaly map: where, and how strongly, a part differs from its references."""

from reinspect.pictures import Pictures
from reinspect.references import ReferenceMode
from reinspect.tools.embedded.fit import Look
from reinspect.tools.expert import Experts
from reinspect.tools.features.network import FeatureNetwork
from reinspect.tools.witness import regions_of
from reinspect.vocabulary import Evidence, Picture, Sample

SOURCE = "anomaly_map"


class AnomalyMap:
    """One look of the embedded expert as evidence, its heat-map kept as a file.

    Args:
        experts: for what is known of the references.
        pictures: where heat-maps are kept; without, none are.
        features: the network that describes pictures; filters learned from the references without.
    """

    def __init__(
        self,
        experts: Experts,
        pictures: Pictures | None = None,
        features: FeatureNetwork | None = None,
    ) -> None:
        self._experts, self._pictures, self._features = experts, pictures, features

    def __call__(self, sample: Sample) -> Evidence:
        expert = self._experts.of(sample)
        features = self._features
        look = expert.featured(sample, features) if features else expert.look(sample)
        alone = expert.references.mode is ReferenceMode.ALONE
        return Evidence(
            source=SOURCE,
            summary=_alone_in_words(look) if alone else _in_words(look),
            probability=None if alone else look.probability,
            regions=regions_of(look.boxes),
            measurements={
                "z": look.z,
                "threshold": look.threshold,
                **{f"{name}_z": z for name, z in look.members.items()},
                **look.signals,
            },
            pictures=self._kept(look, sample),
        )

    def _kept(self, look: Look, sample: Sample) -> tuple[Picture, ...]:
        if self._pictures is None:
            return ()
        key = sample.visual.sha256 or ""
        return (self._pictures.save_map(look.heat_map, key=key),)


def _in_words(look: Look) -> str:
    side = "above" if look.z >= look.threshold else "below"
    members = ", ".join(f"{name} {z:.1f}" for name, z in look.members.items())
    return f"deviation {look.z:.1f} is {side} the threshold {look.threshold:.1f} ({members})"


def _alone_in_words(look: Look) -> str:
    return (
        "no reference to compare with: a heat-map of what stands out in the image itself "
        f"({len(look.boxes)} places), and no verdict"
    )
