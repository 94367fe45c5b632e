"""The tables. A trace is kept whole in `steps`; the other columns are its readings, to filter by.

A change here needs a migration beside it (`migrations/versions`); a test compares the two.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Index, MetaData, UniqueConstraint
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from reinspect.store import columns
from reinspect.vocabulary import Box, Defect, Picture, Product, Sample, Truth, Verdict

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class StoreTable(SQLModel, registry=registry(metadata=MetaData(naming_convention=_NAMES))):
    """Base of the tables, apart from whatever tables a user's own SQLModel classes make."""


class RunTable(StoreTable, table=True):
    """One call of `reinspect run` or `bench`, resumed ones included."""

    __tablename__ = "runs"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True, sa_type=columns.Words)
    folder: str | None = Field(sa_type=columns.Words, index=True)
    status: str
    started: datetime = Field(sa_type=columns.Moment)
    finished: datetime | None = Field(sa_type=columns.Moment)
    recipe: str = Field(sa_type=columns.Words)
    recipe_sha256: str
    fingerprint: Mapping[str, str] = Field(sa_type=columns.TextsColumn)
    sources: tuple[str, ...] = Field(sa_type=columns.NamesColumn)
    versions: Mapping[str, str] = Field(sa_type=columns.TextsColumn)
    explored: bool
    tags: Mapping[str, str] = Field(sa_type=columns.TextsColumn, description="line, shift, lot …")
    counters: Mapping[str, float] = Field(sa_type=columns.CountersColumn)


class InspectionTable(StoreTable, table=True):
    """One image of one run. `sha256` is "" where the file couldn't be read."""

    __tablename__ = "inspections"
    __table_args__ = (
        UniqueConstraint("run_id", "image", "sha256"),
        Index(None, "run_id", "reliability"),
        Index(None, "run_id", "disposition", "reliability"),
        Index(None, "run_id", "category"),
        Index(None, "reliability"),
        Index(None, "disposition", "reliability"),
        Index(None, "types"),
        Index(None, "run_id", "image", "label", "first_label", "disposition"),
        Index(None, "at", "run_id", "category", "disposition", "seconds"),
    )

    id: int | None = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="runs.id")
    image: str = Field(sa_type=columns.Words, index=True)
    sha256: str = Field(index=True)
    category: str | None = Field(sa_type=columns.Words)
    at: datetime = Field(sa_type=columns.Moment, description="When the row was written.")
    label: str | None
    probability: float | None
    defects: tuple[Defect, ...] | None = Field(sa_type=columns.DefectsColumn)
    types: tuple[str, ...] = Field(sa_type=columns.NamesColumn, description="Distinct, sorted.")
    rationale: str | None = Field(sa_type=columns.Words)
    first_label: str | None
    first_probability: float | None
    first_defects: tuple[Defect, ...] | None = Field(sa_type=columns.DefectsColumn)
    first_rationale: str | None = Field(sa_type=columns.Words)
    confidence: float | None
    reliability: float | None
    divergence: float | None
    disposition: str
    reason: str = Field(sa_type=columns.Words)
    rounds: int
    revised: bool
    seconds: float
    error: str | None = Field(sa_type=columns.Words)
    sample: Sample = Field(sa_type=columns.SampleColumn)


class StepTable(StoreTable, table=True):
    """One step of a trace; `products` is what it produced, but for the texts of prompts."""

    __tablename__ = "steps"

    inspection_id: int = Field(foreign_key="inspections.id", ondelete="CASCADE", primary_key=True)
    position: int = Field(primary_key=True)
    node: str = Field(sa_type=columns.Words)
    round: int
    tool: str | None = Field(default=None, sa_type=columns.Words)
    started: datetime | None = Field(default=None, sa_type=columns.Moment)
    seconds: float
    error: str | None = Field(sa_type=columns.Words)
    explored: bool
    view: str | None = Field(default=None, description="Null: the part as a whole.")
    products: tuple[Product, ...] = Field(sa_type=columns.ProductsColumn)


class PromptTable(StoreTable, table=True):
    """What models were asked: each text once, whichever calls have sent it."""

    __tablename__ = "prompts"

    sha256: str = Field(primary_key=True, description="Of the text as it was sent.")
    text: str = Field(sa_type=columns.Words)


class EvidenceTable(StoreTable, table=True):
    """One piece of evidence, to find inspections and pictures by; its numbers are in `steps`."""

    __tablename__ = "evidence"
    __table_args__ = (Index(None, "source", "inspection_id"),)

    inspection_id: int = Field(foreign_key="inspections.id", ondelete="CASCADE", primary_key=True)
    position: int = Field(primary_key=True)
    step: int = Field(description="Position of the step that brought it.")
    explored: bool
    source: str = Field(sa_type=columns.Words)
    summary: str = Field(sa_type=columns.Words)
    probability: float | None
    pictures: tuple[Picture, ...] = Field(sa_type=columns.PicturesColumn)


class TruthTable(StoreTable, table=True):
    """What is known of an image, from annotation or from a review. Never part of a sample."""

    __tablename__ = "truth"
    __table_args__ = (UniqueConstraint("run_id", "image", "source"),)

    id: int | None = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="runs.id")
    image: str = Field(sa_type=columns.Words)
    source: str
    label: str
    types: tuple[str, ...] = Field(sa_type=columns.NamesColumn)
    boxes: tuple[Box, ...] = Field(sa_type=columns.BoxesColumn)
    mask: str | None = Field(sa_type=columns.Words, description="Path of the mask file.")
    views: Mapping[str, Truth] = Field(
        default_factory=dict,
        sa_type=columns.TruthsColumn,
        description="Of a part with several views: what is known of each.",
    )


class ReviewTable(StoreTable, table=True):
    """A person's verdict on an inspection, or its withdrawal. Rows are added, never changed."""

    __tablename__ = "reviews"

    id: int | None = Field(default=None, primary_key=True)
    inspection_id: int = Field(foreign_key="inspections.id", index=True)
    at: datetime = Field(sa_type=columns.Moment)
    reviewer: str = Field(sa_type=columns.Words)
    before: Verdict | None = Field(sa_type=columns.VerdictColumn)
    after: Verdict | None = Field(
        sa_type=columns.VerdictColumn, description="Null where the reviewer takes it all back."
    )
    label: str = Field(description="Of `after`; `withdrawn` where that is null.")
    why: str = Field(sa_type=columns.Words)


class CommentTable(StoreTable, table=True):
    """What somebody said of a part. Rows are added, never changed."""

    __tablename__ = "comments"

    id: int | None = Field(default=None, primary_key=True)
    part: str = Field(index=True, description="Its content, else `inspection` and a number.")
    at: datetime = Field(sa_type=columns.Moment)
    author: str = Field(sa_type=columns.Words)
    text: str = Field(sa_type=columns.Words)


class TypeNameTable(StoreTable, table=True):
    """What a type of defects is called from then on. Rows are added, never changed."""

    __tablename__ = "type_names"

    id: int | None = Field(default=None, primary_key=True)
    category: str | None = Field(sa_type=columns.Words)
    name: str = Field(sa_type=columns.Words)
    becomes: str = Field(sa_type=columns.Words, description="Itself: it has its own name again.")
    at: datetime = Field(sa_type=columns.Moment)
    author: str = Field(sa_type=columns.Words)


class CaptionTable(StoreTable, table=True):
    """A training text for an inspection: thinking or reflection, and what became of it."""

    __tablename__ = "captions"

    id: int | None = Field(default=None, primary_key=True)
    inspection_id: int = Field(foreign_key="inspections.id", index=True)
    at: datetime = Field(sa_type=columns.Moment)
    mode: str
    text: str = Field(sa_type=columns.Words)
    source: str = Field(sa_type=columns.Words)
    state: str = Field(index=True, description="draft, accepted, edited or rejected.")
    reviewer: str | None = Field(sa_type=columns.Words)
    origin: int | None = Field(
        default=None,
        foreign_key="captions.id",
        index=True,
        description="The draft that this is a person's decision on. Drafts are never changed.",
    )
    view: str | None = Field(default=None, description="Null: of a part with one picture.")


class PublicationTable(StoreTable, table=True):
    """How far the verdicts of a run that are published have come."""

    __tablename__ = "publications"

    run_id: int = Field(foreign_key="runs.id", primary_key=True)
    numbered: int = Field(description="The number that was given last; they count up from 1.")
    published: int = Field(description="The last one that was taken, with all before it.")


class OutboxTable(StoreTable, table=True):
    """A verdict that is to be published, written with its row; gone when it was taken."""

    __tablename__ = "outbox"

    run_id: int = Field(foreign_key="runs.id", primary_key=True)
    number: int = Field(primary_key=True)
    inspection_id: int = Field(foreign_key="inspections.id", ondelete="CASCADE", index=True)


class PrunedTable(StoreTable, table=True):
    """An image that was inspected, and whose inspection is kept no longer: not to be done again."""

    __tablename__ = "pruned"

    run_id: int = Field(foreign_key="runs.id", primary_key=True)
    image: str = Field(sa_type=columns.Words, primary_key=True)
    sha256: str = Field(primary_key=True)
