"""`parts.csv`: a table that says which pictures are of one part, where their names don't.

    part,view,path
    0001,front,cam0/10021.png
    0001,back,cam1/55002.png

Paths are relative to its folder. With columns `label` and `split` it is a data set as well, as any
table of paths and labels is.
"""

import functools
import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from reinspect.dataset.folders import is_picture
from reinspect.dataset.items import AnyPath, DataError
from reinspect.dataset.tables import path_column, table_at
from reinspect.images import RECORDINGS, TABLES, address_of, one_line, pages_of

MANIFEST = "parts.csv"


class Manifest(NamedTuple):
    """What a table says."""

    folder: str
    places: Mapping[str, tuple[str, str]]
    """Absolute path of a picture → its part, its view."""
    views: Mapping[str, int]
    """Each that it names → its first line."""


def manifest_of(path: str) -> Manifest | None:
    """The table that names a picture, in the nearest folder above it; None where none does.

    Raises:
        DataError: it names a file that is not there, or a part's view twice.
    """
    picture = os.path.abspath(path)  # noqa: PTH100 - keeps links as named
    for folder in _above(os.path.dirname(picture)):  # noqa: PTH120
        found = _at(folder)
        if found is not None and picture in found.places:
            return found
    return None


def _above(folder: str) -> Iterator[str]:
    while True:
        yield folder
        higher = os.path.dirname(folder)  # noqa: PTH120
        if higher == folder:
            return
        folder = higher


def _at(folder: str) -> Manifest | None:
    file = os.path.join(folder, MANIFEST)  # noqa: PTH118
    try:
        status = os.stat(file)  # noqa: PTH116
    except OSError:
        return None
    return _read(file, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=64)  # asked for picture by picture
def _read(file: str, _mtime: int, _size: int) -> Manifest | None:
    table = table_at(file)
    if not table.rows or not {"part", "view"} <= {*table.names}:
        return None  # somebody else's table
    column, said = path_column(table.names), one_line(file)
    if column is None:
        raise DataError(f"{said}: has the columns part and view, and none of paths: add `path`")
    table.refuse_odd(file)
    folder = os.path.dirname(file)  # noqa: PTH120
    places: dict[str, tuple[str, str]] = {}
    views: dict[str, int] = {}
    lines: dict[tuple[str, str], int] = {}
    for line, row in zip(table.lines, table.rows, strict=True):
        place = (row["part"].strip(), row["view"].strip())
        named = row[column].strip()
        if not all(place) or not named:
            raise DataError(f"{said}: line {line} lacks a part, a view or a path")
        path = os.path.normpath(os.path.join(folder, named))  # noqa: PTH118
        if why := _no_picture(path, one_line(named), folder):
            raise DataError(f"{said}: line {line}: {why}")
        if place in lines:
            raise DataError(
                f"{said}: line {line}: part {one_line(place[0])} has a view {one_line(place[1])} "
                f"already, in line {lines[place]}"
            )
        if path in places:
            raise DataError(f"{said}: line {line}: names {one_line(named)} a second time")
        places[path], lines[place] = place, line
        views.setdefault(place[1], line)
    return Manifest(folder, places, views)


def _no_picture(path: str, named: str, folder: str) -> str | None:
    """Why a file that is named is none of those that are inspected; None where it may be one."""
    at = address_of(path)
    suffix = os.path.splitext(at.file)[1].lower()  # noqa: PTH122
    if not os.path.isfile(at.file):  # noqa: PTH113
        return f"no file at {named}"
    if not path.startswith(os.path.join(folder, "")):  # noqa: PTH118
        return f"{named} is not below its folder"
    if os.path.basename(at.file) == MANIFEST or not (suffix in TABLES or is_picture(at.file)):  # noqa: PTH119
        return f"{named} is no picture"
    if at.tile is not None:
        return f"{named} is a piece of a picture: name the whole"
    if at.page > 1 and suffix not in RECORDINGS | TABLES:
        return None if at.page in pages_of(at.file).numbers else f"{named}: there is no such page"
    return None


def unusable(path: AnyPath) -> str | None:
    """Why the nearest table of this name says nothing of what is there; None where none is."""
    place = os.path.abspath(path)  # noqa: PTH100 - keeps links as named
    for folder in _above(place):
        file = os.path.join(folder, MANIFEST)  # noqa: PTH118
        if os.path.isfile(file):  # noqa: PTH113
            table = table_at(file)
            lacks = {"part", "view"} - {*table.names}
            lacks |= set() if path_column(table.names) else {"path"}
            if lacks:
                names = ", ".join(map(one_line, table.names)) or "none"
                return f"{one_line(file)} has no column {', '.join(sorted(lacks))}, but {names}"
            return f"{one_line(file)} names none of them"
    return None
