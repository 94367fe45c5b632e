"""A filter and an order of inspections, as conditions in SQL."""

import json
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic import Field, FiniteFloat, model_validator
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Text,
    and_,
    case,
    cast,
    distinct,
    func,
    or_,
    type_coerce,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import aliased
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import col, select

from reinspect.store.reviews import WITHDRAWN
from reinspect.store.tables import EvidenceTable, InspectionTable, ReviewTable
from reinspect.vocabulary import Outcome, Value, source_names

_MODULUS = 2**31 - 1


class Span(NamedTuple):
    """From `low` to `high`, both included."""

    low: FiniteFloat
    high: FiniteFloat


class Reviewed(StrEnum):
    """Whether an inspection is reviewed, and whether reviewers disagree."""

    NO = "no"
    YES = "yes"
    DISPUTED = "disputed"


class Order(StrEnum):
    """What inspections are sorted by; what has no such value comes last."""

    RELIABILITY = "reliability"
    DIVERGENCE = "divergence"
    PROBABILITY = "probability"
    SECONDS = "seconds"
    IMAGE = "image"
    AT = "at"


class Filter(Value):
    """Which inspections to take: those that meet every field; an empty field is met by all."""

    runs: tuple[int, ...] = Field(default=(), description="Ids of runs.")
    categories: tuple[str, ...] = ()
    dispositions: tuple[Outcome, ...] = ()
    types: tuple[str, ...] = Field(default=(), description="Defect types; any of them.")
    sources: tuple[str, ...] = Field(default=(), description="Who brought evidence; any of them.")
    reliability: Span | None = None
    divergence: Span | None = None
    seconds: Span | None = None
    revised: bool | None = None
    errors: bool | None = None
    reviewed: Reviewed | None = None
    due: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="What waits for a person: not reviewed, and REVIEW or in the audit sample, "
        "which has this share of PASS.",
    )
    text: str = Field(default="", description="In a rationale, a reason, an error or the name.")

    @model_validator(mode="after")
    def _spans_have_ends_in_order(self) -> "Filter":
        for name in ("reliability", "divergence", "seconds"):
            span = getattr(self, name)
            if span is not None and span.low > span.high:
                raise ValueError(f"{name} from {span.low!r} to {span.high!r} is empty")
        return self


def conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    """The filter as conditions on `inspections`."""
    return [*_chosen(wanted), *_ranged(wanted), *_stated(wanted)]


def _chosen(wanted: Filter) -> Iterator[ColumnElement[bool]]:
    """Conditions of the fields that list values."""
    table = InspectionTable
    for column, values in (
        (col(table.run_id), wanted.runs),
        (col(table.category), wanted.categories),
        (col(table.disposition), [outcome.value for outcome in wanted.dispositions]),
    ):
        if values:
            yield column.in_(values)
    if wanted.types:
        yield or_(*(_names(name) for name in wanted.types))
    if wanted.sources:
        names = [name for source in wanted.sources for name in source_names(source)]
        brought = col(EvidenceTable.source).in_(names)
        yield col(table.id).in_(select(EvidenceTable.inspection_id).where(brought))


def _ranged(wanted: Filter) -> Iterator[ColumnElement[bool]]:
    table = InspectionTable
    for number, span in (
        (col(table.reliability), wanted.reliability),
        (col(table.divergence), wanted.divergence),
        (col(table.seconds), wanted.seconds),
    ):
        if span is not None:
            yield number.between(span.low, span.high)


def _stated(wanted: Filter) -> Iterator[ColumnElement[bool]]:
    """Conditions of yes and no, of reviews, and of words."""
    if wanted.revised is not None:
        yield col(InspectionTable.revised).is_(wanted.revised)
    if wanted.errors is not None:
        failed = col(InspectionTable.error)
        yield failed.is_not(None) if wanted.errors else failed.is_(None)
    if wanted.reviewed is not None:
        yield _reviewed(wanted.reviewed)
    if wanted.due is not None:
        yield _due(wanted.due)
        yield _reviewed(Reviewed.NO)
    if wanted.text.strip():
        yield _mentions(wanted.text.strip())


def ranking(
    order: Order, *, descending: bool, searched: bool = False
) -> tuple[ColumnElement[Any], ...]:
    """The order as columns to sort by; equal ones by id, so that pages don't overlap."""
    value: Any = col(getattr(InspectionTable, order.value))
    key = col(InspectionTable.id)
    if searched:  # nearly every row must be read: in the table's order, not in the index's
        value = func.coalesce(value, value)
    if descending:
        return value.desc().nulls_last(), key.desc()
    return value.asc().nulls_last(), key.asc()


def before(order: Order, value: Any, key: int, *, descending: bool) -> ColumnElement[bool]:
    """Whether a row comes before the one that has this value and id."""
    column, ids = col(getattr(InspectionTable, order.value)), col(InspectionTable.id)
    earlier = ids > key if descending else ids < key
    if value is None:
        return or_(column.is_not(None), and_(column.is_(None), earlier))
    beyond = column > value if descending else column < value
    return or_(beyond, and_(column == value, earlier))


def audited(share: float) -> ColumnElement[bool]:
    """Whether an inspection is in the audit sample, `share` of all: the same ones for everyone.

    A number in [0, 1) is drawn from the id by a quadratic congruence, which has no period that a
    production line could share. A larger share contains every smaller one.
    """
    key = cast(col(InspectionTable.id), BigInteger)
    drawn = ((key * key % _MODULUS) * 1103515245 + key * 12345) % _MODULUS
    return drawn < int(share * _MODULUS)


def _due(share: float) -> ColumnElement[bool]:
    outcome = col(InspectionTable.disposition)
    return or_(outcome == Outcome.REVIEW.value, and_(outcome == Outcome.PASS.value, audited(share)))


def _reviewed(state: Reviewed) -> ColumnElement[bool]:
    """Of the part, whichever runs saw it. What was taken back is no review."""
    seen = aliased(InspectionTable)
    content, key = col(seen.sha256), cast(col(seen.id), Text)
    part = case((content != "", content), else_=key)
    of_it = col(seen.id) == col(ReviewTable.inspection_id)
    newest = (
        select(func.max(ReviewTable.id)).join(seen, of_it).group_by(part, col(ReviewTable.reviewer))
    )
    parts = (
        select(part)
        .join(ReviewTable, of_it)
        .where(col(ReviewTable.id).in_(newest), col(ReviewTable.label) != WITHDRAWN)
    )
    if state is Reviewed.DISPUTED:
        parts = parts.group_by(part).having(func.count(distinct(col(ReviewTable.label))) > 1)
    mine, number = col(InspectionTable.sha256), cast(col(InspectionTable.id), Text)
    among = or_(mine.in_(parts), and_(mine == "", number.in_(parts)))
    return ~among if state is Reviewed.NO else among


def _names(name: str) -> ColumnElement[bool]:
    quoted = json.dumps(name, ensure_ascii=False)
    return type_coerce(col(InspectionTable.types), Text).contains(quoted, autoescape=True)


def _mentions(text: str) -> ColumnElement[bool]:
    table = InspectionTable
    columns = (table.image, table.rationale, table.first_rationale, table.reason, table.error)
    literal = re.sub("[/%_]", r"/\g<0>", text)
    return or_(*(_Like(type_coerce(col(column), Text), f"%{literal}%") for column in columns))


class _Like(FunctionElement[bool]):
    """LIKE without regard to case; SQLite's own disregards that of ASCII, at half the time."""

    inherit_cache = True
    type = Boolean()


@compiles(_Like)
def _ilike(element: _Like, compiler: Any, **how: Any) -> str:
    left, right = (compiler.process(clause, **how) for clause in element.clauses)
    return f"{left} ILIKE {right} ESCAPE '/'"


@compiles(_Like, "sqlite")
def _like(element: _Like, compiler: Any, **how: Any) -> str:
    left, right = (compiler.process(clause, **how) for clause in element.clauses)
    return f"{left} LIKE {right} ESCAPE '/'"
