"""The tables as the database has them: text, numbers and times, before they become values."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, Connection, Engine, Integer, MetaData, Select, Table
from sqlalchemy.types import TypeDecorator

from reinspect.store import tables

BATCH = 1000  # rows in memory at a time


def _plain(table: Table, metadata: MetaData) -> Table:
    kinds = [
        column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
        for column in table.columns
    ]
    columns = [
        Column(column.name, kind, primary_key=column.primary_key)
        for column, kind in zip(table.columns, kinds, strict=True)
    ]
    return Table(table.name, metadata, *columns)


_METADATA = MetaData()

PLAIN = {table.name: _plain(table, _METADATA) for table in tables.StoreTable.metadata.sorted_tables}
"""Name → table; whatever a table refers to comes before it."""

NUMBERED = tuple(
    name
    for name, table in PLAIN.items()
    if "id" in table.columns and isinstance(table.columns["id"].type, Integer)
)
"""Tables whose rows get a number from the database."""


def snapshot(engine: Engine) -> Connection:
    """A connection whose queries all see the same moment; on SQLite those of a transaction do."""
    if engine.dialect.name == "postgresql":
        return engine.connect().execution_options(isolation_level="REPEATABLE READ")
    return engine.connect()


def stream(
    connection: Connection, query: Select[Any], batch: int = BATCH
) -> Iterator[list[dict[str, Any]]]:
    """The rows of a query, a batch at a time, never all of them in memory."""
    result = connection.execution_options(stream_results=True, max_row_buffer=batch).execute(query)
    with result:
        for part in result.mappings().partitions(batch):
            yield [dict(row) for row in part]


def in_order(name: str) -> Select[Any]:
    """All rows of a table by their key."""
    table = PLAIN[name]
    return table.select().order_by(*table.primary_key.columns)
