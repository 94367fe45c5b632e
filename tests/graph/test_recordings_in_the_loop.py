"""Recordings are judged as pictures are; where, is said in seconds and hertz."""

from pathlib import Path

import numpy as np
import pytest

from reinspect import inspect_image
from reinspect.graph.recipe import RecipeError, parse_recipe
from reinspect.readings import Readings
from reinspect.store.rows import flat
from reinspect.vocabulary import Explanation, Label, Modality, Outcome
from support.recordings import RATE, hum, with_clicks, with_whistle, write_wav


@pytest.fixture
def good(tmp_path: Path) -> Path:
    for seed in range(4):
        write_wav(tmp_path / "good" / f"{seed}.wav", hum(seed))
    return tmp_path / "good"


@pytest.mark.parametrize(
    ("sound", "label"),
    [
        pytest.param(hum(11), Label.NORMAL, id="runs-well"),
        pytest.param(with_clicks(hum(12)), Label.ANOMALOUS, id="clicks"),
        pytest.param(10 * hum(13)[::-1] ** 2, Label.ANOMALOUS, id="another-sound"),
    ],
)
def test_a_recording_is_judged_by_recordings(
    tmp_path: Path, good: Path, fits: Path, sound: np.ndarray, label: Label
) -> None:
    part = write_wav(tmp_path / "part.wav", sound)
    trace = inspect_image(part, references=good, cache=fits)
    assert trace.error is None  # it isn't held back as a picture of another scene
    assert trace.verdict is not None
    assert trace.verdict.label is label
    assert trace.sample.visual.modality is Modality.ACOUSTIC


def test_a_place_is_said_in_seconds_and_hertz(tmp_path: Path, good: Path, fits: Path) -> None:
    sound = with_whistle(hum(12), pitch=3000, begin=5000, end=6500)
    trace = inspect_image(write_wav(tmp_path / "p.wav", sound), references=good, cache=fits)
    verdict = Readings.of(trace).verdict
    assert verdict is not None
    covers = verdict.defects[0].covers or {}
    assert covers["s"][0] < 5750 / RATE < covers["s"][1]
    assert covers["Hz"][0] < 3000 < covers["Hz"][1]
    assert flat(verdict.defects[0])["covers"]["Hz"] == list(covers["Hz"])
    said = trace.last(Explanation)
    assert said is not None
    assert " s, " in said.final
    assert "Hz" in said.final


@pytest.mark.parametrize(
    ("name", "says"),
    [
        pytest.param("part.wav", "sampled at 16000 Hz, not at 8000 Hz", id="another-rate"),
        pytest.param("part.png", "no recording, as the others are", id="a-picture"),
    ],
)
def test_what_does_not_belong_to_the_set_is_for_review(
    tmp_path: Path, good: Path, fits: Path, name: str, says: str
) -> None:
    import cv2

    if name.endswith("png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((64, 64), np.uint8))
    else:
        write_wav(tmp_path / name, hum(0), rate=16000)
    trace = inspect_image(tmp_path / name, references=good, cache=fits)
    assert says in (trace.error or "")
    assert trace.disposition is not None
    assert trace.disposition.outcome is Outcome.REVIEW


@pytest.mark.parametrize(
    ("given", "says"),
    [
        pytest.param("signals: {hop: 4096}", "leaves samples out", id="gaps"),
        pytest.param("signals: {window: 1}", "window_s", id="unknown"),
        pytest.param(
            "{signals: {rate: 8000}, pictures: {unit: celsius}}", "give one", id="both-of-tables"
        ),
        pytest.param("pictures: {gain: 0.01}", "name it with unit", id="gain-of-nothing"),
        pytest.param("pictures: {unit: dB}", "a temperature or a distance", id="no-unit"),
        pytest.param("pictures: {unit: mm, bits: 12}", "give range", id="bits-of-a-unit"),
    ],
)
def test_wrong_rules_are_refused(given: str, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        parse_recipe(given)
