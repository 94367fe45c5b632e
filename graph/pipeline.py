"""Who does what in one inspection."""

from dataclasses import dataclass, field
from typing import NamedTuple

from reinspect.agents.calls import ModelLimits
from reinspect.components import Stage
from reinspect.roles import Detector, Explainer, Monitor, Policy, Reviser, Settler, Tool
from reinspect.trace import Trace
from reinspect.vocabulary import Evidence


class Placed(NamedTuple):
    """A tool, the name that a recipe has for it, and when it is used."""

    name: str
    stage: Stage
    tool: Tool


@dataclass(frozen=True)
class Pipeline:
    """The components of an inspection."""

    detector: Detector
    monitor: Monitor
    reviser: Reviser
    explainer: Explainer
    tools: tuple[Placed, ...]
    """In the order of the recipe; their names differ."""
    trigger: Policy
    trigger_name: str
    revision: Policy
    settler: Settler
    rounds: int
    limits: ModelLimits = field(default_factory=ModelLimits)
    asks: bool = False
    """Whether an operator is asked what happens to a part for REVIEW, where somebody attends."""
    attended: bool = False
    """Whether somebody answers when a component calls `interrupt()`: then the graph pauses there.
    A batch has nobody; there it is a failure of the component, and the part goes to REVIEW."""

    def at(self, stage: Stage) -> tuple[Placed, ...]:
        """The tools of one stage, in their order."""
        return tuple(placed for placed in self.tools if placed.stage is stage)


class Renamed:
    """A user's own tool whose evidence bears the name that the recipe has for it."""

    def __init__(self, tool: Tool, name: str) -> None:
        self._tool, self._name = tool, name
        self.__doc__ = tool.__doc__

    def __call__(self, trace: Trace) -> Evidence:
        found = self._tool(trace)
        if not isinstance(found, Evidence):  # anybody's code: the graph refuses what is no product
            return found
        return found.model_copy(update={"source": self._name})
