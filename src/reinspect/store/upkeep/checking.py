"""Whether a store is whole: its schema, its keys, its numbers, and every value in it."""

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from pydantic import Field
from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Integer,
    Table,
    UniqueConstraint,
    and_,
    exists,
    func,
    literal_column,
    select,
    text,
)
from sqlalchemy.exc import DatabaseError

from reinspect.readings import Readings
from reinspect.store import columns, tables
from reinspect.store.database import (
    VERSION_TABLE,
    StoreError,
    masked,
    parse,
    reach,
    schema_of,
    told,
)
from reinspect.store.runs import Status
from reinspect.store.upkeep.plain import NUMBERED, PLAIN, in_order, snapshot, stream
from reinspect.trace import Step, Trace
from reinspect.vocabulary import Call, Value

_SHOWN = 3  # examples of what is wrong


class Checkup(Value):
    """What a check found."""

    store: str = Field(description="Where it is, without a password.")
    version: str = Field(description="Revision of its tables.")
    rows: Mapping[str, int] = Field(description="Table → rows; empty if it couldn't be counted.")
    problems: tuple[str, ...] = Field(description="What is wrong, one line each.")

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def check(url: str | os.PathLike[str], *, values: bool = True, patience: float = 30.0) -> Checkup:
    """Check a store. Nothing is written, and its schema stays as it is.

    Args:
        url: path of an SQLite file, or any SQLAlchemy URL.
        values: read every value and every trace, too; without, tables, keys and numbers alone.
        patience: seconds to wait for another program's lock.

    Raises:
        StoreError: it can't be opened, or it is no store.
    """
    where = parse(url)
    engine = reach(where, create=False, patience=patience)
    try:
        with told(where), snapshot(engine) as connection:
            version = schema_of(connection).found
            if version is None:
                raise StoreError(f"store {masked(where)}: not a store of reinspect")
            problems = list(problems_of(connection, values=values))
            rows = counts(connection)
    finally:
        engine.dispose()
    return Checkup(store=masked(where), version=version, rows=rows, problems=tuple(problems))


def counts(connection: Connection) -> dict[str, int]:
    """Table → rows; nothing if they can't be counted."""
    try:
        return {
            name: connection.scalar(select(func.count()).select_from(table)) or 0
            for name, table in PLAIN.items()
        }
    except DatabaseError:
        return {}


def problems_of(connection: Connection, *, values: bool = True) -> Iterator[str]:
    """What is wrong with the store on a connection, one line each, the gravest first.

    Of a schema that isn't this version's, nothing else is looked at.
    """
    schema = schema_of(connection)
    if schema.newer:
        yield f"schema {schema.found} is of a newer reinspect: upgrade it"
    elif schema.found != schema.head:
        yield f"schema {schema.found} is not this version's {schema.head}: reinspect store migrate"
    else:
        parts: list[Callable[[Connection], Iterator[str]]] = [_lacking, _damage]
        parts += [_orphans, _doubles, _hidden_evidence, _numbers, _counters]
        parts += [_traces, _values] if values else []
        for part in parts:
            try:
                yield from part(connection)
            except DatabaseError as error:
                if type(error) is not DatabaseError:  # locked, gone …: that is no fault of its own
                    raise
                words = " ".join(str(error.orig).split())
                yield f"cannot be read ({words}): restore it from a copy"
                return
            except ValueError as error:  # a moment that is none
                yield f"cannot be read ({' '.join(str(error).split())}): restore it from a copy"


def _lacking(connection: Connection) -> Iterator[str]:
    """Tables, columns, indexes and constraints that somebody has dropped."""
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    for change in compare_metadata(context, tables.StoreTable.metadata):
        if isinstance(change, tuple) and str(change[0]).startswith("add_"):
            what = str(change[0]).removeprefix("add_")
            thing = change[-1]
            yield f"its {what} {getattr(thing, 'name', thing)} is missing"


def _damage(connection: Connection) -> Iterator[str]:
    """What the database itself finds; PostgreSQL keeps no such list."""
    if connection.dialect.name == "sqlite":
        found = [words for (words,) in connection.exec_driver_sql("PRAGMA integrity_check(10)")]
        if found != ["ok"]:
            yield f"the file is damaged ({_some(found)}): restore it from a copy"


def _orphans(connection: Connection) -> Iterator[str]:
    for table in PLAIN.values():
        for key in tables.StoreTable.metadata.tables[table.name].foreign_keys:
            yield from _orphans_by(connection, table, key)


def _orphans_by(connection: Connection, table: Table, key: ForeignKey) -> Iterator[str]:
    parents = PLAIN[key.column.table.name].alias("parent")
    child, parent = table.c[key.parent.name], parents.c[key.column.name]
    lost = and_(child.is_not(None), ~exists().where(parent == child))
    found = connection.execute(
        select(child, func.count()).where(lost).group_by(child).order_by(child)
    ).all()
    if found:
        total, missing = sum(count for _, count in found), _some([str(one) for one, _ in found])
        of = key.column.table.name
        yield f"{table.name}: {total} rows of {of} that are not there ({key.parent.name} {missing})"


def _doubles(connection: Connection) -> Iterator[str]:
    """Rows that a constraint should have kept apart: one image, one row."""
    for table in PLAIN.values():
        constraints = tables.StoreTable.metadata.tables[table.name].constraints
        for constraint in constraints:
            if isinstance(constraint, UniqueConstraint):
                names = [column.name for column in constraint.columns]
                alike = [table.c[name] for name in names]
                query = select(*alike).group_by(*alike).having(func.count() > 1)
                # Without indexes: one that is damaged would hide what is there twice.
                found = connection.execute(query.order_by(*alike)).all()
                if found:
                    which = _some([" ".join(map(str, row)) for row in found])
                    yield f"{table.name}: {len(found)} more than once ({', '.join(names)}: {which})"


def _hidden_evidence(connection: Connection) -> Iterator[str]:
    """Evidence whose step is missing."""
    evidence, steps = PLAIN["evidence"], PLAIN["steps"]
    of = and_(
        steps.c.inspection_id == evidence.c.inspection_id, steps.c.position == evidence.c.step
    )
    inspection = evidence.c.inspection_id
    query = select(inspection).where(~exists().where(of)).distinct().order_by(inspection)
    found = [str(key) for key in connection.scalars(query)]
    if found:
        yield f"evidence: of steps that are not there, in {len(found)} inspections ({_some(found)})"


def _numbers(connection: Connection) -> Iterator[str]:
    """Whether the next row gets a number that is free; SQLite counts on from the largest."""
    if connection.dialect.name != "postgresql":
        return
    for name in NUMBERED:
        sequence = sequence_of(connection, name)
        if sequence is None:
            yield f"{name}: no sequence numbers its rows"
            continue
        counter = select(literal_column("last_value + is_called::int", Integer)).select_from(
            text(sequence)
        )
        coming = connection.scalar(counter) or 0
        largest = connection.scalar(select(func.max(PLAIN[name].c.id))) or 0
        if coming <= largest:
            yield f"{name}: the next row would be number {coming}, and there is one of {largest}"


def sequence_of(connection: Connection, table: str) -> str | None:
    """The sequence that numbers the rows of a table on PostgreSQL, quoted as it needs to be."""
    found: str | None = connection.scalar(select(func.pg_get_serial_sequence(table, "id")))
    return found


def _counters(connection: Connection) -> Iterator[str]:
    """Whether each run that has ended has as many rows as it counted."""
    runs, own = PLAIN["runs"], PLAIN["inspections"]
    query = (
        select(runs.c.name, runs.c.status, runs.c.counters, func.count(own.c.id))
        .join_from(runs, own, own.c.run_id == runs.c.id, isouter=True)
        .group_by(runs.c.id, runs.c.name, runs.c.status, runs.c.counters)
        .order_by(runs.c.name)
    )
    known = {status.value for status in Status}
    for name, status, counters, images in connection.execute(query):
        if status not in known:
            yield f"run {name!r}: status {status!r} is none of {', '.join(sorted(known))}"
        elif status != Status.RUNNING.value:
            counted = _read(columns.CountersColumn(), counters) or {}
            if counted.get("images", images) != images:
                yield f"run {name!r}: counted {counted['images']:g} images, and has {images} rows"


_READ = tuple(name for name in Step.model_fields if name != "started")
"""Columns of a step that are read with its trace; its start is read with the other values."""


def _traces(connection: Connection) -> Iterator[str]:
    """Whether every row has a whole trace, and agrees with it."""
    own, steps = PLAIN["inspections"], PLAIN["steps"]
    kept = [steps.c[name] for name in ("position", "explored", *_READ)]
    query = (
        select(own.c.id, own.c.image, own.c.label, own.c.disposition, own.c.sample, *kept)
        .join_from(own, steps, steps.c.inspection_id == own.c.id, isouter=True)
        .order_by(own.c.id, steps.c.position)
    )
    rows = itertools.chain.from_iterable(stream(connection, query))
    prompts = set(connection.scalars(select(PLAIN["prompts"].c.sha256)))
    faults: dict[str, list[str]] = {}
    for key, group in itertools.groupby(rows, key=lambda row: row["id"]):
        found = list(group)
        fault = _fault_of(found, prompts)
        if fault:
            faults.setdefault(fault, []).append(f"{key} {found[0]['image']}")
    for fault, where in faults.items():
        yield f"inspections: {len(where)} {fault} ({_some(where)})"


def _fault_of(rows: Sequence[Mapping[str, Any]], prompts: AbstractSet[str]) -> str | None:
    """What is wrong with an inspection, given the rows of its steps; none if nothing is."""
    first = rows[0]
    if first["position"] is None:
        return "without a step"
    if [row["position"] for row in rows] != list(range(len(rows))):
        return "with steps missing"
    products, part = columns.ProductsColumn(), columns.SampleColumn()
    try:
        steps = [
            Step.model_validate(
                {name: row[name] for name in _READ} | {"products": _read(products, row["products"])}
            )
            for row in rows
        ]
        flags = [row["explored"] for row in rows]
        trace = Trace.of(_read(part, first["sample"]), zip(steps, flags, strict=True))
        read = Readings.of(trace)
    except ValueError:
        return "with a trace that cannot be read"
    label = read.verdict.label.value if read.verdict else None
    if (label, read.disposition.value) != (first["label"], first["disposition"]):
        return "whose trace says something else than its row"
    calls = (call for step in trace.all_steps for call in step.products if isinstance(call, Call))
    if any(call.text_sha256 and call.text_sha256 not in prompts for call in calls):
        return "with a prompt that is not there"
    return None


def _values(connection: Connection) -> Iterator[str]:
    """Whether values kept as JSON text can be read; those of traces are read with them."""
    traced = {("steps", "products"), ("inspections", "sample")}
    for name, table in tables.StoreTable.metadata.tables.items():
        kinds = {
            column.name: column.type
            for column in table.columns
            if isinstance(column.type, columns.Json) and (name, column.name) not in traced
        }
        if name == "steps":
            continue
        for row in itertools.chain.from_iterable(stream(connection, in_order(name))):
            yield from _illegible(row, name, kinds)


def _illegible(
    row: Mapping[str, Any], name: str, kinds: Mapping[str, columns.Json]
) -> Iterator[str]:
    for column, kind in kinds.items():
        try:
            _read(kind, row[column])
        except ValueError:
            keys: Sequence[Column[Any]] = list(PLAIN[name].primary_key.columns)
            which = ", ".join(f"{key.name} {row[key.name]}" for key in keys)
            yield f"{name}: {column} of {which} cannot be read"


def _read(kind: columns.Json, value: str | None) -> Any:
    return None if value is None else kind.adapter.validate_json(value)


def _some(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(" ".join(name.split()) for name in names[:_SHOWN]) + more
