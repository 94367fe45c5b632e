"""The store: runs, the traces of their images, and the truth where it is known."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self, get_args

from natsort import natsorted
from pydantic import ValidationError
from sqlalchemy import ColumnElement, Connection, Engine, case, delete, event, func, insert, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from reinspect.errors import explain_invalid
from reinspect.files import digest_of
from reinspect.readings import SETUP
from reinspect.store import tables
from reinspect.store.browse import Browse
from reinspect.store.database import (
    StoreError,
    TraceError,
    UnknownRunError,
    connect,
    masked,
    parse,
    persisting,
    reading,
    told,
    writing,
)
from reinspect.store.inspected import Inspected, inspections_of, key_of, with_reviews
from reinspect.store.outbox import Outbox
from reinspect.store.place import StoreFile
from reinspect.store.prompts import with_texts
from reinspect.store.queue import ReviewQueue
from reinspect.store.rows import Row
from reinspect.store.runs import Run, RunInfo, Status, lock_runs
from reinspect.store.statistics import Statistics
from reinspect.store.writer import Writer
from reinspect.trace import Step, Trace
from reinspect.vocabulary import Outcome, Truth, TruthSource, Value

_CHUNK = 500  # rows read at a time


_NAMED = 4
"""Images that are named where one was meant."""


class Tally(Value):
    """How a run's images came out."""

    images: int = 0
    passed: int = 0
    failed: int = 0
    review: int = 0
    errors: int = 0
    revisited: int = 0
    corrected: int = 0
    stopped: int = 0
    """By the set-up check: not judged, and for REVIEW."""
    seconds: float = 0.0


class Store:
    """Runs and their traces in one database. Every method raises `StoreError` for its faults."""

    def __init__(self, engine: Engine, file: StoreFile | None = None) -> None:
        self._engine, self._file = engine, file

    @classmethod
    def open(
        cls, url: str | os.PathLike[str], *, create: bool = True, patience: float = 30.0
    ) -> Self:
        """Open a store, and bring it to this version's schema.

        Args:
            url: path of an SQLite file, or any SQLAlchemy URL.
            create: make it if it is missing; without, it must be there, and nothing but its
                schema will be written.
            patience: seconds to wait while another program writes.
        """
        engine = connect(parse(url), create=create, patience=patience)
        file = StoreFile.of(engine) if create else None
        if file is not None:
            event.listen(engine, "do_connect", file.refuse_connection)
        return cls(engine, file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({self.name!r})"

    @property
    def name(self) -> str:
        """Its URL or path, without a password."""
        return masked(self._engine.url)

    @property
    def browse(self) -> Browse:
        """The same store as people browse it: pages, filters, reviews."""
        return Browse(self._engine)

    @property
    def queue(self) -> ReviewQueue:
        """The same store as a reviewer works through it: part by part."""
        return ReviewQueue(self._engine)

    @property
    def statistics(self) -> Statistics:
        """The same store in sums and counts."""
        return Statistics(self._engine)

    def close(self) -> None:
        """Close the connections to the database."""
        if self._file is not None:
            self._file.close()
        with told(self._engine.url):
            self._engine.dispose()

    def confirm(self) -> None:
        """Make sure that the store that was opened to be written to is still at its place.

        Raises:
            StoreError: it isn't; what it had was copied to a file that is named.
        """
        if self._file is not None:
            self._file.confirm()

    def begin_run(self, info: RunInfo) -> int:
        """Add a new run; the other methods know it by the id that is returned."""
        with told(self._engine.url), Session(writing(self._engine)) as session:
            taken = select(tables.RunTable.id).where(tables.RunTable.name == info.name)
            if session.exec(taken).first() is not None:
                raise self._taken(info)
            run = tables.RunTable(
                **info.model_dump(),
                status=Status.RUNNING,
                finished=None,
                recipe_sha256=digest_of(info.recipe),
                counters={},
            )
            session.add(run)
            try:
                session.commit()
            except IntegrityError as error:  # another one began it in between
                raise self._taken(info) from error
            return key_of(run.id)

    def _taken(self, info: RunInfo) -> StoreError:
        return StoreError(
            f"store {self.name}: has a run {info.name!r} already: resume it, or name another folder"
        )

    def resume_run(self, run_id: int, versions: Mapping[str, str] | None = None) -> None:
        """Mark the run as running again; with `versions`, these are what made it."""
        more = {} if versions is None else {"versions": versions}
        self._mark(run_id, status=Status.RUNNING.value, finished=None, **more)

    def finish_run(
        self, run_id: int, status: Status, counters: Mapping[str, float] | None = None
    ) -> None:
        """Mark the run as done or interrupted, and keep its counters."""
        now = datetime.now(UTC)
        self._mark(run_id, status=status.value, finished=now, counters=counters or {})

    def runs(self) -> list[Run]:
        """All runs, newest first."""
        query = select(tables.RunTable).order_by(
            col(tables.RunTable.started).desc(), col(tables.RunTable.id).desc()
        )
        with reading(self._engine) as session:
            return [_run(found) for found in session.exec(query)]

    def run(self, name_or_folder: str | os.PathLike[str]) -> Run:
        """A run by its name or its folder; also by a folder that was moved with its store.

        Raises:
            UnknownRunError: there is none.
        """
        given = os.fspath(name_or_folder)
        folder = Path(given).absolute()
        by_name = select(tables.RunTable).where(tables.RunTable.name == given)
        by_folder = (
            select(tables.RunTable)
            .where(col(tables.RunTable.folder).in_({str(folder), str(folder.resolve())}))
            .order_by(col(tables.RunTable.id).desc())
        )
        moved = select(tables.RunTable).where(tables.RunTable.name == folder.name)
        with reading(self._engine) as session:
            found = session.exec(by_name).first() or session.exec(by_folder).first()
            if found is None and folder.is_dir():
                found = session.exec(moved).first()
                if found is not None and found.folder and Path(found.folder).is_dir():
                    found = None  # that run's folder is still where it was: this is another one
            if found is None:
                said = f"store {self.name}: has no run {given!r}: `reinspect runs` lists them"
                raise UnknownRunError(said)
            return _run(found)

    def run_of(self, run_id: int) -> Run:
        """A run by its id."""
        with reading(self._engine) as session:
            found = session.get(tables.RunTable, run_id)
            if found is None:
                raise StoreError(f"store {self.name}: has no run of id {run_id}")
            return _run(found)

    def done(self, run_id: int, *, failed: bool = True) -> set[tuple[str, str]]:
        """The run's images so far, as (image, sha256); an unreadable one's sha256 is "".

        Args:
            run_id: of the run.
            failed: count images with an error, too; without, they are left to be tried again.

        Those whose inspections were pruned are among them.
        """
        query = select(tables.InspectionTable.image, tables.InspectionTable.sha256).where(
            tables.InspectionTable.run_id == run_id
        )
        pruned = select(tables.PrunedTable.image, tables.PrunedTable.sha256).where(
            tables.PrunedTable.run_id == run_id
        )
        if not failed:
            query = query.where(col(tables.InspectionTable.error).is_(None))
        with reading(self._engine) as session:
            return {*session.exec(query), *session.exec(pruned)}

    def writer(
        self,
        run_id: int,
        kept: Callable[[], object] | None = None,
        told: Callable[[Sequence[Trace]], object] | None = None,
    ) -> Writer:
        """A context manager that takes the run's traces.

        Args:
            run_id: of the run.
            kept: is called whenever traces have gone to disk, and to the run's outbox with it.
            told: is given the traces that have gone to disk.
        """
        return Writer(self._engine, run_id, self._file, kept, told)

    def outbox(self, run_id: int) -> Outbox:
        """What is still to be published of a run."""
        return Outbox(self._engine, run_id)

    def tally(self, run_id: int) -> Tally:
        """How the run's images came out, counted by the database."""
        table = tables.InspectionTable

        def count(condition: ColumnElement[bool]) -> ColumnElement[int]:
            return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)

        outcome = col(table.disposition)
        query = select(  # type: ignore[call-overload]
            func.count(),
            count(outcome == Outcome.PASS.value),
            count(outcome == Outcome.FAIL.value),
            count(outcome == Outcome.REVIEW.value),
            count(col(table.error).is_not(None)),
            count(col(table.rounds) > 0),
            count(col(table.revised).is_(True)),
            count(col(table.reason).startswith(SETUP, autoescape=True)),
            func.coalesce(func.sum(table.seconds), 0.0),
        ).where(table.run_id == run_id)
        with reading(self._engine) as session:
            counted = session.exec(query).one()
        return Tally(**dict(zip(Tally.model_fields, counted, strict=True)))

    def inspections(self, run_id: int) -> Iterator[Inspected]:
        """The run's images in natural order, a few hundred in memory at a time."""
        for part in self._in_order(run_id):
            yield from self._inspected(part)

    def _inspected(self, keys: Sequence[int]) -> tuple[Inspected, ...]:
        with reading(self._engine) as session:
            return inspections_of(session, keys)

    def rows_of(self, run_id: int, images: Iterable[str]) -> dict[str, Row]:
        """The rows of these images, by image, of those that have one."""
        table = tables.InspectionTable
        rows: dict[str, Row] = {}
        for part in _chunks(images):
            query = select(table).where(table.run_id == run_id, col(table.image).in_(part))
            with reading(self._engine) as session:
                rows.update(_rows(session, session.exec(query.order_by(col(table.id))).all()))
        return rows

    def row_of(self, run_id: int, start: str) -> Row | None:
        """The row of the first image whose name begins with `start`, if there is one."""
        table = tables.InspectionTable
        query = select(table).where(table.run_id == run_id)
        if self._engine.dialect.name == "sqlite":  # whose LIKE knows no index
            query = query.where(col(table.image).between(start, f"{start}\U0010ffff"))
        else:
            query = query.where(col(table.image).startswith(start, autoescape=True))
        with reading(self._engine) as session:
            found = session.exec(query.order_by(col(table.id)).limit(1)).all()
            return next(iter(_rows(session, found).values()), None)

    def trace(self, run_id: int, image: str) -> Trace:
        """The trace of an image; of several contents under one name, the newest."""
        return self.trace_of(self.newest(run_id, image))

    def newest(self, run_id: int, image: str) -> int:
        """The id of an image's inspection; of several contents under one name, the newest.

        Args:
            run_id: of the run.
            image: its name, or a part of it that no other name of the run has.
        """
        table = tables.InspectionTable
        query = select(table.id).where(table.run_id == run_id, table.image == image)
        like = select(table.image).where(
            table.run_id == run_id, col(table.image).icontains(image, autoescape=True)
        )
        with reading(self._engine) as session:
            key = session.exec(query.order_by(col(table.at).desc(), col(table.id).desc())).first()
            names = [] if key else session.exec(like.distinct().limit(_NAMED + 1)).all()
        if key is not None:
            return key_of(key)
        if len(names) == 1:
            return self.newest(run_id, names[0])
        said = f"store {self.name}: the run has no image {image!r}"
        if names:
            more = ", …" if len(names) > _NAMED else ""
            said += f", which is in the names of {', '.join(natsorted(names)[:_NAMED])}{more}"
        raise StoreError(said)

    def trace_of(self, inspection_id: int) -> Trace:
        """The trace of an inspection.

        Raises:
            TraceError: another version of reinspect made it, and this one can't read it.
        """
        try:
            (trace,) = self._read([inspection_id])
        except ValidationError as failure:
            raise self._unreadable(inspection_id, failure) from failure
        return trace

    def traces(self, run_id: int) -> Iterator[Trace]:
        """All traces of the run in natural order, a few hundred in memory at a time.

        Raises:
            TraceError: another version of reinspect made one, and this one can't read it.
        """
        for part in self._in_order(run_id):
            for trace in self._traces(part):
                if isinstance(trace, TraceError):
                    raise trace
                yield trace

    def recorded(self, run_id: int) -> Iterator[tuple[Inspected, Trace | TraceError]]:
        """As `inspections`, each with its trace, or with why this version can't read that."""
        for part in self._in_order(run_id):
            yield from zip(self._inspected(part), self._traces(part), strict=True)

    def _traces(self, keys: Sequence[int]) -> Iterator[Trace | TraceError]:
        try:
            yield from self._read(keys)
            return
        except ValidationError:
            pass  # which one it is, each by itself will tell
        for key in keys:
            try:
                yield self.trace_of(key)
            except TraceError as failure:
                yield failure

    def _read(self, keys: Sequence[int]) -> list[Trace]:
        table, own = tables.StepTable, tables.InspectionTable
        with reading(self._engine) as session:
            query = select(own.id, col(own.sample)).where(col(own.id).in_(keys))
            samples = {key_of(key): sample for key, sample in session.exec(query)}
            said = select(table).where(col(table.inspection_id).in_(keys))
            entries = session.exec(said.order_by(col(table.position))).all()
            whole = with_texts(session, [_step(entry) for entry in entries])
        taken: dict[int, list[tuple[Step, bool]]] = {key: [] for key in keys}
        for entry, step in zip(entries, whole, strict=True):
            taken[entry.inspection_id].append((step, entry.explored))
        return [Trace.of(samples[key], taken[key]) for key in keys]

    def _unreadable(self, inspection_id: int, failure: ValidationError) -> TraceError:
        own, run = tables.InspectionTable, tables.RunTable
        query = select(own.image, col(run.versions)).join(run).where(own.id == inspection_id)
        with reading(self._engine) as session:
            image, versions = session.exec(query).one()
        made = versions.get("reinspect", "unknown")
        return TraceError(
            image,
            f"its trace, made by version {made}, can't be read any more "
            f"({explain_invalid(failure)}); inspect it again",
        )

    def _in_order(self, run_id: int) -> Iterator[list[int]]:
        """The ids of the run's inspections in natural order, a few hundred at a time."""
        table = tables.InspectionTable
        names = select(table.image, table.id).where(table.run_id == run_id)
        with reading(self._engine) as session:
            order = [key_of(key) for _, key in natsorted(session.exec(names))]
        for start in range(0, len(order), _CHUNK):
            yield order[start : start + _CHUNK]

    def write_truth(self, run_id: int, known: Mapping[str, Truth]) -> None:
        """Keep the truth of images, by image, in place of what the same source said before.

        Which box has which type is not kept.
        """
        with told(self._engine.url), writing(self._engine).begin() as connection:
            lock_runs(connection, [run_id])
            for source in get_args(TruthSource):
                mine = {image: truth for image, truth in known.items() if truth.source == source}
                for part in _chunks(mine):
                    _replace_truth(connection, run_id, source, {name: mine[name] for name in part})

    def truth(self, run_id: int) -> dict[str, Truth]:
        """The known truth of the run's images, by image; a review outweighs an annotation."""
        table = tables.TruthTable
        query = select(table).where(table.run_id == run_id)
        with reading(self._engine) as session:
            # "annotation" sorts before "review", so a review comes last and stays.
            entries = session.exec(query.order_by(col(table.source), col(table.id)))
            return {
                entry.image: Truth.model_validate(entry.model_dump(include=set(Truth.model_fields)))
                for entry in entries
            }

    def truths_of(self, run_id: int, image: str) -> tuple[Truth, ...]:
        """What is known of one image: by review, which outweighs the annotation, then by that."""
        table = tables.TruthTable
        query = select(table).where(table.run_id == run_id, table.image == image)
        with reading(self._engine) as session:
            entries = session.exec(query.order_by(col(table.source).desc()))
            fields = set(Truth.model_fields)
            return tuple(Truth.model_validate(one.model_dump(include=fields)) for one in entries)

    def _mark(self, run_id: int, **columns: object) -> None:
        change = update(tables.RunTable).where(col(tables.RunTable.id) == run_id).values(**columns)
        self.confirm()
        persisting(writing(self._engine), lambda connection: connection.execute(change))
        self.confirm()


def _rows(session: Session, entries: Sequence[tables.InspectionTable]) -> dict[str, Row]:
    return {one.row.image: one.row for one in with_reviews(session, entries)}


def _replace_truth(
    connection: Connection, run_id: int, source: TruthSource, known: Mapping[str, Truth]
) -> None:
    table = tables.TruthTable
    connection.execute(
        delete(table).where(
            col(table.run_id) == run_id,
            col(table.source) == source,
            col(table.image).in_(list(known)),
        )
    )
    connection.execute(
        insert(table),
        [
            {
                "run_id": run_id,
                "image": image,
                "source": source,
                "label": truth.label.value,
                "types": truth.types,
                "boxes": truth.boxes,
                "mask": truth.mask,
                "views": truth.views,
            }
            for image, truth in known.items()
        ],
    )


def _chunks(names: Iterable[str]) -> Iterator[list[str]]:
    every = list(names)
    for start in range(0, len(every), _CHUNK):
        yield every[start : start + _CHUNK]


def _run(found: tables.RunTable) -> Run:
    return Run.model_validate(found.model_dump(include=set(Run.model_fields)))


def _step(step: tables.StepTable) -> Step:
    return Step(**step.model_dump(include=set(Step.model_fields)))
