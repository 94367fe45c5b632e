"""What people look through and decide: pages of inspections, reviews, captions."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Engine, Text, func, insert, type_coerce
from sqlmodel import Session, col, select

from reinspect.store import columns, tables
from reinspect.store.database import StoreError, masked, reading, told, writing
from reinspect.store.inspected import Inspected, inspections_of, key_of
from reinspect.store.queue import reviews_of_part
from reinspect.store.review_truth import make_truth
from reinspect.store.reviews import (
    TAKEN_BACK,
    WITHDRAWN,
    Caption,
    CaptionState,
    Decided,
    NewCaption,
    PictureReview,
    Review,
    caption_of,
    review_of,
    standing,
)
from reinspect.store.runs import lock_runs
from reinspect.store.search import Filter, Order, before, conditions, has_type, ranking
from reinspect.store.type_names import type_names
from reinspect.vocabulary import Verdict, current_source

_CHUNK = 500  # rows read at a time


class Page(NamedTuple):
    """One page of the inspections that a filter finds, and how many it finds in all."""

    items: tuple[Inspected, ...]
    total: int


class Choices(NamedTuple):
    """The values that a filter can choose from, sorted."""

    categories: tuple[str, ...]
    types: tuple[str, ...]
    sources: tuple[str, ...]


class Browse:
    """The store as people browse and review it. Rows are added; none is ever changed.

    Every method raises `StoreError` for the database's faults.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def count(self, wanted: Filter) -> int:
        """How many inspections the filter finds."""
        with reading(self._engine) as session:
            return _count(session, self._meant(wanted))

    def page(
        self,
        wanted: Filter,
        *,
        order: Order = Order.RELIABILITY,
        descending: bool = False,
        offset: int = 0,
        limit: int = 24,
    ) -> Page:
        """A page of the inspections that the filter finds, the least reliable first by default."""
        meant = self._meant(wanted)
        ids = (
            select(tables.InspectionTable.id)
            .where(*meant)
            .order_by(*ranking(order, descending=descending, searched=bool(wanted.text)))
            .offset(offset)
            .limit(limit)
        )
        with reading(self._engine) as session:
            found = inspections_of(session, [key_of(key) for key in session.exec(ids)])
            # The last page says itself how many there are.
            whole = 0 < len(found) < limit or (not found and offset == 0)
            total = offset + len(found) if whole else _count(session, meant)
        return Page(found, total)

    def _meant(self, wanted: Filter) -> list[ColumnElement[bool]]:
        if not wanted.types:
            return conditions(wanted)
        with reading(self._engine) as session:
            return conditions(wanted, type_names(session))

    def inspections(self, wanted: Filter) -> Iterator[Inspected]:
        """All inspections that the filter finds, by id, a few hundred in memory at a time.

        What is added meanwhile may or may not be among them.
        """
        meant, last = self._meant(wanted), 0
        while True:
            ids = (
                select(tables.InspectionTable.id)
                .where(*meant, col(tables.InspectionTable.id) > last)
                .order_by(col(tables.InspectionTable.id))
                .limit(_CHUNK)
            )
            with reading(self._engine) as session:
                found = inspections_of(session, [key_of(key) for key in session.exec(ids)])
            if not found:
                return
            last = found[-1].id
            yield from found

    def one(self, inspection_id: int) -> Inspected:
        """An inspection by its id."""
        with reading(self._engine) as session:
            found = inspections_of(session, [inspection_id])
        if not found:
            raise StoreError(
                f"store {masked(self._engine.url)}: has no inspection of id {inspection_id}"
            )
        return found[0]

    def place(
        self,
        wanted: Filter,
        inspection_id: int,
        *,
        order: Order = Order.RELIABILITY,
        descending: bool = False,
    ) -> int:
        """How many of the filter's inspections come before this one, be it among them or not."""
        value = select(getattr(tables.InspectionTable, order.value))
        with reading(self._engine) as session:
            mine = session.exec(
                value.where(col(tables.InspectionTable.id) == inspection_id)
            ).first()
            earlier = before(order, mine, inspection_id, descending=descending)
            return _count(session, [*self._meant(wanted), earlier])

    def elsewhere(self, found: Inspected) -> tuple[Inspected, ...]:
        """The same picture in other runs, newest first."""
        table = tables.InspectionTable
        if found.row.sha256 is None:
            return ()
        ids = (
            select(table.id)
            .where(
                col(table.sha256) == found.row.sha256,
                col(table.id) != found.id,
                col(table.run_id) != found.run_id,
            )
            .order_by(col(table.id).desc())
            .limit(50)
        )
        with reading(self._engine) as session:
            return inspections_of(session, [key_of(key) for key in session.exec(ids)])

    def choices(self, runs: Sequence[int] = ()) -> Choices:
        """The values there are: categories of these runs, types and sources of all runs."""
        table = tables.InspectionTable
        with reading(self._engine) as session:
            every = list(runs) or [key_of(key) for key in session.exec(select(tables.RunTable.id))]
            categories = {
                category
                for run in every
                for category in _distinct(session, col(table.category), [col(table.run_id) == run])
            }
            listed = _distinct(session, type_coerce(col(table.types), Text), [])
            recorded = {
                name for text in listed for name in columns.NamesColumn.adapter.validate_json(text)
            }
            types = _todays(session, recorded)
            found = _distinct(session, col(tables.EvidenceTable.source), [])
            sources = {current_source(name) for name in found}
        return Choices(tuple(sorted(categories)), tuple(sorted(types)), tuple(sorted(sources)))

    def products(self) -> tuple[str | None, ...]:
        """The categories of all runs, sorted; none first, where parts have none."""
        with reading(self._engine) as session:
            found = session.exec(select(tables.InspectionTable.category).distinct())
            return tuple(sorted(found, key=lambda name: (name is not None, name or "")))

    def runs_with(self, product: str | None) -> set[int]:
        """The runs that have parts of a product."""
        mine = col(tables.InspectionTable.category).is_not_distinct_from(product)
        query = select(tables.InspectionTable.run_id).where(mine).distinct()
        with reading(self._engine) as session:
            return set(session.exec(query))

    def types_of(self, product: str | None) -> dict[str, int]:
        """Types that final verdicts on a product name, by the names of today → how many do."""
        table = tables.InspectionTable
        listed = type_coerce(col(table.types), Text)
        query = (
            select(listed, func.count())
            .where(col(table.category).is_not_distinct_from(product), listed != "[]")
            .group_by(listed)
        )
        read, counted = columns.NamesColumn.adapter.validate_json, Counter[str]()
        with reading(self._engine) as session:
            names = type_names(session)
            for text, count in session.exec(query):
                for name in {names.today(product, one) for one in read(text)}:
                    counted[name] += count
        return dict(counted)

    def review(self, inspection_id: int, after: Verdict, *, reviewer: str, why: str = "") -> Review:
        """Add a person's verdict; it counts as truth for the same picture in every run.

        Raises:
            ValueError: the reviewer has no name.
            StoreError: there is no such inspection.
        """
        return self._add_review(inspection_id, after, reviewer, why)

    def withdraw(self, review_id: int, *, reviewer: str) -> Review:
        """Take a review back by a new one: of what the same person said of the part before.

        Where that is nothing, the new one has no verdict, and the part waits again.

        Raises:
            ValueError: the reviewer has no name.
            StoreError: there is no such review by this person.
        """
        with reading(self._engine) as session:
            entry = session.get(tables.ReviewTable, review_id)
            if entry is None or entry.reviewer != reviewer.strip():
                where = masked(self._engine.url)
                raise StoreError(f"store {where}: has no review of id {review_id} by {reviewer}")
            earlier = [
                one
                for one in reviews_of_part(session, entry.inspection_id)
                if one.reviewer == entry.reviewer and key_of(one.id) < review_id
            ]
        after = earlier[-1].after if earlier else None
        return self._add_review(entry.inspection_id, after, reviewer, TAKEN_BACK)

    def _add_review(
        self, inspection_id: int, after: Verdict | None, reviewer: str, why: str
    ) -> Review:
        name = reviewer.strip()
        if not name:
            raise ValueError(f"reviewer {reviewer!r} is no name")
        with told(self._engine.url), Session(writing(self._engine)) as session:
            entry = session.get(tables.InspectionTable, inspection_id)
            if entry is None:
                raise StoreError(
                    f"store {masked(self._engine.url)}: has no inspection of id {inspection_id}"
                )
            shared = _shared(session, entry)
            lock_runs(session, {run for run, _ in shared})
            earlier = reviews_of_part(session, inspection_id)
            stood = standing(earlier)
            row = tables.ReviewTable(
                inspection_id=inspection_id,
                at=datetime.now(UTC),
                reviewer=name,
                before=stood.after if stood else _verdict(entry),
                after=after,
                label=after.label.value if after else WITHDRAWN,
                why=why.strip(),
            )
            session.add(row)
            session.flush()
            counts = standing([*earlier, row])
            make_truth(session.connection(), shared, counts.after if counts else None)
            added = review_of(row)
            session.commit()
        return added

    def reviews(self, inspection_id: int) -> tuple[Review, ...]:
        """All reviews of an inspection, oldest first."""
        table = tables.ReviewTable
        query = select(table).where(table.inspection_id == inspection_id)
        with reading(self._engine) as session:
            return tuple(review_of(entry) for entry in session.exec(query.order_by(col(table.id))))

    def reviewed(self, pictures: Sequence[str]) -> tuple[PictureReview, ...]:
        """Every review of these pictures, by content, in whichever run; the oldest first.

        One that was taken back is not among them.
        """
        table, found = tables.ReviewTable, list[tuple[int, str, PictureReview]]()
        query = select(  # type: ignore[call-overload]
            table.id, table.why, tables.InspectionTable.sha256, table.reviewer, table.label
        ).join(tables.InspectionTable)
        with reading(self._engine) as session:
            for start in range(0, len(pictures), _CHUNK):
                some = col(tables.InspectionTable.sha256).in_(pictures[start : start + _CHUNK])
                for key, why, *said in session.exec(query.where(some)):
                    found.append((key_of(key), why, PictureReview(*said)))
        standing: list[PictureReview] = []
        for _, why, review in sorted(found, key=lambda one: one[0]):
            if why != TAKEN_BACK and review.label != WITHDRAWN:
                standing.append(review)
                continue
            who = (review.sha256, review.reviewer)
            mine = [at for at, own in enumerate(standing) if own[:2] == who]
            if mine:
                del standing[mine[-1]]
        return tuple(standing)

    def add_captions(self, drafts: Iterable[NewCaption]) -> None:
        """Keep training texts as drafts."""
        now = datetime.now(UTC)
        rows = [
            {**draft.model_dump(), "at": now, "state": "draft", "reviewer": None, "origin": None}
            for draft in drafts
        ]
        if rows:
            with told(self._engine.url), writing(self._engine).begin() as connection:
                connection.execute(insert(tables.CaptionTable), rows)

    def captions(
        self, state: CaptionState = "draft", *, offset: int = 0, limit: int = 1
    ) -> tuple[tuple[Caption, ...], int]:
        """Some of the captions in a state, oldest first, and how many there are in all."""
        meant = _in_state(state)
        query = select(tables.CaptionTable).where(*meant).order_by(col(tables.CaptionTable.id))
        with reading(self._engine) as session:
            found = session.exec(query.offset(offset).limit(limit))
            page = tuple(caption_of(entry) for entry in found)
            total = session.exec(
                select(func.count()).select_from(tables.CaptionTable).where(*meant)
            ).one()
        return page, total

    def captions_of(self, inspections: Sequence[int]) -> tuple[Caption, ...]:
        """All captions of these inspections, drafts and decisions, oldest first."""
        table, found = tables.CaptionTable, []
        with reading(self._engine) as session:
            for start in range(0, len(inspections), _CHUNK):
                part = inspections[start : start + _CHUNK]
                query = select(table).where(col(table.inspection_id).in_(part))
                found += [caption_of(entry) for entry in session.exec(query)]
        return tuple(sorted(found, key=lambda caption: caption.id))

    def decide(
        self, draft: int, state: Decided, *, reviewer: str, text: str | None = None
    ) -> Caption:
        """Add a decision on a draft; of several, the newest counts. The draft stays as it is.

        Raises:
            ValueError: the reviewer has no name, or an edited text is missing.
            StoreError: there is no such draft.
        """
        if not reviewer.strip():
            raise ValueError(f"reviewer {reviewer!r} is no name")
        if state == "edited" and not (text or "").strip():
            raise ValueError(f"an edited caption needs a text, not {text!r}")
        with told(self._engine.url), Session(writing(self._engine)) as session:
            entry = session.get(tables.CaptionTable, draft)
            if entry is None or entry.state != "draft":
                where = masked(self._engine.url)
                raise StoreError(f"store {where}: has no draft of a caption with id {draft}")
            row = tables.CaptionTable(
                inspection_id=entry.inspection_id,
                at=datetime.now(UTC),
                mode=entry.mode,
                text=text if state == "edited" and text else entry.text,
                source=entry.source,
                state=state,
                reviewer=reviewer.strip(),
                origin=draft,
                view=entry.view,
            )
            session.add(row)
            session.flush()
            added = caption_of(row)
            session.commit()
        return added


def _count(session: Session, meant: Sequence[ColumnElement[bool]]) -> int:
    query = select(func.count()).select_from(tables.InspectionTable).where(*meant)
    return int(session.exec(query).one())


def _distinct(session: Session, column: Any, meant: Sequence[ColumnElement[bool]]) -> list[Any]:
    """The column's values, each found by one step down its index: not by reading every row."""
    found: list[Any] = []
    while True:
        beyond = [column > found[-1]] if found else []
        value = session.exec(select(func.min(column)).where(*meant, *beyond)).one()
        if value is None:
            return found
        found.append(value)


def _todays(session: Session, recorded: Iterable[str]) -> set[str]:
    """What types are called today, each as in the products that have it."""
    names, found = type_names(session), set[str]()
    decided = {name for known in names.current.values() for name in known}
    for name in recorded:
        if name not in decided:
            found.add(name)
            continue
        products = select(tables.InspectionTable.category).where(has_type(name)).distinct()
        found |= {names.today(product, name) for product in session.exec(products)}
    return found


def _verdict(entry: tables.InspectionTable) -> Verdict | None:
    if entry.probability is None:
        return None
    return Verdict.of(
        entry.probability, defects=entry.defects or (), rationale=entry.rationale or ""
    )


def _shared(session: Session, entry: tables.InspectionTable) -> list[tuple[int, str]]:
    """The same picture wherever it was inspected, as (run, image)."""
    table = tables.InspectionTable
    same = {(entry.run_id, entry.image)}
    if entry.sha256:
        named = select(table.run_id, table.image).where(col(table.sha256) == entry.sha256)
        same.update(session.exec(named))
    return sorted(same)


def _in_state(state: CaptionState) -> list[ColumnElement[bool]]:
    """Drafts that nobody decided on; else the newest decision on each draft."""
    table = tables.CaptionTable
    other = table.__table__.alias()  # type: ignore[attr-defined]
    mine = col(table.state) == state
    if state == "draft":
        decided = select(other.c.id).where(other.c.origin == col(table.id))
    else:
        decided = select(other.c.id).where(
            other.c.origin == col(table.origin), other.c.id > col(table.id)
        )
    return [mine, ~decided.exists()]
