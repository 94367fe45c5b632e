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

from reinspect.dataset.items import DataError
from reinspect.dataset.tables import path_column, rows_of
from reinspect.images import address_of, one_line

MANIFEST = "parts.csv"


class Manifest(NamedTuple):
    """What a table says."""

    folder: str
    places: Mapping[str, tuple[str, str]]
    """Absolute path of a picture → its part, its view."""
    views: tuple[str, ...]
    """All that it names."""


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
    rows = rows_of(file)
    if not rows or not {"part", "view"} <= rows[0].keys():
        return None  # somebody else's table
    column, said = path_column(rows[0]), one_line(file)
    if column is None:
        raise DataError(f"{said}: has the columns part and view, and none of paths: add `path`")
    folder = os.path.dirname(file)  # noqa: PTH120
    places: dict[str, tuple[str, str]] = {}
    lines: dict[tuple[str, str], int] = {}
    for line, row in enumerate(rows, start=2):
        place = (row["part"].strip(), row["view"].strip())
        named = row[column].strip()
        if not all(place) or not named:
            raise DataError(f"{said}: line {line} lacks a part, a view or a path")
        path = os.path.normpath(os.path.join(folder, named))  # noqa: PTH118
        if not os.path.isfile(address_of(path).file):  # noqa: PTH113
            raise DataError(f"{said}: line {line}: no file at {one_line(named)}")
        if place in lines:
            raise DataError(
                f"{said}: line {line}: part {one_line(place[0])} has a view {one_line(place[1])} "
                f"already, in line {lines[place]}"
            )
        if path in places:
            raise DataError(f"{said}: line {line}: names {one_line(named)} a second time")
        places[path], lines[place] = place, line
    return Manifest(folder, places, tuple(dict.fromkeys(view for _, view in lines)))
