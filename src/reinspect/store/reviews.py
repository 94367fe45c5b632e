"""What people decided: reviews of inspections, and of captions."""

from collections.abc import Iterable
from typing import Literal, NamedTuple, Protocol, TypeVar

from pydantic import AwareDatetime, Field

from reinspect.store import tables
from reinspect.vocabulary import Value, Verdict

CaptionState = Literal["draft", "accepted", "edited", "rejected"]
Decided = Literal["accepted", "edited", "rejected"]


WITHDRAWN = "withdrawn"
"""In place of a label, where a reviewer takes back what they said."""
TAKEN_BACK = "taken back"
"""The reason of a review by which a reviewer takes another one back."""


class Review(Value):
    """A person's verdict on an inspection, and the verdict that stood before it."""

    id: int
    inspection_id: int
    at: AwareDatetime
    reviewer: str
    before: Verdict | None
    after: Verdict | None = Field(description="Null where the reviewer takes it all back.")
    why: str = ""


class ReviewOpinion(NamedTuple):
    """What a reviewer last said of a part, whichever runs saw it, in one word."""

    part: str
    reviewer: str
    label: str


class PictureReview(NamedTuple):
    """What a reviewer said of a picture, in one word."""

    sha256: str
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
    view: str | None = Field(default=None, description="Null: of a part with one picture.")


class NewCaption(Value):
    """A training text to keep as a draft."""

    inspection_id: int
    mode: Literal["thinking", "reflection"]
    text: str
    source: str
    view: str | None = None


class Said(Protocol):
    """A review, or its row."""

    @property
    def reviewer(self) -> str: ...
    @property
    def after(self) -> Verdict | None: ...


S = TypeVar("S", bound=Said)


def standing(said: Iterable[S]) -> S | None:
    """The review that counts, of a part's reviews, oldest first: the newest not taken back.

    Who takes a review back has no opinion any more; what others said before counts again.
    """
    last: dict[str, S] = {}
    for one in said:
        last.pop(one.reviewer, None)  # so that the newest comes last
        last[one.reviewer] = one
    return next((one for one in reversed(last.values()) if one.after is not None), None)


def review_of(entry: tables.ReviewTable) -> Review:
    """A review from its row."""
    return Review.model_validate(entry.model_dump(include=set(Review.model_fields)))


def caption_of(entry: tables.CaptionTable) -> Caption:
    """A caption from its row."""
    return Caption.model_validate(entry.model_dump())
