"""What a run says of its set-up: more pictures stopped, or more FAIL, than can be chance."""

import json
from pathlib import Path
from typing import Any

import pytest

from reinspect import Recipe, RunPlan, run
from reinspect.engine.local import Local
from reinspect.references import ALONE, ReferenceSets
from reinspect.runs.alarm import Expectation
from reinspect.store import Tally
from reinspect.trace import Trace
from reinspect.vocabulary import Disposition, Outcome

USUAL = Expectation()
STOPPED = "not judged"
FAILED = "FAIL, more than"


@pytest.mark.parametrize(
    ("tally", "defective", "expected", "says"),
    [
        pytest.param({"images": 0}, None, USUAL, "", id="nothing-seen"),
        pytest.param({"images": 100, "stopped": 2}, None, USUAL, "", id="as-expected"),
        pytest.param({"images": 1, "stopped": 1}, None, USUAL, "", id="one-of-one"),
        pytest.param({"images": 3, "stopped": 3}, None, USUAL, STOPPED, id="three-of-three"),
        pytest.param({"images": 100, "stopped": 7}, None, USUAL, "", id="seven-of-a-hundred"),
        pytest.param({"images": 100, "stopped": 10}, None, USUAL, STOPPED, id="ten-of-a-hundred"),
        pytest.param(
            {"images": 100, "stopped": 10},
            None,
            Expectation(stops=0.06),
            "",
            id="qualified-for-more",
        ),
        pytest.param(
            {"images": 100, "errors": 95, "stopped": 5}, None, USUAL, STOPPED, id="of-those-seen"
        ),
        pytest.param({"images": 12, "failed": 12}, None, USUAL, FAILED, id="all-fail"),
        pytest.param({"images": 8, "failed": 8}, None, USUAL, "", id="eight-may-be-defective"),
        pytest.param({"images": 100, "failed": 60}, None, USUAL, "", id="many-fail"),
        pytest.param({"images": 100, "failed": 75}, None, USUAL, FAILED, id="most-fail"),
        pytest.param({"images": 100, "failed": 75}, 0.7, USUAL, "", id="known-to-be-defective"),
        pytest.param({"images": 60, "failed": 20}, 0.05, USUAL, FAILED, id="known-to-be-good"),
        pytest.param(
            {"images": 60, "failed": 20},
            0.05,
            Expectation(called=0.3),
            "",
            id="qualified-for-false-calls",
        ),
    ],
)
def test_more_than_chance_is_said_in_one_line(
    tally: dict[str, int], defective: float | None, expected: Expectation, says: str
) -> None:
    alarm = expected.alarm(Tally(**tally), defective=defective)
    assert says in alarm
    assert bool(alarm) is bool(says)
    assert "\n" not in alarm


def test_without_a_qualification_what_is_usual_is_expected(tmp_path: Path) -> None:
    assert Expectation.of(ReferenceSets(), Recipe(), tmp_path) == USUAL
    assert Expectation.of(ReferenceSets(ALONE), Recipe(), None) == USUAL


def of_another_setup(trace: Trace) -> Disposition:
    return Disposition(outcome=Outcome.REVIEW, reason="setup: turned by 88°")


def test_a_run_keeps_its_alarm(greys: Path, tmp_path: Path) -> None:
    recipe = Recipe.model_validate(
        {
            "detector": "support.own_parts:Brightness",
            "tools": [],
            "policies": {"disposition": "runs.test_alarm:of_another_setup"},
        }
    )
    plan = RunPlan.of(greys, recipe=recipe, out=tmp_path / "out", engine=Local(workers=1))
    result = run(plan)
    counters: dict[str, Any] = json.loads((plan.out / "counters.json").read_text())
    assert result.tally.stopped == counters["setup_stops"] == 12
    assert result.setup_alarm == counters["setup_alarm"]
    assert result.setup_alarm.startswith("Set-up: 12 of 12 pictures")
