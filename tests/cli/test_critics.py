"""`reinspect critics`, and critics by name in `reinspect serve`."""

import json
from pathlib import Path

import pytest

from reinspect.cli.serve import adapter_of, weights_of
from reinspect.critics.registry import CriticError
from support.command_line import invoke
from support.made_critics import put_adapter, put_embedded, put_weights


def call(folder: Path, *words: object) -> str:
    done = invoke("critics", "--critics", folder, *words)
    assert done.code == 0, done
    return done.out


def test_critics_are_added_listed_shown_and_benched(tmp_path: Path) -> None:
    folder = tmp_path / "critics"
    assert "No critic in" in call(folder)
    said = call(folder, "add", put_adapter(tmp_path / "flanges"), "--notes", "by hand")
    assert "monitor: {kind: critic, name: flanges}" in said
    assert "reinspect serve Qwen/Qwen3-VL-4B-Instruct --adapter flanges" in said
    call(folder, "add", put_embedded(tmp_path / "x"), "--name", "numbers")
    (tmp_path / "bench.json").write_text('{"accuracy": 0.9}')
    call(folder, "bench", "numbers", tmp_path / "bench.json", "--as", "before")
    listed = call(folder)
    assert "flanges" in listed
    assert "benched: before" in listed
    cards = json.loads(call(folder, "--json"))
    assert [(card["name"], card["kind"]) for card in cards] == [
        ("flanges", "adapter"),
        ("numbers", "embedded"),
    ]
    assert '"notes": "by hand"' in call(folder, "show", "flanges")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["show", "none"], "no critic 'none'", id="unknown"),
        pytest.param(["add", "nowhere.json"], "no such file to register", id="nothing there"),
        pytest.param(["bench", "none", "nowhere.json"], "no results of a bench", id="no results"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(words: list[str], said: str, tmp_path: Path) -> None:
    done = invoke("critics", "--critics", tmp_path, *words)
    assert done.code == 2
    assert said in done.err
    assert len(done.err.splitlines()) == 1


def test_serve_finds_critics_by_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "critics"
    call(folder, "add", put_adapter(tmp_path / "lora"))
    call(folder, "add", put_weights(tmp_path / "whole"))
    call(folder, "add", put_embedded(tmp_path / "x"), "--name", "numbers")
    assert adapter_of("lora", folder) == ("lora", folder / "lora" / "weights")
    assert adapter_of(str(tmp_path / "lora"), folder) == ("lora", tmp_path / "lora")
    assert weights_of("whole", None, folder) == (str(folder / "whole" / "weights"), "whole")
    assert weights_of("Qwen/Qwen3-VL-4B-Instruct", None, folder) == (
        "Qwen/Qwen3-VL-4B-Instruct",
        None,
    )
    with pytest.raises(CriticError, match="critic 'numbers' is embedded, no adapter"):
        adapter_of("numbers", folder)
    with pytest.raises(CriticError, match="no critic 'none'"):
        adapter_of("none", folder)
