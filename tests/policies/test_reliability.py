"""Learned models of reliability answer the same questions of a case."""

from collections.abc import Callable

import pytest

from reinspect.policies.case import Case
from reinspect.policies.fitted import SHIPPED, load_monitor
from reinspect.policies.reliability import Reliability
from reinspect.training.cases import TrainingSet
from reinspect.training.critic.explored import from_cases
from reinspect.training.critic.train import train_critic
from reinspect.training.monitor.fit import fit_monitor
from reinspect.vocabulary import Move
from support.made_judgements import judgements


def critic() -> Reliability:
    return train_critic(from_cases(TrainingSet(tuple(judgements(60)), {})))


def fitted() -> Reliability:
    return fit_monitor(judgements(60))


def shipped() -> Reliability:
    return load_monitor(SHIPPED)


@pytest.mark.parametrize("model", [critic, fitted, shipped])
def test_every_look_has_an_estimate_and_a_move(model: Callable[[], Reliability]) -> None:
    reliability, cases = model(), judgements(30, seed=1)
    assert all(case.second is not None for case in cases)
    for case in cases:
        once: Case = case.model_copy(update={"looks": case.looks[:1]})
        for seen in (once, case):
            estimate = reliability.estimate(seen)
            assert 0 <= estimate.probability <= 1
            assert 0 <= estimate.reliability <= 1
        assert reliability.first_move(once) in (Move.ACCEPT, Move.REVISIT, Move.ESCALATE)
        assert reliability.second_move(case) in (Move.KEEP, Move.CORRECT, Move.ESCALATE)
