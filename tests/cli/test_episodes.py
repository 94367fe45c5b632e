"""`reinspect train episodes`, as a user calls it."""

from pathlib import Path

import pytest

from reinspect.training.episodes.episode import EpisodeMode
from reinspect.training.episodes.folder import read_episodes
from support.command_line import invoke, said


def test_from_a_run_to_a_data_set(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "ft"
    line = said(invoke("train", "episodes", finished, "--out", out))
    assert "no caption has been let pass yet" in line
    assert "--unreviewed" in line
    done = invoke("train", "episodes", finished, "--out", out, "--unreviewed")
    assert done.code == 0
    assert "Episodes 12 reflective, 12 thinking" in done.out
    found = read_episodes(out)
    assert {row.scenario for row in found.rows} == {"texture", "workpiece"}
    assert {len(row.images) for row in found.rows} == {2}
    assert all("/train/good/" in row.images[0] for row in found.rows)
    assert all(row.completion for row in found.rows)
    assert all(file.is_file() for row in found.rows for file in row.files(found.root))


@pytest.mark.slow
def test_a_data_set_is_inspected_first(sample_parts: Path, tmp_path: Path) -> None:
    out, store = tmp_path / "ft", tmp_path / "runs" / "reinspect.db"
    words = ("train", "episodes", sample_parts, "--out", out, "--store", store, "--unreviewed")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        done = invoke(*words, "--category", "flange", "--workers", 1)
    assert done.code == 0
    rows = read_episodes(out).rows
    assert len(rows) == 12
    assert {row.second_look for row in rows} <= {"asked", "explored"}
    assert {row.category for row in rows} == {"flange"}
    assert sum(row.mode is EpisodeMode.REFLECTIVE for row in rows) == 6


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["nowhere"], "there is none; `reinspect run` makes one", id="no store"),
        pytest.param(["{run}", "--recipe", "r.yaml"], "--recipe is for a data set", id="recipe"),
        pytest.param(["{run}", "--group-by", "("], "--group-by '('", id="no pattern"),
        pytest.param(["{run}", "--scenarios", "no.yaml"], "cannot read the scen", id="scenarios"),
        pytest.param(["{run}", "--held-out", "no"], "--held-out: no image or folder", id="exam"),
        pytest.param(["{run}", "--category", "rotor"], "nothing to learn from", id="category"),
        pytest.param(["{empty}"], "no MVTec-style categories in", id="no data set"),
        pytest.param(["{empty}", "{run}"], "is a data set; name it alone", id="both"),
    ],
)
def test_what_can_not_be_is_said_in_one_line(
    words: list[str], expected: str, finished: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    names = {"run": str(finished), "empty": str(tmp_path / "empty")}
    given = [word.format(**names) for word in words]
    line = said(invoke("train", "episodes", *given, "--out", tmp_path / "ft", "--unreviewed"))
    assert expected in line
    assert not (tmp_path / "ft").exists()
