"""By what the first look describes pictures: what a recipe names, else what is at hand."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from reinspect.tools.features.cells import FeaturesError
from reinspect.tools.features.efficientnet import package_of
from reinspect.tools.features.network import FeatureNetwork
from reinspect.tools.features.pose import PartPose
from reinspect.tools.features.sources import FILTERS, Source, open_source

DEFAULT = "efficientnet-lite0"
"""What describes pictures unless a recipe says otherwise."""


@dataclass(frozen=True, slots=True)
class FirstLook:
    """By what a first look describes pictures."""

    network: FeatureNetwork | None = None
    """None for filters learned from the references."""
    pose: PartPose = PartPose.AUTO
    notice: str = ""
    """Said of every look: why it is not by the network that was meant."""


BY_FILTERS = FirstLook()


def source_of(named: Source | None) -> Source:
    """What a recipe names; else the default network, where what it takes is installed."""
    if named is not None:
        return named
    packages = (package_of(DEFAULT), "onnxruntime")
    return DEFAULT if all(importlib.util.find_spec(one) for one in packages) else FILTERS


def open_first(
    named: Source | None, pose: PartPose, *, cache: Path | None, weights: Path | None
) -> FirstLook:
    """The first look that a recipe means. Where it names none and none can be had, the filters.

    Args:
        named: as a recipe has it.
        pose: of parts.
        cache: folder where what is converted is kept.
        weights: folder of weights that have a name.

    Raises:
        ReinspectError: what it names can't be had here.
    """
    try:
        network = open_source(named or DEFAULT, cache=cache, weights=weights)
    except FeaturesError as failure:
        if named is not None:
            raise
        return FirstLook(pose=pose, notice=f"by learned filters, for want of features: {failure}")
    return FirstLook(network, pose)
