from pathlib import Path

import pytest

from reinspect.components import Stage
from reinspect.graph.build import BuildContext, build_pipeline
from reinspect.graph.recipe import Recipe, RecipeError, dump_recipe, load_recipe, parse_recipe


def test_an_empty_recipe_is_the_default() -> None:
    assert parse_recipe("") == Recipe()


def test_a_recipe_survives_being_written() -> None:
    recipe = parse_recipe(
        "detector: {kind: 'my.module:Detector', size: 3}\n"
        "references: {bolt: golden/bolt}\n"
        "product: {normal: 'oil is normal', tolerated: [dust], mm_per_pixel: 0.05}\n"
    )
    assert parse_recipe(dump_recipe(recipe)) == recipe


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("detektor: x", r"detektor: unknown key \(value 'x'\).*'detector'", id="typo"),
        pytest.param(
            "budgets: {round: 2}", r"budgets\.round: unknown key.*'rounds'", id="nested typo"
        ),
        pytest.param("budgets: {rounds: -1}", r"budgets\.rounds: .*value -1", id="wrong value"),
        pytest.param("product: {mm_per_pixel: 0}", r"mm_per_pixel: .*value 0", id="no length"),
        pytest.param("product: {mm_per_pixel: -1}", r"mm_per_pixel: .*value -1", id="negative"),
        pytest.param("product: {mm_per_pixel: .nan}", r"mm_per_pixel: .*value nan", id="nan"),
        pytest.param("zzz: 1", r"known: detector, monitor, tools", id="nothing close"),
        pytest.param("- a\n- b", r"a recipe is a mapping", id="list"),
        pytest.param("detector: {", r"not YAML", id="no YAML"),
        pytest.param("detector: {size: 1}", r"detector\.kind is missing", id="no kind"),
    ],
)
def test_a_wrong_recipe_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as refused:
        parse_recipe(text)
    assert "\n" not in str(refused.value)


def test_a_missing_recipe_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"none\.yaml: cannot read"):
        load_recipe(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("detector: embeded", r"detector\.kind: .*did you mean 'embedded'", id="kind"),
        pytest.param("detector: {kind: embedded, size: 3}", r"detector\.size: unknown", id="none"),
        pytest.param(
            "tools: [{kind: zoom, margn: 1}]",
            r"tools\.0\.margn: .*did you mean 'margin'",
            id="typo",
        ),
        pytest.param(
            "tools: [{kind: zoom, margin: 9}]", r"tools\.0\.margin: .*value 9", id="out of range"
        ),
        pytest.param("monitor: 'no.such:Thing'", r"monitor\.kind: cannot import", id="no module"),
        pytest.param("monitor: 'json:nothing'", r"monitor\.kind: cannot import", id="no object"),
        pytest.param(
            "tools: [{kind: zoom, stage: before}]", r"tools\.0\.stage: 'before'", id="stage"
        ),
    ],
)
def test_a_component_that_cannot_be_made_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as refused:
        build_pipeline(BuildContext(recipe=parse_recipe(text)))
    assert "\n" not in str(refused.value)


def test_components_of_ones_own_are_made_with_their_options() -> None:
    recipe = parse_recipe(
        "detector: {kind: 'reinspect.testing:ScriptedDetector', default: 0.75}\n"
        "tools: [{kind: 'reinspect.testing:Failing', stage: locate}]\n"
    )
    pipeline = build_pipeline(BuildContext(recipe=recipe))
    assert pipeline.detector.__class__.__name__ == "ScriptedDetector"
    assert [placed.stage for placed in pipeline.tools] == [Stage.LOCATE]


def test_paths_in_a_recipe_are_relative_to_it(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("references: {bolt: golden}\nmonitor: {kind: fitted, file: monitor.json}\n")
    recipe = load_recipe(file)
    assert recipe.references == {"bolt": str(tmp_path / "golden")}
    assert recipe.monitor.options == {"file": str(tmp_path / "monitor.json")}
    assert recipe.placeless == parse_recipe("monitor: fitted")


@pytest.mark.parametrize(
    ("monitor", "message"),
    [
        pytest.param("{kind: fitted, file: none.json}", "cannot read the monitor", id="missing"),
        pytest.param("{kind: fitted, fil: x}", r"monitor\.fil: unknown option", id="wrong key"),
    ],
)
def test_a_fitted_monitor_that_cannot_be_had_is_refused(monitor: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        build_pipeline(BuildContext(recipe=parse_recipe(f"monitor: {monitor}")))


def test_the_monitor_that_ships_brings_its_own_trigger() -> None:
    pipeline = build_pipeline(BuildContext(recipe=parse_recipe("monitor: fitted")))
    assert pipeline.trigger_name == "worth_it"


def test_a_named_trigger_outranks_the_monitors() -> None:
    recipe = parse_recipe("monitor: fitted\npolicies: {trigger: never}")
    assert build_pipeline(BuildContext(recipe=recipe)).trigger_name == "never"


def test_a_number_without_end_is_written_as_it_was_read() -> None:
    recipe = parse_recipe("monitor: {kind: agent, limit: .inf}")
    assert parse_recipe(dump_recipe(recipe)) == recipe


def test_half_a_character_is_refused() -> None:
    with pytest.raises(RecipeError, match="surrogates"):
        parse_recipe('monitor: {kind: agent, "\\uD800": 1}')
