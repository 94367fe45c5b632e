"""What a trace says in sum, read off it once: for store, exports, bench, console.

Readings have two forms: nested, with the first and the final verdict as values, and flat, one value
a column, as tables have them. Both are made here, and only here.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Self

from pydantic import Field, FiniteFloat

from reinspect.trace import Trace
from reinspect.vocabulary import (
    Defect,
    Label,
    Outcome,
    Probability,
    Seconds,
    Sha256,
    Value,
    Verdict,
    View,
)

SETUP = "setup: "
"""What the reason begins with where the set-up check stopped a picture."""

_VERDICTS = {"verdict": "", "first": "first_"}
"""Field → what the names of its columns begin with."""


class BriefVerdict(Value):
    """A verdict without the evidence that it rests on."""

    label: Label
    probability: Probability
    defects: tuple[Defect, ...] = ()
    rationale: str = ""

    @classmethod
    def of(cls, verdict: Verdict | None, view: View | None = None) -> Self | None:
        """The verdict in brief, with what its boxes cover in a view's units; none of none."""
        if verdict is None:
            return None
        brief = cls(**{name: getattr(verdict, name) for name in _PARTS})
        if view is None or view.spectrogram is None:
            return brief
        placed = (
            defect.model_copy(update={"covers": view.covered(defect.box)})
            for defect in brief.defects
        )
        return brief.model_copy(update={"defects": tuple(placed)})

    @property
    def types(self) -> tuple[str, ...]:
        """The distinct defect types that it names, sorted."""
        return types_of(self.defects)


class Readings(Value):
    """What the main line of one trace came to. A failed image has no verdict, and is for REVIEW."""

    image: str = Field(description="Path relative to the inspected folder, POSIX.")
    sha256: Sha256 | None = Field(description="Of the file's bytes; none where unreadable.")
    category: str | None = None
    verdict: BriefVerdict | None = None
    first: BriefVerdict | None = None
    confidence: Probability | None = None
    reliability: Probability | None = None
    divergence: FiniteFloat | None = None
    disposition: Outcome = Outcome.REVIEW
    reason: str = ""
    rounds: int = Field(default=0, ge=0, description="Second looks taken.")
    revised: bool = Field(default=False, description="The label differs from the first look's.")
    seconds: Seconds = 0.0
    error: str | None = None

    @classmethod
    def of(cls, trace: Trace) -> Self:
        """The readings of a finished trace."""
        assessment, disposition = trace.assessment, trace.disposition
        return cls(
            image=trace.sample.id,
            sha256=trace.sample.sha256,
            category=trace.sample.category,
            verdict=BriefVerdict.of(trace.verdict, trace.sample.visual),
            first=BriefVerdict.of(trace.first, trace.sample.visual),
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

    @classmethod
    def of_columns(cls, columns: Mapping[str, Any], **rest: Any) -> Self:
        """The readings that a flat row holds, of whose columns others are left alone.

        Raises:
            ValidationError: a column has a value that it can't have.
        """
        plain = {name: columns[name] for name in _PLAIN}
        verdicts = {name: _gathered(columns, start) for name, start in _VERDICTS.items()}
        return cls.model_validate({**plain, **verdicts, **rest})

    @property
    def columns(self) -> dict[str, Any]:
        """Column → value: those of `_PLAIN`, and of both verdicts label, probability and so on.

        Labels and outcomes are words; a verdict that is missing has no types, and else nulls.
        """
        flat = {name: getattr(self, name) for name in _PLAIN}
        flat["disposition"] = self.disposition.value
        for name, start in _VERDICTS.items():
            verdict: BriefVerdict | None = getattr(self, name)
            flat |= {f"{start}{part}": verdict and getattr(verdict, part) for part in _PARTS}
            flat[f"{start}label"] = verdict and verdict.label.value
            flat[f"{start}types"] = verdict.types if verdict else ()
        return flat


_PARTS = tuple(BriefVerdict.model_fields)
_PLAIN = tuple(name for name in Readings.model_fields if name not in _VERDICTS)


def types_of(defects: Iterable[Defect]) -> tuple[str, ...]:
    """The distinct types that defects have, sorted."""
    return tuple(sorted({defect.type for defect in defects if defect.type}))


def _gathered(columns: Mapping[str, Any], start: str) -> dict[str, Any] | None:
    if columns[f"{start}label"] is None:
        return None
    return {part: columns[f"{start}{part}"] for part in _PARTS}
