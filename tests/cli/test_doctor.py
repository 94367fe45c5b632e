"""`reinspect doctor`: what works here."""

from pathlib import Path

import pytest

from reinspect.cli.doctor import OPTIONAL, packages
from reinspect.tools.vision import grounding_dino, runtime
from support.command_line import invoke, put_recipe


def test_all_parts_of_the_default_recipe_work() -> None:
    answer = invoke("doctor")
    assert answer.code == 0
    for node in ("detect", "locate", "examine", "revise", "settle"):
        assert f"default recipe: {node}" in answer.out


def test_of_what_is_missing_it_prints_the_line_that_installs_it() -> None:
    missing = {finding.what: finding for finding in packages(lambda _: None)}
    for name in OPTIONAL:
        assert not missing[f"package {name}"].works
        assert "pip install " in missing[f"package {name}"].details
    for name, line in (
        ("groundingdino-py", grounding_dino.INSTALL),
        ("segment-anything", runtime.INSTALL),
    ):
        assert missing[f"package {name}"].details.endswith(line)
    assert grounding_dino.INSTALL == "pip install --no-deps groundingdino-py==0.4.0"


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
