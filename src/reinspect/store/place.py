"""The file of a store while it is written to: whether it is still at its place, and a rescue."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine

from reinspect.files import identity_of
from reinspect.store.database import StoreError, connect, parse


class StoreFile:
    """An SQLite file that somebody may delete or replace while it is open.

    What was written goes to the file that was opened, which nobody finds any more then. A
    connection of its own keeps that file readable, so that it can be copied to a name again.

    Raises:
        StoreError: it isn't at its place.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened = identity_of(path)
        self._kept: Path | None = None
        # Threads take turns: a rescue is made by whoever writes.
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # opens the log

    @classmethod
    def of(cls, engine: Engine) -> "StoreFile | None":
        """The file of an engine; none for a server, or for a store in memory."""
        url = engine.url
        if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
            return None
        return cls(Path(str(url.database)))

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()

    @property
    def lost(self) -> bool:
        """Whether another file, or none, is at its place."""
        return identity_of(self.path) != self._opened

    def refuse_connection(self, *_: object) -> None:
        """Keep the pool from opening, or making, another file under the same name.

        Raises:
            StoreError: it isn't at its place.
        """
        if self.lost:
            raise StoreError(self._said)

    def confirm(self, unwritten: Callable[[Engine], object] | None = None) -> None:
        """Make sure that what is written is found again.

        Args:
            unwritten: adds to a store what may not have been written to this one.

        Raises:
            StoreError: it isn't at its place; what it had was copied to a file that is named.
        """
        if not self.lost:
            return
        try:
            kept = self._kept or self._copy()
            if unwritten is not None:
                engine = connect(parse(kept), create=True, patience=30.0)
                try:
                    unwritten(engine)
                finally:
                    engine.dispose()
        except (sqlite3.Error, OSError, StoreError) as failure:
            said = " ".join(str(failure).split())
            raise StoreError(f"{self._said}, and can't be copied: {said}") from failure
        self._kept = kept
        raise StoreError(
            # Not to be moved to its place: the log of the old one may lie there, and spoil it.
            f"{self._said}; all that it had is in {kept}: go on with --store {kept}"
        )

    def _copy(self) -> Path:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        number = 1
        while (kept := self.path.with_name(f"{self.path.stem}-rescued-{number}.db")).exists():
            number += 1
        kept.touch(mode=0o600)
        target = sqlite3.connect(kept)
        try:
            self._connection.backup(target)
        finally:
            target.close()
        return kept

    @property
    def _said(self) -> str:
        how = "replaced" if self.path.exists() else "deleted or moved"
        return f"store {self.path}: was {how} while it was in use"
