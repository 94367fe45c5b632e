"""Conversations of critics that act, as multi-turn episodes with what they were worth.

One JSON object a line, in the form that chat templates and TRL take: `messages` with tool calls and
results, `tools` as functions, `images` in the order of the messages' places for them. The reward is
that of the whole conversation: every turn of it shares its advantage.

It is that of `rewards.acting_rewards`. The truth never stands in a message.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, ValidationError

from reinspect.agents.models.acting.decision import (
    REVISE,
    DecisionRevision,
    read_revision,
    revise_tool,
)
from reinspect.agents.models.acting.looks import offered
from reinspect.agents.models.answers import Answer, Named, UnreadableAnswer
from reinspect.errors import explain_invalid
from reinspect.graph.components import heeds_of, notes_of
from reinspect.graph.recipe import Recipe, parse_recipe
from reinspect.images import one_line
from reinspect.trace import Step, Trace
from reinspect.training.episodes.episode import EpisodeError, Side
from reinspect.training.episodes.labelled import LabelledInspection, recipe_hash
from reinspect.training.rewards import PRICE, ActingRewards, acting_rewards
from reinspect.vocabulary import Call, Label, Sha256, ToolUse, Truth, Value

FILE = "trajectories.jsonl"


class Trajectory(Value):
    """One conversation."""

    id: str = Field(description="<run>/<image>#acting, unique.")
    messages: tuple[Mapping[str, Any], ...]
    tools: tuple[Mapping[str, Any], ...] = Field(
        description="Those that could be called, as functions with their parameters."
    )
    images: tuple[str | None, ...] = Field(
        description="Relative to the card's root, in the order of their places; null: not kept."
    )
    ended: bool = Field(description="Whether it came to a decision.")
    looks: int
    truth: bool = Field(description="True = anomalous.")
    initial: bool = Field(description="The first look's label.")
    final: bool | None = Field(description="What the critic decided; null: nothing.")
    rewards: ActingRewards
    category: str | None
    group: str
    split: Side
    sha256: Sha256
    source: str
    image: str
    model: str
    prompt_sha256: Sha256
    recipe_sha256: str = Field(description="Of the recipe, which is in the card.")
    view: str | None = Field(description="Of the part; null where it has one picture.")
    part: str = Field(description="The part's picture, relative to the card's root.")
    references: tuple[str, ...] = Field(description="Its known-good parts, relative as well.")
    true: Truth = Field(description="All that is known to be true of the part.")
    found: Trace = Field(description="The part as the conversation found it.")


class Conversation(NamedTuple):
    """The turns of one second look: what was said, and what was asked for after it."""

    turns: tuple[tuple[Call, tuple[ToolUse, ...]], ...]
    error: str | None

    @classmethod
    def of(cls, steps: Sequence[Step]) -> "Conversation | None":
        """The newest conversation among steps; none where there is none."""
        newest = max((step.round for step in steps if _turn_of(step)), default=None)
        mine = [step for step in steps if step.node == "examine" and step.round == newest]
        turns: list[tuple[Call, list[ToolUse]]] = []
        for step in mine:
            for product in step.products:
                if isinstance(product, Call) and step.tool is None:
                    turns.append((product, []))
                elif isinstance(product, ToolUse) and turns:
                    turns[-1][1].append(product)
        if newest is None or not turns:
            return None
        error = next((step.error for step in mine if step.error), None)
        return cls(tuple((call, tuple(uses)) for call, uses in turns), error)

    @property
    def uses(self) -> tuple[ToolUse, ...]:
        """Everything that was asked for."""
        return tuple(use for _, uses in self.turns for use in uses)

    @property
    def looks(self) -> int:
        """Looks that were taken."""
        return sum(use.name != REVISE and not use.refused for use in self.uses)

    @property
    def end(self) -> ToolUse | None:
        """The call by which it ended."""
        ends = (use for use in self.uses if use.name == REVISE and not use.refused)
        return next(ends, None)

    @property
    def shown(self) -> tuple[str | None, ...]:
        """The pictures' paths, in a run's folder."""
        every = (one.picture for call, _ in self.turns for one in call.shown)
        return tuple(picture.path if picture else None for picture in every)

    def messages(self) -> Iterator[dict[str, Any]]:
        """As they were sent and written; a picture is its place alone."""
        before: tuple[ToolUse, ...] = ()
        for number, (call, uses) in enumerate(self.turns):
            yield from map(_answered, before)
            places = [part for one in call.shown for part in _place(one.label)]
            if number == 0:
                places.append({"type": "text", "text": call.text})
            if places:
                yield {"role": "user", "content": places}
            said = call.answers[0] if call.answers else ""
            called = [_call(use) for use in uses if use.id]
            yield {
                "role": "assistant",
                "content": [{"type": "text", "text": said}] if said else [],
                **({"tool_calls": called} if called else {}),
            }
            before = uses
        yield from (_answered(use) for use in before if use.answer)


def trajectory_of(
    inspection: LabelledInspection,
    *,
    root: Path,
    group: str,
    split: Side,
    references: Sequence[Path] = (),
    price: float = PRICE,
) -> Trajectory | None:
    """The newest conversation about a part; none where no critic acted.

    Args:
        inspection: of known truth.
        root: that paths are relative to.
        group: of the split.
        split: its side.
        references: known-good parts that it was compared with.
        price: of a look beyond the first.
    """
    trace = inspection.trace
    talk, first = Conversation.of(trace.steps), trace.first
    if talk is None or first is None:
        return None
    decided = None
    if talk.end is not None:
        try:
            decided = read_revision(talk.end.arguments, first)
        except UnreadableAnswer:  # a revised verdict stood before a later round
            decided = None
    folder, opening = Path(inspection.run.folder or "."), talk.turns[0][0]
    return Trajectory(
        id=f"{inspection.run.name}/{inspection.image}#acting",
        messages=tuple(talk.messages()),
        tools=tools_of(_recipe_of(inspection)),
        images=tuple(None if path is None else _near(folder / path, root) for path in talk.shown),
        ended=decided is not None,
        looks=talk.looks,
        truth=inspection.truth.anomalous,
        initial=first.label is Label.ANOMALOUS,
        final=None if decided is None else decided.anomalous,
        rewards=worth_of(talk, decided, first.label, inspection.truth, price=price),
        category=inspection.category,
        group=group,
        split=split,
        sha256=inspection.sha256,
        source=inspection.run.name,
        image=inspection.image,
        model=opening.model,
        prompt_sha256=opening.prompt_sha256,
        recipe_sha256=recipe_hash(inspection.run),
        view=inspection.view,
        part=_near(inspection.path, root),
        references=tuple(_near(file, root) for file in references),
        true=inspection.truth,
        found=_before(trace),
    )


def read_trajectories(folder: Path) -> tuple[Trajectory, ...]:
    """The conversations of a folder of episodes, in their order.

    Raises:
        EpisodeError: it has none, or they can't be read.
    """
    file = folder / FILE
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as failure:
        raise EpisodeError(
            f"{folder}: holds no conversations; `reinspect train episodes` writes those of runs "
            "whose monitor is of kind agent"
        ) from failure
    except (OSError, ValueError) as failure:
        raise EpisodeError(f"{file}: can't be read: {one_line(str(failure))}") from failure
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            rows.append(Trajectory.model_validate_json(line))
        except ValidationError as failure:
            said = explain_invalid(failure, Trajectory, name=f"{file}, line {number}")
            raise EpisodeError(f"{said}; make the episodes again") from failure
    return tuple(rows)


def _recipe_of(inspection: LabelledInspection) -> Recipe:
    recipe, view = parse_recipe(inspection.run.recipe), inspection.view
    return recipe if view is None else recipe.of_view(view)


def tools_of(recipe: Recipe) -> tuple[dict[str, Any], ...]:
    """What a critic of a recipe is offered, as it is offered."""
    notes, heeds = notes_of(recipe.tools), heeds_of(recipe.tools)
    looks = (offered(name, note, heeds.get(name, ())) for name, note in notes.items())
    return (*looks, revise_tool())


def worth_of(
    talk: Conversation,
    decided: DecisionRevision | None,
    first: Label,
    truth: Truth,
    *,
    price: float = PRICE,
) -> ActingRewards:
    """All rewards of one conversation.

    Args:
        talk: the conversation.
        decided: how it ended; none where it came to no decision.
        first: the label of the first look.
        truth: of the part.
        price: of a look beyond the first.
    """
    answer = None
    if decided is not None:
        named = tuple(Named(type=decided.type, box=box) for box in decided.boxes)
        answer = Answer(anomalous=decided.anomalous, defects=named)
    by_call = talk.end is not None and bool(talk.end.id)
    refused = any(use.refused for use in talk.uses)
    formal = decided is not None and by_call and talk.looks > 0 and not refused
    return acting_rewards(answer, truth, first=first, formal=formal, looks=talk.looks, price=price)


def lines(rows: Sequence[Trajectory]) -> str:
    """The file's text."""
    return "".join(f"{row.model_dump_json()}\n" for row in rows)


def _near(file: Path, root: Path) -> str:
    return Path(os.path.relpath(file, root)).as_posix()


def _before(trace: Trace) -> Trace:
    """The trace up to its newest conversation."""
    newest = max(step.round for step in trace.steps if _turn_of(step))
    places = [n for n, step in enumerate(trace.steps) if _turn_of(step) and step.round == newest]
    return Trace(sample=trace.sample, steps=trace.steps[: places[0]])


def _turn_of(step: Step) -> bool:
    """Whether a model that acts was asked there: tools have steps of their own."""
    asked = any(isinstance(product, Call) for product in step.products)
    return step.node == "examine" and step.tool is None and asked


def _place(label: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": label}, {"type": "image"}]


def _call(use: ToolUse) -> dict[str, Any]:
    try:
        arguments: Any = json.loads(use.arguments)
    except ValueError:
        arguments = use.arguments
    function = {"name": use.name, "arguments": arguments}
    return {"id": use.id, "type": "function", "function": function}


def _answered(use: ToolUse) -> dict[str, Any]:
    content = [{"type": "text", "text": use.answer}]
    if not use.id:
        return {"role": "user", "content": content}
    return {"role": "tool", "tool_call_id": use.id, "name": use.name, "content": content}
