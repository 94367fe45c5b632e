"""A filter and an order of inspections, as conditions in SQL."""

import json
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic import AwareDatetime, Field, FiniteFloat, model_validator
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

from reinspect.readings import SETUP
from reinspect.store.comments import commented
from reinspect.store.reviews import WITHDRAWN
from reinspect.store.tables import (
    EvidenceTable,
    InspectionTable,
    ReviewTable,
    RunTable,
    TruthTable,
)
from reinspect.store.type_names import TypeNames
from reinspect.vocabulary import Label, Outcome, Value, source_names

_MODULUS = 2**31 - 1


class Span(NamedTuple):
    """From `low` to `high`, both included."""

    low: FiniteFloat
    high: FiniteFloat


class Period(NamedTuple):
    """From `since` until just before `until`; None is open."""

    since: AwareDatetime | None
    until: AwareDatetime | None


class Standing(StrEnum):
    """How a verdict stands against the truth, which is a review's, else an annotation's."""

    RIGHT = "right"
    WRONG = "wrong"
    FIXED = "fixed"
    """Wrong at first, right in the end."""
    BROKEN = "broken"
    """Right at first, wrong in the end."""
    OVERRULED = "overruled"
    """A person has said otherwise."""
    OPEN = "open"
    """No truth is known."""


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
    tags: tuple[str, ...] = Field(
        default=(), description="Of the run, as line=3; any value of a name, and all names."
    )
    sources: tuple[str, ...] = Field(default=(), description="Who brought evidence; any of them.")
    reliability: Span | None = None
    divergence: Span | None = None
    seconds: Span | None = None
    revised: bool | None = None
    errors: bool | None = None
    reviewed: Reviewed | None = None
    truths: tuple[Label, ...] = Field(default=(), description="By review, else by annotation.")
    standing: Standing | None = None
    twice: bool | None = Field(default=None, description="Whether it was looked at again.")
    first: Label | None = Field(default=None, description="What the first look said.")
    final: Label | None = Field(default=None, description="What was said in the end.")
    setup: bool | None = Field(default=None, description="Stopped by the set-up check.")
    reason: str = Field(default="", description="In the disposition's reason, any case.")
    commented: bool | None = Field(default=None, description="Whether its part has comments.")
    period: Period | None = Field(default=None, description="When it was written.")
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
        period = self.period
        if period and period.since and period.until and period.since >= period.until:
            raise ValueError(f"the time from {period.since} until {period.until} is empty")
        return self


def conditions(wanted: Filter, names: TypeNames | None = None) -> list[ColumnElement[bool]]:
    """The filter as conditions on `inspections`; types by the names of today, where given."""
    chosen = _chosen(wanted, names or TypeNames())
    return [*chosen, *_ranged(wanted), *_judged(wanted), *_stated(wanted)]


def _chosen(wanted: Filter, names: TypeNames) -> Iterator[ColumnElement[bool]]:
    """Conditions of the fields that list values."""
    table = InspectionTable
    for column, values in (
        (col(table.run_id), wanted.runs),
        (col(table.category), wanted.categories),
        (col(table.disposition), [outcome.value for outcome in wanted.dispositions]),
    ):
        if values:
            yield column.in_(values)
    by_name: dict[str, list[str]] = {}
    for tag in wanted.tags:
        by_name.setdefault(tag.partition("=")[0], []).append(tag)
    for some in by_name.values():
        mine = select(RunTable.id).where(or_(*(_tagged(tag) for tag in some)))
        yield col(table.run_id).in_(mine)
    if wanted.types:
        yield or_(*(_called(name, names) for name in wanted.types))
    if wanted.sources:
        sources = [name for source in wanted.sources for name in source_names(source)]
        brought = col(EvidenceTable.source).in_(sources)
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
    since, until = wanted.period or (None, None)
    if since is not None:
        yield col(table.at) >= since
    if until is not None:
        yield col(table.at) < until


def _judged(wanted: Filter) -> Iterator[ColumnElement[bool]]:
    """Conditions of what was said, and of what is true."""
    table = InspectionTable
    if wanted.twice is not None:
        yield col(table.rounds) > 0 if wanted.twice else col(table.rounds) == 0
    if wanted.first is not None:
        yield col(table.first_label) == wanted.first.value
    if wanted.final is not None:
        yield col(table.label) == wanted.final.value
    if wanted.truths:
        yield known_truth(table).in_([label.value for label in wanted.truths])
    if wanted.standing is not None:
        yield _stands(wanted.standing)


def known_truth(of: Any, *, both: bool = False) -> Any:
    """The truth of an inspection as an expression: a review's, else an annotation's, else NULL.

    Args:
        of: `InspectionTable`, or an alias of it.
        both: the source, a space and the label, in place of the label.
    """
    truth = aliased(TruthTable)
    return (
        select(col(truth.source) + " " + col(truth.label) if both else truth.label)
        .where(col(truth.run_id) == of.run_id, col(truth.image) == of.image)
        .order_by(col(truth.source).desc())  # "review" comes after "annotation"
        .limit(1)
        .correlate(of)
        .scalar_subquery()
    )


def _stands(standing: Standing) -> ColumnElement[bool]:
    table = InspectionTable
    said = col(table.label)
    truth_label: ColumnElement[str | None] = known_truth(table)
    if standing is Standing.OPEN:
        return truth_label.is_(None)
    if standing is Standing.OVERRULED:
        truth = aliased(TruthTable)
        contradicts = select(truth.id).where(
            col(truth.run_id) == col(table.run_id),
            col(truth.image) == col(table.image),
            col(truth.source) == "review",
            col(truth.label) != said,
        )
        return contradicts.exists()
    if standing in (Standing.RIGHT, Standing.FIXED):
        as_it_is = truth_label == said
    else:
        as_it_is = truth_label != said
    if standing in (Standing.FIXED, Standing.BROKEN):
        return and_(col(table.first_label) != said, as_it_is)
    return as_it_is


def _stated(wanted: Filter) -> Iterator[ColumnElement[bool]]:
    """Conditions of yes and no, of reviews, and of words."""
    if wanted.commented is not None:
        yield commented() if wanted.commented else ~commented()
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
    reason = col(InspectionTable.reason)
    if wanted.setup is not None:
        stopped = reason.startswith(SETUP, autoescape=True)
        yield stopped if wanted.setup else ~stopped
    if wanted.reason.strip():
        yield _Like(type_coerce(reason, Text), _anywhere(wanted.reason.strip()))
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


def truths_of(of: Any) -> list[tuple[Any, ColumnElement[bool]]]:
    """The tables of truth by review and by annotation, each with the condition that joins it."""
    found = []
    for source in ("review", "annotation"):
        truth = aliased(TruthTable)
        same = and_(
            col(truth.run_id) == of.run_id,
            col(truth.image) == of.image,
            col(truth.source) == source,
        )
        found.append((truth, same))
    return found


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


def _tagged(tag: str) -> ColumnElement[bool]:
    name, _, value = tag.partition("=")
    pair = ":".join(json.dumps(word, ensure_ascii=False) for word in (name, value))
    return type_coerce(col(RunTable.tags), Text).contains(pair, autoescape=True)


def _called(name: str, names: TypeNames) -> ColumnElement[bool]:
    """What is called that today, by whatever names are on record."""
    if not names.current:
        return has_type(name)
    category = col(InspectionTable.category)
    some: list[ColumnElement[bool]] = []
    others: list[ColumnElement[bool]] = []
    for product in names.current:
        mine = category.is_not_distinct_from(product)
        some += [and_(mine, has_type(one)) for one in names.recorded(product, name)]
        others.append(
            category.is_not(None) if product is None else category.is_distinct_from(product)
        )
    return or_(*some, and_(*others, has_type(name)))


def has_type(name: str) -> ColumnElement[bool]:
    """Whether the final verdict names a type, by its name on record."""
    quoted = json.dumps(name, ensure_ascii=False)
    return type_coerce(col(InspectionTable.types), Text).contains(quoted, autoescape=True)


def _mentions(text: str) -> ColumnElement[bool]:
    table = InspectionTable
    columns = (table.image, table.rationale, table.first_rationale, table.reason, table.error)
    wanted = _anywhere(text)
    return or_(*(_Like(type_coerce(col(column), Text), wanted) for column in columns))


def _anywhere(text: str) -> str:
    """The text as a pattern of `_Like`, found wherever it stands."""
    literal = re.sub("[/%_]", r"/\g<0>", text)
    return f"%{literal}%"


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
