"""The whole graph with the eye as a witness, on sample parts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from reinspect import inspect_image
from reinspect.graph.build import BuildContext
from reinspect.graph.recipe import Recipe, parse_recipe
from reinspect.tools.comparison import Comparator
from reinspect.trace import Trace
from reinspect.vocabulary import Assessment

Inspected = Callable[[str], Trace]

ALWAYS = "detector: {kind: embedded, features: filters}\npolicies: {trigger: always}"


@pytest.fixture
def inspected(sample_parts: Path, fits: Path) -> Inspected:
    good = sample_parts / "flange" / "train" / "good"
    file = sorted((sample_parts / "flange").glob("test/*/*"))[-1]

    def inspect(recipe: str) -> Trace:
        trace = inspect_image(file, references=good, recipe=parse_recipe(recipe), cache=fits)
        assert trace.error is None
        return trace

    return inspect


@pytest.mark.usefixtures("comparator")
def test_the_recipe_of_the_filters_hears_it_and_says_what_it_changed(inspected: Inspected) -> None:
    trace, without = inspected(ALWAYS), inspected(f"{ALWAYS}\ntools: [hi_res, reference]")
    (said,) = (e for e in trace.evidence if e.source == "eye")
    assert said.probability is not None
    assert "agrees_with_first" in said.measurements
    last, other = trace.last(Assessment), without.last(Assessment)
    assert last is not None
    assert other is not None
    assert last.signals["without_eye_p"] == pytest.approx(other.probability)
    assert any(reason.startswith("without the eye: ") for reason in last.reasons)


def test_where_the_weights_that_ship_are_gone_the_others_judge(
    inspected: Inspected, tmp_path: Path
) -> None:
    trace = inspected(f"{ALWAYS}\ntools: [hi_res, reference]")
    experts = BuildContext(recipe=Recipe()).experts
    said = Comparator(experts, weights=tmp_path / "eye.onnx")(trace)
    assert said.probability is None
    assert "the others judge without it" in said.summary
