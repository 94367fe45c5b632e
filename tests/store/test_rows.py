import json

import pytest

from reinspect.store import Row
from reinspect.vocabulary import Outcome
from support.made_traces import corrected, judged, sha256, unreadable


def test_a_row_has_the_keys_of_the_results_file_in_their_order() -> None:
    written = json.loads(Row.of(corrected("a.png")).model_dump_json())
    assert list(written) == [
        "image", "sha256", "category", "verdict", "first", "confidence", "reliability",
        "divergence", "disposition", "reason", "rounds", "revised", "seconds", "error",
        "review", "truth", "truth_by", "resolved",
    ]  # fmt: skip
    assert written["first"] == {
        "label": "anomalous",
        "probability": 0.7,
        "defects": [
            {
                "type": "scratch",
                "box": [0.1, 0.2, 0.3, 0.4],
                "score": 0.333333,
                "mask": {"size": [4, 4], "counts": "02203ON5"},
            }
        ],
        "rationale": "a bright line",
    }
    assert written["verdict"]["label"] == "normal"
    assert (written["rounds"], written["revised"]) == (1, True)
    assert written["divergence"] == pytest.approx(-0.1)


def test_a_defect_without_a_mask_has_no_mask_key() -> None:
    written = json.loads(Row.of(judged("a.png", 0.9, Outcome.FAIL)).model_dump_json())
    assert written["verdict"]["defects"] == [
        {"type": None, "box": [0.25, 0.5, 0.5, 0.75], "score": 2.0}
    ]


def test_a_failed_image_has_no_verdict_and_is_for_review() -> None:
    row = Row.of(unreadable("a.png"))
    assert (row.verdict, row.first, row.sha256, row.confidence) == (None, None, None, None)
    assert (row.disposition, row.error) == (Outcome.REVIEW, "is no image")


@pytest.mark.parametrize(
    "trace",
    [
        pytest.param(corrected("a.png"), id="corrected"),
        pytest.param(judged("b.png", 0.9, Outcome.FAIL), id="failed-part"),
        pytest.param(unreadable("c.png"), id="unreadable"),
    ],
)
def test_a_written_row_reads_back(trace) -> None:
    row = Row.of(trace)
    again = Row.model_validate_json(row.model_dump_json())
    assert again.model_dump_json() == row.model_dump_json()
    assert again.sha256 in (None, sha256(trace.sample.id))
