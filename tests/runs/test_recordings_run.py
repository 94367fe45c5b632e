"""A run over recordings: windows have rows of their own, tables take the rate of the recipe."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from reinspect import RunPlan, run
from reinspect.engine.local import Local
from reinspect.export import Format, export
from reinspect.export.scene import thumbnail
from reinspect.export.story import write_page
from reinspect.store import Store
from support.recordings import RATE, hum, with_clicks, write_wav


def table(path: Path, sound: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(f"{value:.5f}" for value in sound))


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """Good windows of one second, and a recording of three whose second one has clicks."""
    for seed in range(4):
        write_wav(tmp_path / "good" / f"{seed}.wav", hum(seed))
    pieces = [hum(20), with_clicks(hum(21)), hum(22)]
    write_wav(tmp_path / "parts" / "day.wav", np.concatenate(pieces))
    (tmp_path / "windows.yaml").write_text("signals: {window_s: 1}\ntools: []\n")
    return tmp_path


def test_each_window_has_its_row_its_place_and_its_picture(long: Path, fits: Path) -> None:
    plan = RunPlan.of(
        long / "parts",
        recipe=long / "windows.yaml",
        references=long / "good",
        out=long / "out",
        engine=Local(workers=1),
        cache=fits,
    )
    result = run(plan)
    assert result.tally.images == 3
    with (long / "out" / "results.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["image"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"day.wav", "day.wav#2", "day.wav#3"}
    assert rows["day.wav#2"]["label"] == "anomalous"
    start, end = json.loads(rows["day.wav#2"]["defects"])[0]["covers"]["s"]
    assert 1 <= start < end <= 2
    report = (long / "out" / "report.html").read_text(encoding="utf-8")
    assert "can't be shown" not in report
    with Store.open(plan.store, create=False) as store:
        write_page(store, result.run_id, "day.wav#2", long / "story.html")
    story = (long / "story.html").read_text(encoding="utf-8")
    assert "can't be shown" not in story
    assert " s, " in story


@pytest.mark.parametrize("form", [Format.COCO, Format.LABEL_STUDIO])
def test_exports_know_the_size_of_each_window(long: Path, fits: Path, form: Format) -> None:
    plan = RunPlan.of(
        long / "parts",
        recipe=long / "windows.yaml",
        references=long / "good",
        out=long / "out",
        engine=Local(workers=1),
        cache=fits,
    )
    result = run(plan)
    with Store.open(plan.store, create=False) as store:
        export(store, result.run_id, form, long / "export.json")
        shown = [
            thumbnail(one.path, one.row.sha256, 200, one.leading)
            for one in store.inspections(result.run_id)
        ]
    said = json.loads((long / "export.json").read_text(encoding="utf-8"))
    text = json.dumps(said)
    assert "day.wav#2" in text or "day.wav%232" in text
    if form is Format.COCO:
        assert not said["info"]["left_out"]
        assert len({(one["width"], one["height"]) for one in said["images"]}) == 1
    assert all(one.data for one in shown)


def test_tables_are_inspected_at_the_rate_of_the_recipe(tmp_path: Path, fits: Path) -> None:
    for seed in range(4):
        table(tmp_path / "set" / "train" / "good" / f"{seed}.csv", hum(seed))
    table(tmp_path / "set" / "test" / "good" / "a.csv", hum(9))
    table(tmp_path / "set" / "test" / "clicks" / "b.csv", with_clicks(hum(10)))
    (tmp_path / "rate.yaml").write_text(f"signals: {{rate: {RATE}}}\ntools: []\n")
    plan = RunPlan.of(
        tmp_path / "set",
        recipe=tmp_path / "rate.yaml",
        out=tmp_path / "out",
        engine=Local(workers=1),
        cache=fits,
    )
    result = run(plan)
    assert (result.tally.images, result.tally.errors) == (2, 0)
    rows = (tmp_path / "out" / "results.csv").read_text(encoding="utf-8-sig")
    assert "test/clicks/b.csv" in rows
    assert result.tally.failed == 1
