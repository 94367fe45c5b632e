"""Retention: inspections that are older than is wanted leave the store, with their pictures."""

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path

from pydantic import Field
from sqlalchemy import ColumnElement, Connection, Engine, delete, func, insert, select, update
from sqlmodel import col

from reinspect.errors import did_you_mean
from reinspect.store.comments import commented, part_of
from reinspect.store.database import StoreError, connect, parse, persisting, told, writing
from reinspect.store.runs import Status, lock_runs
from reinspect.store.tables import (
    CaptionTable,
    CommentTable,
    EvidenceTable,
    InspectionTable,
    OutboxTable,
    PrunedTable,
    ReviewTable,
    RunTable,
    StepTable,
    TruthTable,
)
from reinspect.vocabulary import Outcome, Value

_BATCH = 200
"""Inspections in a transaction: a run that writes meanwhile waits no longer than for those."""

_OURS = ("pictures", "incoming")
"""Folders below that of a run whose files are made by us: crops, and uploads."""


class KeepReason(StrEnum):
    """What stays, however old it is."""

    REVIEWED = "reviewed"
    """Has a review, a comment or a training text."""
    FAIL = "fail"
    REVIEW = "review"
    NONE = "none"


class Pruned(Value):
    """What was removed, or would be."""

    before: datetime
    inspections: int = 0
    pictures: int = 0
    bytes: int = Field(default=0, description="Of those pictures.")
    kept: int = Field(default=0, description="As old, and kept for another reason.")


def age_of(text: str) -> timedelta:
    """An age as people write it: `90d`, `12w`, `36h`.

    Raises:
        StoreError: it is none.
    """
    found = re.fullmatch(r"(\d{1,5})([hdw])", text.strip().lower())
    if found is None or not int(found[1]):
        raise StoreError(f"--older {text}: is no age; write 90d for days, 12w for weeks, 36h")
    return int(found[1]) * {"h": timedelta(hours=1), "d": timedelta(1), "w": timedelta(7)}[found[2]]


def reason_of(name: str) -> KeepReason:
    """What stays, by its name.

    Raises:
        StoreError: there is no such reason.
    """
    try:
        return KeepReason(name)
    except ValueError as failure:
        raise StoreError(
            f"--keep {name}: {did_you_mean(name, [one.value for one in KeepReason])}"
        ) from failure


def prune(
    url: str | os.PathLike[str],
    *,
    older: timedelta,
    keep: Iterable[KeepReason] = (KeepReason.REVIEWED,),
    dry_run: bool = False,
    patience: float = 30.0,
    progress: Callable[[int], None] = lambda _done: None,
) -> Pruned:
    """Remove inspections that were stored longer ago, in small transactions.

    A run that goes on meanwhile is not disturbed. Removed are the row, its trace, its reviews if
    these are not kept, and files that reinspect itself made for it: crops and uploads, never a
    picture of the inspected folders. That the image was inspected stays known.

    Args:
        url: path of an SQLite file, or any SQLAlchemy URL.
        older: than this.
        keep: what stays all the same.
        dry_run: count, and change nothing.
        patience: seconds to wait for another program's lock.
        progress: is told how many are gone.

    Raises:
        StoreError: it can't be opened or written.
    """
    reasons, before = set(keep), datetime.now(UTC) - older
    if KeepReason.NONE in reasons and len(reasons) > 1:
        raise StoreError("--keep none: goes with no other --keep")
    engine = connect(parse(url), create=False, patience=patience)
    try:
        with told(engine.url), engine.connect() as connection:
            old = _count(connection, col(InspectionTable.at) < before)
            due = _count(connection, _due(before, reasons))
        done = Pruned(before=before, inspections=due, kept=old - due)
        if dry_run or not due:
            return done
        files, size, gone = 0, 0, 0
        while batch := _batch(engine, before, reasons):
            made = _files_of(engine, batch)
            persisting(writing(engine), partial(_remove, batch))
            gone += len(batch)
            progress(gone)
            for file in made:
                with contextlib.suppress(OSError):
                    size += file.stat().st_size
                    file.unlink()
                    files += 1
        persisting(writing(engine), _settle)
    finally:
        engine.dispose()
    return done.model_copy(update={"inspections": gone, "pictures": files, "bytes": size})


def _due(before: datetime, keep: set[KeepReason]) -> ColumnElement[bool]:
    own = InspectionTable
    wanted = col(own.at) < before
    if KeepReason.REVIEWED in keep:
        for table in (ReviewTable, CaptionTable):
            wanted &= ~select(col(table.id)).where(col(table.inspection_id) == own.id).exists()
        wanted &= ~commented()
    for reason, outcome in ((KeepReason.FAIL, Outcome.FAIL), (KeepReason.REVIEW, Outcome.REVIEW)):
        if reason in keep:
            wanted &= col(own.disposition) != outcome.value
    # What is still to be published is not done with.
    unsent = select(col(OutboxTable.number)).where(col(OutboxTable.inspection_id) == own.id)
    return wanted & ~unsent.exists()


def _count(connection: Connection, wanted: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(InspectionTable).where(wanted)
    return connection.scalar(query) or 0


class _Due(Value):
    """An inspection that goes."""

    id: int
    run_id: int
    image: str
    sha256: str


def _batch(engine: Engine, before: datetime, keep: set[KeepReason]) -> list[_Due]:
    own = InspectionTable
    query = select(col(own.id), col(own.run_id), col(own.image), col(own.sha256))
    query = query.where(_due(before, keep)).order_by(col(own.id)).limit(_BATCH)
    with told(engine.url), engine.connect() as connection:
        return [_Due.model_validate(dict(row)) for row in connection.execute(query).mappings()]


def _files_of(engine: Engine, batch: Sequence[_Due]) -> list[Path]:
    """Files that were made for these inspections, and for no other of their runs."""
    own, keys = InspectionTable, [one.id for one in batch]
    at = select(col(own.id), col(own.sample), col(RunTable.folder)).join(
        RunTable, col(own.run_id) == col(RunTable.id)
    )
    crops = select(col(EvidenceTable.inspection_id), col(EvidenceTable.pictures))
    shared = select(col(own.run_id), col(own.sha256)).where(
        col(own.sha256).in_({one.sha256 for one in batch}), col(own.id).not_in(keys)
    )
    with told(engine.url), engine.connect() as connection:
        parts = connection.execute(at.where(col(own.id).in_(keys))).all()
        found = connection.execute(crops.where(col(EvidenceTable.inspection_id).in_(keys))).all()
        still = {(run, content) for run, content in connection.execute(shared)}
    used = {one.id for one in batch if (one.run_id, one.sha256) in still}
    folders = {key: Path(folder) for key, _, folder in parts if folder}
    named = [(key, Path(view.path)) for key, sample, _ in parts for view in sample.views]
    named += [
        (key, folders[key] / picture.path)
        for key, pictures in found
        for picture in pictures
        if key in folders and key not in used  # crops are named by content, uploads by their id
    ]
    return sorted({path for key, path in named if key in folders and _is_ours(path, folders[key])})


def _is_ours(path: Path, folder: Path) -> bool:
    """Whether it lies where reinspect alone writes; a link that leads out of there doesn't."""
    with contextlib.suppress(OSError, ValueError):
        inside = path.resolve().relative_to(folder.resolve())
        return bool(inside.parts) and inside.parts[0] in _OURS
    return False


def _remove(batch: Sequence[_Due], connection: Connection) -> None:
    keys = [one.id for one in batch]
    lock_runs(connection, {one.run_id for one in batch})
    there = set(connection.scalars(select(col(InspectionTable.id)).where(_id_in(keys))))
    for table in (StepTable, EvidenceTable, OutboxTable, ReviewTable):
        connection.execute(delete(table).where(col(table.inspection_id).in_(keys)))
    texts = select(col(CaptionTable.id)).where(col(CaptionTable.inspection_id).in_(keys))
    connection.execute(
        update(CaptionTable).where(col(CaptionTable.origin).in_(texts)).values(origin=None)
    )
    connection.execute(delete(CaptionTable).where(col(CaptionTable.inspection_id).in_(keys)))
    # A comment stays for whenever the same content comes again; what could not be read has none.
    alone = [part_of(key, "") for key in keys]
    connection.execute(delete(CommentTable).where(col(CommentTable.part).in_(alone)))
    connection.execute(delete(InspectionTable).where(_id_in(keys)))
    for one in batch:
        if one.id not in there:
            continue
        entry = one.model_dump(include={"run_id", "image", "sha256"})
        known = select(col(PrunedTable.run_id)).filter_by(**entry)
        if connection.execute(known).first() is None:
            connection.execute(insert(PrunedTable).values(**entry))
        others = select(col(InspectionTable.id)).filter_by(run_id=one.run_id, image=one.image)
        if connection.execute(others).first() is None:
            connection.execute(
                delete(TruthTable).where(
                    col(TruthTable.run_id) == one.run_id, col(TruthTable.image) == one.image
                )
            )


def _id_in(keys: Sequence[int]) -> ColumnElement[bool]:
    return col(InspectionTable.id).in_(keys)


def _settle(connection: Connection) -> None:
    """Let runs that have ended count what they still have."""
    ended = col(RunTable.status) != Status.RUNNING.value
    for key, counters in connection.execute(
        select(col(RunTable.id), col(RunTable.counters)).where(ended)
    ).all():
        rows = _count(connection, col(InspectionTable.run_id) == key)
        if counters.get("images", rows) != rows:
            settled = {**counters, "images": rows}
            connection.execute(
                update(RunTable).where(col(RunTable.id) == key).values(counters=settled)
            )
