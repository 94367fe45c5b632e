"""Parts with several views on the bench: all together, and each view alone."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from reinspect import RunPlan, Store
from reinspect.runs.defaults import UsageError
from reinspect.runs.on_request import OnRequest
from reinspect.trace import Trace
from reinspect.vocabulary import Verdict
from support.command_line import invoke, said

DOUBTFUL = {"kind": "reinspect.testing:ScriptedDetector", "default": 0.45}
SURE = {**DOUBTFUL, "default": 0.02}
VIEWS = {"front": "*_front.*", "back": "*_back.*"}


def put(file: Path, grey: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), np.full((8, 9, 3), grey, np.uint8))


def recipe_of(folder: Path, name: str, views: dict[str, str] = VIEWS) -> Path:
    file = folder / name
    spec = {"detector": "support.own_parts:Brightness", "tools": [], "views": views}
    file.write_text(json.dumps(spec), encoding="utf-8")
    return file


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Bolts of two views; a dent shows in front."""
    root = tmp_path / "bolt"
    for number in range(4):
        put(root / "train" / "good" / f"{number}_front.png", 20 + number)
        put(root / "train" / "good" / f"{number}_back.png", 30 + number)
        put(root / "test" / "good" / f"{number}_front.png", 24 + number)
        put(root / "test" / "good" / f"{number}_back.png", 34 + number)
        put(root / "test" / "dent" / f"{number}_front.png", 240 - number)
        put(root / "test" / "dent" / f"{number}_back.png", 44 + number)
    return root


def test_parts_and_each_view_alone(root: Path, tmp_path: Path) -> None:
    figures, recipe = tmp_path / "figures.json", recipe_of(tmp_path, "a.yaml")
    answer = invoke(
        "bench", root, "--recipe", recipe, "--out", tmp_path / "out", "--json", figures
    )  # fmt: skip
    assert answer.code == 0
    assert "front alone" in answer.out
    told = json.loads(figures.read_text())

    def right(report: dict[str, dict[str, dict[str, dict[str, float]]]]) -> float:
        return report["categories"]["bolt"]["final"]["balanced_accuracy"]

    alone = {name: right(report) for name, report in told["views"].items()}
    assert (right(told), alone) == (1.0, {"front": 1.0, "back": 0.5})
    assert told["categories"]["bolt"]["references"] == 4
    other = recipe_of(tmp_path, "b.yaml", {"front": "*_front.*"})
    line = said(invoke("bench", root, "--recipe", recipe, "--recipe", other))
    assert "b.yaml has other views than a.yaml" in line


def test_looks_of_views_on_record_give_what_looking_again_gives(root: Path, tmp_path: Path) -> None:
    tools = [{"kind": "support.made_witnesses:Truthful", "source": "hi_res"}]
    for name, monitor in (("doubting", "embedded"), ("fitted", "fitted")):
        views = {**VIEWS, "back": {"files": VIEWS["back"], "detector": SURE}}
        spec = {"monitor": monitor, "tools": tools, "detector": DOUBTFUL, "views": views}
        (tmp_path / f"{name}.yaml").write_text(json.dumps(spec), encoding="utf-8")
    contenders = [
        word for name in ("doubting", "fitted") for word in ("--recipe", tmp_path / f"{name}.yaml")
    ]

    def benched(out: str, *words: object) -> dict[str, Any]:
        figures = tmp_path / f"{out}.json"
        paths = ("--out", tmp_path / "runs" / out, "--json", figures, "--workers", 1, "-q")
        answer = invoke("bench", root, *words, *paths)
        assert answer.code == 0, answer.err
        told: dict[str, Any] = json.loads(figures.read_text())
        return told

    looked = benched("looked", *contenders)
    benched("explored", *contenders[:2], "--explore")
    with Store.open(str(tmp_path / "runs" / "reinspect.db")) as store:
        run = store.run("explored")
        for trace in store.traces(run.id):
            for own in trace.by_view.values():
                assert own.hypothetical.rounds == 1
                nodes = [step.node for step in own.all_steps]
                assert nodes[:3] == ["detect", "assess", "examine"]
            assert trace.by_view["front"].explored is None
            assert trace.by_view["back"].explored is not None
            assert trace.rounds == 1
            assert Trace.model_validate_json(trace.model_dump_json()) == trace
    told = benched("told", *contenders, "--from", tmp_path / "runs" / "explored")
    for one, other in zip(looked["contestants"], told["contestants"], strict=True):
        assert figures_of(one) == figures_of(other)
        assert {*other["views"]} == {*VIEWS}
        for name, alone in one["views"].items():
            assert figures_of(alone) == figures_of(other["views"][name])
        assert one["cost"]["second_looks"] == other["cost"]["second_looks"]
        assert other["cost"]["seconds"] > 0
    spec = {"tools": tools, "detector": DOUBTFUL, "views": {"front": VIEWS["front"]}}
    (tmp_path / "front.yaml").write_text(json.dumps(spec), encoding="utf-8")
    words = ("--recipe", tmp_path / "front.yaml", "--from", tmp_path / "runs" / "explored")
    assert "had other views than the recipe" in said(invoke("bench", root, *words))


def figures_of(report: dict[str, Any]) -> dict[str, Any]:
    """What does not depend on the clock, nor on maps."""
    kept = {}
    for name, own in report["categories"].items():
        kept[name] = {look: {**own[look], "pixel_auroc": None} for look in ("first", "final")}
        kept[name]["ledger"] = own["ledger"]
    return kept


def test_agreement_and_parity_know_parts_with_several_views(root: Path, tmp_path: Path) -> None:
    one, other = recipe_of(tmp_path, "one.yaml"), recipe_of(tmp_path, "other.yaml")
    same = ("--parts", root, "--out", tmp_path / "runs" / "p", "--workers", 1)
    done = invoke("parity", one, other, *same)
    assert done.code == 0, done.err
    assert "8 of 8 labels alike" in done.out
    with Store.open(str(tmp_path / "runs" / "reinspect.db")) as store:
        part = store.newest(store.run("p-one").id, "test/dent/0")
        store.browse.review(part, Verdict.of(1.0), reviewer="Kim")
    store_at = ("--store", tmp_path / "runs" / "reinspect.db")
    words = ("--with", one, "--reviews", "--repeats", 1, "--workers", 1, *store_at)
    done = invoke("agreement", root, *words, "--out", tmp_path / "runs" / "a")
    assert done.code == 0, done.err
    assert "Views: 8 parts of front, back" in done.out
    assert "Kim" in done.out


def test_one_picture_is_asked_for_at_a_time(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--on-request: asks for one picture"):
        RunPlan.of(
            OnRequest((str(root),)),
            recipe=recipe_of(tmp_path, "one.yaml"),
            references=root / "train" / "good",
            out=tmp_path / "out",
        )
