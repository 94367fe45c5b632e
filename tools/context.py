"""What tools are made from, besides their options."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from reinspect.pictures import Pictures
from reinspect.tools.expert import Embedder, Experts


class KnownProduct(Protocol):
    """What a tool reads of the product."""

    @property
    def defects(self) -> Sequence[str]:
        """Names of the defects to expect."""


class ToolContext(Protocol):
    """What a run has that tools need; `reinspect.graph.build.BuildContext` is one."""

    @property
    def experts(self) -> Experts:
        """What is known of the references."""

    @property
    def pictures(self) -> Pictures | None:
        """Where pictures are kept; none where they are not."""

    @property
    def weights(self) -> Path | None:
        """Folder of weights that have a name."""

    @property
    def embedder(self) -> Embedder | None:
        """A model that says which pictures look alike; none where the recipe has none."""

    @property
    def product(self) -> KnownProduct:
        """What the recipe knows of the product."""
