"""Asking an operator at the cell what happens to a part for REVIEW, so that it ends in place."""

from typing import Any

from langgraph.types import interrupt
from pydantic import Field, ValidationError, field_validator, model_validator

from reinspect.errors import explain_invalid
from reinspect.trace import Trace
from reinspect.vocabulary import Disposition, Outcome, Value


class OperatorAnswer(Value):
    """What a graph that waits for an operator is resumed with; the outcome alone will do."""

    outcome: Outcome
    by: str = Field(default="", max_length=200, description="Who says so.")
    note: str = Field(default="", max_length=2000)

    @model_validator(mode="before")
    @classmethod
    def _outcome_alone(cls, given: Any) -> Any:
        return {"outcome": given} if isinstance(given, str) else given

    @field_validator("outcome", mode="before")
    @classmethod
    def _in_any_case(cls, given: Any) -> Any:
        return given.strip().upper() if isinstance(given, str) else given

    @property
    def disposition(self) -> Disposition:
        """What becomes of the part."""
        who = f"operator {self.by}".strip()
        return Disposition(
            outcome=self.outcome, reason=f"{who}: {self.note}" if self.note else f"{who} says so"
        )


def question_of(trace: Trace) -> dict[str, Any]:
    """What an operator is asked, in JSON's own types."""
    verdict, settled, assessed = trace.verdict, trace.disposition, trace.assessment
    return {
        "question": "PASS, FAIL or REVIEW?",
        "image": trace.sample.path,
        "id": trace.sample.id,
        "category": trace.sample.category,
        "label": verdict.label.value if verdict else None,
        "probability": verdict.probability if verdict else None,
        "reliability": assessed.reliability if assessed else None,
        "boxes": [list(found.box) for found in verdict.defects] if verdict else [],
        **_views(trace),
        "reason": settled.reason if settled else "",
        "outcomes": [outcome.value for outcome in Outcome],
    }


def _views(trace: Trace) -> dict[str, Any]:
    """Of a part with several views: where each is, and in which one each box is."""
    named = {view.name: view.path for view in trace.sample.views if view.name is not None}
    if not named:
        return {}
    defects = trace.verdict.defects if trace.verdict else ()
    return {"views": named, "box_views": [found.view for found in defects]}


def ask_operator(trace: Trace) -> Disposition:
    """Pause the graph with a question, until an answer can be read.

    An answer that can't be read is asked for again, with a key `fault` that says why.
    """
    question = question_of(trace)
    while True:
        said = interrupt(question)
        try:
            return OperatorAnswer.model_validate(said).disposition
        except ValidationError as failure:
            question = {**question, "fault": explain_invalid(failure, OperatorAnswer)}
