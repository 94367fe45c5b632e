"""A critic named in a recipe becomes what a pipeline can be made of."""

from pathlib import Path

import pytest

from reinspect.critics.registry import CriticCard, CriticKind, Critics
from reinspect.graph.recipe import RecipeError, load_recipe
from support.made_critics import put_adapter, put_embedded


@pytest.fixture
def critics(tmp_path: Path) -> Critics:
    found = Critics(tmp_path / "runs" / "critics")
    for name, kind, trained in (
        ("numbers", CriticKind.EMBEDDED, put_embedded(tmp_path / "a")),
        ("words", CriticKind.ADAPTER, put_adapter(tmp_path / "b")),
    ):
        found.add(CriticCard(name=name, kind=kind, stage="critic"), trained)
    return found


def put(tmp_path: Path, monitor: str) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(f"monitor: {monitor}\n")
    return path


def test_an_embedded_critic_is_its_file(critics: Critics, tmp_path: Path) -> None:
    path = put(tmp_path, "{kind: critic, name: numbers}")
    monitor = load_recipe(path, critics=critics.folder).monitor
    assert (monitor.kind, monitor.options) == (
        "critic",
        {"file": str(critics.path("numbers"))},
    )


def test_a_language_model_is_asked_by_its_name(critics: Critics, tmp_path: Path) -> None:
    path = put(tmp_path, "{kind: critic, name: words, base_url: 'http://gpu:1/v1'}")
    monitor = load_recipe(path, critics=critics.folder).monitor
    assert monitor.kind == "vlm"
    assert monitor.options == {"model": "words", "base_url": "http://gpu:1/v1", "format": "tags"}


def test_critics_beside_the_recipe_come_first(critics: Critics, tmp_path: Path) -> None:
    beside = Critics(tmp_path / "critics")
    beside.add(
        CriticCard(name="numbers", kind=CriticKind.EMBEDDED, stage="critic"),
        put_embedded(tmp_path / "c"),
    )
    path = put(tmp_path, "{kind: critic, name: numbers}")
    monitor = load_recipe(path, critics=critics.folder).monitor
    assert monitor.options == {"file": str(beside.path("numbers"))}


@pytest.mark.parametrize(
    ("monitor", "said"),
    [
        pytest.param(
            "{kind: critic, name: none}",
            "monitor.name: no critic 'none' in .*critics; there are: numbers, words",
            id="unknown",
        ),
        pytest.param(
            "{kind: critic, name: numbers, file: a.json}", "exclude each other", id="file as well"
        ),
    ],
)
def test_a_name_that_leads_nowhere_is_refused(
    monitor: str, said: str, critics: Critics, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=said):
        load_recipe(put(tmp_path, monitor), critics=critics.folder)
