"""Recorded parts on which a critic acts anew: the looks are real, the words are a model's to train.

A rehearsal is the very conversation that a recipe's monitor of kind `agent` holds: its prompt, its
tools on the part's picture, its bounds, and what is said to a model that does wrong.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from reinspect.agents.models.acting.decision import DecisionRevision, read_revision
from reinspect.agents.models.acting.monitor import AgentMonitor
from reinspect.agents.models.acting.talk import Talk
from reinspect.agents.models.answers import UnreadableAnswer
from reinspect.agents.models.client import ModelError
from reinspect.errors import ReinspectError, explain_invalid
from reinspect.graph.build import BuildContext, build_tools
from reinspect.graph.recipe import parse_recipe
from reinspect.graph.references import reference_set
from reinspect.images import legible
from reinspect.references import ReferenceSets
from reinspect.roles import Tool
from reinspect.trace import Step, Trace
from reinspect.training.episodes.trajectories import Conversation, Trajectory, worth_of
from reinspect.training.rewards import ActingRewards
from reinspect.training.vlm.acting.chat import ChatMessage, chat_of, heard_as
from reinspect.training.vlm.dataset import DatasetError
from reinspect.vocabulary import Call, Label, Product, Verdict

_NODE = "examine"
_NOWHERE = "http://localhost/v1"


class Rehearsal:
    """One conversation about a recorded part, in which the words of a model come from outside.

    Args:
        talk: that was not begun.
        row: the part, and what is true of it.
        verdict: that is in force.
        trace: of the part before the conversation.
        tools: by name.
        price: of a look beyond the first.
    """

    def __init__(
        self,
        talk: Talk,
        row: Trajectory,
        verdict: Verdict,
        trace: Trace,
        tools: Mapping[str, Tool],
        price: float,
    ) -> None:
        self._talk, self._row, self._verdict, self._price = talk, row, verdict, price
        self._trace, self._tools = trace, tools
        self._steps: list[Step] = []
        self._turns = 0
        talk.open()
        self.opening: list[ChatMessage] = chat_of(talk.messages)

    def heard(self, text: str) -> list[ChatMessage] | None:
        """What is said to an answer of the model; None where the conversation is over."""
        talk = self._talk
        talk.begin_turn()
        before = len(talk.messages) + 1  # the answer itself is added first
        self._turns += 1
        self._taken(Step(node=_NODE, products=(self._call(text),)))
        trace = self._trace.then(*self._steps)
        for step in talk.heard(heard_as(text, self._turns), trace, self._tools, _attempt):
            self._taken(step)
        return None if talk.over else chat_of(talk.messages[before:])

    @property
    def conversation(self) -> Conversation:
        """All that was said and looked at.

        Raises:
            ValueError: nothing was said yet.
        """
        found = Conversation.of(self._steps)
        if found is None:
            raise ValueError(f"{self._row.id}: nothing was said yet")
        return found

    @property
    def decided(self) -> DecisionRevision | None:
        """How it ended; None where it came to no decision."""
        end = self.conversation.end
        try:
            return read_revision(end.arguments, self._verdict) if end else None
        except UnreadableAnswer:
            return None

    @property
    def first(self) -> Label:
        """What the first look said."""
        return Label.of(self._row.initial)

    @property
    def truth(self) -> Label:
        """Of the part."""
        return self._row.true.label

    def worth(self) -> ActingRewards:
        """What the conversation is worth as far as it went."""
        return worth_of(
            self.conversation, self.decided, self.first, self._row.true, price=self._price
        )

    def _taken(self, step: Step) -> None:
        self._steps.append(step.model_copy(update={"round": self._trace.rounds + 1}))

    def _call(self, text: str) -> Call:
        prompt = self._talk.prompt
        return Call(
            model="trained", prompt=prompt.name, prompt_sha256=prompt.sha256, answers=(text,)
        )


class Rehearsals:
    """Conversations to be had about the parts of a folder of episodes.

    Args:
        rows: all with the tools of one recipe, or of recipes that offer the same.
        recipes: hash → recipe.
        root: that pictures are relative to.
        max_pixels: a picture's budget.
        price: of a look beyond the first.

    Raises:
        DatasetError: a recipe's monitor doesn't act, can't be made, or offers other tools.
    """

    def __init__(
        self,
        rows: Sequence[Trajectory],
        recipes: Mapping[str, str],
        *,
        root: Path,
        max_pixels: int,
        price: float,
    ) -> None:
        self.rows, self._root, self._price = tuple(rows), root, price
        used = {row.recipe_sha256 for row in rows}
        missing = used - recipes.keys()
        if missing:
            raise DatasetError(
                f"the card lacks the recipe {min(missing)[:12]} of its conversations; make the "
                "episodes again"
            )
        kinds = {
            _kind(row): [other for other in rows if _kind(other) == _kind(row)] for row in rows
        }
        self._made = {
            kind: self._monitor(recipes[kind[0]], kind[1], own, max_pixels)
            for kind, own in kinds.items()
        }
        offers = {repr(row.tools) for row in rows}
        if len(offers) > 1:
            raise DatasetError(
                f"the conversations offer {len(offers)} different sets of tools; make episodes of "
                "runs whose recipes name the same tools"
            )
        self.tools: list[dict[str, Any]] = [dict(tool) for tool in rows[0].tools] if rows else []

    def begin(self, place: int) -> Rehearsal:
        """A new conversation about the part of the row at a place."""
        row = self.rows[place]
        monitor, tools = self._made[_kind(row)]
        trace = self._moved(row)
        verdict = trace.verdict
        if verdict is None:
            raise DatasetError(f"{row.id}: there is no verdict to revise")
        talk = monitor.conversation(trace, verdict)
        return Rehearsal(talk, row, verdict, trace, tools, self._price)

    def _moved(self, row: Trajectory) -> Trace:
        """The part as it was found, its picture where it is now."""
        view = row.found.sample.visual
        moved = view.model_copy(update={"path": str(self._root / row.part)})
        sample = row.found.sample.model_copy(update={"views": (moved,)})
        return row.found.model_copy(update={"sample": sample})

    def _monitor(
        self, text: str, view: str | None, rows: Sequence[Trajectory], max_pixels: int
    ) -> tuple[AgentMonitor, Mapping[str, Tool]]:
        try:
            recipe = parse_recipe(text)
            recipe = recipe if view is None else recipe.of_view(view)
            if recipe.monitor.kind != AgentMonitor.about.name:
                raise DatasetError(
                    f"monitor: kind {recipe.monitor.kind!r} holds conversations of its own; those "
                    f"of kind {AgentMonitor.about.name!r} alone can be rehearsed"
                )
            files = {row.category: row.references for row in rows}
            sets = {
                name: reference_set([self._root / one for one in own], recipe.reading)
                for name, own in files.items()
                if own
            }
            default = sets.pop(None, None)
            named = {name: own for name, own in sets.items() if name}
            references = (
                ReferenceSets(by_category=named)
                if default is None
                else ReferenceSets(default, named)
            )
            context = BuildContext(recipe=recipe, references=references)
            known = AgentMonitor.Options.model_validate(recipe.monitor.own_options)
            # Nobody is asked: no key is needed, and no answer kept.
            here = {"key_env": None, "cache": False, "base_url": known.base_url or _NOWHERE}
            options = known.model_copy(update={**here, "max_pixels": max_pixels})
            return AgentMonitor.from_recipe(options, context), build_tools(context)
        except ValidationError as failure:
            said = explain_invalid(failure, AgentMonitor.Options, name="monitor")
            raise DatasetError(f"the conversations' recipe: {said}") from failure
        except DatasetError:
            raise
        except (ModelError, ValueError) as failure:
            raise DatasetError(f"the conversations' recipe: {failure}") from failure


def _kind(row: Trajectory) -> tuple[str, str | None]:
    """What decides on its monitor and tools: the recipe, and of several views the one."""
    return row.recipe_sha256, row.view


def _attempt(work: Callable[[], Iterable[Product]], tool: str | None = None) -> Step:
    """A piece of work as a step; what fails there is what the model is told."""
    try:
        return Step(node=_NODE, tool=tool, products=tuple(work()))
    except (ReinspectError, ValueError, RuntimeError, OSError) as failure:
        words = " ".join(f"{_NODE}: {type(failure).__name__}: {failure}".split())
        return Step(node=_NODE, tool=tool, error=legible(words))
