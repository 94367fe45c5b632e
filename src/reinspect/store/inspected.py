"""An inspection as it is read: its row, where its picture was, and what people made of it."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlmodel import Session, col, select

from reinspect.readings import types_of
from reinspect.store import tables
from reinspect.store.rows import Checked, Row


class Inspected(NamedTuple):
    """An image's row, its key in the store, and where the picture was when it was inspected."""

    id: int
    row: Row
    path: str
    run_id: int


def inspected(entry: tables.InspectionTable, review: tables.ReviewTable | None = None) -> Inspected:
    """What a stored row says, with the newest review of it if there is one."""
    columns = {name: getattr(entry, name) for name in tables.InspectionTable.model_fields}
    columns["sha256"] = entry.sha256 or None
    row = Row.of_columns(columns, review=None if review is None else _checked(review))
    if entry.id is None:
        raise TypeError("a stored row has a key")
    return Inspected(entry.id, row, entry.sample.path, entry.run_id)


def reviews_of(session: Session, ids: Sequence[int]) -> dict[int, tables.ReviewTable]:
    """The newest review of each of these inspections that has one."""
    table = tables.ReviewTable
    query = select(table).where(col(table.inspection_id).in_(ids)).order_by(col(table.id))
    return {entry.inspection_id: entry for entry in session.exec(query)}


def _checked(review: tables.ReviewTable) -> Checked:
    after = review.after
    return Checked(
        label=after.label,
        types=types_of(after.defects),
        defects=after.defects,
        reviewer=review.reviewer,
        at=review.at,
        why=review.why,
    )
