"""Groups as judged by critics that were trained without them."""

import pytest

from reinspect.policies.case import Case
from reinspect.training.cases import TrainingSet
from reinspect.training.critic.explored import ExploredPart, from_cases
from reinspect.training.critic.left_out import judge_left_out_groups
from reinspect.training.critic.policy import CriticTrainingError
from support.made_judgements import judgements


def explored(made: list[Case]) -> TrainingSet[ExploredPart]:
    return from_cases(TrainingSet(tuple(made), {"made": "0" * 64}))


def test_each_group_has_a_row_and_the_last_is_their_mean() -> None:
    made = judgements(90)
    *rows, mean = judge_left_out_groups(explored(made))
    assert [row.group for row in rows] == sorted({case.group or "" for case in made})
    assert sum(row.parts for row in rows) == mean.parts == 90
    assert mean.critic == pytest.approx(sum(row.critic for row in rows) / len(rows))
    assert mean.second_looks == sum(row.second_looks for row in rows)
    assert str(mean).startswith("mean: balanced accuracy first 0.")


def test_few_groups_are_refused() -> None:
    one = [case.model_copy(update={"group": "bolts"}) for case in judgements(60)]
    with pytest.raises(CriticTrainingError, match="1 groups: at least 3 are needed"):
        judge_left_out_groups(explored(one))
