"""Pictures in object storage, or wherever else pyarrow can read: `s3://`, `gs://`, `file://`.

Options stand in the URL as pyarrow takes them (`?region=eu-west-1&endpoint_override=…`); keys never
do: they come from where the storage's own tools find them.
"""

import functools
import hashlib
import os
import posixpath
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from natsort import natsort_keygen

from reinspect.census import CensusTaker
from reinspect.errors import ReinspectError
from reinspect.images import PARTS, legible

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

_natural = natsort_keygen()
_PIECE = 2**20  # bytes read at a time
_PATIENCE = "retry_limit_seconds=30"  # with Google's, whose own is a quarter of an hour


class StorageError(ReinspectError, ValueError):
    """The storage can't be read as asked; the message is one line: where, what, what to do."""


class Stored(NamedTuple):
    """One picture, not yet read."""

    id: str
    """Path relative to the inspected folder, POSIX."""
    url: str


def is_url(path: str | os.PathLike[str]) -> bool:
    """Whether it is a URL rather than a path of this machine."""
    return "://" in os.fspath(path)


def name_of(url: str) -> str:
    """The last part of its path, else its bucket."""
    parts = urlsplit(url)
    return posixpath.basename(unquote(parts.path).rstrip("/")) or parts.netloc


def pictures_below(url: str, counted: CensusTaker | None = None) -> list[Stored]:
    """All pictures at or below a URL, in natural order; hidden files and folders left out.

    They are told by their names alone: to look into each would fetch it.

    Args:
        url: of a picture or a folder.
        counted: is told of each file that there is.

    Raises:
        StorageError: it can't be read, or there is nothing.
    """
    system, path = _opened(url)
    from pyarrow import fs

    try:
        if system.get_file_info(path).type == fs.FileType.File:
            if counted is not None:
                counted.take()
            return [Stored(legible(posixpath.basename(path)), url)]
        found = system.get_file_info(fs.FileSelector(path, recursive=True))
    except OSError as failure:
        raise StorageError(f"{url}: {_words(failure)}") from failure
    below = sorted(
        (posixpath.relpath(info.path, path) for info in found if info.type == fs.FileType.File),
        key=lambda name: (_natural(name), name),
    )
    pictures = []
    for name in below:
        why = _why_left_out(name)
        if why is None:
            pictures.append(Stored(legible(name), _beneath(url, name)))
        if counted is not None:
            counted.take() if why is None else counted.leave(why, legible(name))
    return pictures


def read(url: str) -> Iterator[bytes]:
    """The bytes at a URL, a piece at a time.

    Raises:
        OSError: they can't be read.
        StorageError: it is no URL of a storage.
    """
    system, path = _opened(url)
    with system.open_input_stream(path) as stream:
        while piece := stream.read(_PIECE):
            yield piece


def sha256_at(url: str) -> str:
    """The hex SHA-256 of the bytes at a URL, "" if they can't be read."""
    digest = hashlib.sha256()
    try:
        for piece in read(url):
            digest.update(piece)
    except OSError:
        return ""
    return digest.hexdigest()


def _opened(url: str) -> tuple["FileSystem", str]:
    parts = urlsplit(url)
    path = unquote(parts.path)
    system = _system(parts.scheme, parts.netloc, parts.query)
    return system, path if parts.scheme == "file" else f"{parts.hostname}{path}".rstrip("/")


@functools.lru_cache(maxsize=16)
def _system(scheme: str, bucket: str, query: str) -> Any:
    shown = f"{scheme}://{bucket.rpartition('@')[2]}"
    if urlsplit(f"//{bucket}").password is not None:
        raise StorageError(
            f"{shown}: no keys in a URL, which is kept and shown: put them where the storage's "
            "own tools look for them (AWS_ACCESS_KEY_ID …)"
        )
    try:
        from pyarrow import fs
    except ImportError as failure:
        raise StorageError(f"{shown}: needs pyarrow: pip install 'reinspect[ray]'") from failure
    if scheme in ("gs", "gcs") and "retry_limit_seconds=" not in query:
        query = f"{query}&{_PATIENCE}" if query else _PATIENCE
    try:
        return fs.FileSystem.from_uri(urlunsplit((scheme, bucket, "/", query, "")))[0]
    except (OSError, ValueError) as failure:
        raise StorageError(f"{shown}: {_words(failure)}") from failure


def _beneath(url: str, name: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{quote(name)}"))


def _why_left_out(name: str) -> str | None:
    if any(part.startswith(".") for part in name.split("/")):
        return "hidden"
    suffix = posixpath.splitext(name)[1].lower()
    if suffix in PARTS:
        return None
    return f"no picture by its name: {legible(suffix) or 'without an ending'}"


def _words(failure: Exception) -> str:
    said = str(failure).partition(" error_info=")[0]  # in which Google's library says it all again
    return " ".join(said.split()) or type(failure).__name__
