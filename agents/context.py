"""What detectors and monitors are made from, besides their options."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Protocol

from reinspect.agents.calls import ModelLimits, Price, RunBudget
from reinspect.agents.product import ProductKnowledge
from reinspect.policies.critic import CriticContext
from reinspect.policies.fitted import FittedContext
from reinspect.policies.qualified import ProductLimits
from reinspect.references import ReferenceSets
from reinspect.roles import Detector
from reinspect.tools.context import ToolContext
from reinspect.vocabulary import Sample


class ModelContext(Protocol):
    """What a model's calls are counted by, and where its answers are kept."""

    @property
    def cache(self) -> Path | None:
        """Folder for what is made once; none where nothing is kept."""

    @property
    def run_budget(self) -> RunBudget:
        """What all models of a run may spend."""

    def price(self, model: str, /) -> Price | None:
        """What a model costs; none where that is not known.

        Raises:
            ValueError: a limit in USD needs it.
        """


class AgentContext(ToolContext, FittedContext, CriticContext, ModelContext, Protocol):
    """What a run has that agents need; `reinspect.graph.build.BuildContext` is one."""

    @property
    def product(self) -> ProductKnowledge:
        """What the recipe knows of the product."""

    @property
    def references(self) -> ReferenceSets:
        """The known-good parts, and how they are read."""

    @property
    def limits(self) -> ModelLimits:
        """What the models may spend on one part."""

    @property
    def kinds(self) -> Collection[str]:
        """Of the recipe's tools."""

    def member(self, name: str, spec: Mapping[str, Any], /) -> Detector:
        """A detector that is one of several, as a recipe has one.

        Raises:
            RecipeError: it can't be made.
        """

    def qualified(self, sample: Sample, /) -> ProductLimits | None:
        """What a qualification found of the product that a sample is of; None without one."""

    @property
    def looks(self) -> Mapping[str, str]:
        """Tool's name → when it helps: what a monitor may ask for."""

    @property
    def heeds(self) -> Mapping[str, tuple[str, ...]]:
        """Tool's name → what it heeds of a wish: `box`, `phrase`."""
