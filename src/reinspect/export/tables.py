"""One row an image: JSON lines, CSV, Parquet.

All three hold `reinspect.store.Row`, numbers rounded to six digits. CSV is flat, without masks, and
made for spreadsheets: it begins with the mark of UTF-8, and a *text* that a spreadsheet would take
for a formula gets an apostrophe, so that no file name or model answer is run (`reinspect.texts`).
Programs read the JSON lines, which hold every text as it is.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from reinspect.errors import ReinspectError
from reinspect.export.selection import Selection
from reinspect.files import whole_file
from reinspect.sensing import COVERED
from reinspect.store import Comment, Row
from reinspect.store.rows import flat, rounded
from reinspect.texts import harmless
from reinspect.vocabulary import Defect

if TYPE_CHECKING:
    import pandas as pd


class ExportError(ReinspectError, RuntimeError):
    """A format can't be written here; the message is one line: what is missing, what to do."""


_ROW_GROUP = 2_000  # rows in memory at a time

COLUMNS = (
    "image",
    "sha256",
    "category",
    "label",
    "probability",
    "types",
    "defects",
    "rationale",
    "first_label",
    "first_probability",
    "first_types",
    "first_defects",
    "first_rationale",
    "confidence",
    "reliability",
    "divergence",
    "disposition",
    "reason",
    "rounds",
    "revised",
    "seconds",
    "error",
    "reviewed_label",
    "reviewed_types",
    "reviewed_defects",
    "reviewer",
    "reviewed_at",
    "review_reason",
    "truth",
    "truth_by",
    "resolved",
    "comments",
)
"""Of the CSV, in order."""


def write_jsonl(chosen: Selection, out: Path) -> None:
    """Write one JSON object an image and line."""
    with whole_file(out) as file:
        for found in chosen.inspections():
            file.write(found.row.model_dump_json().encode() + b"\n")


def write_csv(chosen: Selection, out: Path) -> None:
    """Write one flat line an image; defects as JSON in a cell, types joined by `; `."""
    with whole_file(out) as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        # RFC 4180's line ends; with others, csv leaves a lone carriage return in a cell unquoted.
        lines = csv.DictWriter(text, COLUMNS, lineterminator="\r\n")
        lines.writeheader()
        for found in chosen.inspections():
            lines.writerow({name: harmless(cell) for name, cell in _cells(found.row).items()})
        text.detach()  # writes what it held back, and leaves closing to whole_file


def to_frame(rows: Iterable[Row]) -> "pd.DataFrame":
    """A pandas table with a row an image and the columns of the CSV; texts as they are.

    Raises:
        ExportError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ModuleNotFoundError as error:
        raise ExportError("a table needs pandas: pip install 'reinspect[pandas]'") from error
    return pd.DataFrame.from_records(list(map(_cells, rows)), columns=COLUMNS)


def write_parquet(chosen: Selection, out: Path) -> None:
    """Write the rows as Parquet, nested as in the JSON lines.

    Raises:
        ExportError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise ExportError("Parquet needs pyarrow: pip install 'reinspect[parquet]'") from error
    schema = _schema(pa)
    with whole_file(out) as file, parquet.ParquetWriter(file, schema) as writer:
        for rows in _groups(chosen):
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))


def _groups(chosen: Selection) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    for found in chosen.inspections():
        rows.append({"comments": [], **found.row.model_dump(mode="json")})
        if len(rows) == _ROW_GROUP:
            yield rows
            rows = []
    if rows:
        yield rows


def _schema(arrow: ModuleType) -> Any:
    mask = arrow.struct({"size": arrow.list_(arrow.int64(), 2), "counts": arrow.string()})
    ends = arrow.list_(arrow.float64(), 2)
    defect = arrow.struct(
        {
            "type": arrow.string(),
            "box": arrow.list_(arrow.float64(), 4),
            "score": arrow.float64(),
            "mask": mask,
            "covers": arrow.struct(dict.fromkeys(COVERED, ends)),
        }
    )
    look = arrow.struct(
        {
            "label": arrow.string(),
            "probability": arrow.float64(),
            "defects": arrow.list_(defect),
            "rationale": arrow.string(),
        }
    )
    review = arrow.struct(
        {
            "label": arrow.string(),
            "types": arrow.list_(arrow.string()),
            "defects": arrow.list_(defect),
            "reviewer": arrow.string(),
            "at": arrow.string(),
            "why": arrow.string(),
        }
    )
    comment = arrow.struct({name: arrow.string() for name in Comment.model_fields})
    special = {
        "review": review,
        "comments": arrow.list_(comment),
        "verdict": look,
        "first": look,
        "confidence": arrow.float64(),
        "reliability": arrow.float64(),
        "divergence": arrow.float64(),
        "rounds": arrow.int64(),
        "revised": arrow.bool_(),
        "seconds": arrow.float64(),
    }
    return arrow.schema({name: special.get(name, arrow.string()) for name in Row.model_fields})


def _cells(row: Row) -> dict[str, Any]:
    cells = {**row.columns, **_review(row), **_truth(row), "comments": _comments(row)}
    for name in ("types", "first_types"):
        cells[name] = "; ".join(cells[name])
    for name in ("defects", "first_defects"):
        cells[name] = None if cells[name] is None else _boxes(cells[name])
    for name, value in cells.items():
        cells[name] = rounded(value) if isinstance(value, float) else value
    return cells


def _truth(row: Row) -> dict[str, Any]:
    truth = None if row.truth is None else row.truth.value
    return {"truth": truth, "truth_by": row.truth_by, "resolved": row.resolved.value}


def _review(row: Row) -> dict[str, Any]:
    review = row.review
    if review is None:
        return {}
    return {
        "reviewed_label": review.label.value,
        "reviewed_types": "; ".join(review.types),
        "reviewed_defects": _boxes(review.defects),
        "reviewer": review.reviewer,
        "reviewed_at": review.at.isoformat(),
        "review_reason": review.why,
    }


def _comments(row: Row) -> str:
    return " | ".join(f"{one.author} ({one.at:%Y-%m-%d %H:%M}): {one.text}" for one in row.comments)


def _boxes(defects: Iterable[Defect]) -> str:
    boxes = [flat(defect.model_copy(update={"mask": None})) for defect in defects]
    return json.dumps(boxes, ensure_ascii=False)
