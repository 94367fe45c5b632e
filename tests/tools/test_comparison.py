import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reinspect.agents.detector import Beside
from reinspect.graph.build import BuildContext, build_pipeline
from reinspect.graph.recipe import RecipeError, parse_recipe
from reinspect.pictures import Pictures, read_map, write_image
from reinspect.policies import rules
from reinspect.references import ReferenceMode, ReferenceSet, ReferenceSets
from reinspect.samples import Process
from reinspect.tools.anomaly_map import AnomalyMap
from reinspect.tools.comparison import Comparator
from reinspect.tools.expert import Experts
from reinspect.trace import Trace
from reinspect.vocabulary import Sample, Verdict, View

Written = Callable[[np.ndarray], View]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(image: np.ndarray) -> View:
        file = tmp_path / f"{hashlib.sha256(image.tobytes()).hexdigest()[:8]}.png"
        return View(path=str(file), sha256=write_image(file, image))

    return write


@pytest.fixture
def experts(written: Written, tmp_path: Path) -> Experts:
    rng = np.random.default_rng(2)
    process = Process.draw(np.random.default_rng(1), "flange")
    views = [written(process.picture(rng, 160)) for _ in range(4)]
    golden = ReferenceSet(
        ReferenceMode.GOLDEN, tuple(v.path for v in views), tuple(v.sha256 or "" for v in views)
    )
    return Experts(ReferenceSets(golden), tmp_path / "cache")


@pytest.fixture
def trace(written: Written) -> Trace:
    process = Process.draw(np.random.default_rng(1), "flange")
    image = process.picture(np.random.default_rng(3), 160)
    image[60:80, 60:90] = (10, 10, 160)
    return Trace(sample=Sample(id="part", views=(written(image),)))


@pytest.mark.usefixtures("comparator")
def test_the_eye_is_a_witness(experts: Experts, trace: Trace, tmp_path: Path) -> None:
    said = Comparator(experts, Pictures(tmp_path / "pictures"))(trace)
    assert said.source == "eye"
    assert said.probability is not None
    assert said.probability > 0.5
    assert said.measurements["agrees_with_first"] in (0.0, 1.0)
    assert read_map(tmp_path / said.pictures[0].path).max() > 3
    again = Comparator(Experts(experts._references, tmp_path / "cache"))(
        trace
    )  # from the cached fit
    assert again.probability == pytest.approx(said.probability, rel=1e-6)


@pytest.mark.usefixtures("comparator")
@pytest.mark.parametrize("boxes", [False, True])
def test_it_points_at_places_where_asked_to(experts: Experts, trace: Trace, boxes: bool) -> None:
    regions = Comparator(experts, boxes=boxes)(trace).regions
    assert bool(regions) is boxes
    if boxes:
        where = regions[0].box  # the mark is at (60 to 90, 60 to 80) of 160
        assert where.x1 < 75 / 160 < where.x2
        assert where.y1 < 70 / 160 < where.y2


@pytest.mark.usefixtures("comparator")
def test_it_can_have_a_say_in_the_first_look(experts: Experts, trace: Trace) -> None:
    context = BuildContext(references=experts._references)

    def judged(recipe: str) -> Verdict:
        made = build_pipeline(replace(context, recipe=parse_recipe(recipe)))
        verdict = made.detector(trace.sample)
        assert isinstance(verdict, Verdict)
        return verdict

    plain = judged("tools: [eye]")
    seconded = judged("detector: {kind: embedded, eye: true}\ntools: []")
    said = seconded.evidence[0].measurements
    assert said["anomaly_map_p"] == pytest.approx(plain.probability)
    fused = rules.fuse(plain.probability, {"eye": said["eye_p"]})
    assert seconded.probability == pytest.approx(fused)
    assert "eye: deviation" in seconded.evidence[0].summary
    assert "eye_agrees_with_first" in said


def test_where_it_has_nothing_to_say_the_look_stands(
    experts: Experts, trace: Trace, tmp_path: Path
) -> None:
    look, eye = AnomalyMap(experts), Comparator(experts, weights=tmp_path / "eye.onnx")
    seen, beside = look(trace.sample), Beside(look, eye.see, rules.fuse)(trace.sample)
    assert beside.probability == seen.probability
    assert beside.measurements == seen.measurements
    assert "the others judge without it" in beside.summary


def test_it_is_not_heard_twice() -> None:
    recipe = parse_recipe("detector: {kind: embedded, eye: true}\ntools: [eye]")
    with pytest.raises(RecipeError, match=r"detector: .*can't be part of both looks"):
        build_pipeline(BuildContext(recipe=recipe))


def test_without_weights_it_says_who_judges(experts: Experts, trace: Trace, tmp_path: Path) -> None:
    said = Comparator(experts, weights=tmp_path / "eye.onnx")(trace)
    assert said.probability is None
    assert "the others judge without it" in said.summary


@pytest.mark.usefixtures("comparator")
def test_without_references_there_is_nothing_to_compare_with(trace: Trace) -> None:
    said = Comparator(Experts(ReferenceSets(), None))(trace)
    assert said.probability is None
    assert "no references" in said.summary
