"""Parts with several views: which files are of which view, and which belong together."""

import functools
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from reinspect.dataset.items import DataError, Item, ViewFile
from reinspect.images import one_line

NO_VIEW = "of no view"
"""Why a file is left out that no pattern takes."""

_NAMED = 3
"""Parts of a line."""


class SortedParts(NamedTuple):
    """Files put together to parts."""

    parts: list[Item]
    """In the order in which the first file of each was listed."""
    others: tuple[str, ...]
    """Ids of the files that are of no view."""


def view_notes(parts: Sequence[Item], views: Iterable[str]) -> Iterator[str]:
    """How many parts there are with which views, and which lack one, a line each."""
    names = list(views)
    yield f"Views: {len(parts)} parts of {', '.join(names)}"
    for name in names:
        without = [one_line(part.id) for part in parts if part.of_view(name) is None]
        if without:
            more = ", …" if len(without) > _NAMED else ""
            yield f"Views: {len(without)} lack {name} ({', '.join(without[:_NAMED])}{more})"


def parts_of(items: Iterable[Item], patterns: Mapping[str, str]) -> SortedParts:
    """Files that differ in nothing but what the patterns of their views say are of one part.

    In a pattern `*` stands for anything within a name, `**` for folders, too, `?` for one sign; it
    is held against the end of a path. What it leaves open, with the folders before it, tells the
    parts apart, and is their id; endings of files don't count.

    Args:
        items: a file each.
        patterns: view → the pattern of its files.

    Raises:
        DataError: a file is of two views, or a part has two files of one.
    """
    found: dict[str, dict[str, Item]] = {}
    others: list[str] = []
    for item in items:
        keys = {name: key for name, own in patterns.items() if (key := part_in(item.id, own))}
        if len(keys) > 1:
            first, second, *_ = keys
            raise DataError(
                f"{one_line(item.id)}: is of the views {first} and {second} by their patterns "
                f"({patterns[first]}, {patterns[second]}): make them differ"
            )
        if not keys:
            others.append(item.id)
            continue
        (view, key) = next(iter(keys.items()))
        before = found.setdefault(key, {}).setdefault(view, item)
        if before is not item:
            raise DataError(
                f"part {one_line(key)} has two files of the view {view}: "
                f"{one_line(before.id)}, {one_line(item.id)}: leave one"
            )
    # Each view may have a folder with a data set of its own: these are one product.
    apart = any(len({item.root for item in own.values()}) > 1 for own in found.values())
    parts = (_part(key, own, patterns, apart=apart) for key, own in found.items())
    return SortedParts(list(parts), tuple(others))


def part_in(path: str, pattern: str) -> str | None:
    """What tells the part in a file from others; None where the file is not of the pattern's view.

    Args:
        path: of the file, POSIX.
        pattern: of the view.
    """
    matched = _compiled(pattern).fullmatch(path)
    if matched is None:
        return None
    before, *open_ends = matched.groups()
    ends = iter(open_ends)
    filled = "".join(
        next(ends) if piece in _WILD else re.sub(r"[^/]+", "\0", piece) for piece in _split(pattern)
    )
    if filled.endswith(os.path.splitext(path)[1]):  # noqa: PTH122 - of an id, not of a path
        filled = os.path.splitext(filled)[0]  # noqa: PTH122
    # An ending that a wildcard of its own stands for: `*_front.*`.
    if pattern.endswith(".*"):
        filled = filled.rpartition("\0")[0]
    steps = [re.sub("\0+", "_", step.strip("\0")) for step in (before or "", *filled.split("/"))]
    return "/".join(filter(None, steps)) or "part"


def is_of(path: str, pattern: str) -> bool:
    """Whether a file is of the view with this pattern."""
    return _compiled(pattern).fullmatch(Path(path).as_posix()) is not None


_WILD = {"*": "([^/]*)", "**": "(.*)", "?": "([^/])"}


def _split(pattern: str) -> list[str]:
    return [piece for piece in re.split(r"(\*\*|\*|\?)", pattern) if piece]


@functools.lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    body = "".join(_WILD.get(piece) or re.escape(piece) for piece in _split(pattern))
    return re.compile(f"(?:(.*)/)?{body}", re.DOTALL)


def _part(key: str, files: Mapping[str, Item], order: Iterable[str], *, apart: bool) -> Item:
    own = {name: files[name] for name in order if name in files}
    views = tuple(ViewFile(name, at.path, at.root, at.layout) for name, at in own.items())
    first = next(iter(own.values()))
    category = Path(first.root).parent.name if apart and first.root else first.category
    return first._replace(id=key, category=category, views=views)
