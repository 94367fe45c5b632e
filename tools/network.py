"""Network: the part compared with good ones by another pretrained network than the first look's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Protocol, Self

from pydantic import Field

from reinspect.components import About, ToolOptions
from reinspect.pictures import Pictures
from reinspect.tools.context import ToolContext
from reinspect.tools.expert import Experts
from reinspect.tools.features.cells import FeaturesError
from reinspect.tools.features.network import FeatureNetwork
from reinspect.tools.features.sources import FeatureSource, open_source
from reinspect.tools.witness import compared, own_key
from reinspect.trace import Trace
from reinspect.vocabulary import Evidence

DEFAULT = "efficientnet-lite2"
"""Its mistakes differ from those of the first look's network most, for what it costs."""


class NetworkContext(ToolContext, Protocol):
    """What a run has that a network is opened with."""

    @property
    def cache(self) -> Path | None:
        """Folder for what is made once; none where nothing is kept."""


class NetworkLookOptions(ToolOptions):
    """What a recipe may say of a `NetworkLook`."""

    features: FeatureSource | None = None
    side: Annotated[float, Field(ge=64, le=2048)] | None = None

    def opened(self, cache: Path | None, weights: Path | None) -> FeatureNetwork | str:
        """The network that is meant; of the default one, why it can't be had here.

        Raises:
            ReinspectError: the features that the recipe names can't be had.
            ValueError: it names the learned filters, which are another tool's.
        """
        try:
            network = open_source(self.features or DEFAULT, cache=cache, weights=weights)
        except FeaturesError as failure:
            if self.features is not None:
                raise
            return str(failure)
        if network is None:
            raise ValueError("features: 'filters' are no network's; the tool hi_res looks by them")
        return network


class NetworkLook:
    """How far the part is from the references by another network's features.

    Args:
        experts: what knows the references.
        network: that describes pictures, or why it can't be had.
        side: working side in pixels; the network's own by default.
        pictures: where its map is kept; nowhere by default.
        name: in the recipe.
    """

    about = About(
        "network",
        note="compares with good parts by another network: a second opinion on the whole picture",
        purpose="Compare the part with good ones by another network.",
        heeds=(),
    )

    Options = NetworkLookOptions

    def __init__(
        self,
        experts: Experts,
        network: FeatureNetwork | str,
        *,
        side: float | None = None,
        pictures: Pictures | None = None,
        name: str = about.name,
    ) -> None:
        self._experts, self._network, self._side = experts, network, side
        self._pictures, self._name = pictures, name

    @classmethod
    def from_recipe(cls, options: NetworkLookOptions, context: NetworkContext) -> Self:
        """The tool of a recipe.

        Raises:
            ReinspectError: the features that the recipe names can't be had.
            ValueError: it names the learned filters, which are another tool's.
        """
        network, pictures = options.opened(context.cache, context.weights), context.pictures
        return cls(
            context.experts, network, side=options.side, pictures=pictures, name=options.name
        )

    def __call__(self, trace: Trace) -> Evidence:
        """Compare the trace's sample with its references."""
        sample = trace.sample
        if isinstance(self._network, str):
            return Evidence(
                source=self._name,
                summary=f"no second network: {self._network}; nothing new is seen",
            )
        expert = self._experts.of(sample)
        if not expert.has_witnesses(sample):
            return Evidence(source=self._name, summary="no references to compare with cell by cell")
        look = expert.featured(sample, self._network, side=self._side, pose=expert.first.pose)
        said = Evidence(
            source=self._name,
            summary=compared(look.z, look.threshold),
            probability=look.probability,
            measurements={"z": look.z, "threshold": look.threshold},
        )
        if self._pictures is None:
            return said
        key = own_key(sample, self._name)
        kept = self._pictures.save_map(look.heat_map, key=key)
        return said.model_copy(update={"pictures": (kept,)})
