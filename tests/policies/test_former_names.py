"""What was saved when the tool `reference` brought evidence as `aligned` is read as it is today."""

import json
from pathlib import Path
from typing import Any

import pytest

from reinspect.policies import rules
from reinspect.policies.case import case_of, parse_case
from reinspect.policies.critic import Critic, Network, load_critic, second_inputs
from reinspect.policies.fitted import SHIPPED, load_monitor
from reinspect.trace import Step, Trace
from reinspect.vocabulary import (
    Evidence,
    Sample,
    Verdict,
    View,
    current_source,
    source_names,
)

SIGNAL = {"mean": 0, "spread": 1, "low": 0, "high": 1, "weight": 1, "trust": 0}


def judgement(signals: dict[str, float], stage: str = "second") -> str:
    looks = [{"stage": "first", "probability": 0.4}, {"stage": stage, "probability": 0.7}]
    return json.dumps({"id": "a", "looks": looks, "signals": signals})


@pytest.mark.parametrize(
    ("before", "today"),
    [
        pytest.param("second.aligned.probability", "second.reference.probability", id="witness"),
        pytest.param("first.aligned.z", "first.reference.z", id="first look"),
        pytest.param("second.aligned", "second.reference", id="bare"),
        pytest.param("second.aligned_z.z", "second.aligned_z.z", id="another source"),
        pytest.param("aligned.z", "aligned.z", id="somebody else's signal"),
        pytest.param("second.hi_res.aligned", "second.hi_res.aligned", id="another number"),
    ],
)
def test_signals_of_judgements(before: str, today: str) -> None:
    assert dict(parse_case(judgement({before: 0.5})).signals) == {today: 0.5}


def test_looks_of_judgements() -> None:
    assert parse_case(judgement({}, "aligned")).looks[1].stage == "reference"


def test_a_saved_monitor(tmp_path: Path) -> None:
    saved: dict[str, Any] = json.loads(SHIPPED.read_text(encoding="utf-8"))
    saved["second"]["signals"] = {"second.aligned.z": SIGNAL}
    file = tmp_path / "monitor.json"
    file.write_text(json.dumps(saved))
    second = load_monitor(file).second
    assert second is not None
    assert list(second.signals) == ["second.reference.z"]


def test_a_saved_critic(tmp_path: Path) -> None:
    network = {"linear": {"aligned": 1.0, "label": 2.0, "hi_res, outranked": 3.0}}
    margin = {**network, "hidden": [{"aligned": 1.0}], "shift": [0.0], "out": [1.0]}
    saved = {
        "format": "reinspect critic",
        "version": 1,
        "lesson": {"items": 1, "anomalous": 1},
        "margin": margin,
        **dict.fromkeys(("revisit", "review_first", "review_second"), network),
    }
    file = tmp_path / "critic.json"
    file.write_text(json.dumps(saved))
    critic: Critic = load_critic(file)
    assert critic.margin == Network(
        linear={"reference": 1.0, "label": 2.0, "hi_res, outranked": 3.0},
        hidden=({"reference": 1.0},),
        shift=(0.0,),
        out=(1.0,),
    )
    # It weighs a stored judgement as it did: the names meet on both sides.
    case = parse_case(judgement({"second.aligned.probability": 0.7}))
    assert critic.margin(second_inputs(case)) != critic.margin(
        {"label": second_inputs(case)["label"]}
    )


def test_a_stored_trace_is_weighed_as_it_was() -> None:
    found = {"kind": "evidence", "source": "aligned", "summary": "s", "probability": 0.9}
    sample = Sample(id="a", views=(View(path="a.png", sha256=None),))
    first = Step(node="detect", products=(Verdict.of(0.4),))
    again = Step.model_validate({"node": "examine", "tool": "reference", "products": [found]})
    trace = Trace(sample=sample, steps=(first, again))
    assert [piece.source for piece in trace.evidence] == ["reference"]
    assert case_of(trace).signals["second.reference.probability"] == 0.9
    assert rules.weight("reference", {"reference": 0.9}) == 0.7


def test_names_of_today_stay() -> None:
    assert [current_source(name) for name in ("reference", "eye", "own")] == [
        "reference",
        "eye",
        "own",
    ]
    assert source_names("reference") == ("reference", "aligned")
    assert source_names("eye") == ("eye",)
    assert Evidence(source="eye", summary="").source == "eye"
