from pathlib import Path

import pytest

from reinspect.training.vlm.tuning import (
    Tuning,
    TuningError,
    dump_tuning,
    load_tuning,
    parse_tuning,
    ready_made,
)


@pytest.mark.parametrize("name", ready_made())
def test_what_ships_can_be_used(name: str) -> None:
    tuning = load_tuning(name)
    assert parse_tuning(dump_tuning(tuning)) == tuning


def test_ready_for_the_models_of_the_paper() -> None:
    assert {"qwen3-vl-4b", "qwen3-vl-8b"} <= set(ready_made())


def test_nothing_said_is_the_defaults() -> None:
    assert parse_tuning("") == load_tuning(None) == Tuning()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("rcrl: {learning_rte: 1}", "did you mean 'learning_rate'", id="unknown key"),
        pytest.param("speed: 3", "speed: unknown key", id="unknown section"),
        pytest.param("rcrl: {batch: 3, group: 8}", "no multiple of group 8", id="group"),
        pytest.param("rcrl: {group: 1}", "greater than or equal to 2", id="a group of one"),
        pytest.param(
            "rcrl: {stages: [{modes: [thinking], share: 0.4}]}", "not 1 in all", id="shares"
        ),
        pytest.param("rcrl: {rewards: {accuracy: .nan}}", "finite", id="not a number"),
        pytest.param("[1, 2]", "a mapping of keys", id="a list"),
        pytest.param("a: [", "not YAML", id="no YAML"),
    ],
)
def test_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(TuningError, match=said) as failure:
        parse_tuning(text, name="mine.yaml")
    assert str(failure.value).startswith("mine.yaml: ")
    assert "\n" not in str(failure.value)


def test_no_such_file_names_what_ships(tmp_path: Path) -> None:
    with pytest.raises(TuningError, match=r"neither a file nor one of .*qwen3-vl-4b"):
        load_tuning(tmp_path / "none.yaml")
