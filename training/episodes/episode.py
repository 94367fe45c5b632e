"""Episodes: what a critic learns from, one question with its true answer (M3-AD-FT, 2603.00055).

One inspection gives up to two: *thinking* (the first look's question) and *reflective* (the first
answer and the evidence are there already). The columns are those of TRL's conversational format,
pictures by reference; whatever else is known of the inspection stands beside them.
"""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, Field

from reinspect.agents.models.answers import Answer, Named
from reinspect.agents.models.tags import write_tags
from reinspect.errors import ReinspectError
from reinspect.vocabulary import (
    Box,
    NormalisedBox,
    Probability,
    Seconds,
    Sha256,
    TruthSource,
    Value,
)

FORMAT = 1
"""Of an episodes folder: a reader refuses any other."""


class EpisodeError(ReinspectError, ValueError):
    """Episodes that can't be made or read; the message is one line: what, where, what to do."""


class EpisodeMode(StrEnum):
    """Which of the two answers of M3-AD is asked for."""

    THINKING = "thinking"
    REFLECTIVE = "reflective"


class Side(StrEnum):
    """The side of the split. A group, and a picture, is on one side alone."""

    TRAIN = "train"
    VALIDATION = "validation"


class Content(Value):
    """A piece of a message: a text, or the place of a picture, in the order of `images`."""

    type: Literal["text", "image"]
    text: str | None = None


class Message(Value):
    """A message of a conversation."""

    role: Literal["user", "assistant"]
    content: tuple[Content, ...]


class ShownLook(Value):
    """What a run's look said, with its boxes and types in step."""

    label: bool = Field(description="True = anomalous.")
    probability: Probability
    boxes: tuple[NormalisedBox, ...] = ()
    types: tuple[str, ...] = Field(default=(), description="One a box, '' where it has none.")
    rationale: str = ""


class ModelRequest(Value):
    """A request to a model in the run, with what the server gave of its tokens."""

    model: str
    prompt: str
    prompt_sha256: Sha256
    answers: tuple[str, ...] = ()
    token_ids: tuple[tuple[int, ...], ...] = Field(
        default=(), description="Of each answer; empty where the server gave none."
    )
    logprobs: tuple[tuple[float, ...], ...] = Field(
        default=(), description="Of each answer's tokens; empty where the server gave none."
    )
    probability: Probability | None = Field(default=None, description="P(yes) by its tokens.")


class AnswerText(Value):
    """The words of a target answer, and whose they are."""

    text: str
    source: str = Field(description="`template`, or the name of the teacher model.")
    state: Literal["draft", "accepted", "edited"] = "draft"
    reviewer: str | None = None

    @property
    def reviewed(self) -> bool:
        """Whether a person let it pass."""
        return self.state != "draft"


class Episode(Value):
    """A row of the data set; its fields are the columns.

    `completion` is the answer to imitate, in the published tags. It is empty where the truth of a
    defective part lacks boxes, or types that go with them: such rows are for rewards alone.
    """

    id: str = Field(description="<run>/<image>#<mode>, unique.")
    prompt: tuple[Message, ...]
    completion: tuple[Message, ...]
    images: tuple[str, ...] = Field(
        min_length=1, description="Relative to the card's root: references first, the query last."
    )
    mode: EpisodeMode
    truth: bool = Field(description="True = anomalous.")
    types: tuple[str, ...] = Field(default=(), description="True types, distinct.")
    boxes: tuple[NormalisedBox, ...] = Field(default=(), description="True boxes.")
    box_types: tuple[str, ...] = Field(
        default=(), description="True types, one a box; empty where that is not known."
    )
    initial: bool | None = Field(
        default=None, description="The first look's label; null: it has none."
    )
    scenario: str
    category: str | None = None
    group: str
    sha256: Sha256 = Field(description="Of the query's bytes.")
    split: Side = Side.TRAIN
    source: str = Field(description="Name of the run.")
    image: str = Field(
        description="As the run names it; a view by its file, relative to what was inspected."
    )
    part: str | None = Field(default=None, description="Of a view: its part, as the run names it.")
    view: str | None = Field(default=None, description="Null: of a part with one picture.")
    truth_source: TruthSource
    truth_by: str | None = Field(default=None, description="Reviewer; null for annotations.")
    truth_at: AwareDatetime | None = None
    first: ShownLook | None = None
    final: ShownLook | None = Field(default=None, description="In force at the end of the run.")
    located: tuple[NormalisedBox, ...] = Field(
        default=(), description="Where tools put the first look's defects."
    )
    seen: tuple[NormalisedBox, ...] = Field(
        default=(), description="Where the second look has them, whatever it decided."
    )
    evidence: str = Field(default="", description="As the prompt tells it.")
    reflection: str = Field(default="", description="The run's own; not the target.")
    second_look: Literal["asked", "explored"] | None = None
    seconds: Seconds = Field(default=0.0, description="Of the whole inspection.")
    judgement: str = Field(
        description="The inspection as a judgement, JSON: looks, signals, truth; see "
        "`reinspect monitor schema`."
    )
    asked: tuple[ModelRequest, ...] = Field(default=(), description="Models asked in the run.")
    prompt_name: str
    prompt_sha256: Sha256 = Field(description="Version of the prompt's file.")
    recipe_sha256: str = Field(description="Of the run's recipe.")
    version: str = Field(description="Of reinspect, that made the run.")
    caption: str = ""
    caption_source: str = ""
    caption_state: Literal["draft", "accepted", "edited"] = "draft"
    caption_reviewer: str | None = None
    reviewed: bool = Field(default=False, description="Whether a person let the caption pass.")

    @property
    def target(self) -> str | None:
        """The answer to imitate as text; none where there is none."""
        if not self.completion:
            return None
        return "".join(part.text or "" for part in self.completion[0].content)

    def files(self, root: Path) -> tuple[Path, ...]:
        """The pictures: references first, the query last."""
        return tuple(root / image for image in self.images)


def question(text: str, pictures: int) -> tuple[Message, ...]:
    """A user's message: so many pictures, then the text."""
    places = (Content(type="image"),) * pictures
    return (Message(role="user", content=(*places, Content(type="text", text=text))),)


def target(
    mode: EpisodeMode,
    caption: str,
    *,
    anomalous: bool,
    types: Sequence[str],
    boxes: Sequence[Box],
    original: str = "",
) -> tuple[Message, ...]:
    """The assistant's true answer in the wire format; empty where a defect has no place.

    Args:
        mode: which of the two forms.
        caption: what is thought (thinking) or reflected (reflective).
        anomalous: the truth.
        types: of the defects, one a box.
        boxes: of the defects.
        original: the first answer in words, for the reflective form.
    """
    if anomalous and not (boxes and len(boxes) == len(types)):
        return ()
    reflective = mode is EpisodeMode.REFLECTIVE
    named = tuple(
        Named(type=untagged(kind).replace(";", ","), box=box)
        for kind, box in zip(types, boxes, strict=True)
    )
    answer = Answer(
        anomalous=anomalous,
        defects=named if anomalous else (),
        thinking=untagged(original if reflective else caption),
        reflection=untagged(caption) if reflective else None,
    )
    text = write_tags(answer)
    return (Message(role="assistant", content=(Content(type="text", text=text),)),)


def untagged(text: str) -> str:
    """The text without what would be read as a tag."""
    return " ".join(text.replace("<", "‹").replace(">", "›").split())
