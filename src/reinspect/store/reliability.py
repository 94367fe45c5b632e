"""What reliability is told by: counts and sums over runs, made by the database."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sqlalchemy import ColumnElement, Engine, Integer, case, cast, exists, func, or_
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from reinspect.metrics.calibration import BINS
from reinspect.store import tables
from reinspect.store.database import reading
from reinspect.store.search import audited, truths_of

STEPS = 1000
"""Into which reliability is counted, of [0, 1]."""


class SimilarVerdicts(NamedTuple):
    """Images that have all of this in common, counted."""

    run: int
    category: str | None
    outcome: str
    twice: bool
    """Whether they were looked at twice."""
    first: str | None
    """Label of the first look."""
    label: str | None
    truth: str | None
    reviewed: bool
    audited: bool
    """Whether they are in the audit sample."""
    newest: bool
    """Whether no other image of these runs, inspected later, is of the same part."""
    bin: int | None
    """Of a reliability diagram; none without a verdict."""
    images: int
    confidence: float | None
    """Sum of theirs: how sure they are of their own label, [0.5, 1] each."""


class ReliabilityStep(NamedTuple):
    """Verdicts whose truth is known, of about one reliability."""

    reliability: float
    """The least of them, in steps of 1 / `STEPS`."""
    images: int
    wrong: int


def similar_verdicts(
    engine: Engine, runs: Sequence[int], *, share: float = 0.0
) -> list[SimilarVerdicts]:
    """All images of the runs by what was said, what is true, and how it came out.

    Args:
        engine: of the store.
        runs: their ids.
        share: of the audit sample of PASS.

    Raises:
        StoreError: the store can't be read.
    """
    table = tables.InspectionTable
    review, annotation = truths_of(table)
    p = col(table.probability)
    sure = case((p >= 0.5, p), else_=1 - p)
    edges = np.linspace(0.5, 1, BINS + 1)[1:-1]
    places = [(sure >= float(edge), place) for place, edge in reversed([*enumerate(edges, 1)])]
    later = aliased(table)
    again = exists().where(  # by the index on content alone, unless there is one
        col(later.sha256) == table.sha256, col(later.id) > table.id, col(later.run_id).in_(runs)
    )
    each = (
        select(  # type: ignore[call-overload]
            table.run_id,
            table.category,
            table.disposition,
            (col(table.rounds) > 0).label("twice"),
            table.first_label,
            table.label,
            func.coalesce(review[0].label, annotation[0].label).label("truth"),
            col(review[0].label).is_not(None).label("reviewed"),
            audited(share).label("audited"),
            or_(col(table.sha256) == "", ~again).label("newest"),
            case((p.is_(None), None), *places, else_=0).label("bin"),
            sure.label("sure"),
        )
        .outerjoin(*review)
        .outerjoin(*annotation)
        .where(*_of(runs))
        .subquery()
    )
    *keys, confidence = each.c
    query = select(*keys, func.count(), func.sum(confidence)).group_by(*keys)  # type: ignore[call-overload]
    with reading(engine) as session:
        return [SimilarVerdicts._make(row) for row in session.exec(query)]


def reliability_steps(engine: Engine, runs: Sequence[int]) -> list[ReliabilityStep]:
    """The images of the runs whose truth is known, by reliability; the least first.

    Raises:
        StoreError: the store can't be read.
    """
    table = tables.InspectionTable
    review, annotation = truths_of(table)
    truth = func.coalesce(review[0].label, annotation[0].label)
    scaled = col(table.reliability) * STEPS
    step = cast(scaled if engine.dialect.name == "sqlite" else func.floor(scaled), Integer)
    query = (
        select(
            step.label("step"),
            func.count(),
            func.sum(case((col(table.label) == truth, 0), else_=1)),
        )
        .outerjoin(*review)
        .outerjoin(*annotation)
        .where(
            *_of(runs),
            col(table.reliability).is_not(None),
            col(table.label).is_not(None),
            truth.is_not(None),
        )
        .group_by(step)
        .order_by(step)
    )
    with reading(engine) as session:
        return [ReliabilityStep(place / STEPS, *rest) for place, *rest in session.exec(query)]


def _of(runs: Sequence[int]) -> tuple[ColumnElement[bool], ...]:
    """Inspections of the runs, read in the order in which they lie on disk.

    Rows are long: an index of numbers would have the database jump about among all of them.
    """
    table = tables.InspectionTable
    mine = col(table.run_id).in_(runs)
    first, last = (
        select(end(table.id)).where(mine).scalar_subquery() for end in (func.min, func.max)
    )
    return (col(table.id).between(first, last), (col(table.run_id) + 0).in_(runs))
