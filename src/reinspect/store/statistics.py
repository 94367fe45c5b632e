"""Counts and sums over runs, for tables and curves: made by the database, or read by columns."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Engine, and_, func, or_
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from reinspect.store import tables
from reinspect.store.database import reading, told
from reinspect.store.search import audited


class KnownVerdict(NamedTuple):
    """What was said of one image, and its truth where that is known; labels as words."""

    run_id: int
    category: str | None
    first_probability: float | None
    probability: float | None
    reliability: float | None
    disposition: str
    rounds: int
    truth: str | None
    reviewed: bool
    audited: bool


class Changed(NamedTuple):
    """How many images, of those looked at twice, have these labels."""

    run_id: int
    first: str
    final: str
    truth: str
    images: int


class JudgedPair(NamedTuple):
    """How many images two runs judged so; truth is None where it isn't known."""

    label_a: str | None
    disposition_a: str
    label_b: str | None
    disposition_b: str
    truth: str | None
    images: int
    seconds_a: float
    seconds_b: float


class Different(NamedTuple):
    """An image that two runs judged differently."""

    image: str
    a: int
    label_a: str | None
    disposition_a: str
    b: int
    label_b: str | None
    disposition_b: str
    truth: str | None


class Statistics:
    """Sums over runs. Every method raises `StoreError` for the database's faults."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def known(self, runs: Sequence[int], *, share: float = 0.0) -> list[KnownVerdict]:
        """Every image of the runs, as numbers and short words alone.

        Args:
            runs: their ids.
            share: of the audit sample of PASS.
        """
        table = tables.InspectionTable
        review, annotation = _truths(table)
        query = (
            select(  # type: ignore[call-overload]
                table.run_id,
                table.category,
                table.first_probability,
                table.probability,
                table.reliability,
                table.disposition,
                table.rounds,
                func.coalesce(review[0].label, annotation[0].label),
                col(review[0].label).is_not(None),
                audited(share),
            )
            .outerjoin(*review)
            .outerjoin(*annotation)
            .where(col(table.run_id).in_(runs))
            # In about the order in which they lie on disk: an index on numbers would jump about.
            .order_by(col(table.run_id), col(table.image))
        )
        # Without a session, which would take as long again for a hundred thousand rows.
        with told(self._engine.url), self._engine.connect() as connection:
            return list(map(KnownVerdict._make, connection.execute(query).all()))

    def changed(self, runs: Sequence[int]) -> list[Changed]:
        """Images looked at twice whose truth is known, counted by first and final label and truth.

        They are few, and an index finds them.
        """
        table = tables.InspectionTable
        review, annotation = _truths(table)
        truth = func.coalesce(review[0].label, annotation[0].label)
        said = (table.run_id, table.first_label, table.label, truth)
        query = (
            select(*said, func.count())  # type: ignore[call-overload]
            .outerjoin(*review)
            .outerjoin(*annotation)
            .where(
                col(table.run_id).in_(runs),
                col(table.rounds) > 0,
                col(table.label).is_not(None),
                truth.is_not(None),
            )
            .group_by(*said)
        )
        return [Changed(*row) for row in self._rows(query)]

    def compare(self, a: int, b: int) -> list[JudgedPair]:
        """Two runs' judgements of the images that both have, counted."""
        one, other, truth, joined = _both(a, b)
        said = (one.label, one.disposition, other.label, other.disposition, truth)
        sums = (func.count(), func.sum(one.seconds), func.sum(other.seconds))
        query = joined(select(*said, *sums)).group_by(*said)  # type: ignore[call-overload]
        return [JudgedPair(*row) for row in self._rows(query)]

    def different(self, a: int, b: int, *, offset: int = 0, limit: int = 50) -> list[Different]:
        """The images that two runs label or dispose of differently, by name."""
        one, other, truth, joined = _both(a, b)
        query = joined(
            select(  # type: ignore[call-overload]
                one.image,
                one.id,
                one.label,
                one.disposition,
                other.id,
                other.label,
                other.disposition,
                truth,
            )
        ).where(
            or_(
                func.coalesce(one.label, "") != func.coalesce(other.label, ""),
                one.disposition != other.disposition,
            )
        )
        ordered = query.order_by(one.image, one.id).offset(offset).limit(limit)
        return [Different(*row) for row in self._rows(ordered)]

    def version(self) -> tuple[int, int, int]:
        """Newest inspection, review and caption: while these are the same, so is every count."""
        newest = [
            select(func.coalesce(func.max(table.id), 0)).scalar_subquery()
            for table in (tables.InspectionTable, tables.ReviewTable, tables.CaptionTable)
        ]
        (row,) = self._rows(select(*newest))
        return int(row[0]), int(row[1]), int(row[2])

    def _rows(self, query: Any) -> list[Any]:
        with reading(self._engine) as session:
            return list(session.exec(query))


def _truths(of: Any) -> list[tuple[Any, ColumnElement[bool]]]:
    """The tables of truth by review and by annotation, each with the condition that joins it."""
    found = []
    for source in ("review", "annotation"):
        truth = aliased(tables.TruthTable)
        same = and_(
            col(truth.run_id) == of.run_id,
            col(truth.image) == of.image,
            col(truth.source) == source,
        )
        found.append((truth, same))
    return found


def _both(a: int, b: int) -> tuple[Any, Any, Any, Any]:
    """The inspections of both runs, the truth known in either, and a function that joins them."""
    one, other = aliased(tables.InspectionTable), aliased(tables.InspectionTable)
    truths = [*_truths(one), *_truths(other)]
    reviews_first = [truths[0], truths[2], truths[1], truths[3]]
    truth = func.coalesce(*(found.label for found, _ in reviews_first))

    def joined(query: Any) -> Any:
        query = query.select_from(one).join(other, other.image == one.image)
        for found in truths:
            query = query.outerjoin(*found)
        return query.where(one.run_id == a, other.run_id == b)

    return one, other, truth, joined
