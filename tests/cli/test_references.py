"""`reinspect references`: from a cleared false alarm to a version that counts."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from reinspect import RunPlan
from reinspect.dataset import ReferenceVersions
from reinspect.images import encode_mask
from reinspect.store import Filter, Store
from reinspect.vocabulary import Box, Defect, Label, Verdict
from support.command_line import invoke, said


@pytest.fixture
def plates(sample_parts: Path, tmp_path: Path) -> Path:
    golden = tmp_path / "golden"
    shutil.copytree(sample_parts / "flange" / "train" / "good", golden)
    assert invoke("references", "add", tmp_path / "plates", golden, "--who", "ada").code == 0
    return tmp_path / "plates"


@pytest.fixture
def inspected(plates: Path, sample_parts: Path, tmp_path: Path) -> Path:
    """A store with a run that version 1 has judged, all of whose parts are reviewed."""
    out = tmp_path / "runs" / "monday"
    test = sample_parts / "flange" / "test"
    assert invoke("run", test, "--references", plates, "--out", out, "--workers", 1).code == 0
    with Store.open(tmp_path / "runs" / "reinspect.db") as store:
        for one in store.inspections(store.run("monday").id):
            defective = not one.row.image.startswith("good")
            store.browse.review(one.id, Verdict.of(float(defective)), reviewer="Ann")
    return tmp_path / "runs" / "reinspect.db"


def test_a_cleared_part_becomes_a_reference_is_tried_and_counts(
    plates: Path, inspected: Path, tmp_path: Path
) -> None:
    with Store.open(inspected) as store:
        run = store.run("monday")
        assert run.versions["references"] == f"version 1 of {plates.absolute()}"
        images = [one.row.image for one in store.inspections(run.id)]
    good = next(image for image in images if image.startswith("good"))
    bad = next(image for image in images if not image.startswith("good"))
    where = ("--run", "monday", "--store", inspected)
    refused = said(invoke("references", "add", plates, bad, *where))
    assert "no review has called it good" in refused

    added = invoke("references", "add", plates, good, *where, "--who", "ann", "--why", "glare")
    assert "version 2, 4 references; version 1 counts until" in added.out
    (change,) = ReferenceVersions(plates).difference(1, 2).added
    assert (change.origin, change.review) == (f"run monday: {good}", images.index(good) + 1)
    assert f"from run monday: {good}" in invoke("references", "diff", plates).out

    tried = invoke("references", "try", plates, "--store", inspected)
    assert tried.code == 0
    assert tried.out.splitlines()[-1].startswith("with these 4 references: ")
    assert f"on the {len(images)} parts that were reviewed" in tried.out
    assert ReferenceVersions(plates).active == 1

    assert "version 2 counts from now on" in invoke("references", "activate", plates).out
    listed = invoke("references", "list", plates).out
    assert "2 ← counts" in listed
    assert "glare" in listed
    assert "cleared by review" in invoke("references", "list", plates, "--version", 2).out
    out = tmp_path / "runs" / "tuesday"
    part = next((tmp_path / "golden").iterdir())
    assert invoke("run", part, "--references", plates, "--out", out, "--workers", 1).code == 0
    assert "version 2 of" in (out / "recipe.yaml").read_text(encoding="utf-8")
    assert json.loads((out / "counters.json").read_text())["images"] == 1


def test_confirmed_defects_are_what_qualification_measures(plates: Path, inspected: Path) -> None:
    told = invoke("references", "defects", plates, "--store", inspected)
    assert told.code == 0
    assert f"--defects {plates / 'defects'}" in told.out
    kept = sorted(file for file in (plates / "defects").rglob("*") if file.is_file())
    assert [file.parent.name for file in kept] == ["defect"] * 4
    mask = np.zeros((40, 40), bool)
    mask[10:20, 10:30] = True
    painted = Defect(box=Box(0.25, 0.25, 0.75, 0.5), type="dent", mask=encode_mask(mask))
    with Store.open(inspected) as store:
        keys = [one.id for one in store.browse.inspections(Filter(truths=(Label.ANOMALOUS,)))]
        store.browse.review(keys[0], Verdict.of(0.0), reviewer="Ann")
        store.browse.review(keys[1], Verdict.of(1.0, defects=(painted,)), reviewer="Ann")
        product = store.browse.one(keys[1]).row.category
        store.queue.call_type(product, "dent", "dint", author="Ann")
    assert invoke("references", "defects", plates, "--store", inspected).code == 0
    kept = sorted(file for file in (plates / "defects").rglob("*") if file.is_file())
    assert [str(file.parent.relative_to(plates / "defects")) for file in kept] == [
        "ground_truth/dint", "test/defect", "test/defect", "test/dint",
    ]  # fmt: skip
    again = invoke(
        "qualify", plates, "--defects", plates / "defects", "--out", plates / "page.html"
    )
    assert again.code == 0, again.err
    assert "2 defects have no mask" in (plates / "page.html").read_text("utf-8")


def test_nothing_can_be_tried_where_nobody_has_reviewed(plates: Path, tmp_path: Path) -> None:
    Store.open(tmp_path / "empty.db").close()
    tried = invoke("references", "try", plates, "--store", tmp_path / "empty.db")
    assert "no run in" in said(tried)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        pytest.param(["list", "nowhere"], "is no versioned set", id="no-set"),
        pytest.param(["add", "new", "nowhere.png"], "nowhere.png", id="no-picture"),
    ],
)
def test_what_is_not_there_is_one_line(
    words: list[str], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert why in said(invoke("references", *words))
    assert not list(tmp_path.iterdir())


SIDES = {"front": "*_front.*", "back": "*_back.*"}


@pytest.mark.parametrize("tabled", [False, True])
def test_a_set_has_versions_of_all_views(tmp_path: Path, *, tabled: bool) -> None:
    views = {name: None if tabled else pattern for name, pattern in SIDES.items()}
    spec = {
        "detector": "support.own_parts:Brightness",
        "tools": [],
        "policies": {"disposition": {"kind": "thresholds", "reliability": 0.6}},
        "views": {name: {"files": pattern} for name, pattern in views.items()},
    }
    recipe, plates = tmp_path / "views.yaml", tmp_path / "plates"
    recipe.write_text(json.dumps(spec), encoding="utf-8")
    for folder, greys in (("good", (20, 24)), ("parts", (230, 90))):
        rows = ["part,view,path"]
        for number, grey in enumerate(greys):
            for place, name in enumerate(SIDES):
                file = tmp_path / folder / f"{number}_{name}.png"
                file.parent.mkdir(exist_ok=True)
                cv2.imwrite(str(file), np.full((8, 9, 3), grey + place, np.uint8))
                rows.append(f"{number},{name},{file.name}")
        if tabled:
            (tmp_path / folder / "parts.csv").write_text("\n".join(rows), encoding="utf-8")
    assert invoke("references", "add", plates, tmp_path / "good").code == 0
    shutil.rmtree(tmp_path / "good")
    out, store = tmp_path / "runs" / "monday", tmp_path / "runs" / "reinspect.db"
    words = ("--recipe", recipe, "--references", plates, "--workers", 1)
    assert invoke("run", tmp_path / "parts", *words, "--out", out).code == 0
    with Store.open(store) as opened:
        run = opened.run("monday")
        assert run.versions["references"] == f"version 1 of {plates.absolute()}"
        opened.browse.review(opened.newest(run.id, "0"), Verdict.of(0.0), reviewer="Ann")
    where = ("--run", "monday", "--store", store)
    added = invoke("references", "add", plates, "0", *where)
    assert "version 2, 6 references; version 1 counts until" in added.out, added.err
    told = invoke("references", "diff", plates).out.splitlines()
    assert sorted(line.rpartition("from ")[2] for line in told) == [
        "run monday: 0_back.png",
        "run monday: 0_front.png",
    ]
    assert "on the 1 parts that were reviewed" in (
        invoke("references", "try", plates, "--store", store).out
    )
    assert "version 2 counts from now on" in invoke("references", "activate", plates).out
    plan = RunPlan.of(
        tmp_path / "parts", recipe=recipe, references=plates, out=tmp_path / "runs" / "tuesday"
    )
    assert {name: len(own.default.files) for name, own in plan.references.views.items()} == {
        "front": 3,
        "back": 3,
    }
    assert plan.references.origin == f"version 2 of {plates.absolute()}"
    with Store.open(store) as opened:
        dent = Defect(box=Box(0.1, 0.1, 0.5, 0.5), type="dent", view="back")
        part = opened.newest(opened.run("monday").id, "1")
        opened.browse.review(part, Verdict.of(1.0, defects=(dent,)), reviewer="Ann")
    told = invoke("references", "defects", plates, "--store", store)
    assert f"--view back --defects {plates / 'defects' / 'back'}" in told.out.replace("\n", "")
    (kept,) = (file for file in (plates / "defects").rglob("*") if file.is_file())
    assert kept.parent == plates / "defects" / "back" / "test" / "dent"
