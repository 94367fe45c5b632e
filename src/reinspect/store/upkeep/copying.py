"""Copying a whole store from one database into another, all or nothing."""

import os
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, func, insert, select, text

from reinspect.store.database import (
    StoreError,
    connect,
    masked,
    parse,
    reach,
    schema_of,
    told,
    writing,
)
from reinspect.store.upkeep.checking import counts, problems_of, sequence_of
from reinspect.store.upkeep.plain import NUMBERED, PLAIN, in_order, snapshot, stream


def copy(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    patience: float = 30.0,
    progress: Callable[[str, int], None] = lambda _table, _rows: None,
) -> dict[str, int]:
    """Copy every row of a store, under its number, into one that is new or empty.

    The source is read as it is at one moment, whatever is written to it meanwhile, and stays as it
    is. The target has all of it or nothing: it is filled in one transaction.

    Args:
        source: of what is to be copied, path or URL; of this version's schema, and sound.
        target: where to; made if it is missing.
        patience: seconds to wait for another program's lock.
        progress: is told table and rows so far, a thousand rows at a time.

    Returns:
        Table → rows copied.

    Raises:
        StoreError: one of them can't be opened; the source is of another schema or not sound; the
            target has something in it; a row doesn't fit there.
    """
    origin = reach(parse(source), create=False, patience=patience)
    try:
        with told(origin.url), snapshot(origin) as reading:
            _refuse_unsound(reading)
            engine = connect(parse(target), create=True, patience=patience)
            try:
                with told(engine.url), writing(engine).begin() as connection:
                    _claim(connection)
                    return _fill(reading, connection, progress)
            finally:
                engine.dispose()
    finally:
        origin.dispose()


def _refuse_unsound(source: Connection) -> None:
    where = masked(source.engine.url)
    if schema_of(source).found is None:
        raise StoreError(f"store {where}: not a store of reinspect: nothing to copy")
    wrong = next(problems_of(source, values=False), None)
    if wrong:
        raise StoreError(f"store {where}: {wrong}; `reinspect store check` tells all: not copied")


def _claim(target: Connection) -> None:
    """Refuse a store that has rows, and lock it, so that nobody else begins a run there."""
    if target.dialect.name == "postgresql":
        target.execute(text(f"LOCK TABLE {', '.join(PLAIN)} IN SHARE ROW EXCLUSIVE MODE"))
    held = {name: rows for name, rows in counts(target).items() if rows}
    if held:
        what = ", ".join(f"{rows} {name}" for name, rows in held.items())
        raise StoreError(
            f"store {masked(target.engine.url)}: is not empty ({what}): copy into a new one"
        )


def _rows(source: Connection, name: str) -> Iterator[list[dict[str, Any]]]:
    with told(source.engine.url):  # not the target's fault
        yield from stream(source, in_order(name))


def _fill(
    source: Connection, target: Connection, progress: Callable[[str, int], None]
) -> dict[str, int]:
    for name, table in PLAIN.items():
        done = 0
        for rows in _rows(source, name):
            target.execute(insert(table), rows)
            done += len(rows)
            progress(name, done)
    if target.dialect.name == "postgresql":
        for name in NUMBERED:
            largest = target.scalar(select(func.max(PLAIN[name].c.id))) or 0
            sequence = sequence_of(target, name)
            target.execute(select(func.setval(sequence, largest + 1, False)))
    with told(source.engine.url):
        there = counts(source)
    here = counts(target)
    if there != here:
        raise StoreError(
            f"store {masked(target.engine.url)}: would have {here} rows of {there}: not copied"
        )
    return here
