"""Opening a database: its URL, its connections, its schema, and its errors in one line."""

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    create_engine,
    event,
    func,
    inspect,
    make_url,
    select,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session

from reinspect.errors import ReinspectError

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = "reinspect_version"

MIGRATIONS = "migrations/versions"

_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
"""Scheme → SQLAlchemy's name of the driver that the extra brings."""

_HEADER = 100  # bytes, which every file of SQLite begins with

_MIGRATING = 0x7265696E  # key of the lock that one who migrates holds

_HINTS = {
    "disk is full": "free some space, then resume the run",
    "disk I/O": "check the disk, its space and its limits, then resume the run",
    "is locked": "another program is writing to it; try again when it is done",
    "readonly": "make the file and its folder writable, or name another store by --store",
    "unable to open": "check that its folder exists and that you may write there",
    "not a database": "name another store by --store",
    "lock timeout": "another program is writing to it; try again when it is done",
    "No space left": "free some space on the server, then resume the run",
    "could not extend": "free some space on the server, then resume the run",
    "authentication failed": "check user and password",
    "no password supplied": "give it in the URL, in PGPASSWORD or in ~/.pgpass",
    "permission denied": "let the user create and write tables there",
    "index row size": "a path is too long for PostgreSQL; start from a folder further down",
    "connection": "check that the server runs and is reachable; a run can be resumed",
    "terminating": "check that the server runs and is reachable; a run can be resumed",
    "starting up": "wait until the server is up",
    "shutting down": "wait until the server is up again; a run can be resumed",
}


class StoreError(ReinspectError, RuntimeError):
    """The store can't do what was asked; the message is one line: where, what, what to do."""


class UnknownRunError(StoreError):
    """The store has no such run."""


class TraceError(StoreError):
    """A trace that another version of reinspect made, and this one can't read."""

    def __init__(self, image: str, why: str) -> None:
        super().__init__(f"{image}: {why}")
        self.image, self.why = image, why


def parse(url: str | os.PathLike[str]) -> URL:
    """A database URL, or the path of an SQLite file.

    Raises:
        StoreError: it is neither.
    """
    text = os.fspath(url)
    if "://" not in text:
        return URL.create("sqlite", database=str(Path(text).absolute()))
    try:
        found = make_url(text)
        return found.set(drivername=_DRIVERS.get(found.drivername, found.drivername))
    except (ArgumentError, ValueError) as error:
        # Unparsed, so its password can't be masked: show no more than the scheme.
        scheme = text.partition("://")[0]
        raise StoreError(f"store {scheme}://…: not a database URL") from error


def masked(url: URL) -> str:
    """The URL to show: a path for SQLite, no password elsewhere."""
    if url.get_backend_name() == "sqlite":
        return url.database or ":memory:"
    query = {key: "***" if "pass" in key else value for key, value in url.query.items()}
    shown = url.set(drivername=url.get_backend_name(), query=query)
    return shown.render_as_string(hide_password=True)


@contextmanager
def told(url: URL) -> Iterator[None]:
    """Turn errors of the database into a `StoreError` of one line."""
    try:
        yield
    except DBAPIError as error:
        words = " ".join(str(error.orig).split())
        hint = next((f": {hint}" for part, hint in _HINTS.items() if part in words), "")
        raise StoreError(f"store {masked(url)}: {words}{hint}") from error


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A session to read in; the database's errors leave it as a `StoreError` of one line."""
    with told(engine.url), Session(engine) as session:
        yield session


def connect(url: URL, *, create: bool, patience: float) -> Engine:
    """An engine on a database of this version's schema, made or migrated if need be.

    Args:
        url: of the database.
        create: make what is missing; else only read.
        patience: seconds to wait for another program's lock.

    Raises:
        StoreError: missing, unreadable, not a store, or of a newer version.
    """
    engine = reach(url, create=create, patience=patience)
    try:
        with told(url):
            _migrate(engine, create=create)
    except BaseException:
        engine.dispose()
        raise
    return engine


def migrate(url: URL, *, patience: float) -> tuple[str | None, str]:
    """Bring a store to this version's schema, or make an empty one. Returns both revisions.

    Raises:
        StoreError: it can't be opened or changed, is no store, or is of a newer version.
    """
    engine = reach(url, create=True, patience=patience)
    try:
        with told(url):
            with engine.connect() as connection:
                schema = schema_of(connection)
            _migrate(engine, create=True)
    finally:
        engine.dispose()
    return schema.found, schema.head


def reach(url: URL, *, create: bool, patience: float) -> Engine:
    """An engine on a database, whatever schema it has or hasn't; nothing is written.

    Raises:
        StoreError: there is no such file, or no driver.
    """
    if url.get_backend_name() == "sqlite" and url.database:
        path = Path(url.database)
        if not create and not path.exists():
            raise StoreError(f"store {path}: there is none; `reinspect run` makes one")
        if path.is_file() and 0 < path.stat().st_size < _HEADER:  # SQLite would write over it
            raise StoreError(f"store {path}: file is not a database: name another by --store")
        if create:
            _make_folder(path.parent)
            _make_private(path)
    engine = _engine(url)
    engine.update_execution_options(patience=patience)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, create=create, patience=patience)
    elif engine.dialect.name == "postgresql":
        _prepare_postgresql(engine, patience=patience)
    return engine


class Schema(NamedTuple):
    """What a database has of this version's tables."""

    found: str | None
    """The revision it is of; none where it has no table of a store."""
    head: str
    """The revision that this version needs."""
    known: frozenset[str]
    """All revisions that this version can bring up to date."""

    @property
    def newer(self) -> bool:
        """Whether a newer version of reinspect has made it."""
        return self.found is not None and self.found not in self.known


def schema_of(connection: Connection) -> Schema:
    """Which revision of the tables a database has."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(_alembic())
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return Schema(
        found=context.get_current_revision(),
        head=scripts.get_current_head() or "",
        known=frozenset(script.revision for script in scripts.walk_revisions()),
    )


def _alembic() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "reinspect.store:migrations")
    config.set_main_option("path_separator", "os")
    return config


def writing(engine: Engine) -> Engine:
    """The same engine; on SQLite its transactions take the write lock when they begin."""
    return engine.execution_options(writes=True)


def persisting(engine: Engine, work: Callable[[Connection], object]) -> None:
    """Do the work in a transaction; where the server goes away, again until patience ends.

    Whether a transaction that was cut off counts is unknown, so the work must be such that doing
    it twice is doing it once.

    Raises:
        StoreError: the database can't take it, or was away for longer than the store's patience.
    """
    ends = time.monotonic() + engine.get_execution_options().get("patience", 0.0)
    while True:
        try:
            with engine.begin() as connection:
                work(connection)
        except DBAPIError as error:
            if not _away(error) or time.monotonic() >= ends:
                with told(engine.url):
                    raise
            time.sleep(_PAUSE)
        else:
            return


_PAUSE = 0.5  # seconds between two tries to reach a server


def _away(error: DBAPIError) -> bool:
    """Whether the server is gone for now: stopped, starting, or out of reach."""
    if error.connection_invalidated:
        return True
    words = str(error.orig)
    signs = ("connection failed", "connection is bad", "starting up", "shutting down")
    return isinstance(error, OperationalError) and any(sign in words for sign in signs)


def _engine(url: URL) -> Engine:
    # A server may have dropped a connection that lay idle: it is tried before it is used.
    ping = url.get_backend_name() != "sqlite"
    timed = {"connect_timeout": 10} if url.drivername == "postgresql+psycopg" else {}
    try:
        return create_engine(url, pool_pre_ping=ping, connect_args=timed)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        need = "pip install 'reinspect[postgres]'" if url.drivername in _DRIVERS.values() else error
        raise StoreError(f"store {masked(url)}: no driver for it is installed: {need}") from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"store in {folder}: {error.strerror}: name another by --store") from error


def _make_private(path: Path) -> None:
    """Make the file, if there is none, so that its owner alone can read it, its log likewise."""
    # What else may be wrong is told when it is opened.
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _prepare_sqlite(engine: Engine, *, create: bool, patience: float) -> None:
    """Write-ahead log, foreign keys, and transactions that begin where SQLAlchemy says so.

    A transaction that reads first and writes later fails at once when another one has written in
    between, whatever the time-out; so writers take the lock when they begin.
    """

    def on_connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {round(patience * 1000)}")
        if create:
            cursor.execute("PRAGMA journal_mode = WAL")
            # Each transaction is on disk when it ends: the API promises so, and batches are few.
            cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    def on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)


def _prepare_postgresql(engine: Engine, *, patience: float) -> None:
    def on_connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute(f"SET lock_timeout = {max(1, round(patience * 1000))}")
        cursor.close()
        connection.commit()

    event.listen(engine, "connect", on_connect)
    logging.getLogger("psycopg").addFilter(_not_ignored)


def _not_ignored(record: logging.LogRecord) -> bool:
    """Drops log lines on errors that psycopg ignored while it closed a lost connection.

    The loss itself reaches us as an error, and is waited out or said in one line.
    """
    return not record.getMessage().startswith("error ignored")


def _migrate(engine: Engine, *, create: bool) -> None:
    """Bring the schema to this version's, in one transaction."""
    if _is_up_to_date(engine):
        return
    from alembic import command

    with engine.connect() as connection:
        schema = schema_of(connection)
        occupied = schema.found is None and bool(inspect(connection).get_table_names())
    if schema.found == schema.head:
        return
    where = masked(engine.url)
    if schema.newer:
        raise StoreError(
            f"store {where}: of a newer reinspect (schema {schema.found}, this one knows up to "
            f"{schema.head}): upgrade reinspect, or name another store by --store"
        )
    if schema.found is None and (not create or (occupied and engine.dialect.name == "sqlite")):
        raise StoreError(f"store {where}: not a store of reinspect: name another by --store")
    config = _alembic()
    with writing(engine).connect() as connection:
        if engine.dialect.name == "sqlite":
            let_tables_be_replaced(connection)
        with connection.begin():
            if engine.dialect.name == "postgresql":  # several may make it at once
                connection.execute(select(func.pg_advisory_xact_lock(_MIGRATING)))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        connection.invalidate()


def _is_up_to_date(engine: Engine) -> bool:
    """Whether there is nothing to migrate, told without Alembic: it takes a while to be there."""
    newest = max(file.stem[:4] for file in (Path(__file__).parent / MIGRATIONS).glob("0*.py"))
    with contextlib.suppress(DBAPIError), engine.connect() as connection:
        found = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").all()  # noqa: S608
        return [revision for (revision,) in found] == [newest]
    return False


def let_tables_be_replaced(connection: Connection) -> None:
    """Drop foreign keys for as long as this connection lives; not possible once it has begun.

    SQLite alters a table by copying and dropping it; with foreign keys on, dropping `inspections`
    would delete all their steps.
    """
    driver = connection.connection.driver_connection
    if driver is not None:
        driver.execute("PRAGMA foreign_keys = OFF")
