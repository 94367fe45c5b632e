"""The row of an image: what results files, tables and reports say about it."""

from typing import Annotated, Any, NotRequired, Self

from pydantic import AwareDatetime, Field, FiniteFloat, PlainSerializer, field_serializer
from typing_extensions import TypedDict

from reinspect.vocabulary import (
    Defect,
    Label,
    Outcome,
    Probability,
    Seconds,
    Sha256,
    Trace,
    Value,
    Verdict,
)

DIGITS = 6  # of a number in an exported file; the store keeps them all


def rounded(number: float) -> float:
    """The number as exported files show it."""
    return round(number, DIGITS)


_Rounded = PlainSerializer(rounded, when_used="json-unless-none")


class Flat(TypedDict):
    """A defect as exported files show it."""

    type: str | None
    box: list[float]
    score: float
    mask: NotRequired[dict[str, Any]]


class RowVerdict(Value):
    """A verdict as a row has it."""

    label: Label
    probability: Annotated[Probability, _Rounded]
    defects: tuple[Defect, ...] = ()
    rationale: str = ""

    @classmethod
    def of(cls, verdict: Verdict | None) -> Self | None:
        """What a row keeps of a verdict."""
        if verdict is None:
            return None
        return cls(
            label=verdict.label,
            probability=verdict.probability,
            defects=verdict.defects,
            rationale=verdict.rationale,
        )

    @property
    def types(self) -> tuple[str, ...]:
        """The distinct defect types that it names, sorted."""
        return flat_types(self.defects)

    @field_serializer("defects", when_used="json")
    def _flat(self, defects: tuple[Defect, ...]) -> list[Flat]:
        return [flat(defect) for defect in defects]


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


class Row(Value):
    """One image of a run. A failed image has no verdict, an error, and is for REVIEW.

    Written as JSON, numbers are rounded to six digits, and a defect has a mask only if it has one.
    """

    image: str = Field(description="Path relative to the inspected folder, POSIX.")
    sha256: Sha256 | None = Field(description="Of the file's bytes; none where unreadable.")
    category: str | None = None
    verdict: RowVerdict | None = None
    first: RowVerdict | None = None
    confidence: Annotated[Probability | None, _Rounded] = None
    reliability: Annotated[Probability | None, _Rounded] = None
    divergence: Annotated[FiniteFloat | None, _Rounded] = None
    disposition: Outcome = Outcome.REVIEW
    reason: str = ""
    rounds: int = Field(default=0, ge=0, description="Second looks taken.")
    revised: bool = Field(default=False, description="The label differs from the first look's.")
    seconds: Annotated[Seconds, _Rounded] = 0.0
    error: str | None = None
    review: Checked | None = Field(default=None, description="None where nobody reviewed it.")

    @property
    def defects(self) -> tuple[Defect, ...]:
        """The defects that count: the reviewer's, else the final verdict's; none of a good part."""
        judged = self.review or self.verdict
        return judged.defects if judged and judged.label is Label.ANOMALOUS else ()

    @classmethod
    def of(cls, trace: Trace) -> Self:
        """The row of a finished trace."""
        assessment, disposition = trace.assessment, trace.disposition
        return cls(
            image=trace.sample.id,
            sha256=trace.sample.views[0].sha256,
            category=trace.sample.category,
            verdict=RowVerdict.of(trace.verdict),
            first=RowVerdict.of(trace.first),
            confidence=assessment.confidence if assessment else None,
            reliability=assessment.reliability if assessment else None,
            divergence=assessment.divergence if assessment else None,
            disposition=disposition.outcome if disposition else Outcome.REVIEW,
            reason=disposition.reason if disposition else "",
            rounds=trace.rounds,
            revised=trace.revised,
            seconds=trace.seconds,
            error=trace.error,
        )


def flat_types(defects: tuple[Defect, ...]) -> tuple[str, ...]:
    """The distinct types of defects, sorted."""
    return tuple(sorted({defect.type for defect in defects if defect.type}))


def flat(defect: Defect) -> Flat:
    """A defect as exported files show it."""
    shown: Flat = {
        "type": defect.type,
        "box": [rounded(corner) for corner in defect.box],
        "score": rounded(defect.score),
    }
    if defect.mask is not None:
        shown["mask"] = defect.mask.model_dump(mode="json")
    return shown
