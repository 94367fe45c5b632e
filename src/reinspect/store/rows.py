"""The row of an image: what results files, tables and reports say about it."""

from typing import Any, NotRequired

from pydantic import AwareDatetime, Field, field_serializer
from typing_extensions import TypedDict

from reinspect.readings import BriefVerdict, Readings
from reinspect.store.comments import Comment
from reinspect.vocabulary import Defect, Label, Outcome, TruthSource, Value

DIGITS = 6  # of a number in an exported file; the store keeps them all


def rounded(number: float) -> float:
    """The number as exported files show it."""
    return round(number, DIGITS)


class Flat(TypedDict):
    """A defect as exported files show it."""

    type: str | None
    box: list[float]
    score: float
    view: NotRequired[str]
    mask: NotRequired[dict[str, Any]]
    covers: NotRequired[dict[str, list[float]]]


class FlatVerdict(TypedDict):
    """A verdict as exported files show it."""

    label: Label
    probability: float
    defects: list[Flat]
    rationale: str


class Checked(Value):
    """What a person said of an image: the newest review of it."""

    label: Label
    types: tuple[str, ...] = ()
    defects: tuple[Defect, ...] = ()
    reviewer: str
    at: AwareDatetime
    why: str = ""

    @field_serializer("defects", when_used="json")
    def _flat(self, defects: tuple[Defect, ...]) -> list[Flat]:
        return [flat(defect) for defect in defects]


def _resolved(fields: dict[str, Any]) -> Outcome:
    truth: Label | None = fields.get("truth")
    if truth is None:
        return fields["disposition"]  # type: ignore[no-any-return]
    return Outcome.FAIL if truth is Label.ANOMALOUS else Outcome.PASS


class Row(Readings):
    """One image of a run: what its trace says, the newest review of it, and what is true of it.

    Written as JSON, numbers are rounded to six digits, and a defect has a mask only if it has one.
    """

    review: Checked | None = Field(default=None, description="None where nobody reviewed it.")
    truth: Label | None = Field(
        default=None, description="By a review of the picture in any run, else by annotation."
    )
    truth_by: TruthSource | None = None
    resolved: Outcome = Field(
        default_factory=_resolved, description="As the truth has it, else the disposition."
    )

    comments: tuple[Comment, ...] = Field(
        default=(),
        exclude_if=lambda said: not said,
        description="What people have said of the part, oldest first.",
    )

    @property
    def right(self) -> bool | None:
        """Whether the final verdict is as the truth has it; None where either is missing."""
        if self.truth is None or self.verdict is None:
            return None
        return self.verdict.label is self.truth

    @property
    def fixed(self) -> bool:
        """Whether a second look put a wrong first verdict right."""
        return bool(self.revised and self.right)

    @property
    def broken(self) -> bool:
        """Whether a second look made a right first verdict wrong."""
        return self.revised and self.right is False

    @property
    def defects(self) -> tuple[Defect, ...]:
        """The defects that count: the reviewer's, else the final verdict's; none of a good part."""
        judged = self.review or self.verdict
        return judged.defects if judged and judged.label is Label.ANOMALOUS else ()

    @field_serializer(
        "confidence", "reliability", "divergence", "seconds", when_used="json-unless-none"
    )
    def _rounded(self, number: float) -> float:
        return rounded(number)

    @field_serializer("verdict", "first", when_used="json-unless-none")
    def _shown(self, verdict: BriefVerdict) -> FlatVerdict:
        return {
            "label": verdict.label,
            "probability": rounded(verdict.probability),
            "defects": [flat(defect) for defect in verdict.defects],
            "rationale": verdict.rationale,
        }


def flat(defect: Defect) -> Flat:
    """A defect as exported files show it."""
    shown: Flat = {
        "type": defect.type,
        "box": [rounded(corner) for corner in defect.box],
        "score": rounded(defect.score),
    }
    if defect.view is not None:
        shown["view"] = defect.view
    if defect.mask is not None:
        shown["mask"] = defect.mask.model_dump(mode="json")
    if defect.covers:
        shown["covers"] = {unit: [rounded(v) for v in pair] for unit, pair in defect.covers.items()}
    return shown
