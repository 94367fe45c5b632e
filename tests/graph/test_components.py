"""The table of components, and the names that tools have in a recipe."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from reinspect.components import About, ComponentOptions, RecipePath, Stage, options_of
from reinspect.graph import build_graph, tools_of
from reinspect.graph.build import BuildContext, build_pipeline
from reinspect.graph.components import TABLE, about, load
from reinspect.graph.pipeline import Placed
from reinspect.graph.recipe import RecipeError, load_recipe, parse_recipe
from reinspect.trace import Trace
from reinspect.vocabulary import Assessment, Evidence, Verdict, Wish

HERE = __name__


class Files:
    """Shows what it was made with."""

    def __init__(self, table: RecipePath, plain: str = "") -> None:
        self.made = (table, plain)

    def __call__(self, trace: Trace) -> Evidence:
        return Evidence(source="files", summary=str(self.made))


class Nested(ComponentOptions):
    table: RecipePath
    size: int = 1


class Nests(Files):
    """Has an option that has options."""

    def __init__(self, own: Nested | str = "") -> None:
        self.made = (str(own), "")


class Named(Files):
    """Has an option that is called name."""

    def __init__(self, name: str = "") -> None:
        self.made = (name, "")


class Asking:
    """Says itself that it waits for a server."""

    about = About("asking", asks_model=True)

    def __call__(self, sample: object) -> Verdict:
        return Verdict.of(0.2)


def finds(trace: Trace) -> Evidence:
    """A function that is the component."""
    return Evidence(source="own", summary="seen")


def wishing(trace: Trace) -> Assessment:
    return Assessment(confidence=0.9, reliability=0.1, wish=Wish(look="close"))


@pytest.fixture
def part(tmp_path: Path) -> str:
    path = tmp_path / "part.png"
    cv2.imwrite(str(path), np.full((128, 128, 3), 90, np.uint8))
    return str(path)


@pytest.mark.parametrize(
    ("role", "name"), [(role, name) for role, known in TABLE.items() for name in known]
)
def test_a_component_of_the_table_says_what_it_is(role: str, name: str) -> None:
    component = load(role, name)
    assert component.about.name == name
    assert bool(component.about.note and component.about.purpose) is (role == "tools")
    options_of(component)  # can be had


@pytest.mark.parametrize(
    ("tools", "names"),
    [
        pytest.param("zoom, hi_res", ["zoom", "hi_res"], id="their own"),
        pytest.param("zoom, zoom, zoom", ["zoom", "zoom-2", "zoom-3"], id="doubles"),
        pytest.param("{kind: zoom, name: close}, zoom", ["close", "zoom"], id="said"),
        pytest.param(
            "zoom, zoom, {kind: zoom, name: zoom-2}", ["zoom", "zoom-3", "zoom-2"], id="taken"
        ),
        pytest.param(f"'{HERE}:finds'", [f"{HERE}:finds"], id="a function"),
        pytest.param(
            f"'{HERE}:finds', '{HERE}:finds'", [f"{HERE}:finds", f"{HERE}:finds-2"], id="twice"
        ),
        pytest.param(f"{{kind: '{HERE}:finds', name: mine}}", ["mine"], id="a function, named"),
        pytest.param(f"{{kind: '{HERE}:Named', name: x y}}", [f"{HERE}:Named"], id="own option"),
        pytest.param("aligned", ["reference"], id="former"),
    ],
)
def test_each_tool_has_a_name_of_its_own(tools: str, names: list[str]) -> None:
    recipe = parse_recipe(f"tools: [{tools}]")
    pipeline = build_pipeline(BuildContext(recipe=recipe))
    assert [placed.name for placed in pipeline.tools] == names
    assert list(tools_of(recipe)) == names


@pytest.mark.parametrize(
    ("tools", "words"),
    [
        pytest.param(
            "{kind: zoom, name: a}, {kind: hi_res, name: a}",
            r"tools\.1\.name: 'a' is the name of tools\.0 already",
            id="twice",
        ),
        pytest.param(
            "{kind: zoom, name: eye}",
            r"tools\.0\.name: 'eye' is the name of another kind",
            id="eye",
        ),
        pytest.param("{kind: zoom, name: a b}", r"tools\.0\.name: 'a b' is no name", id="words"),
        pytest.param("{kind: zoom, name: 5}", r"tools\.0\.name: 5 is no name", id="number"),
    ],
)
def test_a_name_that_cannot_be_is_refused_in_one_line(tools: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words) as refused:
        build_pipeline(BuildContext(recipe=parse_recipe(f"tools: [{tools}]")))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("tool", "stage"),
    [
        pytest.param("segmentation", Stage.LOCATE, id="its own"),
        pytest.param("{kind: segmentation, stage: examine}", Stage.EXAMINE, id="the recipe's"),
        pytest.param("zoom", Stage.EXAMINE, id="another"),
        pytest.param(f"'{HERE}:finds'", Stage.EXAMINE, id="a user's"),
        pytest.param(f"{{kind: '{HERE}:finds', stage: locate}}", Stage.LOCATE, id="as said"),
    ],
)
def test_a_tool_is_placed(tool: str, stage: Stage) -> None:
    pipeline = build_pipeline(BuildContext(recipe=parse_recipe(f"tools: [{tool}]")))
    (placed,) = pipeline.tools
    assert isinstance(placed, Placed)
    assert pipeline.at(stage) == (placed,)
    assert sum(len(pipeline.at(one)) for one in Stage) == 1


def test_two_of_one_kind_are_known_apart_in_steps_evidence_and_wishes(part: str) -> None:
    recipe = parse_recipe(
        "detector: {kind: 'reinspect.testing:ScriptedDetector', default: 0.6}\n"
        f"tools: [zoom, {{kind: zoom, name: close, margin: 0}}, '{HERE}:finds',"
        f" {{kind: '{HERE}:finds', name: mine}}]\n"
        "policies: {trigger: always}\n"
    )

    def taken(**monitor: object) -> list[tuple[str | None, str]]:
        chosen = recipe.model_copy(update=monitor)
        trace = build_graph(chosen).invoke({"image": part})["trace"]
        assert trace.error is None
        return [
            (step.tool, product.source)
            for step in trace.steps
            for product in step.products
            if isinstance(product, Evidence)
        ]

    everything = [("zoom", "zoom"), ("close", "close"), (f"{HERE}:finds", "own"), ("mine", "mine")]
    assert taken() == everything
    wish = parse_recipe(f"monitor: '{HERE}:wishing'").monitor
    assert taken(monitor=wish) == [("close", "close")]
    assert BuildContext(recipe=recipe).looks.keys() == {"zoom", "close"}


@pytest.mark.parametrize(
    ("text", "asking"),
    [
        pytest.param("{}", 0, id="embedded"),
        pytest.param("monitor: {kind: vlm, model: m}", 1, id="a model"),
        pytest.param(f"detector: '{HERE}:Asking'", 1, id="a user's own"),
        pytest.param("detector: 'no.such:Thing'", 0, id="one that can't be had"),
    ],
)
def test_a_component_says_itself_whether_it_asks_a_server(text: str, asking: int) -> None:
    assert len(parse_recipe(text).asking) == asking


@pytest.mark.parametrize(
    ("tool", "found"),
    [
        pytest.param(
            {"kind": f"{HERE}:Files", "table": "a.csv", "plain": "a.csv"},
            {"table": "{folder}/a.csv", "plain": "a.csv"},
            id="annotated",
        ),
        pytest.param(
            {"kind": "eye", "weights": "a.csv"}, {"weights": "{folder}/a.csv"}, id="it is there"
        ),
        pytest.param(
            {"kind": f"{HERE}:Nests", "own": {"table": "a.csv", "size": 3}},
            {"own": {"table": "{folder}/a.csv", "size": 3}},
            id="an option's own",
        ),
        pytest.param({"kind": f"{HERE}:Nests", "own": "a.csv"}, {"own": "a.csv"}, id="no mapping"),
        pytest.param({"kind": "eye", "weights": "name"}, {"weights": "name"}, id="a name"),
        pytest.param({"kind": "no.such:Thing", "file": "a"}, {"file": "a"}, id="can't be had"),
    ],
)
def test_paths_are_found_by_their_annotation(
    tool: Mapping[str, Any], found: Mapping[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("")
    (tmp_path / "recipe.yaml").write_text(f"tools: [{dict(tool)}]")
    recipe = load_recipe(tmp_path / "recipe.yaml")
    written = json.dumps(recipe.tools[0].options).replace(str(tmp_path), "{folder}")
    assert json.loads(written) == found


def test_what_a_recipe_is_without_its_paths(tmp_path: Path) -> None:
    tools = (
        f"{{kind: '{HERE}:Files', table: a.csv, plain: b}}",
        f"{{kind: '{HERE}:Nests', own: {{table: b.csv, size: 3}}}}",
    )
    recipe_file = tmp_path / "recipe.yaml"
    recipe_file.write_text(f"monitor: {{kind: fitted, file: m}}\ntools: [{', '.join(tools)}]")
    recipe = load_recipe(recipe_file)
    assert recipe.files == {
        "monitor.file": tmp_path / "m",
        "tools.0.table": tmp_path / "a.csv",
        "tools.1.own.table": tmp_path / "b.csv",
    }
    bare = recipe.placeless
    assert [spec.options for spec in (bare.monitor, *bare.tools)] == [
        {},
        {"plain": "b"},
        {"own": {"size": 3}},
    ]


def test_of_a_component_that_says_nothing_the_kind_is_its_name() -> None:
    (tool,) = parse_recipe(f"tools: ['{HERE}:finds']").tools
    assert about("tools", tool) == About(f"{HERE}:finds")
