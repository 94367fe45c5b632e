"""The scenario classes of M3-AD-FT: which kind of inspection a category is."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from reinspect.documents import RECIPE_SIZE, DocumentError, parse_yaml, read_text
from reinspect.errors import ReinspectError


class ScenarioError(ReinspectError, ValueError):
    """A file of scenarios that can't be used; the message is one line."""


class Scenario(StrEnum):
    """What is inspected; `logical` is about what belongs together, not about a surface."""

    TEXTURE = "texture"
    WORKPIECE = "workpiece"
    LOGICAL = "logical"
    ELECTRONIC = "electronic"
    UNKNOWN = "unknown"


_KNOWN = {
    Scenario.TEXTURE: "carpet grid leather tile wood fabric magnetic_tile "
    "brushed_metal casting terrazzo painted_panel",
    Scenario.WORKPIECE: "bottle cable capsule hazelnut metal_nut pill screw toothbrush zipper "
    "candle capsules cashew chewinggum fryum macaroni1 macaroni2 pipe_fryum "
    "biscuit flange gear bracket ball_screw cookie toy_alien",
    Scenario.LOGICAL: "breakfast_box juice_bottle pushpins screw_bag splicing_connectors",
    Scenario.ELECTRONIC: "transistor pcb pcb1 pcb2 pcb3 pcb4 board",
}

SCENARIOS: Mapping[str, Scenario] = {
    name: scenario for scenario, names in _KNOWN.items() for name in names.split()
}
"""Category → scenario, of MVTec AD and LOCO, VisA, and the project's sample parts."""


def read_scenarios(path: Path) -> dict[str, Scenario]:
    """Category → scenario from a YAML file.

    Raises:
        ScenarioError: it can't be read, is no mapping, or names another scenario.
    """
    try:
        content = parse_yaml(read_text(path, most=RECIPE_SIZE))
    except (OSError, DocumentError) as failure:
        raise ScenarioError(f"{path}: cannot read the scenarios: {failure}") from failure
    if not isinstance(content, dict):
        raise ScenarioError(f"{path}: scenarios are a mapping of category to scenario")
    try:
        return {str(name): Scenario(scenario) for name, scenario in content.items()}
    except ValueError as failure:
        known = ", ".join(Scenario)
        raise ScenarioError(f"{path}: {failure}; there are: {known}") from failure


def scenario_of(category: str | None, named: Mapping[str, Scenario]) -> Scenario:
    """The scenario of a category: as named, else as known, else unknown.

    Of a category in folders (`line1/pcb`), the last name counts, too.
    """
    if category is None:
        return Scenario.UNKNOWN
    for known in (named, SCENARIOS):
        for name in (category, category.rpartition("/")[2]):
            if name in known:
                return known[name]
    return Scenario.UNKNOWN
