"""`reinspect qualify`: a page, figures, and one line where it can't be."""

import json
from pathlib import Path

import pytest

from support.command_line import Answer, invoke, said
from support.plates import put_plates

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def plates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return put_plates(tmp_path_factory.mktemp("plates"), range(4))


def put_recipe(folder: Path, more: str = "") -> Path:
    file = folder / "quick.yaml"
    detector = "detector: {kind: embedded, features: efficientnet-lite0}\ntools: []\n"
    file.write_text(detector + more, encoding="utf-8")
    return file


def qualified(plates: Path, folder: Path, *more: object) -> Answer:
    recipe = put_recipe(folder, "product: {mm_per_pixel: 0.05}\n")
    paths = ("--out", folder / "q.html", "--json", folder / "q.json")
    return invoke("qualify", plates, "--recipe", recipe, "--looks", 1, *paths, *more)


def test_a_page_figures_and_a_table(plates: Path, tmp_path: Path) -> None:
    answer = qualified(plates, tmp_path)
    assert answer.code == 0
    assert "False calls" in answer.out
    assert "a90/95" in answer.out
    assert "4 say little of how good parts differ" in answer.out
    figures = json.loads((tmp_path / "q.json").read_text())
    assert figures["mm_per_pixel"] == 0.05
    assert figures["detection"]["origin"] == "drawn"
    assert "What will this inspection find" in (tmp_path / "q.html").read_text()
    assert "As qualified on" in qualified(plates, tmp_path).out
    other = put_plates(tmp_path / "other", range(10, 12))
    assert "was of other references: made anew" in qualified(other, tmp_path).out


@pytest.mark.parametrize(
    ("recipe", "more", "told"),
    [
        pytest.param("", ("--out", "."), "is a folder", id="out-is-a-folder"),
        pytest.param("", ("--defects", "nowhere"), "nowhere", id="no-defects"),
        pytest.param("product: {mm_per_pixel: 0}", (), "product.mm_per_pixel", id="no-scale"),
        pytest.param("product: {mm_per_pixel: -2}", (), "product.mm_per_pixel", id="negative"),
        pytest.param("product: {mm_per_pixel: .nan}", (), "product.mm_per_pixel", id="nan"),
        pytest.param("product: {mm_per_pixel: 1e300}", (), "product.mm_per_pixel", id="no-part"),
        pytest.param("product: {mm_per_pixel: wide}", (), "product.mm_per_pixel", id="a-word"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    recipe: str, more: tuple[str, ...], told: str, plates: Path, tmp_path: Path
) -> None:
    file = put_recipe(tmp_path, recipe)
    answer = invoke("qualify", plates, "--recipe", file, "--looks", 1, *more)
    assert answer.code == 2
    assert told in answer.err
    if not more or more[0] != "--out":
        assert told in said(answer)
    assert not Path("qualification.html").exists()
