"""Numbers in files that say nothing of what they are: CSV, NPY, MAT."""

import csv
import io
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from reinspect.documents import text_of_table
from reinspect.images.mat import MatError, read_mat
from reinspect.images.reading import UnreadableImage

TABLES = frozenset({".csv", ".mat", ".npy", ".tsv"})
"""File names of such, lower case."""

Numbers = npt.NDArray[np.float64]

_HEADER = 64
"""Lines at most that may stand above a table's numbers."""


def numbers_in(data: bytes, path: str | os.PathLike[str], variable: str | None = None) -> Numbers:
    """The one array of a file: (n,) or (rows, columns); what is missing is NaN.

    Args:
        data: the file's bytes.
        path: of the file, whose ending says what it is.
        variable: of a MAT file, the array to take.

    Raises:
        UnreadableImage: it holds no numbers, or can't be read.
    """
    ending = os.path.splitext(os.fspath(path))[1].lower()  # noqa: PTH122
    if ending == ".npy":
        found = _npy(data, path)
    elif ending == ".mat":
        found = _mat(data, path, variable)
    else:
        found = _table(data, path)
    if found.size == 0:
        raise UnreadableImage(path, "it holds no numbers", "export it again")
    found = np.squeeze(found)
    if found.ndim not in (1, 2):
        shape = "×".join(map(str, found.shape)) or "one number"
        raise UnreadableImage(path, f"it holds {shape}", "give one table a file")
    return found


def _npy(data: bytes, path: str | os.PathLike[str]) -> Numbers:
    try:
        found = np.load(io.BytesIO(data), allow_pickle=False)
    except Exception as failure:
        said = " ".join(str(failure).split())
        raise UnreadableImage(path, f"no array of numbers ({said})", "save it anew") from failure
    return _numeric(found, path)


def _mat(data: bytes, path: str | os.PathLike[str], variable: str | None) -> Numbers:
    try:
        arrays = read_mat(data)
    except MatError as failure:
        raise UnreadableImage(
            path, f"no MAT file that can be read ({failure})", "save it with -v7, or as CSV"
        ) from failure
    if variable is not None and variable not in arrays:
        there = ", ".join(arrays) or "none"
        raise UnreadableImage(path, f"no variable {variable!r}; there are: {there}", "name one")
    long = [name for name, own in arrays.items() if not isinstance(own, str) and own.size > 1]
    if variable is None and len(long) > 1:
        raise UnreadableImage(
            path,
            f"several variables: {', '.join(long)}",
            "name one with signals: {variable: …} in the recipe",
        )
    chosen = variable or next(iter(long or arrays), None)
    if chosen is None:
        raise UnreadableImage(path, "it holds no variables", "save it again")
    found = arrays[chosen]
    if isinstance(found, str):
        raise UnreadableImage(path, f"it holds {found}", "save plain numbers")
    return found


def _numeric(found: npt.NDArray[Any], path: str | os.PathLike[str]) -> Numbers:
    if found.dtype.kind not in "biuf":
        what = {"U": "text", "S": "text", "O": "text or cells", "c": "complex numbers"}
        raise UnreadableImage(
            path, f"it holds {what.get(found.dtype.kind, 'structures')}", "save plain numbers"
        )
    return np.asarray(found, np.float64)


def _table(data: bytes, path: str | os.PathLike[str]) -> Numbers:
    text = text_of_table(data)
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise UnreadableImage(path, "the table is empty", "export it again")
    separator = _separator(lines)
    comma = separator != "," and any("," in line for line in lines[-_HEADER:])
    rows: list[list[float]] = []
    ended: list[bool] = []
    skipped = 0
    for number, cells in enumerate(csv.reader(lines, delimiter=separator), 1):
        values = _values(cells, comma=comma, spaced=separator == " ")
        if values is not None:
            rows.append(values)
            ended.append(len(values) > 1 and not cells[-1].strip())
        elif not rows and skipped < _HEADER:
            skipped += 1
        else:
            shown = next((cell for cell in cells if _value(cell, comma=comma) is None), "")
            raise UnreadableImage(
                path,
                f"line {number} has {shown.strip()[:40]!r} among its numbers",
                "export it again",
            )
    if not rows:
        raise UnreadableImage(path, "a table of text, not of numbers", "export its values")
    rows = _without_ends(rows, ended)
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise UnreadableImage(
            path,
            f"rows of {min(widths)} to {max(widths)} numbers, parted by {_NAMES[separator]}",
            "export it as CSV, one row a line",
        )
    return np.array(rows, np.float64)


_NO_VALUE = frozenset({"nan", "na", "n/a", "#n/a", "#na", "null", "none"})
"""What programs write where a sensor has measured nothing, beside dashes."""

_NAMES = {";": "semicolons", "\t": "tabs", ",": "commas", "|": "bars", " ": "blanks"}


def _separator(lines: Sequence[str]) -> str:
    """What parts the numbers of most lines; a comma beside another one is a decimal's."""
    asked = lines[-_HEADER:]
    for separator in (";", "\t", "|"):
        if sum(separator in line for line in asked) * 2 > len(asked):
            return separator
    if sum(line.strip().count(" ") > 0 for line in asked) * 2 > len(asked) and not any(
        ", " in line for line in asked
    ):
        return " "
    return ","


def _values(cells: list[str], *, comma: bool, spaced: bool) -> list[float] | None:
    """A row of numbers; None where one is none. What is empty is NaN."""
    if spaced:
        cells = [cell for cell in cells if cell]
    if len(cells) == 1 and not cells[0].strip(" -"):
        return None  # a line that is drawn
    row = [_value(cell, comma=comma) for cell in cells]
    return None if None in row or not row else [v for v in row if v is not None]


def _without_ends(rows: list[list[float]], ended: Sequence[bool]) -> list[list[float]]:
    """Rows without what is behind a separator at their end, as many programs put there.

    In a row that is no longer than others, one that ends with nothing lacks its last value.
    """
    least = min(map(len, rows))
    drop = [end and (all(ended) or len(row) > least) for row, end in zip(rows, ended, strict=True)]
    return [row[:-1] if end else row for row, end in zip(rows, drop, strict=True)]


def _value(cell: str, *, comma: bool) -> float | None:
    plain = cell.strip().strip('"')
    if not plain.strip("-") or plain.lower() in _NO_VALUE:
        return np.nan
    try:
        return float(plain.replace(",", ".") if comma else plain)
    except ValueError:
        return None
