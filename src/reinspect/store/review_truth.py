"""A person's verdict as truth: it counts for the same picture in every run.

`make_truth` enters it in the runs that have the picture when it is reviewed, `adopt_reviews` in a
run that comes to the picture later.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, insert, select
from sqlmodel import col

from reinspect.readings import types_of
from reinspect.store.columns import storable
from reinspect.store.reviews import standing
from reinspect.store.tables import InspectionTable, ReviewTable, TruthTable
from reinspect.vocabulary import Defect, Label, Truth, Verdict


def make_truth(
    connection: Connection, where: Iterable[tuple[int, str]], after: Verdict | None
) -> None:
    """Make the verdict the truth of these images, each given by its run's id and its name.

    None leaves them without truth by review.
    """
    for run, image in where:
        connection.execute(
            delete(TruthTable).where(
                col(TruthTable.run_id) == run,
                col(TruthTable.image) == image,
                col(TruthTable.source) == "review",
            )
        )
        if after is not None:
            connection.execute(insert(TruthTable), [_row(run, image, after)])


def adopt_reviews(connection: Connection, run: int, images: Sequence[tuple[str, str]]) -> None:
    """Make earlier reviews of the same pictures, in other runs, the truth of these images.

    Args:
        connection: in the transaction that writes the images.
        run: the id of their run.
        images: (name, SHA-256) of each; "" where the file couldn't be read.
    """
    hashes = {sha256 for _, sha256 in images} - {""}
    if not hashes or connection.execute(select(col(ReviewTable.id)).limit(1)).first() is None:
        return  # asked first: of one content there may be very many copies to look through
    every = (
        select(col(InspectionTable.sha256), col(ReviewTable.reviewer), col(ReviewTable.after))
        .join(ReviewTable, col(ReviewTable.inspection_id) == col(InspectionTable.id))
        .where(col(InspectionTable.sha256).in_(hashes))
        .order_by(col(ReviewTable.id))
    )
    said: dict[str, list[_Said]] = {}
    for sha256, reviewer, after in connection.execute(every):
        said.setdefault(sha256, []).append(_Said(reviewer, after))
    counting = {sha256: standing(reviews) for sha256, reviews in said.items()}
    for image, sha256 in images:
        counts = counting.get(sha256)
        if counts is not None:
            make_truth(connection, [(run, storable(image))], counts.after)


class _Said(NamedTuple):
    reviewer: str
    after: Verdict | None


def _row(run: int, image: str, after: Verdict) -> dict[str, Any]:
    found = after.defects if after.label is Label.ANOMALOUS else ()
    return {
        "run_id": run,
        "image": image,
        "source": "review",
        "label": after.label.value,
        "types": types_of(found),
        "boxes": tuple(defect.box for defect in found),
        "mask": None,
        "views": _by_view(found),
    }


def _by_view(found: Sequence[Defect]) -> dict[str, Truth]:
    """The views that a person has marked; whether others show the defect, nobody has said."""
    marked: dict[str, list[Defect]] = {}
    for defect in found:
        if defect.view is not None:
            marked.setdefault(defect.view, []).append(defect)
    return {view: _truth_of(own) for view, own in marked.items()}


def _truth_of(defects: Sequence[Defect]) -> Truth:
    kinds = tuple(defect.type or "" for defect in defects)
    return Truth(
        label=Label.ANOMALOUS,
        types=types_of(defects),
        boxes=tuple(defect.box for defect in defects),
        box_types=kinds if all(kinds) else (),
        source="review",
    )
