"""Learning from parts with several views: each view is learned from as a picture of its own."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from reinspect import Store
from reinspect.export.formats import Format, export
from reinspect.store import NewCaption
from reinspect.training import cases
from reinspect.training.critic import explored
from reinspect.training.episodes.episode import Side
from reinspect.training.episodes.folder import read_episodes
from reinspect.training.known import UNMARKED, LeftOut, known_inspections
from reinspect.vocabulary import Box, Defect, Label, Verdict
from support.command_line import invoke

VIEWS = {"front": "*_front.*", "back": "*_back.*"}
RECIPE = {
    "detector": "support.own_parts:Brightness",
    "tools": [{"kind": "support.made_witnesses:Truthful", "source": "hi_res"}],
    "views": VIEWS,
}
PARTS = 8


def put(file: Path, grey: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((16, 18, 3), grey, np.uint8)
    pixels[0, :3] = [[number] * 3 for number in (grey % 7, len(file.name), grey % 11)]
    cv2.imwrite(str(file), pixels)


def put_parts(root: Path, *, masks: bool) -> Path:
    """Bolts, half of them with a dent that shows in front; the back of one is missing."""
    for number in range(PARTS):
        for place, view in enumerate(VIEWS):
            name = f"{number}_{view}.png"
            put(root / "train" / "good" / name, 20 + number + 10 * place)
            put(root / "test" / "good" / name, 60 + number + 10 * place)
            put(root / "test" / "dent" / name, 240 - number - 120 * place)
        if masks:
            mask = np.zeros((16, 18), np.uint8)
            mask[4:9, 5:12] = 255
            file = root / "ground_truth" / "dent" / f"{number}_front_mask.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(file), mask)
    (root / "test" / "good" / "0_back.png").unlink()
    return root


def inspected(folder: Path, *, masks: bool = True) -> Path:
    """The folder of an explored run."""
    root = put_parts(folder / "bolt", masks=masks)
    (folder / "views.yaml").write_text(json.dumps(RECIPE), encoding="utf-8")
    out = folder / "runs" / "monday"
    words = ("--recipe", folder / "views.yaml", "--out", out, "--workers", 1, "-q", "--explore")
    assert invoke("run", root, *words).code == 0
    return out


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return inspected(tmp_path_factory.mktemp("viewed"))


@pytest.fixture
def store(run: Path) -> str:
    return str(run.parent / "reinspect.db")


def test_each_view_is_known_with_its_own_truth(store: str) -> None:
    with Store.open(store, create=False) as opened:
        found = list(known_inspections(opened, opened.run("monday"), labelled=True))
    assert not [one for one in found if isinstance(one, LeftOut)]
    known = {one.image: one for one in found if not isinstance(one, LeftOut)}
    assert len(known) == 4 * PARTS - 1
    front, back = known["test/dent/1_front.png"], known["test/dent/1_back.png"]
    assert front.truth is not None
    assert back.truth is not None
    assert (front.truth.label, back.truth.label) == (Label.ANOMALOUS, Label.NORMAL)
    assert len(front.truth.boxes) == 1
    assert front.truth.box_types == ("dent",)
    assert {one.second_look for one in known.values()} <= {"asked", "explored"}
    assert (front.view, front.path.name) == ("front", "1_front.png")
    case = front.case(prefix=True)
    assert (case.id, case.group) == ("monday/test/dent/1_front.png", "bolt")
    assert case.sha256 == front.sha256
    assert case.part == back.case().part


def test_an_episode_a_view(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "ft"
    done = invoke("train", "episodes", run, "--out", out, "--unreviewed")
    assert done.code == 0, done.err
    pictures = 4 * PARTS - 1
    assert f"Episodes {pictures} reflective, {pictures} thinking" in done.out
    found = read_episodes(out)
    sides: dict[str, set[Side]] = {}
    for row in found.rows:
        assert row.view in VIEWS
        assert f"_{row.view}." in row.image
        assert all(f"_{row.view}." in name for name in row.images)
        assert row.truth is (row.part in _dented() and row.view == "front")
        sides.setdefault(row.part or "", set()).add(row.split)
        assert all(file.is_file() for file in row.files(found.root))
    assert all(len(each) == 1 for each in sides.values())
    assert {side for each in sides.values() for side in each} == set(Side)
    assert {row.completion != () for row in found.rows} == {True}


def _dented() -> set[str]:
    return {f"test/dent/{number}" for number in range(PARTS)}


def test_critics_and_monitors_learn_from_each_view(run: Path, store: str, tmp_path: Path) -> None:
    with Store.open(store, create=False) as opened:
        learnt = cases.from_run(opened, "monday")
        parts = explored.from_run(opened, "monday")
    assert len(learnt.items) == len(parts.items) == 4 * PARTS - 1
    assert sum(part.case.truth is True for part in parts.items) == PARTS
    critic, monitor = tmp_path / "critic.json", tmp_path / "monitor.json"
    for words in (
        ("train", "critic", run, "--out", critic),
        ("monitor", "fit", run, "--out", monitor),
    ):
        done = invoke(*words)
        assert done.code == 0, done.err
    recipe = {**RECIPE, "monitor": {"kind": "critic", "file": str(critic)}}
    (tmp_path / "next.yaml").write_text(json.dumps(recipe), encoding="utf-8")
    words = ("--recipe", tmp_path / "next.yaml", "--from", run)
    done = invoke("bench", run.parent.parent / "bolt", *words)
    assert done.code == 0, done.err
    assert "front alone" in done.out


def test_judgements_are_of_views(store: str, tmp_path: Path) -> None:
    out = tmp_path / "judgements.jsonl"
    with Store.open(store, create=False) as opened:
        export(opened, opened.run("monday").id, Format.JUDGEMENTS, out)
    told = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(told) == 4 * PARTS - 1
    assert {one["truth"] for one in told if "dent/1_back" in one["id"]} == {False}
    assert len({one["part"] for one in told}) == 2 * PARTS


def test_a_view_that_may_show_the_defect_is_left_out_until_somebody_marks_it(
    tmp_path: Path,
) -> None:
    run = inspected(tmp_path, masks=False)
    out, store = tmp_path / "ft", str(run.parent / "reinspect.db")
    with Store.open(store) as opened:
        known = list(known_inspections(opened, opened.run("monday"), labelled=True))
        unmarked = [one.image for one in known if isinstance(one, LeftOut) and one.why == UNMARKED]
        assert len(unmarked) == 2 * PARTS
        for number in (1, 2):
            dent = Defect(box=Box(0.2, 0.2, 0.5, 0.5), type="dent", view="front")
            said = Verdict.of(1.0, defects=(dent,))
            part = opened.newest(opened.run("monday").id, f"test/dent/{number}")
            opened.browse.review(part, said, reviewer="Kim", why="seen in front")
    assert invoke("train", "episodes", run, "--out", out, "--unreviewed").code == 0
    rows = read_episodes(out).rows
    bad = [row for row in rows if row.truth]
    assert {row.image for row in bad} == {f"test/dent/{number}_front.png" for number in (1, 2)}
    assert {(row.truth_by, row.box_types) for row in bad} == {("Kim", ("dent",))}
    with Store.open(store) as opened:
        drafts, _ = opened.browse.captions(limit=1000)
        assert {draft.view for draft in drafts} == set(VIEWS)
        chosen = next(one for one in drafts if one.view == "front")
        assert opened.browse.decide(chosen.id, "accepted", reviewer="Kim").view == "front"
        assert NewCaption(inspection_id=1, mode="thinking", text="x", source="y").view is None
