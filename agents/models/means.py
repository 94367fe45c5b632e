"""What a monitor that asks a model works with: whom it asks, what it shows, who weighs it."""

from dataclasses import dataclass
from typing import Self

from reinspect.agents.calls import ModelLimits, spent_here
from reinspect.agents.context import AgentContext
from reinspect.agents.models.client import Model
from reinspect.agents.models.further import Further, ShownOptions
from reinspect.agents.models.inputs import Reference
from reinspect.agents.models.serving import MOST_PICTURES
from reinspect.agents.product import ProductKnowledge
from reinspect.components import RecipePath
from reinspect.cost import ModelCost
from reinspect.policies.fitted import load_monitor
from reinspect.policies.opinions import Opinions
from reinspect.policies.qualified import LimitsOf
from reinspect.policies.reliability import CaseEstimator
from reinspect.roles import Estimator
from reinspect.trace import Trace


class MonitorOptions(ShownOptions):
    """Those of a monitor that asks a model: the model's, what it is shown, who weighs it."""

    file: RecipePath | None = None


@dataclass(frozen=True, slots=True)
class MonitorMeans:
    """What a monitor that asks a model works with."""

    model: Model
    estimate: Estimator
    """Weighs looks, witnesses and what the model says."""
    product: ProductKnowledge
    limits: ModelLimits
    """What may be spent on one part; once it is, the estimator goes on alone."""
    reference: Reference | None
    """A good part to compare with."""
    more: Further
    """Known defects, and further good parts, as far as there is room."""
    qualified: LimitsOf
    """What a qualification found of a part's product."""

    @classmethod
    def from_recipe(
        cls, options: MonitorOptions, context: AgentContext, most: int = MOST_PICTURES
    ) -> Self:
        """Those of a recipe.

        Args:
            options: of the monitor.
            context: what it is made from.
            most: pictures in a question.

        Raises:
            ModelError: there is no key.
            ValueError: a price is missing, an example or the fitted monitor can't be read.
        """
        return cls(
            Model.from_recipe(options, context),
            CaseEstimator(load_monitor(options.file)) if options.file else Opinions(),
            context.product,
            context.limits,
            context.experts.good_part if options.reference else None,
            Further.from_recipe(options, context, most),
            context.qualified,
        )

    def spent(self, trace: Trace) -> str | None:
        """The limit of the part that is reached, in words; none while there is something left."""
        return self.limits.exceeded(ModelCost.of_trace(trace) + spent_here())
