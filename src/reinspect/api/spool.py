"""What was accepted and is not inspected yet, on disk: whatever is killed, it is there again."""

import contextlib
import logging
import os
import shutil
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple
from uuid import UUID

from pydantic import AwareDatetime, Field, ValidationError

from reinspect.dataset import Item, ViewFile
from reinspect.errors import ReinspectError
from reinspect.files import sync_folder, write_file
from reinspect.images import PARTS, TABLES
from reinspect.vocabulary import Value

logger = logging.getLogger("uvicorn.error")


class SpoolError(ReinspectError, RuntimeError):
    """The folder of what arrives can't be had; the message is one line: which, why, what to do."""


NAME = 100
"""Characters that are kept of the name that a client gives a picture."""


class Entry(Value):
    """One accepted picture, or one part by its views."""

    id: UUID
    name: str = Field(default="", description="What the client called it; never opened as a path.")
    file: str = Field(description="Where it lies, relative to the run's folder; named by us.")

    views: Mapping[str, str] = Field(
        default_factory=dict,
        exclude_if=lambda said: not said,
        description="Of a part with several: view → where it lies; `file` is the first.",
    )

    @property
    def files(self) -> tuple[str, ...]:
        """Where its pictures lie."""
        return tuple(self.views.values()) or (self.file,)

    @property
    def image(self) -> str:
        """The key of its row: its id, and its name for people."""
        return f"{self.id}/{self.name}" if self.name else str(self.id)


class Ticket(Value):
    """What was accepted at once: one picture, or a batch. Written whole, it is the acceptance."""

    id: UUID
    received: AwareDatetime
    batch: bool
    category: str | None
    entries: tuple[Entry, ...]


class Arrived(NamedTuple):
    """A picture on disk that is not accepted yet."""

    id: UUID
    name: str
    path: Path


class Spool:
    """The folders of what arrives.

    `receiving/` holds uploads that are not accepted, `incoming/` the pictures, `open/` the tickets
    of what is not finished, `batches/` those of finished batches. File names are made here.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._receiving, self._open = self.folder / "receiving", self.folder / "open"
        self._batches, self._incoming = self.folder / "batches", self.folder / "incoming"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = _locked(self.folder)
        self.set_aside: tuple[Path, ...] = ()
        """Tickets that can't be read; what they accepted is unknown."""
        shutil.rmtree(self._receiving, ignore_errors=True)  # nobody was told that it arrived
        for made in (self._receiving, self._open, self._batches, self._incoming):
            made.mkdir(mode=0o700, exist_ok=True)
        for made in (self.folder, self.folder.parent):
            sync_folder(made)

    def close(self) -> None:
        """Let another server have the folder."""
        self._lock.close()

    def tidy(self, inspected: Collection[str]) -> None:
        """Remove what a server that was killed left behind: half-written files, lost pictures.

        Args:
            inspected: the ids of pictures that have a row.
        """
        for folder in (self.folder, self._open, self._batches):
            for unfinished in folder.glob(".*.part"):
                unfinished.unlink(missing_ok=True)
        kept = {
            file for ticket in self.unfinished() for entry in ticket.entries for file in entry.files
        }
        if self.set_aside:  # somebody may want to mend it, and needs its pictures
            return
        for picture in self._incoming.glob("*/*"):
            name = picture.relative_to(self.folder).as_posix()
            if name not in kept and picture.stem not in inspected:
                picture.unlink(missing_ok=True)

    def receive(self, upload: BinaryIO, name: str | None) -> Arrived:
        """Copy an upload to disk, in pieces.

        Raises:
            OSError: the disk is full or read-only.
        """
        key = uuid.uuid4()
        path = self._receiving / f"{key}{_suffix(name)}"
        with path.open("xb") as file:
            shutil.copyfileobj(upload, file, 1 << 20)
            file.flush()
            os.fsync(file.fileno())
        return Arrived(key, shown(name), path)

    def refuse(self, arrived: Sequence[Arrived]) -> None:
        """Forget uploads."""
        for picture in arrived:
            picture.path.unlink(missing_ok=True)

    def accept(
        self,
        arrived: Sequence[Arrived],
        *,
        batch: bool,
        category: str | None,
        views: Sequence[str] = (),
        name: str = "",
    ) -> Ticket:
        """Accept uploads, all or none. A single picture's ticket has the picture's id.

        Args:
            arrived: the uploads.
            batch: whether they were sent as many.
            category: of all of them.
            views: of one part that they are pictures of, in their order; each is a part without.
            name: of that part, for people.

        Raises:
            OSError: the disk is full or read-only; nothing was accepted.
        """
        entries = tuple(self._moved(picture) for picture in arrived)
        if views:
            files = {view: entry.file for view, entry in zip(views, entries, strict=True)}
            own = {"name": shown(name), "views": files}
            entries = (entries[0].model_copy(update=own),)
        # The ticket goes last, when what it names will still be there after a power cut.
        for folder in {(self.folder / file).parent for one in entries for file in one.files}:
            sync_folder(folder)
        sync_folder(self._incoming)
        ticket = Ticket(
            id=uuid.uuid4() if batch else entries[0].id,
            received=datetime.now(UTC),
            batch=batch,
            category=category,
            entries=entries,
        )
        write_file(self._open / f"{ticket.id}.json", ticket.model_dump_json())
        return ticket

    def finish(self, ticket: Ticket) -> None:
        """All of it is in the store. A batch can still be asked for."""
        path = self._open / f"{ticket.id}.json"
        if ticket.batch:
            path.replace(self._batches / path.name)
        else:
            path.unlink(missing_ok=True)

    def unfinished(self) -> Iterator[Ticket]:
        """What an earlier server accepted and did not finish, oldest first."""
        tickets = []
        for path in self._open.glob("*.json"):
            try:
                tickets.append(_read(path))
            except ValidationError:  # a disk's fault: others are no worse for it
                aside = path.with_suffix(".broken")
                path.replace(aside)
                self.set_aside = (*self.set_aside, aside)
                logger.warning("%s: can't be read, set aside; no picture is removed", aside)
        yield from sorted(tickets, key=lambda ticket: ticket.received)

    def batch(self, key: UUID) -> Ticket | None:
        """A batch by its id; none if there is no such batch."""
        for folder in (self._open, self._batches, self._batches):  # it may move meanwhile
            with contextlib.suppress(FileNotFoundError, ValidationError):
                ticket = _read(folder / f"{key}.json")
                return ticket if ticket.batch else None
        return None

    def item(self, entry: Entry, category: str | None) -> Item:
        """What there is to inspect."""
        views = tuple(ViewFile(name, str(self.folder / file)) for name, file in entry.views.items())
        return Item(entry.image, str(self.folder / entry.file), category, views=views)

    def _moved(self, picture: Arrived) -> Entry:
        file = Path("incoming") / str(picture.id)[:2] / picture.path.name
        goal = self.folder / file
        goal.parent.mkdir(parents=True, exist_ok=True)
        picture.path.replace(goal)
        return Entry(id=picture.id, name=picture.name, file=file.as_posix())


def _locked(folder: Path) -> BinaryIO:
    """A file that no other server can have; it is let go of with the process, however that ends."""
    file = (folder / ".lock").open("ab")
    try:
        import fcntl
    except ImportError:  # Windows
        return file
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as failure:
        file.close()
        raise SpoolError(
            f"{folder}: another server works there; stop it, or give this one another --out"
        ) from failure
    return file


def shown(name: str | None) -> str:
    """A client's name for a picture, fit to be shown: no folders, nothing unprintable, no novel."""
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in last if c.isprintable()).strip()[:NAME]


def _suffix(name: str | None) -> str:
    """The suffix of a known kind of image, for people who look into the folder; else none."""
    ending = "." + (name or "").rpartition(".")[2].lower()
    return next((known for known in (*PARTS, *TABLES) if known == ending), "")


def _read(path: Path) -> Ticket:
    return Ticket.model_validate_json(path.read_bytes())
