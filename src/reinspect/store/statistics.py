"""Counts and sums over runs, for tables and curves: made by the database, or read by columns."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Engine, Integer, and_, case, cast, extract, func, or_
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from reinspect.readings import SETUP
from reinspect.store import tables
from reinspect.store.database import reading, told
from reinspect.store.reliability import (
    ReliabilityStep,
    SimilarVerdicts,
    reliability_steps,
    similar_verdicts,
)
from reinspect.store.search import audited, known_truth, truths_of
from reinspect.vocabulary import Outcome


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
    sha256: str = ""
    """By which a part is known, whichever runs saw it; "" where it couldn't be read."""


class JudgedCount(NamedTuple):
    """How many images of a run came out so; truth and its source are None where not known."""

    run_id: int
    first: str | None
    final: str | None
    disposition: str
    truth: str | None
    truth_by: str | None
    images: int

    @property
    def wrong(self) -> bool:
        """Whether the final verdict is known to be wrong."""
        return None not in (self.truth, self.final) and self.final != self.truth

    @property
    def wrong_at_first(self) -> bool:
        """Whether the first one is."""
        return None not in (self.truth, self.first) and self.first != self.truth

    @property
    def fixed(self) -> bool:
        """Wrong at first, and right in the end."""
        return self.wrong_at_first and not self.wrong and self.final is not None

    @property
    def broken(self) -> bool:
        """Right at first, and wrong in the end."""
        return self.wrong and not self.wrong_at_first and self.first is not None

    @property
    def overruled(self) -> bool:
        """Whether a person has said otherwise."""
        return self.wrong and self.truth_by == "review"


class OutcomeChange(StrEnum):
    """How another run's outcome differs; the first that holds."""

    WORSE = "worse"
    """Right in A, wrong in B."""
    BETTER = "better"
    """Wrong in A, right in B."""
    LABEL = "other label"
    """And the truth is not known."""
    INTO_REVIEW = "into REVIEW"
    OUT_OF_REVIEW = "out of REVIEW"
    OTHER = "other outcome"


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

    @property
    def change(self) -> OutcomeChange | None:
        """How B's outcome differs from A's; None where it doesn't."""
        review = Outcome.REVIEW.value
        if self.label_a != self.label_b:
            if self.truth is None or None in (self.label_a, self.label_b):
                return OutcomeChange.LABEL
            return OutcomeChange.WORSE if self.label_a == self.truth else OutcomeChange.BETTER
        if self.disposition_a == self.disposition_b:
            return None
        if review == self.disposition_b:
            return OutcomeChange.INTO_REVIEW
        return OutcomeChange.OUT_OF_REVIEW if review == self.disposition_a else OutcomeChange.OTHER


class SpanCount(NamedTuple):
    """How many images of a run came out so in a span of time; `start` is in UTC."""

    start: datetime
    run_id: int
    category: str | None
    disposition: str
    images: int
    seconds: float


class ReviewedImage(NamedTuple):
    """An image that a person has judged, and when it was inspected."""

    at: datetime
    run_id: int
    category: str | None
    disposition: str
    truth: str
    sha256: str
    audited: bool


class AgainstAnnotation(NamedTuple):
    """An image whose review and annotation differ; labels as words."""

    inspection: int
    image: str
    category: str | None
    review: str
    annotation: str


class GivenLabel(NamedTuple):
    """What a run said of a picture."""

    inspection: int
    run_id: int
    image: str
    category: str | None
    label: str


class Different(NamedTuple):
    """An image that two runs judged differently."""

    change: OutcomeChange
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
        review, annotation = truths_of(table)
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
                table.sha256,
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

    def similar(self, runs: Sequence[int], *, share: float = 0.0) -> list[SimilarVerdicts]:
        """See `reliability.similar_verdicts`."""
        return similar_verdicts(self._engine, runs, share=share)

    def reliability(self, runs: Sequence[int]) -> list[ReliabilityStep]:
        """See `reliability.reliability_steps`."""
        return reliability_steps(self._engine, runs)

    def judged(self, runs: Sequence[int]) -> list[JudgedCount]:
        """All images of the runs, counted by what was said, what is true, how it came out."""
        table = tables.InspectionTable
        each = (
            select(  # type: ignore[call-overload]
                table.run_id,
                table.first_label,
                table.label,
                table.disposition,
                known_truth(table, both=True).label("truth"),
            )
            .where(col(table.run_id).in_(runs))
            .subquery()
        )
        query = select(*each.c, func.count()).group_by(*each.c)  # type: ignore[call-overload]
        found = []
        for run, first, final, disposition, truth, images in self._rows(query):
            by, _, label = (truth or "").partition(" ")
            said = (run, first, final, disposition)
            found.append(JudgedCount(*said, label or None, by or None, images))
        return found

    def compare(self, a: int, b: int) -> list[JudgedPair]:
        """Two runs' judgements of the images that both have, counted."""
        one, other, truth, joined = _both(a, b)
        said = (one.label, one.disposition, other.label, other.disposition, truth)
        sums = (func.count(), func.sum(one.seconds), func.sum(other.seconds))
        query = joined(select(*said, *sums)).group_by(*said)  # type: ignore[call-overload]
        return [JudgedPair(*row) for row in self._rows(query)]

    def different(
        self,
        a: int,
        b: int,
        *,
        only: Sequence[OutcomeChange] = (),
        offset: int = 0,
        limit: int = 50,
    ) -> list[Different]:
        """The images that two runs label or dispose of differently: worse, better, REVIEW, name.

        Args:
            a: id of a run.
            b: id of the run that is held against it.
            only: changes to take; all by default.
            offset: how many to pass over.
            limit: how many to take.
        """
        one, other, truth, joined = _both(a, b)
        kind = _change(one, other, truth)
        query = joined(
            select(  # type: ignore[call-overload]
                kind,
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
        if only:
            query = query.where(kind.in_([_RANKS.index(change) for change in only]))
        ordered = query.order_by(kind, one.image, one.id).offset(offset).limit(limit)
        return [Different(_RANKS[row[0]], *row[1:]) for row in self._rows(ordered)]

    def against_annotation(self, *, limit: int = 200) -> list[AgainstAnnotation]:
        """Images whose review contradicts their annotation, each picture once."""
        table = tables.InspectionTable
        (review, by_review), (annotation, by_annotation) = truths_of(table)
        query = (
            select(  # type: ignore[call-overload]
                func.min(table.id),
                func.min(table.image),
                func.min(table.category),
                review.label,
                annotation.label,
            )
            .join(review, by_review)
            .join(annotation, by_annotation)
            .where(review.label != annotation.label)
            .group_by(table.sha256, review.label, annotation.label)
            .order_by(func.min(table.id))
            .limit(limit)
        )
        return [AgainstAnnotation(*row) for row in self._rows(query)]

    def split_labels(self, *, limit: int = 200) -> list[list[GivenLabel]]:
        """Pictures that runs gave different labels and nobody has reviewed: what each run said."""
        table = tables.InspectionTable
        review, by_review = truths_of(table)[0]
        split = (
            select(table.sha256)
            .outerjoin(review, by_review)
            .where(table.sha256 != "", col(table.label).is_not(None))
            .group_by(col(table.sha256))
            .having(func.min(table.label) != func.max(table.label), func.count(review.id) == 0)
            .order_by(func.min(table.id))
            .limit(limit)
        )
        query = (
            select(  # type: ignore[call-overload]
                table.id, table.run_id, table.image, table.category, table.label, table.sha256
            )
            .where(col(table.sha256).in_(split), col(table.label).is_not(None))
            .order_by(col(table.id))
        )
        found: dict[str, list[GivenLabel]] = {}
        for *said, sha256 in self._rows(query):
            found.setdefault(sha256, []).append(GivenLabel(*said))
        return list(found.values())

    def newest(self) -> datetime | None:
        """When the newest inspection was written."""
        (found,) = self._rows(select(func.max(tables.InspectionTable.at)))
        return found if isinstance(found, datetime) or found is None else None

    def images(self) -> dict[int, int]:
        """Id of each run → its images."""
        table = tables.InspectionTable
        query = select(table.run_id, func.count()).group_by(col(table.run_id))
        return dict(self._rows(query))

    def spans(
        self,
        since: datetime,
        until: datetime,
        *,
        width: timedelta,
        offset: timedelta = timedelta(),
        stopped: bool = False,
    ) -> list[SpanCount]:
        """The images of a time, counted by spans of it; an index alone is read.

        Args:
            since: first moment.
            until: first moment after.
            width: of a span.
            offset: of the clock by which spans begin at midnight, from UTC.
            stopped: of what the set-up check stopped alone.
        """
        table, shift = tables.InspectionTable, int(offset.total_seconds())
        seconds = int(width.total_seconds())
        span = self._since_1970(shift, seconds)
        by = (span, table.run_id, table.category, table.disposition)
        query = (
            select(*by, func.count(), func.sum(table.seconds))  # type: ignore[call-overload]
            .where(col(table.at) >= since, col(table.at) < until)
            .group_by(*by)
        )
        if stopped:
            query = query.where(
                col(table.disposition) == Outcome.REVIEW.value,
                col(table.reason).startswith(SETUP, autoescape=True),
            )
        return [
            SpanCount(datetime.fromtimestamp(row[0] * seconds - shift, UTC), *row[1:])
            for row in self._rows(query)
        ]

    def reviewed(
        self, since: datetime, until: datetime, *, share: float = 0.0
    ) -> list[ReviewedImage]:
        """The images of a time that a person has judged, in whatever run of the same picture.

        Args:
            since: first moment.
            until: first moment after.
            share: of the audit sample of PASS.
        """
        table, truth = tables.InspectionTable, aliased(tables.TruthTable)
        query = (
            select(  # type: ignore[call-overload]
                table.at,
                table.run_id,
                table.category,
                table.disposition,
                truth.label,
                table.sha256,
                audited(share),
            )
            .join(truth, and_(col(truth.run_id) == table.run_id, col(truth.image) == table.image))
            .where(col(truth.source) == "review", col(table.at) >= since, col(table.at) < until)
        )
        return [ReviewedImage(*row) for row in self._rows(query)]

    def _since_1970(self, offset: int, width: int) -> Any:
        """How many spans of so many seconds there were before a row was written."""
        at = col(tables.InspectionTable.at)
        if self._engine.dialect.name == "sqlite":
            return (cast(func.strftime("%s", at), Integer) + offset) // width
        return cast(func.floor((extract("epoch", at) + offset) / width), Integer)

    def version(self) -> tuple[int, ...]:
        """The newest of whatever is added: while these are the same, so is every count.

        Of inspections, reviews, captions, comments and names of types, in this order.
        """
        newest = [
            select(func.coalesce(func.max(table.id), 0)).scalar_subquery()
            for table in (
                tables.InspectionTable,
                tables.ReviewTable,
                tables.CaptionTable,
                tables.CommentTable,
                tables.TypeNameTable,
            )
        ]
        (row,) = self._rows(select(*newest))
        return tuple(int(key) for key in row)

    def _rows(self, query: Any) -> list[Any]:
        with reading(self._engine) as session:
            return list(session.exec(query))


_RANKS = tuple(OutcomeChange)


def _change(one: Any, other: Any, truth: Any) -> ColumnElement[int]:
    """The place of a change among all, as an expression."""
    flips = and_(one.label != other.label, truth.is_not(None))
    review = Outcome.REVIEW.value
    differs = func.coalesce(one.label, "") != func.coalesce(other.label, "")
    cases = (
        (and_(flips, one.label == truth), OutcomeChange.WORSE),
        (and_(flips, other.label == truth), OutcomeChange.BETTER),
        (differs, OutcomeChange.LABEL),
        (and_(one.disposition != review, other.disposition == review), OutcomeChange.INTO_REVIEW),
        (and_(one.disposition == review, other.disposition != review), OutcomeChange.OUT_OF_REVIEW),
    )
    return case(
        *((condition, _RANKS.index(change)) for condition, change in cases),
        else_=_RANKS.index(OutcomeChange.OTHER),
    )


def _both(a: int, b: int) -> tuple[Any, Any, Any, Any]:
    """The inspections of both runs, the truth known in either, and a function that joins them."""
    one, other = aliased(tables.InspectionTable), aliased(tables.InspectionTable)
    truths = [*truths_of(one), *truths_of(other)]
    reviews_first = [truths[0], truths[2], truths[1], truths[3]]
    truth = func.coalesce(*(found.label for found, _ in reviews_first))

    def joined(query: Any) -> Any:
        query = query.select_from(one).join(other, other.image == one.image)
        for found in truths:
            query = query.outerjoin(*found)
        return query.where(one.run_id == a, other.run_id == b)

    return one, other, truth, joined
