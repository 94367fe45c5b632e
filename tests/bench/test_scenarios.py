"""Which kind of inspection a category is."""

from pathlib import Path

import pytest

from reinspect.bench.scenarios import Scenario, ScenarioError, read_scenarios, scenario_of
from reinspect.samples.process import PRODUCTS


@pytest.mark.parametrize(
    ("category", "expected"),
    [
        pytest.param("carpet", Scenario.TEXTURE, id="MVTec AD"),
        pytest.param("pcb3", Scenario.ELECTRONIC, id="VisA"),
        pytest.param("screw_bag", Scenario.LOGICAL, id="MVTec LOCO"),
        pytest.param("hall 2/screw", Scenario.WORKPIECE, id="in a folder"),
        pytest.param("rotor", Scenario.UNKNOWN, id="unknown"),
        pytest.param(None, Scenario.UNKNOWN, id="none"),
    ],
)
def test_known_categories_have_their_scenario(category: str | None, expected: Scenario) -> None:
    assert scenario_of(category, {}) is expected


def test_every_product_of_the_generator_has_one() -> None:
    assert all(scenario_of(product, {}) is not Scenario.UNKNOWN for product in PRODUCTS)


def test_a_file_names_others_and_outweighs_what_is_known(tmp_path: Path) -> None:
    path = tmp_path / "scenarios.yaml"
    path.write_text("rotor: workpiece\nscrew: logical\n")
    named = read_scenarios(path)
    assert scenario_of("rotor", named) is Scenario.WORKPIECE
    assert scenario_of("hall 2/screw", named) is Scenario.LOGICAL


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("rotor: round", "'round' is not a valid Scenario; there are:", id="unknown"),
        pytest.param("- rotor", "are a mapping of category to scenario", id="no mapping"),
        pytest.param("a: [", "cannot read the scenarios", id="no YAML"),
    ],
)
def test_a_file_that_is_none_is_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "scenarios.yaml"
    path.write_text(text)
    with pytest.raises(ScenarioError, match=said):
        read_scenarios(path)
