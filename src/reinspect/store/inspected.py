"""An inspection as it is read back: its row, where its picture was, and its newest review."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlmodel import Session, col, select

from reinspect.readings import types_of
from reinspect.store import tables
from reinspect.store.comments import Comment, comments_on, part_of
from reinspect.store.reviews import standing
from reinspect.store.rows import Checked, Row
from reinspect.store.type_names import TypeNames, type_names
from reinspect.vocabulary import View


class Inspected(NamedTuple):
    """An image's row, its key in the store, and the path at which the picture was inspected."""

    id: int
    row: Row
    path: str
    run_id: int
    views: tuple[View, ...] = ()
    """Its pictures: one, or one a view."""

    @property
    def leading(self) -> View | None:
        """The picture to show alone: of the strongest defect, else the first that could be read."""
        view = next((defect.view for defect in self.row.defects), None)
        readable = [one for one in self.views if one.sha256] or list(self.views)
        named = (one for one in readable if view is not None and one.name == view)
        return next(named, next(iter(readable), None))


def inspections_of(session: Session, ids: Sequence[int]) -> tuple[Inspected, ...]:
    """Those of these inspections that there are, in this order, each with its newest review."""
    table = tables.InspectionTable
    entries = session.exec(select(table).where(col(table.id).in_(ids))).all()
    found = {one.id: one for one in with_reviews(session, entries)}
    return tuple(found[key] for key in ids if key in found)


def with_reviews(session: Session, entries: Sequence[tables.InspectionTable]) -> list[Inspected]:
    """What stored rows say, each with its newest review if there is one."""
    table, ids = tables.ReviewTable, [key_of(entry.id) for entry in entries]
    query = select(table).where(col(table.inspection_id).in_(ids)).order_by(col(table.id))
    said: dict[int, list[tables.ReviewTable]] = {}
    for review in session.exec(query):
        said.setdefault(review.inspection_id, []).append(review)
    newest = {key: standing(reviews) for key, reviews in said.items()}
    known = _truths(session, entries)
    parts = {key_of(entry.id): part_of(key_of(entry.id), entry.sha256) for entry in entries}
    comments, names = comments_on(session, parts.values()), type_names(session)
    return [
        _inspected(
            entry,
            newest.get(key_of(entry.id)),
            known.get((entry.run_id, entry.image)),
            comments.get(parts[key_of(entry.id)], ()),
            names,
        )
        for entry in entries
    ]


def _truths(
    session: Session, entries: Sequence[tables.InspectionTable]
) -> dict[tuple[int, str], tuple[str, str]]:
    """(Run, image) → label and source of the truth that counts, where any is known."""
    table = tables.TruthTable
    known: dict[tuple[int, str], tuple[str, str]] = {}
    for run in {entry.run_id for entry in entries}:
        images = [entry.image for entry in entries if entry.run_id == run]
        query = select(table.image, table.label, table.source).where(
            col(table.run_id) == run, col(table.image).in_(images)
        )
        # "annotation" sorts before "review", so a review comes last and stays.
        for image, label, source in session.exec(query.order_by(col(table.source))):
            known[run, image] = label, source
    return known


def key_of(found: int | None) -> int:
    """The key of a row that is stored: only one that isn't yet has none."""
    if found is None:
        raise TypeError("a stored row has a key")
    return found


def _inspected(
    entry: tables.InspectionTable,
    review: tables.ReviewTable | None,
    truth: tuple[str, str] | None,
    comments: tuple[Comment, ...],
    names: TypeNames,
) -> Inspected:
    columns = {name: getattr(entry, name) for name in tables.InspectionTable.model_fields}
    columns["sha256"] = entry.sha256 or None
    for found in ("defects", "first_defects"):
        if columns[found] is not None:
            columns[found] = names.applied(entry.category, columns[found])
    label, source = truth or (None, None)
    row = Row.of_columns(
        columns,
        review=None if review is None else _checked(review, names, entry.category),
        truth=label,
        truth_by=source,
        comments=comments,
    )
    return Inspected(key_of(entry.id), row, entry.sample.path, entry.run_id, entry.sample.views)


def _checked(review: tables.ReviewTable, names: TypeNames, category: str | None) -> Checked | None:
    after = review.after
    if after is None:
        return None
    defects = names.applied(category, after.defects)
    return Checked(
        label=after.label,
        types=types_of(defects),
        defects=defects,
        reviewer=review.reviewer,
        at=review.at,
        why=review.why,
    )
