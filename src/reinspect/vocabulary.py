"""The frozen values of an inspection, in the order in which they arise.

sample → verdict → assessment → decision → evidence → revision → explanation → disposition,
each kept as part of a `Step`, all steps together the `Trace`. Units, once for the whole project:

- `probability`: calibrated P(anomalous), in [0, 1];
- `confidence`: how sure a detector is of its own label, max(p, 1 − p), in [0.5, 1];
- `reliability`: fitted P(the label is right), in [0, 1];
- `divergence`: confidence − reliability;
- boxes: (x1, y1, x2, y2), normalised to the picture's width and height, half-open;
- durations in seconds, money in USD, paths relative and POSIX.
"""

import hashlib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import AfterValidator, AwareDatetime, Field, FiniteFloat, model_validator

from reinspect.notebook import shown
from reinspect.sensing import Modality as Modality
from reinspect.sensing import Scale as Scale
from reinspect.sensing import Spectrogram
from reinspect.values import Value as Value

MAX_PIXELS = 100_000_000
"""Of a picture that is decoded, unless somebody sets another limit."""


class Label(StrEnum):
    """What a verdict says about a part."""

    NORMAL = "normal"
    ANOMALOUS = "anomalous"

    @classmethod
    def of(cls, anomalous: bool) -> Self:
        """The label of a part that is anomalous, or is not."""
        return cls.ANOMALOUS if anomalous else cls.NORMAL


class Move(StrEnum):
    """What a policy may answer to "given the trace so far, what next"."""

    ACCEPT = "accept"
    REVISIT = "revisit"
    ESCALATE = "escalate"
    KEEP = "keep"
    CORRECT = "correct"


class Outcome(StrEnum):
    """What happens to the part."""

    PASS = "PASS"
    FAIL = "FAIL"
    REVIEW = "REVIEW"


Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
TruthSource = Literal["annotation", "review"]
ViewName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
OfView = Annotated[
    ViewName | None,
    Field(
        exclude_if=lambda said: said is None,  # what has one view is written as ever
        description="Which view it is of; null where it is of the part, or that has one picture.",
    ),
]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Box(NamedTuple):
    """Corners normalised to [0, 1], half-open."""

    x1: float
    y1: float
    x2: float
    y2: float


def _inside(box: Box) -> Box:
    if not (0 <= box.x1 < box.x2 <= 1 and 0 <= box.y1 < box.y2 <= 1):
        raise ValueError(f"box {tuple(box)} is not 0 ≤ x1 < x2 ≤ 1, 0 ≤ y1 < y2 ≤ 1")
    return box


NormalisedBox = Annotated[Box, AfterValidator(_inside)]


class View(Value):
    """One picture of a part. `path` is where to read it, never shown to a member or a prompt."""

    path: str
    sha256: Sha256 | None = Field(description="Of the file's bytes; none where they can't be read.")
    modality: Modality = Modality.VISUAL
    size: tuple[int, int] | None = Field(default=None, description="(width, height) in pixels.")
    scale: Scale | None = Field(
        default=None, description="What it was read by; none of pictures with 8 bits a channel."
    )
    outside: float = Field(default=0.0, ge=0, le=1, description="Share of pixels beyond the scale.")
    name: OfView = None
    spectrogram: Spectrogram | None = Field(
        default=None,
        exclude_if=lambda said: said is None,
        description="How it was made of a recording; none of a picture.",
    )

    def covered(self, box: Box) -> dict[str, tuple[float, float]] | None:
        """What a box covers in the units of its axes; None of a picture."""
        return self.spectrogram.span(box).ranges if self.spectrogram else None

    def placed(self, box: Box) -> str:
        """Where a box lies, in words, in the units of its axes, or in pixels, else in percent."""
        if self.spectrogram is not None:
            return f"at {self.spectrogram.span(box)}"
        if self.size is None:
            return f"at {box.x1:.0%}, {box.y1:.0%}"
        width, height = self.size
        w, h = (box.x2 - box.x1) * width, (box.y2 - box.y1) * height
        return f"of {w:.0f}×{h:.0f} px at ({box.x1 * width:.0f}, {box.y1 * height:.0f})"


class Sample(Value):
    """One part to inspect. Truth and golden sets are never part of it.

    A view that is missing is not among its views; the trace says so.
    """

    id: str = Field(description="Path relative to the inspected folder, POSIX; the row's key.")
    category: str | None = None
    views: tuple[View, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _tells_views_apart(self) -> Self:
        names = [view.name for view in self.views]
        if len(names) > 1 and (None in names or len(set(names)) < len(names)):
            raise ValueError(f"the views of sample {self.id!r} are not told apart: {names}")
        return self

    @property
    def path(self) -> str:
        """Where the part's picture is read: that of the first view that could be read."""
        return next((view for view in self.views if view.sha256), self.views[0]).path

    @property
    def sha256(self) -> str | None:
        """The content by which the part is known again: that of all its views' files."""
        return content_of([(view.name, view.sha256) for view in self.views])

    def of_view(self, name: str) -> "Sample":
        """The same part, of which there is this view alone.

        Raises:
            ValueError: it has no such view.
        """
        own = tuple(view for view in self.views if view.name == name)
        if not own:
            raise ValueError(f"sample {self.id!r} has no view {name!r}")
        return self.model_copy(update={"views": own})

    @property
    def visual(self) -> View:
        """The first view that a camera took, else the first: every view is read as a picture."""
        visual = (view for view in self.views if view.modality is Modality.VISUAL)
        return next(visual, self.views[0])


def content_of(views: Sequence[tuple[str | None, str | None]]) -> str | None:
    """The content of a part: of one picture its hash, of several a hash of names and hashes.

    None where no picture can be read.
    """
    if len(views) == 1:
        return views[0][1]
    if not any(sha256 for _, sha256 in views):
        return None
    told = "\n".join(f"{name}\t{sha256 or ''}" for name, sha256 in views)
    return hashlib.sha256(told.encode()).hexdigest()


class Truth(Value):
    """What is known to be true of a part. It is never part of its sample, and no member sees it.

    An anomalous part without boxes and mask is known to be defective, but not where.
    """

    label: Label
    types: tuple[str, ...] = Field(default=(), description="The different names of its defects.")
    boxes: tuple[NormalisedBox, ...] = ()
    box_types: tuple[str, ...] = Field(
        default=(), description="The type of each box, in their order; empty where not known."
    )
    mask: str | None = Field(
        default=None, description="Path of a file whose black is good; it is not all black."
    )
    source: TruthSource = "annotation"
    views: Mapping[str, "Truth"] = Field(
        default_factory=dict, exclude_if=lambda said: not said, description="Of its views."
    )

    @property
    def anomalous(self) -> bool:
        return self.label is Label.ANOMALOUS

    def of_view(self, name: str) -> "Truth | None":
        """What is known of one view of a part; all views of a good part are good."""
        good = None if self.anomalous else Truth(label=self.label, source=self.source)
        return self.views.get(name, good)


class Rle(Value):
    """A mask as COCO run-length encoding; `size` is (height, width) in pixels."""

    size: tuple[int, int]
    counts: str


def _corners(box: Box) -> str:
    return ", ".join(f"{corner:.3f}" for corner in box)


class Region(Value):
    """A place in the picture. `score` is its strength in the unit of whoever found it."""

    box: NormalisedBox
    score: FiniteFloat = 0.0
    mask: Rle | None = None
    view: OfView = None
    covers: Mapping[str, tuple[FiniteFloat, FiniteFloat]] | None = Field(
        default=None,
        exclude_if=lambda said: said is None,
        description="What the box covers in the units of its sensor: unit → from, to.",
    )

    def overlaps(self, other: "Region") -> bool:
        """Whether the boxes have anything in common."""
        one, two = self.box, other.box
        return one.x1 < two.x2 and two.x1 < one.x2 and one.y1 < two.y2 and two.y1 < one.y2


class Defect(Region):
    """A region that is called defective; `type` is null where the detector names none."""

    type: str | None = None


class Picture(Value):
    """A file that shows something (heat-map, crop, comparison), by path and content."""

    path: str
    sha256: Sha256
    shows: str


_FORMER_SOURCES = {"aligned": "reference"}
"""Former name of a source of evidence → its name today."""


def current_source(name: str) -> str:
    """What a source of evidence is called today: what was saved may have a former name."""
    return _FORMER_SOURCES.get(name, name)


def source_names(name: str) -> tuple[str, ...]:
    """A source's name and its former ones: where saved things are searched."""
    return (name, *(old for old, new in _FORMER_SOURCES.items() if new == name))


class Evidence(Value):
    """What one tool found. `probability` is what this evidence alone says of P(anomalous)."""

    kind: Literal["evidence"] = "evidence"
    source: Annotated[str, AfterValidator(current_source)] = Field(
        description="The tool's name in the recipe; what a first look rests on has its own."
    )
    summary: str
    probability: Probability | None = None
    regions: tuple[Region, ...] = ()
    measurements: Mapping[str, FiniteFloat] = Field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()
    view: OfView = None


class Verdict(Value):
    """A judgement of one part: anomalous if, and only if, `probability` ≥ 0.5."""

    kind: Literal["verdict"] = "verdict"
    label: Label
    probability: Probability
    defects: tuple[Defect, ...] = ()
    rationale: str = ""
    evidence: tuple[Evidence, ...] = Field(
        default=(), description="What a first look rests on; later evidence has its own step."
    )

    @classmethod
    def of(cls, probability: float, **rest: Any) -> Self:
        """A verdict with the label that its probability gives."""
        return cls(label=Label.of(probability >= 0.5), probability=probability, **rest)

    @model_validator(mode="after")
    def _label_follows_probability(self) -> Self:
        if (self.label is Label.ANOMALOUS) != (self.probability >= 0.5):
            raise ValueError(
                f"label {self.label.value!r} contradicts probability {self.probability!r}"
            )
        return self

    @property
    def confidence(self) -> float:
        """How sure the detector is of its own label, [0.5, 1]."""
        return max(self.probability, 1 - self.probability)

    def _repr_html_(self) -> str:
        rows = [(d.type or "defect", _corners(d.box), f"{d.score:.2f}") for d in self.defects]
        heading = f"{self.label.value}, p = {self.probability:.3f}"
        return shown(heading, rows, ("defect", "x1, y1, x2, y2", "score"))

    def at(self, regions: Sequence[Region]) -> Self:
        """The same verdict with its defects at these regions, typed as those that they overlap.

        A normal verdict has no defects, and without regions an anomalous one keeps its own.
        """
        if self.label is Label.NORMAL:
            return self.model_copy(update={"defects": ()})
        if not regions:
            return self
        return self.model_copy(update={"defects": tuple(map(self._defect, regions))})

    def _defect(self, region: Region) -> Defect:
        there = [defect for defect in self.defects if defect.overlaps(region)]
        kind = next((defect.type for defect in there if defect.type), None)
        covers = region.covers or next((defect.covers for defect in there), None)
        return Defect(
            box=region.box, score=region.score, mask=region.mask, type=kind, covers=covers
        )


class Estimate(Value):
    """What a reliability model makes of all looks so far: one probability, one reliability."""

    probability: Probability
    reliability: Probability
    signals: Mapping[str, FiniteFloat] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Wish(Value):
    """The one look that a monitor asks for, by its name in the recipe, and where it should look."""

    look: str
    box: NormalisedBox | None = None
    phrase: str = ""


class Assessment(Value):
    """RA-Monitor's view of the verdict in force: can it be relied on, and why."""

    kind: Literal["assessment"] = "assessment"
    confidence: Probability
    reliability: Probability
    reasons: tuple[str, ...] = ()
    signals: Mapping[str, FiniteFloat] = Field(default_factory=dict)
    probability: Probability | None = Field(
        default=None, description="P(anomalous) as the monitor would put it."
    )
    wish: Wish | None = Field(default=None, description="Null where the recipe's order applies.")

    @property
    def divergence(self) -> float:
        """Confidence minus reliability: how much surer the detector is than it should be."""
        return self.confidence - self.reliability


class Decision(Value):
    """A policy's move, with the name of the policy that made it."""

    kind: Literal["decision"] = "decision"
    move: Move
    policy: str
    reason: str = ""


class Revision(Value):
    """The verdict after a second look. `move` is keep or correct; `after` is then in force."""

    kind: Literal["revision"] = "revision"
    move: Literal[Move.KEEP, Move.CORRECT]
    after: Verdict
    reflection: str


class Explanation(Value):
    """Both verdicts in plain words."""

    kind: Literal["explanation"] = "explanation"
    first: str
    final: str


class Disposition(Value):
    """What happens to the part, and why."""

    kind: Literal["disposition"] = "disposition"
    outcome: Outcome
    reason: str


class ShownPicture(Value):
    """A picture that a model was shown, and what it was told of it."""

    label: str
    picture: Picture | None = Field(default=None, description="Null where pictures are not kept.")


class Call(Value):
    """One request to a model, as it was answered. Its pictures are kept in conversations alone.

    A member's calls stand in its step before what the member made of them, and stand there where
    it failed, too.
    """

    kind: Literal["call"] = "call"
    model: str
    prompt: str = Field(description="Name of the prompt's file.")
    prompt_sha256: Sha256 = Field(description="Of the prompt's file: its version.")
    text: str = Field(default="", description="The prompt as it was sent; empty where not kept.")
    text_sha256: Sha256 | None = Field(
        default=None, description="Of `text`: the key under which a store keeps it, once."
    )
    server: str | None = Field(default=None, description="host:port; null where not kept.")
    choices: int = Field(default=1, ge=1, description="Answers asked for.")
    pictures: int = Field(default=0, ge=0, description="Pictures sent.")
    shown: tuple[ShownPicture, ...] = Field(
        default=(), description="In a conversation: those sent since the last turn."
    )
    answers: tuple[str, ...] = Field(default=(), description="Raw, as the model wrote them.")
    unread: int = Field(default=0, ge=0, description="Answers that could not be read.")
    cached: bool = Field(default=False, description="Answered from disk: nobody was asked.")
    probabilities: Mapping[str, Probability] = Field(
        default_factory=dict,
        description="What each source says of the answer yes: token probability, sample agreement, "
        "stated confidence; one that is missing was not to be had.",
    )
    logprobs: tuple[tuple[FiniteFloat, ...], ...] = Field(
        default=(), description="Of each answer's tokens, to four digits; empty where not given."
    )
    token_ids: tuple[tuple[int, ...], ...] = Field(
        default=(), description="Of each answer's tokens; empty where not given."
    )
    tokens_in: int | None = Field(default=None, ge=0, description="Null where not reported.")
    tokens_out: int | None = Field(default=None, ge=0, description="Null where not reported.")
    usd: float | None = Field(
        default=None, ge=0, allow_inf_nan=False, description="Null where unknown: that is not 0."
    )
    answered_by: str | None = Field(
        default=None, description="The model, as the server names it in its answer."
    )
    finish: tuple[str, ...] = Field(
        default=(), description="Why each answer ended: stop, length …; empty where not given."
    )
    started: AwareDatetime | None = Field(default=None, description="Null where not kept.")
    seconds: Seconds = 0.0
    error: str | None = None
    error_type: str | None = Field(
        default=None, description="HTTP status, or the name of what was raised."
    )


class ToolUse(Value):
    """What a model that acts asked a tool for, and what it was told.

    It stands before the evidence that the tool brought, behind the call in which it was asked for.
    """

    kind: Literal["tool_use"] = "tool_use"
    id: str = Field(default="", description="As the model's server knows it.")
    name: str = Field(description="As the model wrote it: a tool of the recipe, or none.")
    arguments: str = Field(description="JSON, as the model wrote it.")
    answer: str = Field(default="", description="What the model was told.")
    pictures: int = Field(default=0, ge=0, description="Shown with the answer.")
    refused: bool = Field(default=False, description="Whether nothing was looked at for it.")


Product = Annotated[
    Verdict
    | Assessment
    | Decision
    | Evidence
    | Revision
    | Explanation
    | Disposition
    | Call
    | ToolUse,
    Field(discriminator="kind"),
]
