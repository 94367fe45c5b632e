"""The bytes of image files; what to say of files that are none."""

import os
import re
import stat
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reinspect.errors import ReinspectError
from reinspect.files import digest_of
from reinspect.vocabulary import MAX_PIXELS

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


class UnreadableImage(ReinspectError, ValueError):  # noqa: N818 - it names the image, not a fault of ours
    """A file that can't be inspected. One line: where, what, what to do.

    `sha256` is of the bytes that are no picture; none where not even these could be read.
    """

    def __init__(self, path: str | os.PathLike[str], what: str, remedy: str) -> None:
        super().__init__(path, what, remedy)
        self.path = os.fspath(path)
        self.what = what
        self.remedy = remedy
        self.sha256: str | None = None

    def __str__(self) -> str:
        # repr keeps a name with a newline, or with bytes that are no text, on one printable line.
        return f"{one_line(self.path)}: {self.what}; {self.remedy}"


def one_line(text: str) -> str:
    """`text` itself where it prints as one line, else its quoted and escaped form."""
    return text if text.isprintable() else repr(text)


def legible(text: str) -> str:
    """`text` with the bytes that are no text escaped: they would break every file it goes into."""
    return text.encode("utf-8", "backslashreplace").decode()


def sha256_of(path: str | os.PathLike[str]) -> str:
    """The hex SHA-256 of a file's bytes; of a later page its own.

    Raises:
        UnreadableImage: the file can't be read, is empty or too large for an image.
    """
    return digest_at(path, bytes_of(path, MAX_PIXELS))


class Tile(NamedTuple):
    """A rectangle of a picture, in pixels of the upright one."""

    x: int
    y: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}+{self.x}+{self.y}"


_TILE = re.compile(r"(\d{1,7})x(\d{1,7})\+(\d{1,7})\+(\d{1,7})")


class Address(NamedTuple):
    """Where a picture is: in a file, on one of its pages, of that in a tile."""

    file: str
    page: int = 1
    """The first is 1."""
    tile: Tile | None = None
    """None for the whole."""

    @property
    def whole(self) -> str:
        """The path of the picture that it is a tile of."""
        return self.file if self.page == 1 else f"{self.file}#{self.page}"


def address_of(path: str | os.PathLike[str]) -> Address:
    """File, page and tile of a path, unless a file has that very name.

    `scan.tif#2` is its second page, `scan.tif#640x480+100+0` a tile of the first: width, height,
    left, top, as X11's geometry has them.
    """
    text = os.fspath(path)
    file, mark, place = text.rpartition("#")
    if not mark or os.path.lexists(text):
        return Address(text)
    if place.isdecimal() and len(place) < 7 and int(place) > 0:
        return Address(file, int(place))
    found = _TILE.fullmatch(place)
    if found:
        width, height, x, y = map(int, found.groups())
        return address_of(file)._replace(tile=Tile(x, y, width, height))
    return Address(text)


def digest_at(path: str | os.PathLike[str], data: bytes) -> str:
    """What a picture is known by: the hash of its file, with the number of a later page."""
    address = address_of(path)
    sha256 = digest_of(data)
    if address.page > 1:
        sha256 = digest_of(f"{sha256}#{address.page}".encode())
    return sha256 if address.tile is None else tile_digest(sha256, address.tile)


def tile_digest(whole: str, tile: Tile) -> str:
    """What a tile is known by, of a picture that is known by `whole`."""
    return digest_of(f"{whole}#{tile}".encode())


def bytes_of(path: str | os.PathLike[str], max_pixels: int) -> bytes:
    """All bytes of a file, of whatever page of it.

    Raises:
        UnreadableImage: they can't be read, there are none, or too many for an image.
    """
    path = Path(address_of(path).file)
    try:
        # Asked before opening: a named pipe would wait for a writer, for ever.
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableImage(path, *_why_no_file(path))
        # Four channels of 16 bits without compression, and room for metadata.
        if status.st_size > 8 * max_pixels + (64 << 20):
            megapixels = f"{max_pixels / 1e6:g} megapixels"
            raise UnreadableImage(
                path,
                f"{status.st_size / 1e6:.0f} MB is more than an image of {megapixels} takes",
                "scale it down or leave it out",
            )
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableImage(path, *_why_unread(path, error)) from error
    except UnreadableImage:
        raise
    except ValueError as error:  # a table may name anything
        raise UnreadableImage(path, "no file can have this name", "check the path") from error
    if not data:
        raise UnreadableImage(path, "the file is empty", "copy it again")
    return data


def _why_no_file(path: Path) -> tuple[str, str]:
    if not path.is_dir():
        return "is not a regular file", "give an image file"
    try:
        next(path.iterdir(), None)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        return f"the folder can't be listed ({reason})", "change its permissions"
    return "is a folder", "give an image file"


def _why_unread(path: Path, error: OSError) -> tuple[str, str]:
    match error:
        case FileNotFoundError() if path.is_symlink():
            target = one_line(str(path.readlink()))
            return f"broken link to {target}", "repair or remove the link"
        case FileNotFoundError():
            return "no such file", "check the path"
        case PermissionError():
            return "no permission to read it", "change its permissions"
    return (error.strerror or type(error).__name__).lower(), "check the path and the disk"
