"""What waits for a person, one item a part, and what people said of a part.

A part is known by the content of its picture, whichever runs saw it under whatever name. What
could not be read has no content: each such inspection is a part of its own.
"""

from collections.abc import Container, Sequence

from sqlalchemy import Engine, Text, type_coerce
from sqlmodel import Session, col, select

from reinspect.store import columns
from reinspect.store.comments import (
    Comment,
    RecentComment,
    add_comment,
    comments_on,
    newest_comments,
    part_of,
)
from reinspect.store.database import StoreError, masked, reading, told, writing
from reinspect.store.inspected import key_of
from reinspect.store.reviews import Review, ReviewOpinion, review_of
from reinspect.store.search import Filter, Order, conditions, ranking
from reinspect.store.tables import InspectionTable, ReviewTable, TruthTable
from reinspect.store.type_names import (
    TypeName,
    TypeNames,
    decide_type,
    decided_types,
    type_names,
)


class ReviewQueue:
    """The store as a reviewer works through it. Every method raises `StoreError` for its faults."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def parts(self, wanted: Filter, *, but: Container[str] = ()) -> tuple[int, ...]:
        """One inspection of each part that the filter finds, the least reliable first.

        Args:
            wanted: by any inspection of the part.
            but: parts to leave out, as `part_of` has them.
        """
        query = (
            select(InspectionTable.id, InspectionTable.sha256)
            .where(*conditions(wanted))
            .order_by(*ranking(Order.RELIABILITY, descending=False))
        )
        with reading(self._engine) as session:
            first: dict[str, int] = {}
            for key, sha256 in session.exec(query):
                part = part_of(key_of(key), sha256)
                if part not in but:
                    first.setdefault(part, key_of(key))
        return tuple(first.values())

    def part_of(self, inspection_id: int) -> str | None:
        """By what the part is known that was inspected; none where there is no such inspection."""
        query = select(InspectionTable.sha256).where(col(InspectionTable.id) == inspection_id)
        with reading(self._engine) as session:
            sha256 = session.exec(query).first()
        return None if sha256 is None else part_of(inspection_id, sha256)

    def comments(self, inspection_id: int) -> tuple[Comment, ...]:
        """What people have said of the part that was inspected, oldest first."""
        part = self.part_of(inspection_id)
        with reading(self._engine) as session:
            return () if part is None else comments_on(session, [part]).get(part, ())

    def comment(self, inspection_id: int, text: str, *, author: str) -> Comment:
        """Add a comment on the part that was inspected.

        Raises:
            ValueError: nobody says it, or nothing is said.
            StoreError: there is no such inspection.
        """
        part = self.part_of(inspection_id)
        if part is None:
            raise StoreError(
                f"store {masked(self._engine.url)}: has no inspection of id {inspection_id}"
            )
        with told(self._engine.url), Session(writing(self._engine)) as session:
            added = add_comment(session, part, text, author)
            session.commit()
        return added

    def newest_comments(self, limit: int) -> list[RecentComment]:
        """The newest comments on parts that are in the store, newest first."""
        with reading(self._engine) as session:
            return newest_comments(session, limit)

    def reviews(self, inspection_id: int) -> tuple[Review, ...]:
        """All reviews of the part that was inspected, in whichever run, oldest first."""
        with reading(self._engine) as session:
            return tuple(map(review_of, reviews_of_part(session, inspection_id)))

    def opinions(self, runs: Sequence[int] = ()) -> tuple[ReviewOpinion, ...]:
        """What each reviewer last said of each part, by part and reviewer."""
        query = (
            select(
                InspectionTable.id, InspectionTable.sha256, ReviewTable.reviewer, ReviewTable.label
            )
            .join(InspectionTable, col(InspectionTable.id) == col(ReviewTable.inspection_id))
            .order_by(col(ReviewTable.id))
        )
        if runs:
            query = query.where(col(InspectionTable.run_id).in_(runs))
        with reading(self._engine) as session:
            newest = {
                (part_of(key_of(key), sha256), name): label
                for key, sha256, name, label in session.exec(query)
            }
        return tuple(ReviewOpinion(*who, label) for who, label in sorted(newest.items()))

    def types(self, category: str | None) -> tuple[str, ...]:
        """The defect types that annotations and reviewers use for a product, sorted.

        By the names of today, with those that somebody has added to the list.
        """
        named = type_coerce(col(TruthTable.types), Text)
        query = (
            select(named)
            .join(
                InspectionTable,
                (col(InspectionTable.run_id) == col(TruthTable.run_id))
                & (col(InspectionTable.image) == col(TruthTable.image)),
            )
            .where(named != "[]", col(InspectionTable.category) == category)
            .distinct()
        )
        with reading(self._engine) as session:
            listed, names = list(session.exec(query)), type_names(session)
        read = columns.NamesColumn.adapter.validate_json
        used = {names.today(category, name) for text in listed for name in read(text)}
        return tuple(sorted(used | names.listed(category)))

    def type_names(self) -> TypeNames:
        """What types are called today."""
        with reading(self._engine) as session:
            return type_names(session)

    def decided_types(self) -> list[TypeName]:
        """What people have decided on types, oldest first."""
        with reading(self._engine) as session:
            return decided_types(session)

    def call_type(self, category: str | None, name: str, becomes: str, *, author: str) -> TypeName:
        """Call a type of a product otherwise from now on; by its own name, add it or take it back.

        Raises:
            ValueError: nobody decides, or a name is missing or too long.
        """
        with told(self._engine.url), Session(writing(self._engine)) as session:
            added = decide_type(session, category, name, becomes, author)
            session.commit()
        return added


def reviews_of_part(session: Session, inspection_id: int) -> list[ReviewTable]:
    """The rows of all reviews of the part that was inspected, oldest first."""
    same = col(ReviewTable.inspection_id) == inspection_id
    sha256 = session.exec(
        select(InspectionTable.sha256).where(col(InspectionTable.id) == inspection_id)
    ).first()
    if sha256:
        everywhere = select(InspectionTable.id).where(col(InspectionTable.sha256) == sha256)
        same = col(ReviewTable.inspection_id).in_(everywhere)
    return list(session.exec(select(ReviewTable).where(same).order_by(col(ReviewTable.id))))
