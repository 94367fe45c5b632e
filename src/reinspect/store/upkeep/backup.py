"""A copy of a store while it is written to, by SQLite's own backup."""

import contextlib
import os
import sqlite3
from pathlib import Path

from reinspect.files import sync_folder
from reinspect.store.database import VERSION_TABLE, StoreError, masked, parse, told


def backup(url: str | os.PathLike[str], target: str | os.PathLike[str]) -> int:
    """Copy an SQLite store as it is at one moment, whole or not at all.

    Nobody waits: those who write go on, and what they write meanwhile is in the next copy.

    Args:
        url: of the store.
        target: the file to make, for its owner alone.

    Returns:
        Its size in bytes.

    Raises:
        StoreError: it is no SQLite store, or is damaged; there is such a file already, or it can't
            be written.
    """
    where, goal = parse(url), Path(target)
    if where.get_backend_name() != "sqlite" or not where.database:
        raise StoreError(f"store {masked(where)}: is no SQLite file: back it up with pg_dump")
    if not Path(where.database).is_file():
        raise StoreError(f"store {where.database}: there is none")
    if goal.exists():
        raise StoreError(f"{goal}: is there already; name a new file")
    part = goal.with_name(f".{goal.name}.part")
    try:
        goal.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        with (
            told(where),
            contextlib.closing(sqlite3.connect(where.database)) as own,
            contextlib.closing(sqlite3.connect(part)) as copy,
        ):
            own.backup(copy)
            found = copy.execute("PRAGMA quick_check(1)").fetchone()
            named = "SELECT count(*) FROM sqlite_master WHERE name = ?"
            (is_store,) = copy.execute(named, (VERSION_TABLE,)).fetchone()
            copy.execute("PRAGMA journal_mode = DELETE")  # a file by itself, without a log
        if found != ("ok",):
            raise StoreError(
                f"store {where.database}: is damaged ({found[0]}); restore it from an older copy"
            )
        if not is_store:  # an empty file is a database to SQLite, too
            raise StoreError(f"store {where.database}: not a store of reinspect: name another")
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(goal)
        sync_folder(goal.parent)
    except sqlite3.Error as failure:
        raise StoreError(f"store {where.database}: can't be copied ({failure})") from failure
    except OSError as failure:
        raise StoreError(f"{goal}: can't be written ({failure.strerror})") from failure
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return goal.stat().st_size
