"""Files that appear whole or not at all."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from reinspect.errors import ReinspectError


class ExportError(ReinspectError, RuntimeError):
    """A file can't be written; the message is one line: where, what, what to do."""


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A binary file to write to; it takes its place when all went well, in one move.

    Raises:
        ExportError: the disk is full or read-only, or the folder can't be made.
    """
    if path.is_dir():
        raise ExportError(f"{path}: can't be written: is a folder; name a file")
    # Beside its goal, since a rename is atomic on one file system only.
    unfinished = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        words = error.strerror or str(error)
        raise ExportError(
            f"{path}: can't be written: {words}; make room and give leave, or name another file"
        ) from error
