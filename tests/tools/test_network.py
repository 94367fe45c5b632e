"""Another network as the second look: what it says, and what is said where it can't."""

from pathlib import Path

import cv2
import pytest

from reinspect import inspect_image
from reinspect.graph.build import BuildContext, build_pipeline
from reinspect.graph.recipe import RecipeError, parse_recipe
from reinspect.graph.references import reference_sets
from reinspect.policies import rules
from reinspect.tools.expert import Experts
from reinspect.tools.network import NetworkLook
from reinspect.trace import Trace
from reinspect.vocabulary import Sample, View
from support.plates import plate, put_plates

ALWAYS = "policies: {trigger: always}\n"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return put_plates(tmp_path_factory.mktemp("plates") / "good", range(5))


def inspected(part: Path, good: Path, fits: Path, recipe: str) -> Trace:
    trace = inspect_image(part, references=good, recipe=parse_recipe(recipe), cache=fits)
    assert trace.error is None
    return trace


def test_it_and_the_first_look_count_for_half_each(good: Path, fits: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "part.png"), plate(77, spot=9))
    trace = inspected(tmp_path / "part.png", good, fits, ALWAYS)
    (said,) = (e for e in trace.evidence if e.source == "network")
    assert trace.first is not None
    assert trace.verdict is not None
    assert said.probability is not None
    fused = rules.fuse(trace.first.probability, {"network": said.probability, "reference": 0.99})
    assert trace.verdict.probability == pytest.approx(fused)
    assert said.measurements.keys() >= {"z", "threshold"}


@pytest.mark.parametrize("side", [96, 448])
def test_it_looks_at_any_side(side: int, good: Path, fits: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "part.png"), plate(77, spot=24))
    tools = f"tools: [{{kind: network, features: efficientnet-lite0, side: {side}}}]"
    trace = inspected(tmp_path / "part.png", good, fits, ALWAYS + tools)
    (said,) = (e for e in trace.evidence if e.source == "network")
    assert said.probability is not None
    assert said.probability > 0.5


def test_what_can_not_be_had_is_said(good: Path) -> None:
    experts = Experts(reference_sets([], parse_recipe(""), given=good), None)
    sample = Sample(id="part", views=(View(path=str(good / "0.png"), sha256="0" * 64),))
    said = NetworkLook(experts, "its weights are missing: pip install x")(Trace(sample=sample))
    assert said.probability is None
    assert "its weights are missing: pip install x" in said.summary


def test_without_references_it_has_nothing_to_say(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "part.png"), plate(1))
    context = BuildContext(recipe=parse_recipe("tools: [network]"))
    (placed,) = build_pipeline(context).tools
    sample = Sample(id="p", views=(View(path=str(tmp_path / "part.png"), sha256="0" * 64),))
    assert placed.tool(Trace(sample=sample)).summary == "no references to compare with cell by cell"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("features: filters", "are no network's"),
        ("features: dino", "features"),
        ("side: 8", "greater than or equal to 64"),
        ("features: {onnx: gone.onnx}", "gone.onnx: no such file"),
    ],
)
def test_what_it_can_not_take_is_refused(options: str, message: str) -> None:
    recipe = parse_recipe(f"tools: [{{kind: network, {options}}}]")
    with pytest.raises(RecipeError, match=r"tools\.0") as refused:
        build_pipeline(BuildContext(recipe=recipe))
    assert message in str(refused.value)
