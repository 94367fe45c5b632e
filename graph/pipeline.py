"""Who does what in one inspection."""

import collections
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from reinspect.agents.calls import ModelLimits
from reinspect.components import Stage
from reinspect.errors import ReinspectError
from reinspect.references import ReferenceSets
from reinspect.roles import Actor, Detector, Explainer, Monitor, Policy, Reviser, Settler, Tool
from reinspect.trace import Trace
from reinspect.vocabulary import Evidence


class GraphError(ReinspectError, ValueError):
    """What a graph can't be built with, or of; the message is one line."""


class Placed(NamedTuple):
    """A tool, the name that a recipe has for it, and when it is used."""

    name: str
    stage: Stage
    tool: Tool
    parallel: bool = False
    """Whether it examines at once with the others that may."""


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
    key: str = ""
    """Of recipe, references and version: a part that was begun by one is not ended by another."""
    raises: bool = False
    """Whether a failure of a component is raised, for whoever debugs one; else it is on record."""
    attended: bool = False
    """Whether somebody answers when a component calls `interrupt()`: then the graph pauses there.
    A batch has nobody; there it is a failure of the component, and the part goes to REVIEW."""
    actor: Actor | None = None
    """Who takes the second look by tools of its own choice; None where all are used in turn."""
    references: ReferenceSets = field(default_factory=ReferenceSets)
    """Whose scale pictures are read by."""

    def at(self, stage: Stage) -> tuple[Placed, ...]:
        """The tools of one stage, in their order."""
        return tuple(placed for placed in self.tools if placed.stage is stage)

    @property
    def fans(self) -> bool:
        """Whether several tools may examine at once."""
        return self.actor is None and sum(placed.parallel for placed in self.tools) > 1


class Renamed:
    """A user's own tool whose evidence bears the name that the recipe has for it.

    Of several pieces with sources of their own, each keeps its source behind that name.
    """

    def __init__(self, tool: Tool, name: str) -> None:
        self._tool, self._name = tool, name
        self.__doc__ = tool.__doc__

    def __call__(self, trace: Trace) -> Evidence | Sequence[Evidence]:
        found = self._tool(trace)
        if isinstance(found, Evidence):
            return found.model_copy(update={"source": self._name})
        several: Sequence[Any] = found if isinstance(found, list | tuple) else [found]
        if not all(isinstance(piece, Evidence) for piece in several):
            return found  # anybody's code: the graph refuses what is no product
        alike = len({piece.source for piece in several}) < 2
        names = (self._name if alike else f"{self._name}-{piece.source}" for piece in several)
        pairs = zip(several, names, strict=True)
        return [piece.model_copy(update={"source": name}) for piece, name in pairs]


def pieces_of(found: Evidence | Sequence[Evidence]) -> list[Evidence]:
    """What a tool found, piece by piece.

    Evidence is known by its source: of two pieces with the same one the second gets a number.
    """
    if not isinstance(found, list | tuple):
        return [found]  # type: ignore[list-item]  # whatever it is, the graph looks at it
    seen, pieces = collections.Counter[str](), list[Evidence]()
    for piece in found:
        source = getattr(piece, "source", "")
        seen[source] += 1
        if source and seen[source] > 1:
            piece = piece.model_copy(update={"source": f"{source}-{seen[source]}"})
        pieces.append(piece)
    return pieces
