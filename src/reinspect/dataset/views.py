"""Parts with several views: which files are of which view, and which belong together."""

import functools
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from reinspect.dataset.items import DataError, Item, ViewFile
from reinspect.dataset.manifest import MANIFEST, manifest_of
from reinspect.dataset.versions import reference_at
from reinspect.images import one_line

Patterns = Mapping[str, str | None]
"""View → the pattern of its files; None where a table alone says which they are."""

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


def view_in_table(path: str) -> str | None:
    """The view that a table beside a file says it is of; None where none does.

    Raises:
        DataError: the table can't be used.
    """
    found = manifest_of(path)
    return found.places[os.path.abspath(path)][1] if found else None  # noqa: PTH100


def view_notes(parts: Sequence[Item], views: Iterable[str]) -> Iterator[str]:
    """How many parts there are with which views, and which lack one, a line each."""
    names = list(views)
    yield f"Views: {len(parts)} parts of {', '.join(names)}"
    for name in names:
        without = [one_line(part.id) for part in parts if part.of_view(name) is None]
        if without:
            more = ", …" if len(without) > _NAMED else ""
            yield f"Views: {len(without)} lack {name} ({', '.join(without[:_NAMED])}{more})"


def parts_of(items: Iterable[Item], patterns: Patterns) -> SortedParts:
    """Files that are of one part, as the patterns of their views say, or a table beside them.

    In a pattern `*` stands for anything within a name, `**` for folders, too, `?` for one sign; it
    is held against the end of a path. What it leaves open, with the folders before it, tells the
    parts apart, and is their id; endings of files don't count. What `parts.csv` says of a file
    goes before, and no other file of its folder may match a pattern.

    Args:
        items: a file each.
        patterns: view → the pattern of its files.

    Raises:
        DataError: a file is of two views, or a part has two files of one; the table names another
            view, or leaves out files that match a pattern.
    """
    found: dict[str, dict[str, Item]] = {}
    others: list[str] = []
    listed: dict[str, str] = {}  # folder of a table → one of the parts that it names
    loose: list[tuple[Item, str]] = []
    for item in items:
        place = place_of(item, patterns)
        if place is None:
            others.append(item.id)
            continue
        key, view, table = place
        if table:
            listed[table] = key
        else:
            loose.append((item, view))
        before = found.setdefault(key, {}).setdefault(view, item)
        if before is not item:
            raise DataError(
                f"part {one_line(key)} has two files of the view {view}: "
                f"{one_line(before.id)}, {one_line(item.id)}: leave one"
            )
    _refuse_two_layouts(loose, listed, patterns)
    # Each view may have a folder with a data set of its own: these are one product.
    apart = any(len({item.root for item in own.values()}) > 1 for own in found.values())
    parts = (part_of_files(key, own, patterns, apart=apart) for key, own in found.items())
    return SortedParts(list(parts), tuple(others))


Place = tuple[str, str, str]
"""Part, view, and the folder of the table that says so, "" where a pattern does."""


def place_of(item: Item, patterns: Patterns) -> Place | None:
    """Where a file belongs; None where it is of no view.

    Raises:
        DataError: it is of two views, or the table that names it can't be used.
    """
    return _by_table(item, patterns) or _by_pattern(item.id, patterns)


def _by_table(item: Item, views: Iterable[str]) -> Place | None:
    found = manifest_of(item.path)
    if found is None:
        return None
    for view, line in found.views.items():
        if view not in set(views):
            raise DataError(
                f"{one_line(found.folder)}/{MANIFEST}: line {line}: no view {view!r} in the "
                f"recipe; there are: {', '.join(views)}"
            )
    path = os.path.abspath(item.path)  # noqa: PTH100 - keeps links as named
    part, view = found.places[path]
    base = path.removesuffix(item.id) or os.sep
    inside = Path(os.path.relpath(found.folder, base)).as_posix()
    # The table may lie above what is inspected.
    return part if inside.startswith(".") else f"{inside}/{part}", view, found.folder


def _by_pattern(path: str, patterns: Patterns) -> Place | None:
    keys = {
        name: key
        for name, own in patterns.items()
        if own is not None and (key := part_in(path, own)) is not None
    }
    if len(keys) > 1:
        first, second, *_ = keys
        raise DataError(
            f"{one_line(path)}: is of the views {first} and {second} by their patterns "
            f"({patterns[first]}, {patterns[second]}): make them differ"
        )
    return next(((key, view, "") for view, key in keys.items()), None)


def _refuse_two_layouts(
    loose: Iterable[tuple[Item, str]], listed: Iterable[str], patterns: Patterns
) -> None:
    for item, view in loose:
        path = Path(os.path.abspath(item.path))  # noqa: PTH100
        for folder in listed:
            if path.is_relative_to(folder):
                raise DataError(
                    f"{one_line(folder)}: two layouts: {MANIFEST} doesn't name "
                    f"{one_line(item.id)}, which matches {patterns[view]!r} of the view {view}: "
                    "add it, or leave the patterns out of the recipe"
                )


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


def is_of(path: str, view: str, pattern: str | None) -> bool:
    """Whether a file is of a view: as a table beside it says, else by the view's pattern.

    A copy that a set of references keeps is told by where it came from.

    Raises:
        DataError: the table can't be used.
        VersionsError: the set's record can't be read.
    """
    kept = reference_at(path)
    if kept is not None and kept.view is not None:
        return kept.view == view
    path = kept.origin if kept else path
    found = manifest_of(path)
    if found is not None:
        return found.places[os.path.abspath(path)][1] == view  # noqa: PTH100
    if pattern is None:
        return False
    return _compiled(pattern).fullmatch(Path(path).as_posix()) is not None


_WILD = {"*": "([^/]*)", "**": "(.*)", "?": "([^/])"}


def _split(pattern: str) -> list[str]:
    return [piece for piece in re.split(r"(\*\*|\*|\?)", pattern) if piece]


@functools.lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    body = "".join(_WILD.get(piece) or re.escape(piece) for piece in _split(pattern))
    return re.compile(f"(?:(.*)/)?{body}", re.DOTALL)


def part_of_files(
    key: str, files: Mapping[str, Item], order: Iterable[str], *, apart: bool = False
) -> Item:
    """A part from its files.

    Args:
        key: its id.
        files: view → its file.
        order: of the views.
        apart: whether each view has a data set of its own.
    """
    own = {name: files[name] for name in order if name in files}
    views = tuple(ViewFile(name, at.path, at.root, at.layout) for name, at in own.items())
    first = next(iter(own.values()))
    category = Path(first.root).parent.name if apart and first.root else first.category
    return first._replace(id=key, category=category, views=views)
