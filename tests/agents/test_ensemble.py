"""Several detectors vote on the first look."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from reinspect.agents.ensemble import Ensemble, EnsembleError
from reinspect.agents.models.answers import UnreadableAnswer
from reinspect.cost import calls_of
from reinspect.graph.build import BuildContext, build_pipeline
from reinspect.graph.inspection import build
from reinspect.graph.recipe import Recipe, RecipeError, load_recipe
from reinspect.policies.opinions import Opinions
from reinspect.roles import Detector
from reinspect.testing import ReceivedRequest, Reply, ScriptedServer
from reinspect.trace import Step, Trace
from reinspect.vocabulary import Box, Defect, Evidence, Label, Sample, Verdict, View
from support.made_answers import said

PART = Sample(id="a", views=(View(path="a.png", sha256=None),))
SPOT = Defect(box=Box(0.1, 0.1, 0.2, 0.2), score=1.0, type="spot")


def says(probability: float, *defects: Defect, source: str = "model") -> Detector:
    own = Evidence(source=source, summary="seen", probability=probability)
    return lambda sample: Verdict.of(probability, defects=defects, evidence=(own,))


def fails(sample: Sample) -> Verdict:
    raise UnreadableAnswer("the answer is empty")


def silent(sample: Sample) -> Evidence:
    return Evidence(source="anomaly_map", summary="no references")


@pytest.mark.parametrize(
    ("members", "probability", "agreement"),
    [
        pytest.param([0.9, 0.8, 0.7], 0.8, 1.0, id="agreed"),
        pytest.param([0.9, 0.8, 0.1], 0.6, 2 / 3, id="outvoted"),
        pytest.param([0.9, 0.2, 0.1], 0.4, 2 / 3, id="the-other-way"),
    ],
)
def test_the_mean_is_the_verdict(
    members: list[float], probability: float, agreement: float
) -> None:
    made = Ensemble({f"m{n}": says(p) for n, p in enumerate(members)})(PART)
    assert isinstance(made, Verdict)
    assert made.probability == pytest.approx(probability)
    assert made.evidence[0].measurements["agreement"] == pytest.approx(agreement)
    assert made.evidence[0].measurements["m0_p"] == members[0]
    assert "m1: " in made.rationale
    assert [piece.probability for piece in made.evidence[1:]] == [None] * 3


def test_agreement_feeds_reliability() -> None:
    def reliability(*members: float) -> float:
        made = Ensemble({f"m{n}": says(p) for n, p in enumerate(members)})(PART)
        trace = Trace(sample=PART, steps=(Step(node="detect", products=(made,)),))
        found = Opinions()(trace)
        assert "spread" in found.signals
        return found.reliability

    assert reliability(0.75, 0.75, 0.75) > reliability(0.9, 0.9, 0.2) > reliability(0.9, 0.6, 0.1)


def test_the_defects_are_those_of_who_agrees_and_has_most() -> None:
    made = Ensemble({"a": says(0.9), "b": says(0.9, SPOT), "c": says(0.1, SPOT, SPOT)})(PART)
    assert isinstance(made, Verdict)
    assert made.defects == (SPOT,)
    none = Ensemble({"a": says(0.9, SPOT), "b": says(0.01), "c": says(0.01)})(PART)
    assert isinstance(none, Verdict)
    assert none.defects == ()


def test_a_member_that_fails_is_outvoted_and_named() -> None:
    made = Ensemble({"a": says(0.9), "b": fails, "c": says(0.7)})(PART)
    assert isinstance(made, Verdict)
    assert made.probability == pytest.approx(0.8)
    assert "b failed: the answer is empty" in made.rationale


def test_half_of_them_are_too_few() -> None:
    with pytest.raises(EnsembleError, match="1 of 2 members failed: b: the answer is empty"):
        Ensemble({"a": says(0.9), "b": fails})(PART)


def test_who_gives_no_verdict_has_no_vote() -> None:
    made = Ensemble({"a": says(0.9), "b": silent})(PART)
    assert isinstance(made, Verdict)
    assert made.probability == 0.9
    assert made.evidence[-1].summary == "no references"
    alone = Ensemble({"a": silent, "b": silent})(PART)
    assert isinstance(alone, Evidence)


def recipe_text(url: str) -> str:
    model = f"kind: vlm, model: m, base_url: '{url}', max_retries: 0"
    return (
        "detector:\n  kind: ensemble\n  members:\n"
        f"    strict: {{{model}, prompts: {{detect: strict.md}}}}\n"
        f"    plain: {{{model}}}\n"
        "    third: {kind: 'support.own_parts:Brightness'}\n"
        "tools: []\npolicies: {trigger: never}\n"
    )


@pytest.mark.server
def test_prompts_vote_by_recipe(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "part.png"), np.full((40, 40, 3), 200, np.uint8))
    words = "Be strict. $pictures $product $candidates Answer in JSON."
    (tmp_path / "strict.md").write_text(words)

    def script(asked: ReceivedRequest) -> Reply:
        return Reply(said("yes"), yes=0.9 if "Be strict." in asked.text else 0.6)

    with ScriptedServer(script) as server:
        (tmp_path / "recipe.yaml").write_text(recipe_text(server.url))
        recipe = load_recipe(tmp_path / "recipe.yaml")
        assert [spec.kind for spec in recipe.asking] == ["ensemble"]
        assert list(recipe.files.values()) == [tmp_path / "strict.md"]
        graph = build(build_pipeline(BuildContext(recipe=recipe)))
        trace = graph.invoke({"image": str(tmp_path / "part.png")})["trace"]
    assert trace.error is None
    assert trace.first.label is Label.ANOMALOUS
    assert trace.first.probability == pytest.approx((0.9 + 0.6 + 200 / 255) / 3)
    assert [call.prompt for call in calls_of(trace.steps)] == ["strict.md", "detect.json.md"]


@pytest.mark.parametrize(
    ("members", "line"),
    [
        pytest.param({"a": "embedded"}, "members", id="one"),
        pytest.param({"a": {"kind": "vlm"}, "b": {"kind": "embedded"}},
                     r"detector\.members\.a\.model", id="no-model"),
        pytest.param({"a": {"kind": "nothing"}, "b": {"kind": "embedded"}},
                     r"detector\.members\.a\.kind", id="unknown"),
        pytest.param({"a": {"kind": "ensemble"}, "b": {"kind": "embedded"}},
                     "an ensemble of ensembles", id="nested"),
        pytest.param({"a": {}, "b": {"kind": "embedded"}}, r"detector\.members\.a", id="no-kind"),
    ],
)  # fmt: skip
def test_a_recipe_that_cannot_be(members: dict, line: str) -> None:
    spec = {"detector": {"kind": "ensemble", "members": members}, "tools": []}
    with pytest.raises(RecipeError, match=line):
        build_pipeline(BuildContext(recipe=Recipe.model_validate(spec)))
