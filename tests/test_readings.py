import pytest

from reinspect.readings import Readings, types_of
from reinspect.trace import Trace
from reinspect.vocabulary import Box, Defect, Outcome
from support.made_traces import corrected, explored, judged, unreadable

NAMES = (
    *("image", "sha256", "category", "confidence", "reliability", "divergence", "disposition"),
    *("reason", "rounds", "revised", "seconds", "error"),
    *("label", "probability", "defects", "rationale", "types"),
    *("first_label", "first_probability", "first_defects", "first_rationale", "first_types"),
)


@pytest.mark.parametrize(
    "trace",
    [
        pytest.param(corrected("a.png"), id="corrected"),
        pytest.param(judged("a.png", 0.9, Outcome.FAIL), id="one-look"),
        pytest.param(explored("a.png"), id="explored"),
        pytest.param(unreadable("a.png"), id="unreadable"),
    ],
)
def test_flat_and_nested_say_the_same(trace: Trace) -> None:
    read = Readings.of(trace)
    assert set(read.columns) == set(NAMES)
    assert Readings.of_columns({**read.columns, "id": 3}) == read


def test_both_verdicts_are_read_with_what_became_of_them() -> None:
    read = Readings.of(corrected("a.png"))
    flat = read.columns
    assert (flat["first_label"], flat["first_probability"]) == ("anomalous", 0.7)
    assert (flat["label"], flat["probability"], flat["disposition"]) == ("normal", 0.2, "PASS")
    assert (flat["first_types"], flat["types"]) == (("scratch",), ())
    assert (flat["rounds"], flat["revised"], flat["reliability"]) == (1, True, 0.9)


def test_an_explored_look_changes_no_reading_but_the_time_taken() -> None:
    read = Readings.of(explored("a.png"))
    assert (read.rounds, read.revised, read.verdict) == (0, False, read.first)
    assert read.reliability == 0.7
    assert read.seconds == Readings.of(corrected("a.png")).seconds


def test_a_failed_image_is_for_review() -> None:
    flat = Readings.of(unreadable("a.png")).columns
    assert (flat["label"], flat["first_probability"], flat["types"]) == (None, None, ())
    assert (flat["disposition"], flat["error"]) == ("REVIEW", "is no image")


def test_types_are_distinct_and_sorted() -> None:
    box = Box(0, 0, 1, 1)
    kinds = ("scratch", None, "dent", "scratch")
    assert types_of(Defect(box=box, type=kind) for kind in kinds) == ("dent", "scratch")
