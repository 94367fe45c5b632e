"""Parts as somebody asks for them: a controller by OPC UA, a program by MQTT."""

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from reinspect.dataset import Item
from reinspect.engine.roles import Engine
from reinspect.images import legible
from reinspect.runs.defaults import UsageError
from reinspect.runs.remaining import Done
from reinspect.runs.sources import Feed, FoldersAhead

MOST = 1000
"""Parts that were asked for and are not begun; a line that is slower than this is told so."""

TICK = 0.02
"""Seconds between two looks at what was asked for."""

LONGEST = 200
"""Characters of a part's name."""


@dataclass(frozen=True)
class OnRequest(FoldersAhead):
    """A source for whoever has files below some folders, and says when one is to be inspected.

    No file elsewhere is opened.
    """

    limit: int | None = None
    """Parts to inspect at most."""
    _asked: "queue.Queue[Item]" = field(default_factory=lambda: queue.Queue(MOST))
    _stop: threading.Event = field(default_factory=threading.Event)

    def refuse(self, engine: Engine, *, references: bool, dry_run: bool) -> None:
        """See `Source`."""
        if not engine.follows:
            raise UsageError("--engine ray: can't take parts as they are asked for")
        if dry_run:
            raise UsageError("--dry-run: can't tell what will be asked for")
        for path in self.paths:
            if not Path(path).is_dir():
                raise UsageError(f"{path}: is no folder; --on-request takes folders of pictures")
        if not references:
            raise UsageError(
                f"{self.paths[0]}: can't be its own reference; name known-good images with "
                "--references"
            )

    def ask(self, part: str, path: str) -> str:
        """Have a file inspected, whatever was inspected before.

        Args:
            part: its name; the path below the folder where it is empty.
            path: of the file, below one of the folders, or relative to the first.

        Returns:
            The name of its row.

        Raises:
            UsageError: there is no such file there, or too many were asked for.
        """
        name = legible(part.strip())
        if len(name) > LONGEST or (name and not name.isprintable()):
            raise UsageError(f"part: {LONGEST} printable characters at most")
        file, below = self._file(path)
        item = Item(id=name or legible(below), path=str(file))
        if self._stop.is_set():
            raise UsageError("the run is ending; ask the next one")
        try:
            self._asked.put_nowait(item)
        except queue.Full:
            raise UsageError(f"{MOST} parts wait already; ask again later") from None
        return item.id

    def _file(self, path: str) -> tuple[Path, str]:
        said = legible(path)
        try:
            file = Path(self.paths[0], path).resolve()
            is_there = file.is_file()
        except (OSError, ValueError):  # a name that no file can have
            is_there = False
        if is_there:
            for folder in self.paths:
                own = Path(folder).resolve()
                if file.is_relative_to(own):
                    return file, file.relative_to(own).as_posix()
        raise UsageError(f"{said[:LONGEST]}: no file below {', '.join(self.paths)}")

    def feed(self, done: Done) -> Feed:
        """See `Source`: what is asked for again is inspected again."""
        return Feed(self._coming(), None, self._stop.set)

    def _coming(self) -> Iterator[Item | None]:
        given = 0
        while given != self.limit and not (self._stop.is_set() and self._asked.empty()):
            try:
                yield self._asked.get(timeout=TICK)
                given += 1
            except queue.Empty:
                yield None
