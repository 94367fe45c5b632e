"""A recipe whose first look is by a network's features."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from reinspect import build_graph, inspect_image
from reinspect.graph.recipe import RecipeError, load_recipe, parse_recipe
from reinspect.runs.plan import RunPlan
from reinspect.runs.resume import fingerprint
from reinspect.store import differences
from reinspect.vocabulary import Explanation
from support.boxes import overlap
from support.made_onnx import put_onnx
from support.plates import plate, put_plates

RECIPE = ""  # the default
OWN = "detector: {kind: embedded, features: {onnx: own.onnx, input: {side: 320}}}\n"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return put_plates(tmp_path_factory.mktemp("plates") / "good", range(6))


def test_it_is_the_first_look_and_another_network_the_second(
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
    (other,) = (evidence for evidence in trace.evidence if evidence.source == "network")
    assert other.probability is not None
    assert other.probability > 0.5


@pytest.mark.parametrize("trigger", ["never", "always"])
def test_words_and_data_quote_one_exact_place(
    trigger: str, good: Path, fits: Path, tmp_path: Path
) -> None:
    """The 24 pixels' square at (100, 40) of a picture of 200 by 120."""
    cv2.imwrite(str(tmp_path / "part.png"), plate(77, spot=24))
    recipe = parse_recipe(f"{RECIPE}policies: {{trigger: {trigger}}}")
    trace = inspect_image(tmp_path / "part.png", references=good, recipe=recipe, cache=fits)
    said = trace.last(Explanation)
    assert trace.first is not None
    assert trace.verdict is not None
    assert said is not None
    (defect,) = trace.verdict.defects
    assert [one.box for one in trace.first.defects] == [defect.box]
    assert [one.box for one in trace.first.evidence[0].regions] == [defect.box]
    assert overlap(defect.box, (0.5, 1 / 3, 0.62, 1 / 3 + 0.2)) >= 0.5
    x, y = round(defect.box.x1 * 200), round(defect.box.y1 * 120)
    assert f"px at ({x}, {y})" in said.first
    assert f"px at ({x}, {y})" in said.final


def test_a_reference_is_left_out_of_its_own_comparison(good: Path, fits: Path) -> None:
    graph = build_graph(parse_recipe(f"{RECIPE}tools: []"), references=good, cache=fits)
    traces = [graph.invoke({"image": str(file)})["trace"] for file in sorted(good.iterdir())]
    assert all(trace.first.evidence[0].measurements["z"] > -2 for trace in traces)


def test_without_references_the_filters_serve(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "part.png"), plate(1))
    trace = inspect_image(tmp_path / "part.png", recipe=parse_recipe(f"{RECIPE}tools: []"))
    assert trace.error is None
    assert trace.disposition is not None
    assert trace.disposition.outcome == "REVIEW"


def test_features_that_nobody_knows_are_refused() -> None:
    with pytest.raises(RecipeError, match="features") as refused:
        build_graph(parse_recipe("detector: {kind: embedded, features: dino}"))
    assert "known: filters, efficientnet-lite0, efficientnet-lite2" in str(refused.value)


def test_a_file_beside_the_recipe_is_the_first_look(good: Path, tmp_path: Path) -> None:
    put_onnx(tmp_path / "own.onnx")
    cv2.imwrite(str(tmp_path / "part.png"), plate(77, spot=24))
    (tmp_path / "recipe.yaml").write_text(OWN)
    recipe = load_recipe(tmp_path / "recipe.yaml")
    assert recipe.files == {"detector.features.onnx": tmp_path / "own.onnx"}
    trace = inspect_image(tmp_path / "part.png", references=good, recipe=recipe, cache=tmp_path)
    assert trace.error is None
    assert trace.first is not None
    assert trace.first.label == "anomalous"


def test_a_run_depends_on_what_the_file_holds(good: Path, tmp_path: Path) -> None:
    def told(folder: str, seed: int) -> dict[str, str]:
        (tmp_path / folder).mkdir()
        put_onnx(tmp_path / folder / "own.onnx", seed=seed)
        (tmp_path / folder / "recipe.yaml").write_text(OWN)
        return fingerprint(RunPlan.of(good, recipe=load_recipe(tmp_path / folder / "recipe.yaml")))

    first, elsewhere, other = told("a", 0), told("b", 0), told("c", 1)
    assert first == elsewhere
    assert differences(first, other)[0].startswith("detector.features.onnx: was")


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(OWN)
    with pytest.raises(RecipeError, match=r"^detector: onnx: .*own\.onnx: no such file$"):
        build_graph(load_recipe(tmp_path / "recipe.yaml"))


def test_the_format_of_the_references_changes_nothing(
    good: Path, fits: Path, tmp_path: Path
) -> None:
    (tmp_path / "same").mkdir()
    for place, file in enumerate(sorted(good.iterdir())):
        cv2.imwrite(str(tmp_path / "same" / f"{9 - place}.bmp"), cv2.imread(str(file)))
    cv2.imwrite(str(tmp_path / "part.png"), plate(77, spot=9))
    recipe = parse_recipe("policies: {trigger: always}")
    one, other = (
        inspect_image(tmp_path / "part.png", references=folder, recipe=recipe, cache=fits)
        for folder in (good, tmp_path / "same")
    )
    assert one.verdict is not None
    assert other.verdict is not None
    assert one.verdict.probability == pytest.approx(other.verdict.probability, abs=1e-9)
    assert one.verdict.defects == other.verdict.defects


@pytest.mark.parametrize(
    "pictures",
    [
        pytest.param([plate(0)], id="one"),
        pytest.param([plate(0), plate(1)], id="two"),
        pytest.param([plate(0)] * 4, id="all-identical"),
        pytest.param([plate(0), cv2.resize(plate(1), (90, 160)), plate(2)[:40]], id="sizes-differ"),
        pytest.param([cv2.cvtColor(plate(s), cv2.COLOR_BGR2GRAY) for s in range(3)], id="grey"),
        pytest.param([plate(s)[::2, ::2] for s in range(60)], id="many"),
    ],
)
def test_any_references_serve(pictures: list[np.ndarray], tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    for place, picture in enumerate(pictures):
        cv2.imwrite(str(tmp_path / "good" / f"{place}.png"), picture)
    cv2.imwrite(str(tmp_path / "part.png"), plate(77, spot=24))
    trace = inspect_image(
        tmp_path / "part.png", references=tmp_path / "good", recipe=parse_recipe("")
    )
    assert trace.error is None
    assert trace.first is not None
    if len(pictures) < 3 or pictures[0] is pictures[-1]:
        assert trace.first.confidence <= 0.8
