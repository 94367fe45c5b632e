"""What people decided: reviews of inspections, and of captions."""

from typing import Literal, NamedTuple

from pydantic import AwareDatetime, Field

from reinspect.store import tables
from reinspect.vocabulary import Value, Verdict

CaptionState = Literal["draft", "accepted", "edited", "rejected"]
Decided = Literal["accepted", "edited", "rejected"]


class Review(Value):
    """A person's verdict on an inspection, and the verdict that stood before it."""

    id: int
    inspection_id: int
    at: AwareDatetime
    reviewer: str
    before: Verdict | None
    after: Verdict
    why: str = ""


class ReviewOpinion(NamedTuple):
    """What a reviewer last said of an inspection, in one word."""

    inspection_id: int
    reviewer: str
    label: str


class Caption(Value):
    """A training text of an inspection. A decision on a draft is a caption with that `origin`."""

    id: int
    inspection_id: int
    at: AwareDatetime
    mode: str = Field(description="thinking or reflection.")
    text: str
    source: str = Field(description="Who wrote the text: a model, a template.")
    state: CaptionState
    reviewer: str | None = None
    origin: int | None = Field(default=None, description="Id of the draft that was decided on.")


class NewCaption(Value):
    """A training text to keep as a draft."""

    inspection_id: int
    mode: Literal["thinking", "reflection"]
    text: str
    source: str


def review_of(entry: tables.ReviewTable) -> Review:
    """A review from its row."""
    return Review.model_validate(entry.model_dump(include=set(Review.model_fields)))


def caption_of(entry: tables.CaptionTable) -> Caption:
    """A caption from its row."""
    return Caption.model_validate(entry.model_dump())
