"""Data sets whose table says what is good: VisA's split, a CSV of path and label."""

import csv
import functools
import io
import os
from collections.abc import Iterable
from pathlib import Path

from natsort import natsorted

from reinspect.dataset.folders import Entries, entries_of, pictures_below
from reinspect.dataset.items import DataError
from reinspect.dataset.understood import (
    BAD,
    NO_SPLIT,
    LabelledPart,
    Layout,
    ListedSet,
    half_of,
    means_good,
    plain_name,
)
from reinspect.documents import DocumentError, read_bytes, text_of_table
from reinspect.images import address_of, one_line
from reinspect.vocabulary import Label

_PATHS = ("path", "image", "image_path", "file", "file_name", "filename")
_LABELS = ("label", "class", "target", "anomaly_class")
_MASKS = ("mask", "mask_path")
_GOOD_LABELS = frozenset({"0", "false"})
_BAD_LABELS = BAD | {"1", "true"}
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
    found = [name for name in tables if _columns(os.path.join(root, name)) is not None]  # noqa: PTH118
    if not found:
        return None
    if len(found) > 1:
        raise DataError(
            f"{one_line(root)}: {len(found)} tables of paths and labels ({', '.join(found[:3])}): "
            "leave one, or name another --layout"
        )
    file = os.path.join(root, found[0])  # noqa: PTH118
    columns = _columns(file)
    if columns is None:
        return None
    path_in, label_in, mask_in = columns
    good: dict[str, list[str]] = {"train": [], "": []}
    bad: dict[str, LabelledPart] = {}
    tested: list[str] = []
    splits, numbers, twice, odd = False, False, 0, 0
    for row in rows_of(file):
        path = _found(root, row.get(path_in) or "")
        label = (row.get(label_in) or "").strip()
        if path in bad or path in tested or any(path in some for some in good.values()):
            twice += 1
            continue
        split = plain_name(row.get("split") or "")
        splits = splits or bool(split)
        numbers = numbers or label.lower() in _GOOD_LABELS
        if means_good(label) or label.lower() in _GOOD_LABELS:
            if split in ("train", "training"):
                good["train"].append(path)
            else:
                good[""].append(path)
        elif split in ("train", "training"):
            odd += 1
        else:
            kind = "defect" if label.lower() in _BAD_LABELS else label or "defect"
            mask = (row.get(mask_in) or "").strip() if mask_in else ""
            masks = (_found(root, mask),) if mask else ()
            bad[path] = LabelledPart(path, Label.ANOMALOUS, kind, masks)
    references, rest = (tuple(good["train"]), tuple(good[""])) if splits else half_of(good[""])
    parts = {path: LabelledPart(path, Label.NORMAL) for path in rest} | bad
    missing = sum(not os.path.exists(address_of(path).file) for path in (*references, *parts))  # noqa: PTH110
    notes = [NO_SPLIT] if not splits else []
    notes += ["label 0 is read as good"] if numbers else []
    notes += [f"{twice} pictures are named twice; the first row counts"] if twice else []
    notes += [f"{missing} files are named that are not there"] if missing else []
    notes += [f"{odd} defective ones of the split train are not inspected"] if odd else []
    parts = {path: parts[path] for path in natsorted(parts)}
    return ListedSet(root, Layout.CSV, references, parts, found[0], splits, tuple(notes))


def _found(root: str, name: str) -> str:
    """Where a file lies that a table names: beside it, or in a folder of pictures there."""
    said = name.strip().replace("\\", "/")
    if os.path.isabs(said):  # noqa: PTH117
        return said
    places = [os.path.join(root, *own, *said.split("/")) for own in _BELOW]  # noqa: PTH118
    there = (own for own in places if os.path.isfile(address_of(own).file))  # noqa: PTH113
    return next(there, places[0])


_BELOW = ((), ("images",), ("pictures",), ("data",), ("masks",))


def _columns(file: str) -> tuple[str, str, str | None] | None:
    """The columns of path, label and mask; None where a table is of something else."""
    try:
        rows = rows_of(file)
    except DataError:
        return None
    if not rows:
        return None
    names = list(rows[0])
    path = path_column(names)
    label = next((name for name in names if name in _LABELS), None)
    mask = next((name for name in names if name in _MASKS), None)
    if path is None or label is None:
        return None
    root = os.path.dirname(file)  # noqa: PTH120
    some = [_found(root, row.get(path) or "") for row in rows[:20]]
    there = any(os.path.isfile(place) for place in some)  # noqa: PTH113
    return (path, label, mask) if there else None


def path_column(names: Iterable[str]) -> str | None:
    """Of the plain names of columns, the one of paths; None where none is called so."""
    return next((name for name in names if name in _PATHS), None)


def rows_of(file: str) -> tuple[dict[str, str], ...]:
    """The rows of a table, by the plain names in its first line; none where it can't be opened.

    Raises:
        DataError: it is no such table.
    """
    try:
        status = os.stat(file)  # noqa: PTH116
    except OSError:
        return ()
    return _readrows_of(file, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=16)
def _readrows_of(file: str, _mtime: int, size: int) -> tuple[dict[str, str], ...]:
    """A table with a line of names, separated by comma, semicolon, bar or tab.

    Raises:
        DataError: it is no such table.
    """
    if size > _MOST:
        raise DataError(f"{one_line(file)}: {size / 1e6:.0f} MB is too much for a table of labels")
    try:
        text = text_of_table(read_bytes(file, most=_MOST, patience=0))
        first = text.partition("\n")[0]
        separator = max(",;\t|", key=first.count)
        return tuple(_clean(csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)))
    except (OSError, DocumentError, csv.Error) as failure:
        raise DataError(f"{one_line(file)}: no table of labels: {failure}") from failure


def _clean(rows: Iterable[dict[str | None, str | None]]) -> Iterable[dict[str, str]]:
    for row in rows:
        named = {name: value for name, value in row.items() if name is not None}
        yield {plain_name(name): value or "" for name, value in named.items()}
