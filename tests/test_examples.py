"""Every file in `examples/` does what it says."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
import yaml

from reinspect import Recipe, Trace, build_graph, load_recipe
from reinspect.graph.build import BuildContext, build_pipeline
from reinspect.graph.recipe import parse_recipe
from reinspect.images import read_image
from reinspect.pictures import write_image
from reinspect.testing import ScriptedDetector
from reinspect.trace import Step
from reinspect.vocabulary import (
    Assessment,
    Evidence,
    Label,
    Move,
    Outcome,
    Verdict,
)
from support.places import REPOSITORY

Inspect = Callable[..., Trace]

EXAMPLES = REPOSITORY / "examples"
RECIPES = sorted((EXAMPLES / "recipes").glob("*.yaml"))

BRIGHTNESS = "detector: brightness_detector:BrightnessDetector\ntools: []"
TRACK_RECORD = """
monitor:
  kind: track_record_monitor:TrackRecord
  right: {fabric: 0.6}
"""
SIZE = """
tools:
- segmentation
- kind: size_tool:Size
  mm_per_pixel: 0.5
policies: {trigger: always}
"""
IN_FOCUS = """
detector: brightness_detector:BrightnessDetector
tools: []
policies:
  trigger:
    kind: focus_policy:InFocus
    sharpness: 20
"""


@pytest.fixture(autouse=True)
def on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """As PYTHONPATH=examples does."""
    monkeypatch.syspath_prepend(str(EXAMPLES))


@pytest.fixture
def fabric(sample_parts: Path) -> Path:
    return sample_parts / "fabric"


@pytest.fixture
def inspect(fits: Path) -> Inspect:
    """One image through a graph that may use the session's fits."""

    def inspected(
        part: Path, recipe: Recipe, references: Path | None = None, *, explore: bool = False
    ) -> Trace:
        graph = build_graph(recipe, references=references, cache=fits)
        trace: Trace = graph.invoke({"image": str(part), "explore": explore})["trace"]
        return trace

    return inspected


def first_in(folder: Path) -> Path:
    return sorted(folder.iterdir())[0]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_the_parts_of_every_recipe_can_be_made(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")  # a hosted model asks for one, and is not asked
    build_pipeline(BuildContext(recipe=load_recipe(recipe)))


def test_the_default_recipe_is_what_runs_without_one() -> None:
    default = EXAMPLES / "recipes" / "default.yaml"
    assert load_recipe(default) == Recipe()
    assert list(yaml.safe_load(default.read_text())) == list(Recipe.model_fields)


def test_the_quick_recipe_never_looks_twice(inspect: Inspect, fabric: Path) -> None:
    quick = load_recipe(EXAMPLES / "recipes" / "quick.yaml")
    part = first_in(fabric / "test" / "good")
    trace = inspect(part, quick, fabric)
    assert [step.node for step in trace.steps] == ["detect", "assess", "explain", "settle"]


def test_own_parts_work_together(inspect: Inspect, fabric: Path) -> None:
    own = load_recipe(EXAMPLES / "recipes" / "own_parts.yaml")
    part = first_in(fabric / "test" / "good")
    trace = inspect(part, own, fabric, explore=True)
    assert trace.error is None
    sources = [evidence.source for evidence in trace.hypothetical.evidence]
    assert sources[0] == "brightness"
    assert "size" in sources


@pytest.mark.parametrize(
    ("change", "label"),
    [pytest.param(0, Label.NORMAL, id="as-is"), pytest.param(60, Label.ANOMALOUS, id="too-bright")],
)
def test_the_brightness_detector(
    inspect: Inspect, fabric: Path, tmp_path: Path, change: int, label: Label
) -> None:
    part = tmp_path / "part.png"
    image = read_image(first_in(fabric / "test" / "good"))
    write_image(part, (image.astype("int16") + change).clip(0, 255).astype("uint8"))
    trace = inspect(part, parse_recipe(BRIGHTNESS), fabric)
    assert trace.first is not None
    assert trace.first.label is label


def test_the_brightness_detector_gives_no_verdict_without_references(
    inspect: Inspect, fabric: Path
) -> None:
    part = first_in(fabric / "test" / "good")
    trace = inspect(part, parse_recipe(BRIGHTNESS))
    assert trace.first is None
    assert trace.disposition is not None
    assert trace.disposition.outcome is Outcome.REVIEW


@pytest.mark.parametrize(
    ("category", "reliability"),
    [
        pytest.param("fabric", 0.6, id="named"),
        pytest.param("flange", 0.9, id="not-named"),
        pytest.param(None, 0.9, id="no-category"),
    ],
)
def test_the_track_record_caps_the_reliability(
    fabric: Path, category: str | None, reliability: float
) -> None:
    monitor = build_pipeline(BuildContext(recipe=parse_recipe(TRACK_RECORD))).monitor
    part = {"image": str(first_in(fabric / "test" / "good")), "category": category}
    looked = build_graph(parse_recipe(BRIGHTNESS), references=fabric).invoke(part)["trace"]
    sure = looked.model_copy(update={"steps": (Step(node="detect", products=(Verdict.of(0.01),)),)})
    assessment = monitor(sure)
    assert isinstance(assessment, Assessment)
    assert assessment.confidence == 0.99
    assert assessment.reliability == reliability


def test_the_size_tool_measures_the_strongest_region(inspect: Inspect, fabric: Path) -> None:
    part = first_in(fabric / "test" / "missing")
    trace = inspect(part, parse_recipe(SIZE), fabric)
    located, size = list(trace.products(Evidence))[-2:]
    strongest = max(located.regions, key=lambda region: region.score)
    width = (strongest.box.x2 - strongest.box.x1) * read_image(part).shape[1] * 0.5
    assert size.measurements["width_mm"] == pytest.approx(width)
    assert size.probability is None


@pytest.mark.parametrize(
    ("blur", "move"),
    [pytest.param(False, Move.ACCEPT, id="sharp"), pytest.param(True, Move.ESCALATE, id="blurred")],
)
def test_the_focus_policy(
    inspect: Inspect, fabric: Path, tmp_path: Path, blur: bool, move: Move
) -> None:
    part = tmp_path / "part.png"
    image = read_image(first_in(fabric / "test" / "good"))
    write_image(part, cv2.GaussianBlur(image, (0, 0), 8) if blur else image)
    trace = inspect(part, parse_recipe(IN_FOCUS), fabric)
    assert trace.decision is not None
    assert trace.decision.move is move
    assert trace.disposition is not None
    assert (trace.disposition.outcome is Outcome.REVIEW) is blur


def test_the_composed_graph_archives_what_goes_to_review(fabric: Path, tmp_path: Path) -> None:
    from composed_graph import with_archive

    part, archive = first_in(fabric / "test" / "good"), tmp_path / "archive"
    alone = with_archive(build_graph(), archive).invoke({"image": str(part)})
    assert Path(alone["archived"]).read_bytes() == part.read_bytes()
    assert isinstance(alone["trace"], Trace)
    quick = parse_recipe(BRIGHTNESS)
    passed = with_archive(build_graph(quick, references=fabric), archive)
    result = passed.invoke({"image": str(part)})
    assert result["trace"].disposition.outcome is Outcome.PASS
    assert "archived" not in result


@pytest.mark.process
def test_the_composed_graph_runs_as_a_script(fabric: Path, tmp_path: Path) -> None:
    part, golden = first_in(fabric / "test" / "good"), fabric / "train" / "good"
    done = subprocess.run(
        [sys.executable, EXAMPLES / "composed_graph.py", part, golden, tmp_path / "archive"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "outcome=" in done.stdout


def test_scripted_members_fit_a_recipe(fabric: Path) -> None:
    recipe = parse_recipe("detector: {kind: reinspect.testing:ScriptedDetector, default: 0.9}")
    pipeline = build_pipeline(BuildContext(recipe=recipe))
    assert isinstance(pipeline.detector, ScriptedDetector)


@pytest.mark.slow
def test_a_motor_is_seen_and_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import motor

    monkeypatch.setenv("REINSPECT_CACHE_DIR", str(tmp_path / "cache"))
    found = motor.inspect(tmp_path / "motors")
    outcomes = {
        name: trace.disposition and trace.disposition.outcome for name, trace in found.items()
    }
    assert outcomes["sound"] is not Outcome.FAIL
    assert outcomes["broken"] is not Outcome.PASS
    assert outcomes["rattling"] is Outcome.FAIL
    said = {
        name: {view: own.verdict and own.verdict.label for view, own in trace.by_view.items()}
        for name, trace in found.items()
    }
    assert said["broken"] == {"picture": Label.ANOMALOUS, "sound": Label.NORMAL}
    assert said["rattling"] == {"picture": Label.NORMAL, "sound": Label.ANOMALOUS}
