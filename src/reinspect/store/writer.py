"""Writing a run's traces: in batches, each whole or not at all, one row an image."""

import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Self

from sqlalchemy import Connection, Engine, bindparam, delete, insert, select, update
from sqlmodel import col

from reinspect.readings import Readings
from reinspect.store.columns import storable
from reinspect.store.database import StoreError, persisting, writing
from reinspect.store.outbox import put_pending
from reinspect.store.place import StoreFile
from reinspect.store.prompts import put_texts, without_texts
from reinspect.store.review_truth import adopt_reviews
from reinspect.store.runs import lock_runs
from reinspect.store.tables import EvidenceTable, InspectionTable, StepTable
from reinspect.trace import Trace
from reinspect.vocabulary import Evidence as Finding
from reinspect.vocabulary import Verdict

_BATCH = 64  # rows
_INDEXED = 2000  # bytes
_PATIENCE = 1.0  # seconds that a row may wait for the next one


class Writer:
    """Takes the traces of one run; fits the role `Sink`. For one thread.

    A batch goes to disk when it has 64 rows, when a second has passed since the last one did, and
    at the end, on exceptions and Ctrl-C too. Whatever was killed, a row is there with all its
    steps, or not at all.

    With `kept`, which is called when traces have gone to disk, each is put into the run's outbox in
    the same transaction. `told` is given the traces once they are on disk.

    Raises:
        StoreError: the database can't take it (disk full, locked, read-only …), or its file was
            deleted or replaced, of which a copy was kept then.
    """

    def __init__(
        self,
        engine: Engine,
        run_id: int,
        file: StoreFile | None = None,
        kept: Callable[[], object] | None = None,
        told: Callable[[Sequence[Trace]], object] | None = None,
    ) -> None:
        self._engine = writing(engine)
        self._run_id, self._file, self._kept, self._told = run_id, file, kept, told
        self._waiting: list[Trace] = []
        self._flushed = time.monotonic()
        self._superseded: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.flush()

    def __call__(self, trace: Trace, /) -> None:
        self.write(trace)

    def write(self, trace: Trace) -> None:
        """Add the trace, in place of one of the same image and content, or of a failed one."""
        self._waiting.append(trace)
        if len(self._waiting) >= _BATCH or time.monotonic() - self._flushed >= _PATIENCE:
            self.flush()

    def supersede(self, image: str, sha256: str) -> None:
        """Let the next trace of an image take the place of the one of such content.

        That was of a file that somebody was still writing.
        """
        self._waiting = [
            trace
            for trace in self._waiting
            if (trace.sample.id, trace.sample.sha256) != (image, sha256)
        ]
        self._superseded[storable(image)] = sha256

    def flush(self) -> None:
        """Put all that waits on disk, in one transaction."""
        # Of one image twice in a batch, the later one counts.
        newest = {(trace.sample.id, trace.sample.sha256): trace for trace in self._waiting}
        traces, superseded = list(newest.values()), dict(self._superseded)

        def write(connection: Connection) -> None:
            keys = _put(connection, self._run_id, traces, superseded)
            if self._kept is not None:
                put_pending(connection, self._run_id, keys)

        def put(engine: Engine) -> None:
            if traces:
                persisting(engine, write)

        self._confirm(put)
        try:
            put(self._engine)
        except StoreError:
            self._confirm(put)
            raise
        self._confirm(put)
        self._waiting.clear()
        self._superseded.clear()
        self._flushed = time.monotonic()
        if traces and self._kept is not None:
            self._kept()
        if traces and self._told is not None:
            self._told(traces)

    def _confirm(self, put: Callable[[Engine], None]) -> None:
        if self._file is not None:
            self._file.confirm(lambda engine: put(writing(engine)))


def _put(
    connection: Connection,
    run_id: int,
    traces: Sequence[Trace],
    superseded: Mapping[str, str],
) -> list[int]:
    """Write the traces; the ids of their inspections, in the traces' order."""
    now = datetime.now(UTC)
    rows = [_inspection(run_id, now, trace) for trace in traces]
    lock_runs(connection, [run_id])
    put_texts(connection, traces)
    ids = _replaceable(connection, run_id, rows, superseded)
    known = [(row, found) for row, found in zip(rows, ids, strict=True) if found is not None]
    if known:  # keeps its id, so reviews and captions of it stay attached
        old = [found for _, found in known]
        connection.execute(delete(StepTable).where(col(StepTable.inspection_id).in_(old)))
        connection.execute(delete(EvidenceTable).where(col(EvidenceTable.inspection_id).in_(old)))
        connection.execute(
            update(InspectionTable.__table__).where(col(InspectionTable.id) == bindparam("key")),  # type: ignore[attr-defined]
            [{**row, "key": found} for row, found in known],
        )
    fresh = [row for row, found in zip(rows, ids, strict=True) if found is None]
    made: list[int] = []
    if fresh:
        statement = insert(InspectionTable).returning(
            col(InspectionTable.id), sort_by_parameter_order=True
        )
        made = list(connection.scalars(statement, fresh))
    new = iter(made)
    keys = [next(new) if found is None else found for found in ids]
    steps = [step for key, trace in zip(keys, traces, strict=True) for step in _steps(key, trace)]
    if steps:
        connection.execute(insert(StepTable), steps)
    found = [row for key, trace in zip(keys, traces, strict=True) for row in _evidence(key, trace)]
    if found:
        connection.execute(insert(EvidenceTable), found)
    adopt_reviews(connection, run_id, [(row["image"], row["sha256"]) for row in rows])
    return keys


def _replaceable(
    connection: Connection,
    run_id: int,
    rows: Sequence[dict[str, Any]],
    superseded: Mapping[str, str],
) -> list[int | None]:
    """For each new row, the id of the stored one that it replaces.

    That is the one of the same image and content, else the one of a half-written file that it
    supersedes, else one of the same image without a verdict, whose file was unreadable or has been
    repaired since.
    """
    stored = connection.execute(
        select(
            col(InspectionTable.id),
            col(InspectionTable.image),
            col(InspectionTable.sha256),
            col(InspectionTable.label),
        ).where(
            col(InspectionTable.run_id) == run_id,
            col(InspectionTable.image).in_({row["image"] for row in rows}),
        )
    )
    same: dict[tuple[str, str], int | None] = {}
    failed: dict[str, int | None] = {}
    for key, image, sha256, label in stored:
        same[image, sha256] = key
        if label is None:
            failed[image] = key
    ids: list[int | None] = []
    for row in rows:
        image = storable(row["image"])
        key = same.get((image, row["sha256"]))
        if key is None and image in superseded:
            key = same.pop((image, superseded[image]), None)
        ids.append(failed.pop(image, None) if key is None else key)
    return ids


def _inspection(run_id: int, at: datetime, trace: Trace) -> dict[str, Any]:
    read = Readings.of(trace).columns
    return {
        **{name: value for name, value in read.items() if name in InspectionTable.model_fields},
        "run_id": run_id,
        "sha256": read["sha256"] or "",
        "types": _fitting(read["types"]),
        "at": at,
        "sample": trace.sample,
    }


def _fitting(types: Sequence[str]) -> tuple[str, ...]:
    """The types to filter by: as many as PostgreSQL's index takes; `defects` has them all."""
    sizes = itertools.accumulate(len(name.encode(errors="replace")) + 4 for name in types)
    return tuple(name for name, size in zip(types, sizes, strict=True) if size <= _INDEXED)


def _steps(key: int, trace: Trace) -> Iterable[dict[str, Any]]:
    for position, (step, explored) in enumerate(trace.taken):
        yield {
            "inspection_id": key,
            "position": position,
            "node": step.node,
            "round": step.round,
            "tool": step.tool,
            "started": step.started,
            "seconds": step.seconds,
            "error": step.error,
            "explored": explored,
            "view": step.view,
            "products": without_texts(step.products),
        }


def _evidence(key: int, trace: Trace) -> Iterable[dict[str, Any]]:
    position = 0
    for number, (step, explored) in enumerate(trace.taken):
        for product in step.products:
            own = product.evidence if isinstance(product, Verdict) else ()
            for finding in (product,) if isinstance(product, Finding) else own:
                yield {
                    "inspection_id": key,
                    "position": position,
                    "step": number,
                    "explored": explored,
                    "source": finding.source,
                    "summary": finding.summary,
                    "probability": finding.probability,
                    "pictures": finding.pictures,
                }
                position += 1
