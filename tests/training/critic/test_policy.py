"""Both stages of the policy, and the gradient that they are trained by."""

from collections.abc import Callable

import numpy as np
import pytest

from reinspect.policies.heads import Floats
from reinspect.training.cases import TrainingSet
from reinspect.training.critic import policy
from reinspect.training.critic.arrays import ExploredArrays
from reinspect.training.critic.explored import from_cases
from reinspect.training.critic.objective import CriticObjective
from reinspect.training.critic.policy import reference_policy
from reinspect.training.critic.stages import PolicyStage, softmax
from support.made_judgements import judgements


def stages() -> dict[str, PolicyStage]:
    parts = from_cases(TrainingSet(tuple(judgements(40)), {})).items
    arrays, reference = (
        ExploredArrays.of(parts, CriticObjective()),
        reference_policy(parts, 0, None),
    )
    keep = np.tile([1.0, 0.0, 0.0], (len(parts), 1))
    return {
        "first": policy._first_stage(arrays, reference, keep, 0.5),
        "second": policy._second_stage(arrays, reference),
    }


def near(stage: PolicyStage) -> Floats:
    return np.random.default_rng(0).normal(0, 0.3, sum(net.size for net in stage.nets))


@pytest.mark.parametrize("name", ["first", "second"])
def test_the_gradient_is_that_of_the_objective(name: str) -> None:
    stage, kl = stages()[name], 0.1
    theta = near(stage)
    _, gradient = stage.objective(theta, kl)
    for i in range(0, len(theta), 3):
        step = np.zeros_like(theta)
        step[i] = 1e-5
        up, down = (stage.objective(theta + d, kl)[0] for d in (step, -step))
        assert gradient[i] == pytest.approx((up - down) / 2e-5, abs=1e-6)


@pytest.mark.parametrize(
    "holds",
    [
        pytest.param(lambda stage, pi: np.allclose(pi.sum(axis=1), 1), id="whole"),
        pytest.param(
            lambda stage, pi: (pi[stage.allowed == 0] == 0).all(), id="only-allowed-moves"
        ),
        pytest.param(lambda stage, pi: stage.kl(near(stage)) > 0, id="apart-from-the-reference"),
    ],
)
@pytest.mark.parametrize("name", ["first", "second"])
def test_a_policy_is_a_distribution(
    name: str, holds: Callable[[PolicyStage, Floats], bool]
) -> None:
    stage = stages()[name]
    assert holds(stage, stage.policy(near(stage)))


def test_a_move_that_is_not_allowed_has_no_share() -> None:
    pi = softmax(np.array([[1.0, 50.0, 1.0]]), np.array([[1.0, 0.0, 1.0]]))
    assert pi.tolist() == [[0.5, 0.0, 0.5]]
