"""Whose files lie in the current folder is not known: nothing runs but what a recipe names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.command_line import judged, put_greys, put_recipe, rows

pytestmark = pytest.mark.process

BY_CHANCE = (
    "fastnumbers",
    "random",
    "pickle",
    "selectors",
    "numpy",
    "PIL",
    "support",
    "sitecustomize",
)
"""Modules that the program, or Python itself as it starts a worker, would import by name."""

STARTS = {
    "module": [sys.executable, "-m", "reinspect"],
    "script": [str(Path(sys.executable).with_name("reinspect"))],
}

OWN = """
import near
from reinspect.vocabulary import Verdict

class Own:
    def __call__(self, sample):
        return Verdict.of(near.PROBABILITY)
"""


@pytest.fixture
def strange(tmp_path: Path) -> Path:
    """A folder whose files leave a word where they are run."""
    folder = tmp_path / "strange"
    folder.mkdir()
    for name in BY_CHANCE:
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / name)!r} + '.ran', 'w')")
    return folder


def start(how: str, folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [*STARTS[how], *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=known, capture_output=True, text=True)


@pytest.mark.parametrize("how", STARTS)
def test_files_that_lie_there_by_chance_are_not_run(
    how: str, strange: Path, tmp_path: Path
) -> None:
    put_greys(tmp_path / "parts", 4)
    ended = start(how, strange, "run", tmp_path / "parts", "--out", "out", "--workers", 2)
    assert ended.returncode == 0, ended.stderr
    assert start(how, strange, "runs", "--store", "reinspect.db").returncode == 0
    assert sorted(path.name for path in tmp_path.glob("*.ran")) == []


@pytest.mark.parametrize("how", STARTS)
def test_a_component_in_the_current_folder_is_found_with_what_lies_beside_it(
    how: str, strange: Path, tmp_path: Path
) -> None:
    (strange / "mine.py").write_text(OWN)
    (strange / "near.py").write_text("PROBABILITY = 0.625")
    put_greys(tmp_path / "parts", 4)
    recipe = put_recipe(tmp_path / "own.yaml", "mine:Own")
    run = ("run", tmp_path / "parts", "--recipe", recipe, "--out", "out", "--workers", 2)
    ended = start(how, strange, *run)
    assert ended.returncode == 0, ended.stderr
    assert {row["verdict"]["probability"] for row in rows(strange / "out")} == {0.625}
    assert len(judged(strange / "out")) == 4
    assert sorted(path.name for path in tmp_path.glob("*.ran")) == []
