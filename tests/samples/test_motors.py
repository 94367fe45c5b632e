"""Drawn recordings of a motor: the same seed gives the same, faults stand out."""

from pathlib import Path

import numpy as np
import pytest

from reinspect.dataset import discover, truth_of
from reinspect.samples import Motor, write_sound_set
from reinspect.samples.sets import SampleSetError
from reinspect.samples.sounds import KINDS
from reinspect.vocabulary import Label


def test_a_set_has_references_good_ones_and_every_fault(tmp_path: Path) -> None:
    write_sound_set(tmp_path / "one", references=3, good=2, defective=6)
    write_sound_set(tmp_path / "two", references=3, good=2, defective=6)
    items = list(discover([tmp_path / "one"]))
    truths = [truth_of(item) for item in items]
    assert len(items) == 8
    assert sum(truth is not None and truth.label is Label.NORMAL for truth in truths) == 2
    assert {truth.types[0] for truth in truths if truth and truth.types} == set(KINDS)
    for file in (tmp_path / "one").rglob("*.wav"):
        twin = tmp_path / "two" / file.relative_to(tmp_path / "one")
        assert file.read_bytes() == twin.read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_does_not_overdrive_the_sensor(kind: str) -> None:
    rng = np.random.default_rng(1)
    motor = Motor.draw(rng)
    sound = motor.faulty(rng, kind)
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() < 1


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("x")
    with pytest.raises(SampleSetError, match="is not empty"):
        write_sound_set(tmp_path)
