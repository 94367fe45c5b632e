"""How many parts are looked at twice, by a trigger that was calibrated beforehand."""

import random

import numpy as np
import pytest

from reinspect.agents.monitor import RAMonitor
from reinspect.policies.hand_set import HandSet
from reinspect.policies.triggers import Below, calibrated
from reinspect.testing import ScriptedDetector
from reinspect.trace import Step, Trace
from reinspect.vocabulary import Move, Sample, View


def assessed(name: str, probability: float) -> Trace:
    sample = Sample(id=name, views=(View(path=name, sha256=None),))
    detector, monitor = ScriptedDetector(default=probability), RAMonitor(HandSet())
    trace = Trace(sample=sample).then(Step(node="detect", products=(detector(sample),)))
    return trace.then(Step(node="assess", products=(monitor(trace),)))


def parts(seed: int, count: int) -> list[Trace]:
    found = np.random.default_rng(seed).beta(0.7, 0.7, count)
    return [assessed(f"{n}.png", float(p)) for n, p in enumerate(found)]


@pytest.mark.parametrize("seed", range(3))
def test_a_calibrated_share_is_revisited_whatever_the_order(seed: int) -> None:
    known = parts(seed + 100, 5000)
    reliabilities = [t.assessment.reliability for t in known if t.assessment]
    trigger = Below(calibrated(reliabilities, share=0.3))
    traces = parts(seed, 1000)
    moves = {trace.sample.id: trigger(trace) for trace in traces}
    share = sum(move is Move.REVISIT for move in moves.values()) / len(traces)
    assert 0.27 <= share <= 0.33
    random.Random(seed).shuffle(traces)
    assert {trace.sample.id: trigger(trace) for trace in traces} == moves


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_border_lies_where_the_share_is(share: float) -> None:
    values = [n / 100 for n in range(100)]
    border = calibrated(values, share=share)
    assert sum(value < border for value in values) == pytest.approx(100 * share)


def test_nothing_to_calibrate_by_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        calibrated([], share=0.3)
    with pytest.raises(ValueError, match=r"1\.5"):
        calibrated([0.5], share=1.5)
