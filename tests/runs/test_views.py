"""Parts with several views, from their files to their rows: one part, one verdict, one trace."""

import json
import operator
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import pytest
from typing_extensions import TypedDict

from reinspect import (
    Inspector,
    Recipe,
    ReinspectError,
    RunPlan,
    Store,
    build_graph,
    inspect_image,
    run,
)
from reinspect.export.story import Told, timeline
from reinspect.files import write_json
from reinspect.graph.pipeline import GraphError
from reinspect.graph.recipe import looks_digest
from reinspect.graph.state import GraphInputError
from reinspect.policies.qualified import KeptLimits, ProductLimits, program
from reinspect.qualification.judging import QualificationError
from reinspect.qualification.references import references_of
from reinspect.runs.defaults import UsageError
from reinspect.runs.sources import Listed
from reinspect.trace import Trace
from reinspect.vocabulary import Label, Outcome
from support.command_line import invoke, rows, said

BY_NAME = {"front": "*_front.*", "back": "*_back.*"}
PLAIN: dict[str, Any] = {
    "detector": "support.own_parts:Brightness",
    "tools": [],
    "policies": {"disposition": {"kind": "thresholds", "reliability": 0.6}},
}
VIEWED = {**PLAIN, "views": BY_NAME}


def put(file: Path, grey: int) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), np.full((8, 9, 3), grey, np.uint8))
    return file


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """Four parts: dark is good; the back of `b` is missing, that of `c` no picture."""
    folder = tmp_path / "parts"
    for name, grey in (
        ("a_front", 20),
        ("a_back", 230),
        ("b_front", 20),
        ("c_front", 25),
        ("d_front", 10),
        ("d_back", 15),
    ):
        put(folder / f"{name}.png", grey)
    (folder / "c_back.png").write_text("no picture")
    return folder


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    file = tmp_path / "viewed.yaml"
    file.write_text(json.dumps(VIEWED), encoding="utf-8")
    return file


def viewed(**changed: object) -> Recipe:
    return Recipe.model_validate({**VIEWED, **changed})


def test_one_part_by_its_views(parts: Path) -> None:
    with Inspector(viewed()) as inspector:
        trace = inspector.one(
            views={"back": parts / "a_back.png", "front": parts / "a_front.png"}, path="a"
        )
    assert trace.sample.id == "a"
    assert [view.name for view in trace.sample.views] == ["front", "back"]
    assert trace.verdict is not None
    assert trace.verdict.label is Label.ANOMALOUS
    assert trace.verdict.rationale == trace.by_view["back"].verdict.rationale  # type: ignore[union-attr]
    assert trace.by_view["front"].verdict.label is Label.NORMAL  # type: ignore[union-attr]
    assert trace.disposition is not None
    assert trace.disposition.outcome is Outcome.FAIL
    assert Trace.model_validate_json(trace.model_dump_json()) == trace


def test_a_view_alone_is_judged_as_ever(parts: Path) -> None:
    with Inspector(viewed()) as several, Inspector(Recipe.model_validate(PLAIN)) as single:
        both = several.one(views={name: parts / f"a_{name}.png" for name in BY_NAME})
        for name, own in both.by_view.items():
            alone = single.one(parts / f"a_{name}.png")
            assert own.verdict == alone.verdict
            assert own.disposition == alone.disposition


@pytest.mark.parametrize(
    ("name", "why"),
    [
        pytest.param("b", "back: no picture of this view", id="missing"),
        pytest.param("c", "c_back.png", id="unreadable"),
    ],
)
def test_a_view_that_is_not_there_lowers_reliability(name: str, why: str, parts: Path) -> None:
    with Inspector(viewed()) as inspector:
        by_id = {trace.sample.id: trace for trace in inspector.folder(parts)}
    whole, less = by_id["d"].assessment, by_id[name].assessment
    assert whole is not None
    assert less is not None
    assert less.reliability < whole.reliability / 1.5
    assert by_id[name].error is None
    disposition = by_id[name].disposition
    assert disposition is not None
    assert disposition.outcome is not Outcome.FAIL
    assert why in disposition.reason
    assert why in " ".join(less.reasons)


def test_a_part_of_which_nothing_can_be_read_has_an_error(tmp_path: Path) -> None:
    for name in BY_NAME:
        (tmp_path / f"x_{name}.png").write_text("no picture")
    with Inspector(viewed()) as inspector:
        (trace,) = inspector.folder(tmp_path)
    assert trace.error is not None
    assert all(f"{name}: " in trace.error for name in BY_NAME)
    assert trace.verdict is None
    assert trace.disposition is not None
    assert trace.disposition.outcome is Outcome.REVIEW


def test_a_view_may_have_another_detector(parts: Path) -> None:
    surely = {"kind": "reinspect.testing:ScriptedDetector", "default": 0.01}
    views = {**BY_NAME, "back": {"files": BY_NAME["back"], "detector": surely}}
    with Inspector(viewed(views=views)) as inspector:
        trace = inspector.one(views={name: parts / f"a_{name}.png" for name in BY_NAME})
    assert trace.verdict is not None
    assert trace.verdict.label is Label.NORMAL
    assert trace.by_view["back"].first.rationale == "scripted"  # type: ignore[union-attr]


def test_a_component_that_fails_in_a_view_is_an_error_of_the_part(
    parts: Path, tmp_path: Path
) -> None:
    (tmp_path / "mood").touch()
    moody = {"kind": "support.own_parts:Moody", "mood": str(tmp_path / "mood")}
    views = {**BY_NAME, "back": {"files": BY_NAME["back"], "detector": moody}}
    with Inspector(viewed(views=views)) as inspector:
        trace = inspector.one(views={name: parts / f"a_{name}.png" for name in BY_NAME})
    assert trace.error is not None
    assert trace.error.startswith("back: detect")
    assert trace.disposition is not None
    assert trace.disposition.outcome is Outcome.REVIEW


@pytest.mark.parametrize(
    ("recipe", "asked", "says"),
    [
        pytest.param(VIEWED, {"path": "a.png"}, "give front, back", id="an-image-of-views"),
        pytest.param(PLAIN, {"views": {"front": "a.png"}}, "add views to it", id="views-of-none"),
        pytest.param(VIEWED, {"views": {"left": "a.png"}}, "no view 'left'", id="unknown"),
        pytest.param(PLAIN, {}, "give the file", id="nothing"),
    ],
)
def test_an_inspector_takes_the_views_of_its_recipe(
    recipe: dict[str, Any], asked: dict[str, Any], says: str
) -> None:
    with (
        Inspector(Recipe.model_validate(recipe)) as inspector,
        pytest.raises(UsageError, match=says),
    ):
        inspector.one(**asked)


def test_the_graph_takes_views(parts: Path) -> None:
    given = {name: str(parts / f"a_{name}.png") for name in BY_NAME}
    trace = build_graph(viewed()).invoke({"views": given, "id": "a"})["trace"]
    assert trace.verdict is not None
    again = inspect_image(given, recipe=viewed())
    assert again.verdict == trace.verdict
    assert again.sample.id == given["front"]


@pytest.mark.parametrize(
    ("recipe", "given", "says"),
    [
        pytest.param(PLAIN, {"image": "a.png", "views": {"a": "a.png"}}, "names no views", id="no"),
        pytest.param(VIEWED, {"image": "a.png"}, "has several views", id="an-image"),
        pytest.param(VIEWED, {"views": {}}, "one path a view", id="none"),
        pytest.param(VIEWED, {"views": {"left": "a.png"}}, "no view 'left'", id="unknown"),
        pytest.param(VIEWED, {"views": {"front": 7}}, "path of a picture", id="no-path"),
    ],
)
def test_the_graph_refuses_other_views(
    recipe: dict[str, Any], given: dict[str, Any], says: str
) -> None:
    graph = build_graph(Recipe.model_validate(recipe))
    with pytest.raises(GraphInputError, match=says):
        graph.invoke(given)


class Cell(TypedDict, total=False):
    barcode: str
    told: Annotated[list[str], operator.add]


def test_nodes_of_ones_own_stand_beside_those_of_views(parts: Path) -> None:
    def bring(state: Any) -> dict[str, Any]:
        code = state["barcode"]
        views = {name: str(parts / f"{code}_{name}.png") for name in BY_NAME}
        return {"views": views, "id": f"part {code}"}

    def tell(state: Any) -> dict[str, Any]:
        return {"told": [f"{state['barcode']}: {state['trace'].disposition.outcome}"]}

    graph = build_graph(
        viewed(), before={"inspect_front": bring}, after={"settle": tell}, state=Cell
    )
    made = graph.invoke({"barcode": "a"})
    assert made["trace"].sample.id == "part a"
    assert [view.name for view in made["trace"].sample.views] == ["front", "back"]
    assert made["told"] == ["a: FAIL"]


@pytest.mark.parametrize(
    ("own", "says"),
    [
        pytest.param({"after": {"detect": print}}, "no node 'detect'", id="of-one-picture"),
        pytest.param({"after": {"fuse": {"explain": print}}}, "there already", id="a-name-taken"),
        pytest.param(
            {"state": TypedDict("Taken", {"seen": str})}, "field of the inspection", id="a-field"
        ),
    ],
)
def test_a_graph_of_views_refuses_what_does_not_fit(own: dict[str, Any], says: str) -> None:
    with pytest.raises(GraphError, match=says):
        build_graph(viewed(), **own)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.process)])
def test_a_run_has_one_row_a_part(parts: Path, recipe: Path, tmp_path: Path, workers: int) -> None:
    out = tmp_path / "out"
    answer = invoke("run", parts, "--recipe", recipe, "--out", out, "--workers", workers)
    assert answer.code == 0
    assert "Views: 4 parts of front, back" in answer.out
    assert "Views: 1 lack back (b)" in answer.out
    found = {row["image"]: row for row in rows(out)}
    assert {name: row["disposition"] for name, row in found.items()} == {
        "a": "FAIL",
        "b": "REVIEW",
        "c": "REVIEW",
        "d": "PASS",
    }
    with Store.open(str(tmp_path / "reinspect.db")) as store:
        known = store.runs()[0]
        traces = {trace.sample.id: trace for trace in store.traces(known.id)}
        told = Told.of(store, store.newest(known.id, "a"))
        shown, scenes = timeline(told), [told.scene_of(name) for name in told.views]
    assert set(traces["a"].by_view) == {*BY_NAME}
    assert traces["b"].missing == {"back": "no picture of this view"}
    assert ">front</bdi>" in shown
    assert ">back</bdi>" in shown
    assert all(scene["photo"] and not scene["missing"] for scene in scenes)
    said_of = invoke("show", out, "a").out
    assert "front: detect" in said_of
    assert "fuse" in said_of
    assert (out / "report.html").is_file()


def test_a_part_is_inspected_anew_when_its_missing_view_arrives(
    parts: Path, recipe: Path, tmp_path: Path
) -> None:
    out, good = tmp_path / "out", tmp_path / "good"
    for name in BY_NAME:
        put(good / f"1_{name}.png", 20)
    arguments = ("run", parts, "--recipe", recipe, "--out", out, "--references", good)
    invoke(*arguments)
    assert "nothing was left to do" in invoke(*arguments, "--resume").out
    put(parts / "b_back.png", 20)
    assert invoke(*arguments, "--resume").code == 0
    (row,) = (row for row in rows(out) if row["image"] == "b")
    assert row["disposition"] == "PASS"


def test_files_of_no_view_are_counted(parts: Path, recipe: Path, tmp_path: Path) -> None:
    put(parts / "front" / "a.png", 20)
    answer = invoke("run", parts, "--recipe", recipe, "--out", tmp_path / "out", "--workers", 1)
    assert "1 of no view (front/a.png)" in answer.out
    (tmp_path / "other").mkdir()
    put(tmp_path / "other" / "x.png", 20)
    line = said(invoke("run", tmp_path / "other", "--recipe", recipe, "--out", tmp_path / "o2"))
    assert "no file is of a view: front (*_front.*), back (*_back.*)" in line


def test_each_view_has_references_of_its_own(parts: Path, tmp_path: Path) -> None:
    good = tmp_path / "good"
    for stem in ("1", "2"):
        for place, name in enumerate(BY_NAME):
            put(good / f"{stem}_{name}.png", 20 + 100 * place + int(stem))
    plan = RunPlan.of(
        parts, recipe=viewed(), references=good, out=tmp_path / "out", cache=tmp_path / "cache"
    )
    files = {name: own.default.files for name, own in plan.references.views.items()}
    assert {name: len(own) for name, own in files.items()} == {"front": 2, "back": 2}
    assert all(f"_{name}." in file for name, own in files.items() for file in own)
    assert run(plan).tally.images == 4
    none = {**BY_NAME, "left": "*_left.*"}
    with pytest.raises(ReinspectError, match=r"view left: .* no references match"):
        RunPlan.of(parts, recipe=viewed(views=none), references=good, out=tmp_path / "out2")


def test_a_recipe_with_views_is_read_with_its_folder(tmp_path: Path) -> None:
    from reinspect import load_recipe
    from reinspect.graph.recipe import dump_recipe, parse_recipe

    file = tmp_path / "r.yaml"
    view = {"files": "*_front.*", "references": "good/front", "tools": []}
    file.write_text(json.dumps({"views": {"front": view, "back": "*_back.*"}}), encoding="utf-8")
    recipe = load_recipe(file)
    assert recipe.views["front"].references == str(tmp_path / "good" / "front")
    assert recipe.placeless.views["front"].references is None
    assert parse_recipe(dump_recipe(recipe)) == recipe
    assert recipe.of_view("front").tools == ()
    assert recipe.of_view("back") == Recipe()
    assert "views" not in dump_recipe(Recipe())


def test_an_alarm_counts_for_what_its_view_was_qualified_for(parts: Path, tmp_path: Path) -> None:
    recipe, good, cache = viewed(), tmp_path / "good", tmp_path / "cache"
    for name in BY_NAME:
        put(good / f"1_{name}.png", 20)
        put(good / f"2_{name}.png", 21)
    known = references_of(good, recipe, "back")
    assert {Path(file).name for file in known.set.files} == {"1_back.png", "2_back.png"}
    place = KeptLimits(cache, looks_digest(recipe.of_view("back"))).place(known.key)
    assert place is not None
    found = {"found": 1, "tried": 24, "false_calls": 12, "references": 24}
    useless = ProductLimits(
        program=program(),
        drawn=True,
        half=None,
        nine_of_ten=None,
        **found,  # type: ignore[arg-type]
    )
    write_json(place, useless)
    views = {name: parts / f"a_{name}.png" for name in BY_NAME}
    with Inspector(recipe, good, cache=cache) as inspector:
        trace = inspector.one(views=views)
    assert trace.verdict is not None
    assert trace.verdict.label is Label.NORMAL
    assert trace.by_view["back"].verdict.label is Label.ANOMALOUS  # type: ignore[union-attr]
    assert "by its qualification it counts as p = 0.50" in " ".join(trace.assessment.reasons)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("view", "says"),
    [
        pytest.param(None, "name one with --view", id="none-is-named"),
        pytest.param("left", "has the views front, back", id="unknown"),
    ],
)
def test_a_qualification_is_of_one_view(view: str | None, says: str, parts: Path) -> None:
    with pytest.raises(QualificationError, match=says):
        references_of(parts, viewed(), view)


def test_a_table_tells_references_from_parts(tmp_path: Path) -> None:
    rows = ["part,view,path"]
    for place, stem in (("good", "1"), ("good", "2"), ("parts", "3"), ("parts", "4")):
        for number, name in enumerate(BY_NAME):
            put(tmp_path / place / f"cam{number}" / f"{stem}.png", 20 + int(stem) + 50 * number)
            rows.append(f"{place}{stem},{name},{place}/cam{number}/{stem}.png")
    (tmp_path / "parts.csv").write_text("\n".join(rows), encoding="utf-8")
    plan = RunPlan.of(
        tmp_path / "parts",
        recipe=viewed(views={name: {} for name in BY_NAME}),
        references=tmp_path / "good",
        out=tmp_path / "out",
        cache=tmp_path / "cache",
    )
    assert [item.id for item in plan.source.items] == ["parts3", "parts4"]
    counts = {name: len(own.default.files) for name, own in plan.references.views.items()}
    assert counts == {"front": 2, "back": 2}


@pytest.mark.parametrize(
    ("listed", "recipe"),
    [
        pytest.param(BY_NAME, PLAIN, id="several-views"),
        pytest.param({}, VIEWED, id="one-picture"),
    ],
)
def test_a_plan_is_for_parts_as_its_recipe_has_them(
    listed: dict[str, str], recipe: dict[str, Any], parts: Path, tmp_path: Path
) -> None:
    source = Listed.below([parts], views=listed)
    with pytest.raises(UsageError, match=r"a.*: has .*, parts of the recipe "):
        RunPlan.of(source, recipe=Recipe.model_validate(recipe), out=tmp_path / "out")


def test_many_parts_by_their_views(parts: Path) -> None:
    each = [{name: parts / f"{part}_{name}.png" for name in BY_NAME} for part in "ad"]
    with Inspector(viewed()) as inspector:
        labels = [trace.verdict and trace.verdict.label for trace in inspector.many(each)]
    assert labels == [Label.ANOMALOUS, Label.NORMAL]


def test_an_operator_is_asked_for_the_part(parts: Path) -> None:
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.types import Command

    asking = {"escalate": "interrupt", "disposition": {"kind": "thresholds", "reliability": 0.99}}
    graph = build_graph(viewed(policies=asking), checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}
    given = {name: str(parts / f"a_{name}.png") for name in BY_NAME}
    (asked,) = graph.invoke({"views": given}, thread)["__interrupt__"]
    assert asked.value["views"] == given
    assert asked.value["box_views"] == []
    trace = graph.invoke(Command(resume="FAIL"), thread)["trace"]
    assert trace.disposition.outcome is Outcome.FAIL
    assert [step.node for step in trace.steps if step.view is None][-1] == "ask"
    again = graph.invoke({"views": {"front": given["front"]}}, thread)
    assert "back: no picture of this view" in again["__interrupt__"][0].value["reason"]
