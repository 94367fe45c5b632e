import re
from collections.abc import Callable

import pytest

from reinspect.training.vlm.guard import CollapseGuard, TrainingPoint
from reinspect.training.vlm.tuning import GuardSettings

GUARD = GuardSettings(window=20, after=20, least=50)


def reasons(
    tick: Callable[[int], TrainingPoint], guard: GuardSettings = GUARD, every: int = 5
) -> list[str]:
    watch = CollapseGuard(guard)
    return [reason for step in range(every, 101, every) if (reason := watch(tick(step)))]


@pytest.mark.parametrize(
    ("tick", "said"),
    [
        pytest.param(
            lambda step: TrainingPoint(step, reward=2.0 if step <= 50 else 0.5),
            "reward collapse",
            id="fall",
        ),
        pytest.param(
            lambda step: TrainingPoint(step, 2.0, reflective=16, revised=16, first_wrong=8),
            "always revise: 100% .* although 50% of them were right",
            id="always",
        ),
        pytest.param(
            lambda step: TrainingPoint(step, 2.0, reflective=16, revised=0, first_wrong=8),
            "never revise: 0% .* although 50% of them were wrong",
            id="never",
        ),
    ],
)
def test_stops_and_says_why(tick: Callable[[int], TrainingPoint], said: str) -> None:

    found = reasons(tick)
    assert found
    assert re.match(said, found[0])


@pytest.mark.parametrize(
    "tick",
    [
        pytest.param(
            lambda step: TrainingPoint(step, reward=1 + step / 100), id="a reward that rises"
        ),
        pytest.param(lambda step: TrainingPoint(step, reward=1.5 + 0.2 * (step % 2)), id="noise"),
        pytest.param(
            lambda step: TrainingPoint(step, 2.0, reflective=16, revised=8, first_wrong=8),
            id="some revised",
        ),
        pytest.param(
            lambda step: TrainingPoint(step, 2.0, reflective=16, revised=16, first_wrong=16),
            id="all revised, and all were wrong",
        ),
        pytest.param(
            lambda step: TrainingPoint(step, 2.0, reflective=16, revised=0, first_wrong=0),
            id="none revised, and all were right",
        ),
        pytest.param(
            lambda step: TrainingPoint(step, 2.0, reflective=0.2, revised=0, first_wrong=0.2),
            id="too few to judge",
        ),
    ],
)
def test_lets_it_go_on(tick: Callable[[int], TrainingPoint]) -> None:
    assert reasons(tick) == []


def test_the_start_is_not_judged() -> None:
    guard = GUARD.model_copy(update={"after": 1000})
    assert reasons(lambda step: TrainingPoint(step, 2.0, 16, 0, 8), guard) == []
