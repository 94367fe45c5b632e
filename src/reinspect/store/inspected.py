"""An inspection as it is read: its row, where its picture was, and what people made of it."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlmodel import Session, col, select

from reinspect.store import tables
from reinspect.store.rows import Checked, Row, RowVerdict, flat_types
from reinspect.vocabulary import Outcome


class Inspected(NamedTuple):
    """An image's row, its key in the store, and where the picture was when it was inspected."""

    id: int
    row: Row
    path: str
    run_id: int


def inspected(entry: tables.InspectionTable, review: tables.ReviewTable | None = None) -> Inspected:
    """What a stored row says, with the newest review of it if there is one."""
    row = Row(
        image=entry.image,
        sha256=entry.sha256 or None,
        category=entry.category,
        verdict=_look(entry.label, entry.probability, entry.defects, entry.rationale),
        first=_look(
            entry.first_label, entry.first_probability, entry.first_defects, entry.first_rationale
        ),
        confidence=entry.confidence,
        reliability=entry.reliability,
        divergence=entry.divergence,
        disposition=Outcome(entry.disposition),
        reason=entry.reason,
        rounds=entry.rounds,
        revised=entry.revised,
        seconds=entry.seconds,
        error=entry.error,
        review=None if review is None else _checked(review),
    )
    if entry.id is None:
        raise TypeError("a stored row has a key")
    return Inspected(entry.id, row, entry.sample.views[0].path, entry.run_id)


def reviews_of(session: Session, ids: Sequence[int]) -> dict[int, tables.ReviewTable]:
    """The newest review of each of these inspections that has one."""
    table = tables.ReviewTable
    query = select(table).where(col(table.inspection_id).in_(ids)).order_by(col(table.id))
    return {entry.inspection_id: entry for entry in session.exec(query)}


def _checked(review: tables.ReviewTable) -> Checked:
    after = review.after
    return Checked(
        label=after.label,
        types=flat_types(after.defects),
        defects=after.defects,
        reviewer=review.reviewer,
        at=review.at,
        why=review.why,
    )


def _look(
    label: str | None, probability: float | None, defects: object, rationale: object
) -> RowVerdict | None:
    if label is None:
        return None
    return RowVerdict.model_validate(
        {"label": label, "probability": probability, "defects": defects, "rationale": rationale}
    )
