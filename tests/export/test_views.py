"""A part with several views in files that know pictures: one a view, each with its own boxes."""

import json
from pathlib import Path
from typing import Any

import pytest

from reinspect import Inspector, Store
from reinspect.export.coco import write_coco
from reinspect.export.label_studio import write_label_studio
from reinspect.export.report import write_report
from reinspect.export.selection import Selection
from reinspect.export.tables import write_csv, write_jsonl
from reinspect.graph.recipe import Recipe
from reinspect.store import RunInfo
from reinspect.vocabulary import Box, Defect, Verdict
from support.command_line import put_greys

VIEWS = ("front", "back")


@pytest.fixture
def chosen(tmp_path: Path) -> Selection:
    """A part whose back is defective, inspected and stored."""
    parts = put_greys(tmp_path / "parts", 2)
    for number, name in enumerate(VIEWS):
        (parts / f"part{number}.png").rename(parts / f"a_{name}.png")
    surely = {"kind": "reinspect.testing:ScriptedDetector", "default": 0.9}
    views: dict[str, Any] = {name: {"files": f"*_{name}.*"} for name in VIEWS}
    views["back"]["detector"] = surely
    recipe = Recipe.model_validate(
        {"detector": "support.own_parts:Brightness", "tools": [], "views": views}
    )
    with Inspector(recipe) as inspector:
        (trace,) = inspector.folder(parts)
    store = Store.open(str(tmp_path / "s.db"))
    run = store.begin_run(RunInfo(name="r", folder=str(tmp_path), sources=(str(parts),)))
    with store.writer(run) as writer:
        writer.write(trace)
    return Selection.of(store, run)


def test_coco_has_an_image_a_view(chosen: Selection, tmp_path: Path) -> None:
    write_coco(chosen, tmp_path / "coco.json")
    told = json.loads((tmp_path / "coco.json").read_text())
    images = {image["id"]: image for image in told["images"]}
    assert [(i["file_name"], i["part"], i["view"]) for i in told["images"]] == [
        ("a_front.png", "a", "front"),
        ("a_back.png", "a", "back"),
    ]
    (found,) = told["annotations"]
    assert images[found["image_id"]]["view"] == "back"


def test_label_studio_has_a_task_a_view(chosen: Selection, tmp_path: Path) -> None:
    write_label_studio(chosen, tmp_path / "tasks.json")
    tasks = {
        task["data"]["view"]: task for task in json.loads((tmp_path / "tasks.json").read_text())
    }
    boxes = {
        view: sum(one["type"] == "rectanglelabels" for one in task["predictions"][0]["result"])
        for view, task in tasks.items()
    }
    assert boxes == {"front": 0, "back": 1}
    assert len({task["id"] for task in tasks.values()}) == 2


def test_rows_say_which_view_a_box_is_in(chosen: Selection, tmp_path: Path) -> None:
    write_jsonl(chosen, tmp_path / "rows.jsonl")
    write_csv(chosen, tmp_path / "rows.csv")
    row = json.loads((tmp_path / "rows.jsonl").read_text())
    assert [defect["view"] for defect in row["verdict"]["defects"]] == ["back"]
    assert '""view"": ""back""' in (tmp_path / "rows.csv").read_text(encoding="utf-8-sig")


def test_the_report_shows_the_view_that_decided(chosen: Selection, tmp_path: Path) -> None:
    write_report(chosen.store, chosen.run.id, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert '<rect class="final"' in page
    captions = [page.index(f">{name}<") for name in ("back", "front")]
    assert captions == sorted(captions)


def test_a_review_keeps_the_boxes_of_its_view(chosen: Selection, tmp_path: Path) -> None:
    (found,) = chosen.inspections()
    drawn = Defect(box=Box(0, 0, 0.5, 0.5), score=1.0, view="front")
    verdict = Verdict.of(1.0, defects=(drawn,))
    chosen.store.browse.review(found.id, verdict, reviewer="ada", why="seen")
    write_coco(chosen, tmp_path / "coco.json")
    told = json.loads((tmp_path / "coco.json").read_text())
    views = {image["id"]: image["view"] for image in told["images"]}
    assert [views[one["image_id"]] for one in told["annotations"]] == ["front"]
