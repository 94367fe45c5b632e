"""`reinspect bench`: the JSON that it writes."""

import json
from pathlib import Path

import pytest

from support.command_line import invoke, put_recipe, rows

LOOK = {
    "n",
    "accuracy",
    "balanced_accuracy",
    "auroc",
    "f1_type",
    "f1_loc@0.3",
    "f1_loc@0.5",
    "mask_iou",
    "pixel_auroc",
    "ece",
    "aurc",
    "accuracy_at_80_coverage",
    "escape_rate",
    "overkill_rate",
    "review_rate",
}
LEDGER = {"revisited", "fixed", "broken", "unchanged_wrong", "unchanged_right"}
LOOKS = ("first", "final", "control")


@pytest.fixture(scope="module")
def benched(sample_parts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("benched")
    figures = folder / "new" / "figures.json"
    paths = ("--out", folder / "out", "--json", figures)
    answer = invoke("bench", sample_parts, "--references", 2, *paths, "--workers", 1)
    assert answer.code == 0
    assert "\x1b" not in answer.out
    assert f"{folder}/out/report.html" in answer.out
    return folder


def test_the_figures_of_each_category_and_overall(benched: Path) -> None:
    figures = json.loads((benched / "new" / "figures.json").read_text())
    own = {"categories", "overall", "scenarios", "gains", "cost", "name", "monitor", "warnings"}
    assert set(figures) == own
    assert set(figures["scenarios"]) == {"workpiece", "texture"}
    assert figures["gains"]["overall"]["accuracy"]["interval"]
    assert set(figures["categories"]) == {"flange", "fabric"}
    for report in (*figures["categories"].values(), figures["overall"]):
        assert report["references"] == 2
        assert set(report["ledger"]) >= LEDGER
        for look in LOOKS:
            assert set(report[look]) >= LOOK
    for report in figures["categories"].values():
        assert report["first"]["n"] == report["final"]["n"] == 6
        assert report["seconds"] > 0
        assert report["peak_memory"] > 0


def test_a_bench_is_a_run(benched: Path) -> None:
    assert len(rows(benched / "out")) == 12
    assert invoke("show", benched / "out").code == 0


def test_one_category_alone(sample_parts: Path, tmp_path: Path) -> None:
    recipe = put_recipe(tmp_path / "quick.yaml")
    paths = ("--recipe", recipe, "--out", tmp_path / "out", "--json", tmp_path / "figures.json")
    assert invoke("bench", sample_parts, "--category", "fabric", *paths, "-q").out == ""
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert set(figures["categories"]) == {"fabric"}
    assert figures["categories"]["fabric"]["references"] == 3
    assert figures["categories"]["fabric"]["first"]["pixel_auroc"] is None


def test_a_failed_image_gives_exit_code_1(sample_parts: Path, tmp_path: Path) -> None:
    recipe = put_recipe(tmp_path / "failing.yaml", "reinspect.testing:Failing")
    answer = invoke("bench", sample_parts, "--recipe", recipe, "--out", tmp_path / "out")
    assert answer.code == 1
    assert {row["disposition"] for row in rows(tmp_path / "out")} == {"REVIEW"}
