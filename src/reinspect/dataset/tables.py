"""Data sets whose table says what is good: VisA's split, a CSV of path and label."""

import csv
import functools
import io
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from natsort import natsorted

from reinspect.dataset.folders import Entries, entries_of, pictures_below
from reinspect.dataset.items import DataError
from reinspect.dataset.label_columns import ANSWERS, KINDS, LabelColumns
from reinspect.dataset.understood import (
    NO_SPLIT,
    LabelledPart,
    Layout,
    ListedSet,
    half_of,
    plain_name,
)
from reinspect.documents import DocumentError, letters_are_sure, read_bytes, text_of_table
from reinspect.images import address_of, one_line
from reinspect.vocabulary import Label

_PATHS = ("path", "image", "image_path", "file", "file_name", "filename")
_MASKS = ("mask", "mask_path")
_TRAIN = frozenset({"train", "training"})
_TEST = frozenset({"test", "testing"})
_SEPARATOR = re.compile(r"sep=([,;|\t])", re.IGNORECASE)
"""What Excel puts above a table."""
_ASKED = 1000
"""Rows of a table that are asked for a file that is there."""
_MOST = 64 << 20
"""Bytes of a table that is looked into."""


def visa(root: str, inside: Entries) -> ListedSet | None:
    """VisA: `Data/Images/Normal` and `Anomaly`, masks beside them, `split_csv/1cls.csv` above."""
    images = _below(inside, "data", "images")
    normal = _below(images, "normal")
    if images is None or normal is None:
        return None
    bad = _below(images, "anomaly")
    masks = _below(inside, "data", "masks", "anomaly")
    known = _listed(normal), [] if bad is None else _listed(bad)
    parts = {path: LabelledPart(path, Label.NORMAL) for path in known[0]}
    for path in known[1]:
        mask = None if masks is None else masks.mask(Path(path).stem)
        parts[path] = LabelledPart(
            path, Label.ANOMALOUS, "anomaly", () if mask is None else (mask,)
        )
    table = Path(root).parent / "split_csv" / "1cls.csv"
    if not table.is_file():
        references, rest = half_of(known[0])
        tested = {path: parts[path] for path in (*rest, *known[1])}
        return ListedSet(root, Layout.VISA, references, tested, "Data/", False, (NO_SPLIT,))
    trained, absent = set(), 0
    for row in rows_of(str(table)):
        if plain_name(row.get("split", "")) == "train":
            path = os.path.join(str(table.parent.parent), row.get("image", ""))  # noqa: PTH118
            if path in parts:
                trained.add(path)
            elif row.get("object") == Path(root).name:
                absent += 1
    notes = (f"{absent} pictures of the split are not there",) if absent else ()
    references = tuple(path for path in known[0] if path in trained)
    tested = {path: part for path, part in parts.items() if path not in trained}
    return ListedSet(root, Layout.VISA, references, tested, "split_csv/1cls.csv", notes=notes)


def _below(inside: Entries | None, *names: str) -> Entries | None:
    for name in names:
        like = [] if inside is None else inside.like(name)
        inside = entries_of(like[0]) if like else None
    return inside


def _listed(inside: Entries) -> list[str]:
    return pictures_below(inside.path)


def csv_of_labels(root: str, inside: Entries) -> ListedSet | None:
    """One CSV with a column of paths and one of labels; `split` and `mask` if there are such."""
    tables = [name for name in inside.files if name.lower().endswith((".csv", ".tsv"))]
    known = {name: own for name in tables if (own := _columns(os.path.join(root, name)))}  # noqa: PTH118
    # `ok` may stand in any table: one of labels goes before.
    found = [name for name, own in known.items() if own.labels.kinds] or list(known)
    if not found:
        return None
    if len(found) > 1:
        raise DataError(
            f"{one_line(root)}: {len(found)} tables of paths and labels ({', '.join(found[:3])}): "
            "leave one, or name another --layout"
        )
    file = os.path.join(root, found[0])  # noqa: PTH118
    columns = known[found[0]]
    sorted_rows, rows = _SortedRows(root, *columns), rows_of(file)
    columns.labels.refuse_open(file, rows)
    for row in rows:
        sorted_rows.add(row)
    return sorted_rows.as_set(found[0])


class _SortedRows:
    """The rows of a table of labels, put where they belong."""

    def __init__(self, root: str, path: str, labels: LabelColumns, mask: str | None) -> None:
        self._root, self._path, self._labels, self._mask = root, path, labels, mask
        self._learned: list[str] = []
        self._good: list[str] = []
        self._rest: dict[str, LabelledPart] = {}
        self._seen: set[str] = set()
        self._odd: Counter[str] = Counter()
        self._splits: Counter[str] = Counter()

    def add(self, row: Mapping[str, str]) -> None:
        """One more, of a file that no row before it has named."""
        if not row[self._path].strip():
            self._odd["rows name no file"] += 1
            return
        path, said = _found(self._root, row[self._path]), self._labels.read(row)
        if path in self._seen:
            self._odd["pictures are named twice; the first row counts"] += 1
            return
        self._seen.add(path)
        split = plain_name(row.get("split", ""))
        self._splits[split] += 1
        self._odd["labels 0 or false are read as good"] += said.by_number
        if said.label is Label.NORMAL:
            (self._learned if split in _TRAIN else self._good).append(path)
        elif split in _TRAIN:
            self._odd["defective ones of the split train are not inspected"] += 1
        elif said.label is None:
            self._rest[path] = LabelledPart(path, None)
        else:
            mask = row[self._mask].strip() if self._mask else ""
            masks = (_found(self._root, mask),) if mask else ()
            self._rest[path] = LabelledPart(path, Label.ANOMALOUS, said.kind, masks)

    def as_set(self, source: str) -> ListedSet:
        """What they say together."""
        split = any(self._splits[name] for name in self._splits if name)
        good = self._good
        references, rest = (tuple(self._learned), tuple(good)) if split else half_of(good)
        parts = {path: LabelledPart(path, Label.NORMAL) for path in rest} | self._rest
        named = (*references, *parts)
        self._odd["files are named that are not there"] += sum(
            not os.path.exists(address_of(path).file)  # noqa: PTH110
            for path in named
        )
        notes = [] if split else [NO_SPLIT]
        notes += [f"{count} {what}" for what, count in self._odd.items() if count]
        others = [name for name in natsorted(self._splits) if name not in _TRAIN | _TEST]
        if split and others:
            told = ", ".join(f"{one_line(name) or 'none'} {self._splits[name]}" for name in others)
            notes.append(f"of other splits than train and test ({told}): inspected")
        parts = {path: parts[path] for path in natsorted(parts)}
        return ListedSet(self._root, Layout.CSV, references, parts, source, split, tuple(notes))


def _found(root: str, name: str) -> str:
    """Where a file lies that a table names: beside it, or in a folder of pictures there."""
    said = name.strip().replace("\\", "/")
    if os.path.isabs(said):  # noqa: PTH117
        return said
    places = [os.path.join(root, *own, *said.split("/")) for own in _BELOW]  # noqa: PTH118
    there = (own for own in places if os.path.isfile(address_of(own).file))  # noqa: PTH113
    return next(there, places[0])


_BELOW = ((), ("images",), ("pictures",), ("data",), ("masks",))


class _Columns(NamedTuple):
    path: str
    labels: LabelColumns
    mask: str | None


def _columns(file: str) -> _Columns | None:
    """The columns of path, label and mask; None where a table is of something else."""
    try:
        names, rows, *_ = table_at(file)
    except DataError:
        return None
    path = path_column(names)
    labels = LabelColumns.of(names, rows)
    mask = next((name for name in names if name in _MASKS), None)
    if path is None or labels is None:
        return None
    root = os.path.dirname(file)  # noqa: PTH120
    some = (_found(root, row[path]) for row in rows[:_ASKED])
    there = any(os.path.isfile(address_of(place).file) for place in some)  # noqa: PTH113
    return _Columns(path, labels, mask) if there else None


def path_column(names: Iterable[str]) -> str | None:
    """Of the plain names of columns, the one of paths; None where none is called so."""
    return next((name for name in names if name in _PATHS), None)


class LabelTable(NamedTuple):
    """What a table says."""

    names: tuple[str, ...] = ()
    """Plain ones, of its columns."""
    rows: tuple[dict[str, str], ...] = ()
    """By these names."""
    lines: tuple[int, ...] = ()
    """Where each row ends, from 1."""
    longer: tuple[int, ...] = ()
    """Of rows with more cells than there are columns."""
    legible: bool = True
    """Whether its letters are what they were written as, as far as can be told."""

    def refuse_odd(self, file: str) -> None:
        """Refuse what could be read in two ways.

        Raises:
            DataError: two columns have one name, a row has more cells than there are columns, or
                nobody can tell its letters.
        """
        if not self.legible:
            raise DataError(
                f"{one_line(file)}: its letters can't be told: neither Unicode nor of Windows in "
                "the West; save it as UTF-8"
            )
        known = {*_PATHS, *ANSWERS, *KINDS, *_MASKS, "part", "view", "split"}
        twice = [name for name in known if self.names.count(name) > 1]
        if twice:
            raise DataError(f"{one_line(file)}: two columns are called {twice[0]!r}; leave one")
        if self.longer:
            raise DataError(
                f"{one_line(file)}: line {self.longer[0]} has more cells than there are columns; "
                "put a cell with a separator in it into quotes"
            )


def table_at(file: str) -> LabelTable:
    """A table with a line of names; an empty one where it can't be opened.

    Raises:
        DataError: it is no such table.
    """
    try:
        status = os.stat(file)  # noqa: PTH116
    except OSError:
        return LabelTable()
    return _table_at(file, status.st_mtime_ns, status.st_size)


def rows_of(file: str) -> tuple[dict[str, str], ...]:
    """The rows of a table that can be read in one way only.

    Raises:
        DataError: it is no such table.
    """
    table = table_at(file)
    table.refuse_odd(file)
    return table.rows


@functools.lru_cache(maxsize=16)
def _table_at(file: str, _mtime: int, size: int) -> LabelTable:
    """A table with a line of names, separated by comma, semicolon, bar or tab.

    Raises:
        DataError: it is no such table.
    """
    if size > _MOST:
        raise DataError(f"{one_line(file)}: {size / 1e6:.0f} MB is too much for a table of labels")
    try:
        data = read_bytes(file, most=_MOST, patience=0)
        text = text_of_table(data)
        first = text.partition("\n")[0]
        separator = max(",;\t|", key=first.count)
        file_of = io.StringIO(text, newline="")
        if said := _SEPARATOR.fullmatch(first.strip("\r")):
            file_of.readline()
            separator = said[1]
        reader = csv.reader(file_of, delimiter=separator)
        above = int(said is not None)
        names = tuple(map(plain_name, next(reader, [])))
        cells = [(reader.line_num + above, row) for row in reader if any(map(str.strip, row))]
    except (OSError, DocumentError, csv.Error) as failure:
        raise DataError(f"{one_line(file)}: no table of labels: {failure}") from failure
    count = len(names)
    return LabelTable(
        names,
        tuple(dict(zip(names, [*row, *[""] * count], strict=False)) for _, row in cells),
        tuple(line for line, _ in cells),
        tuple(line for line, row in cells if any(map(str.strip, row[count:]))),
        letters_are_sure(data),
    )
