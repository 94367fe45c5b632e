"""`reinspect agreement`: the study from the command line."""

import json
from pathlib import Path

import pytest

from reinspect.store import Store
from reinspect.vocabulary import Verdict
from support.command_line import Answer, invoke, put_greys, put_recipe, said


@pytest.fixture
def category(tmp_path: Path) -> Path:
    """Dark parts that are good, bright ones that are defective, and one dark defective part."""
    root = tmp_path / "parts" / "plate"
    put_greys(root / "train" / "good", 2)
    put_greys(root / "test" / "good", 4)
    put_greys(root / "test" / "dent", 3, start=25, step=100)
    return root


def study(category: Path, tmp_path: Path, *more: object) -> tuple[Answer, dict]:
    recipes = [put_recipe(tmp_path / f"{name}.yaml") for name in ("one", "two")]
    options = ["--out", tmp_path / "study", "--json", tmp_path / "figures.json", "--workers", 1]
    withs = [word for recipe in recipes for word in ("--with", recipe)]
    answer = invoke("agreement", category, *withs, "--repeats", 2, *options, *more)
    figures = tmp_path / "figures.json"
    return answer, json.loads(figures.read_text()) if figures.exists() else {}


def test_recipes_rate_all_parts_several_times(category: Path, tmp_path: Path) -> None:
    answer, figures = study(category, tmp_path)
    assert answer.code == 0, answer.err
    assert (figures["parts"], figures["known"]) == (7, 7)
    one, two = figures["appraisers"]
    assert (one["name"], two["name"]) == ("one", "two")
    assert one["repeatability"] | {"interval": 0} == two["repeatability"] | {"interval": 0}
    assert (one["repeatability"]["count"], one["trials"]) == (7, [2, 2])
    assert (one["miss_rate"]["count"], one["miss_rate"]["of"]) == (4, 6)
    assert figures["pairs"][0]["kappa"] == {"kappa": 1.0, "interval": None}
    assert "miss rate" in answer.out
    page = (tmp_path / "study" / "agreement.html").read_text()
    assert "Within appraisers" in page
    assert "test/dent/part0.png" in page
    assert {run.name for run in runs(tmp_path)} == {
        "study-one-1",
        "study-one-2",
        "study-two-1",
        "study-two-2",
    }


def test_given_again_it_goes_on_where_it_was(category: Path, tmp_path: Path) -> None:
    _, first = study(category, tmp_path)
    answer, again = study(category, tmp_path)
    assert answer.code == 0, answer.err
    assert again == first
    assert len(runs(tmp_path)) == 4


def test_people_by_their_reviews_are_appraisers_and_no_truth(
    category: Path, tmp_path: Path
) -> None:
    study(category, tmp_path)
    with Store.open(str(tmp_path / "reinspect.db")) as store:
        for found in store.inspections(store.run("study-one-1").id):
            probability = 0.9 if "part0" in found.row.image else 0.1
            for _ in range(2):
                store.browse.review(found.id, Verdict.of(probability), reviewer="Ann")
    answer, figures = study(category, tmp_path, "--reviews")
    assert answer.code == 0, answer.err
    ann = figures["appraisers"][2]
    assert (ann["name"], ann["kind"], ann["trials"]) == ("Ann", "person", [2, 2])
    # She says defective of one of three defective parts, and of one of four good ones.
    assert (ann["miss_rate"]["count"], ann["miss_rate"]["of"]) == (4, 6)
    assert (ann["false_alarm_rate"]["count"], ann["false_alarm_rate"]["of"]) == (2, 8)
    assert len(figures["pairs"]) == 3


@pytest.mark.parametrize(
    ("more", "line"),
    [
        pytest.param([], "nobody rates: name a recipe by --with, or add --reviews", id="nobody"),
        pytest.param(["--reviews"], "there is none", id="no-store"),
        pytest.param(["--with", "one.yaml", "--with", "./one.yaml"], "'one'", id="twice"),
        pytest.param(["--with", "none.yaml"], "none.yaml", id="no-recipe"),
    ],
)
def test_what_is_refused(
    more: list[str], line: str, category: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put_recipe(tmp_path / "one.yaml")
    answer = invoke("agreement", category, "--out", tmp_path / "study", *more)
    assert answer.code == 2
    assert line in answer.err.replace("\n", " ")


def test_nobody_has_reviewed(category: Path, tmp_path: Path) -> None:
    study(category, tmp_path)
    refused = study(category, tmp_path, "--reviews")[0]
    assert "nobody has reviewed these pictures" in said(refused)


def runs(tmp_path: Path) -> list:
    with Store.open(str(tmp_path / "reinspect.db"), create=False) as store:
        return store.runs()
