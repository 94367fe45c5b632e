"""`reinspect doctor`: what works here."""

from pathlib import Path

import pytest

from command_line import invoke, put_recipe


def test_all_parts_of_the_default_recipe_work() -> None:
    answer = invoke("doctor")
    assert answer.code == 0
    for node in ("detect", "locate", "examine", "revise", "settle"):
        assert f"default recipe: {node}" in answer.out


@pytest.mark.parametrize(
    ("detector", "words"),
    [
        pytest.param("no.such:Part", "cannot import", id="not-installed"),
        pytest.param("reinspect.testing:Failing", "scripted failure", id="fails"),
        pytest.param("embeded", "did you mean 'embedded'", id="misspelt"),
    ],
)
def test_what_does_not_work_is_named(tmp_path: Path, detector: str, words: str) -> None:
    answer = invoke("doctor", "--recipe", put_recipe(tmp_path / "own.yaml", detector))
    assert answer.code == 1
    assert words in answer.out


def test_a_recipe_with_a_wrong_key(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("detecter: embedded")
    answer = invoke("doctor", "--recipe", tmp_path / "own.yaml")
    assert answer.code == 1
    assert "did you mean 'detector'" in answer.out
