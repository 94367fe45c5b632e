"""Files that appear whole or not at all.

Folders likewise; the hashes by which they are known; JSON that is read back later.
"""

import contextlib
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from reinspect.documents import VALUE_SIZE, DocumentError, parse_json, read_text
from reinspect.errors import ReinspectError, explain_invalid, shorten

M = TypeVar("M", bound=BaseModel)


class WriteError(ReinspectError, OSError):
    """A file or folder can't be written; the message is one line: where, what, what to do."""


@contextmanager
def whole_file(path: str | os.PathLike[str], *, durable: bool = True) -> Iterator[IO[bytes]]:
    """A binary file to write to; it takes its place when all went well, in one move.

    Args:
        path: of the file; its folder is made.
        durable: whether it must be on the disk, not only on its way there, before it takes its
            place; not worth waiting for where there are many and each can be made again.

    Raises:
        WriteError: the disk is full or read-only, or the folder can't be made.
    """
    path = Path(path)
    if path.is_dir():
        raise WriteError(f"{path}: can't be written: is a folder; name a file")
    with _told(path, "file"), _unfinished(path) as unfinished:
        with unfinished.open("wb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        unfinished.replace(path)
        if durable:
            sync_folder(path.parent)


def sync_folder(path: str | os.PathLike[str]) -> None:
    """Put on disk which files a folder has; a rename or a new file may be lost with the power else.

    Raises:
        OSError: the disk can't.
    """
    if os.name == "nt":  # no folder can be opened there
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def whole_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A folder to write into; it takes its place when all went well, in one move.

    Args:
        path: of the folder; there is none of that name, or it is empty.

    Raises:
        WriteError: the disk is full or read-only, or there is something at its place.
    """
    path = Path(path).absolute()
    with _told(path, "folder"), _unfinished(path) as unfinished:
        unfinished.mkdir()
        yield unfinished
        if path.is_dir():
            path.rmdir()
        unfinished.replace(path)


def write_file(path: str | os.PathLike[str], content: bytes | str, *, durable: bool = True) -> None:
    """Write a whole file, text as UTF-8.

    Raises:
        WriteError: as `whole_file`.
    """
    with whole_file(path, durable=durable) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write a value, a pydantic model or plain JSON, as a whole file that people can read, too.

    Raises:
        WriteError: as `whole_file`.
    """
    if isinstance(content, BaseModel):
        text = content.model_dump_json(indent=1)
    else:
        text = json.dumps(content, indent=1, ensure_ascii=False)
    write_file(path, text + "\n")


def identity_of(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """Device and inode of what is at a path now: another file may take its name. None: nothing."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a path of any kind
    except OSError:
        return None
    return found.st_dev, found.st_ino


def digest_of(content: bytes | str) -> str:
    """SHA-256 in hex, of text as UTF-8."""
    data = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(data).hexdigest()


def digest_of_file(path: str | os.PathLike[str]) -> str:
    """SHA-256 in hex of a file of any size.

    Raises:
        OSError: it can't be read.
    """
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class SavedKind(NamedTuple):
    """What a saved JSON file has to be, and the words for it."""

    name: str
    """Of what is in it: `critic`."""
    command: str
    """That writes it."""
    again: str
    """The verb for getting a new one."""
    error: type[ReinspectError]
    """Raised for a file that is something else."""
    version: int
    """The one that is read."""
    format: str | None = None
    """Stands under the key `format`, beside `version`; without it, `format` is the version."""


def read_json(path: str | os.PathLike[str], model: type[M], kind: SavedKind) -> M:
    """Read what was saved as JSON.

    Raises:
        ReinspectError: `kind.error`: the file can't be read, is something else, or of another
            version.
    """
    try:
        text = read_text(path, most=VALUE_SIZE)
    except (OSError, DocumentError) as failure:
        raise kind.error(f"{path}: cannot read the {kind.name}: {failure}") from failure
    try:
        content = parse_json(text)
    except DocumentError as failure:
        raise kind.error(f"{path}: {failure}") from failure
    known = content if isinstance(content, dict) else {}
    if "format" not in known or kind.format not in (None, known["format"]):
        raise kind.error(f"{path}: is no {kind.name} that `{kind.command}` has written")
    made = known.get("version") if kind.format else known["format"]
    if made != kind.version:
        raise kind.error(
            f"{path}: is a {kind.name} of version {shorten(made)}, and this reinspect reads "
            f"version {kind.version}: {kind.again} it again"
        )
    try:
        return model.model_validate(content)
    except ValidationError as failure:
        raise kind.error(f"{path}: {explain_invalid(failure, model)}") from failure


@contextmanager
def _unfinished(goal: Path) -> Iterator[Path]:
    """A name to write under. What is left there afterwards is removed, after Ctrl-C as well."""
    goal.parent.mkdir(parents=True, exist_ok=True)
    # Beside its goal, since a rename is atomic on one file system only; hidden, so that it is no
    # picture to inspect.
    unfinished = goal.with_name(f".{uuid.uuid4().hex}.part")
    try:
        yield unfinished
    finally:
        if unfinished.is_dir():
            shutil.rmtree(unfinished, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)


@contextmanager
def _told(goal: Path, what: str) -> Iterator[None]:
    try:
        yield
    except WriteError:  # of a file in a folder: it says more
        raise
    except OSError as failure:
        why = failure.strerror or str(failure)
        told = WriteError(
            f"{goal}: can't be written: {why}; make room and give leave, or name another {what}"
        )
        told.strerror = failure.strerror  # not errno: Python's own words would take our place
        raise told from failure
