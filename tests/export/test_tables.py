import csv
import json
from pathlib import Path

import pytest
from pyarrow import parquet

from reinspect.export import Format, export
from reinspect.export.tables import COLUMNS
from reinspect.store import Row, RunInfo, Store
from support.made_traces import unreadable

ORDER = ["b 2.png", "b 10.png", "broken.png", "gone.png"]


def _read_csv(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {line["image"]: line for line in csv.DictReader(file)}


def test_json_lines_hold_every_row_as_it_is(store: Store, run: int, tmp_path: Path) -> None:
    export(store, run, Format.JSONL, tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").split("\n")
    assert lines.pop() == ""
    rows = [Row.model_validate_json(line) for line in lines]
    stored = [found.row for found in store.inspections(run)]
    assert [row.image for row in rows] == [row.image for row in stored]
    assert [row.model_dump_json() for row in rows] == [row.model_dump_json() for row in stored]
    assert [row.image for row in rows if row.image in ORDER] == ORDER


def test_csv_is_flat_and_reads_back(store: Store, run: int, tmp_path: Path) -> None:
    export(store, run, Format.CSV, tmp_path / "out.csv")
    lines = _read_csv(tmp_path / "out.csv")
    assert len(lines) == 5
    assert tuple(lines["b 2.png"]) == COLUMNS
    seen = lines["b 2.png"]
    assert (seen["first_label"], seen["label"], seen["revised"]) == ("anomalous", "normal", "True")
    assert (seen["first_types"], seen["first_probability"]) == ("scratch", "0.7")
    assert json.loads(seen["first_defects"]) == [
        {"type": "scratch", "box": [0.1, 0.2, 0.3, 0.4], "score": 0.333333}
    ]
    assert (lines["broken.png"]["label"], lines["broken.png"]["disposition"]) == ("", "REVIEW")


def test_comments_are_exported_and_no_formula(store: Store, run: int, tmp_path: Path) -> None:
    key = store.newest(run, "b 2.png")
    store.queue.comment(key, '=1+1 <b>"', author="=Ann")
    store.queue.comment(key, "second", author="Bob")
    export(store, run, Format.CSV, tmp_path / "out.csv")
    lines = _read_csv(tmp_path / "out.csv")
    first, second = lines["b 2.png"]["comments"].split(" | ")
    assert (first[:7], first[-9:], second[-6:]) == ("'=Ann (", '=1+1 <b>"', "second")
    assert lines["broken.png"]["comments"] == ""
    for form in (Format.JSONL, Format.COCO, Format.LABEL_STUDIO):
        export(store, run, form, tmp_path / "out.json")
        told = (tmp_path / "out.json").read_text("utf-8")
        assert '"author":"=Ann"' in told.replace(": ", ":")
    export(store, run, Format.PARQUET, tmp_path / "out.parquet")
    rows = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert [len(row["comments"]) for row in rows if row["image"] == "b 2.png"] == [2]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_text_in_csv_is_a_formula(store: Store, tmp_path: Path, start: str) -> None:
    run = store.begin_run(RunInfo(name="formulas"))
    with store.writer(run) as writer:
        writer.write(unreadable(f"{start}1+1.png", error=f"{start}cmd"))
    export(store, run, Format.CSV, tmp_path / "out.csv")
    (line,) = _read_csv(tmp_path / "out.csv").values()
    assert (line["image"], line["error"]) == (f"'{start}1+1.png", f"'{start}cmd")


def test_numbers_in_csv_stay_numbers(store: Store, run: int, tmp_path: Path) -> None:
    export(store, run, Format.CSV, tmp_path / "out.csv")
    assert float(_read_csv(tmp_path / "out.csv")["b 2.png"]["divergence"]) == -0.1


def test_parquet_is_nested_as_the_json_lines_are(store: Store, run: int, tmp_path: Path) -> None:
    export(store, run, Format.PARQUET, tmp_path / "out.parquet")
    table = parquet.read_table(tmp_path / "out.parquet")
    assert table.column_names == list(Row.model_fields)
    assert str(table.schema.field("confidence").type) == "double"
    assert str(table.schema.field("revised").type) == "bool"
    again = [Row.model_validate(entry) for entry in table.to_pylist()]
    assert [row.model_dump_json() for row in again] == [
        found.row.model_dump_json() for found in store.inspections(run)
    ]


@pytest.mark.parametrize("form", [Format.JSONL, Format.CSV, Format.PARQUET])
def test_an_empty_run_has_no_rows(
    store: Store, empty_run: int, tmp_path: Path, form: Format
) -> None:
    out = tmp_path / "out"
    export(store, empty_run, form, out)
    if form is Format.PARQUET:
        assert parquet.read_table(out).num_rows == 0
    else:
        assert out.read_text("utf-8-sig") == (
            "" if form is Format.JSONL else ",".join(COLUMNS) + "\n"
        )
