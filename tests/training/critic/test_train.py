"""The embedded critic: trained by exact groups, deterministic, and refused in one line."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from reinspect.cli.learning.train import app
from reinspect.policies.case import Case, Occasion
from reinspect.policies.critic import CriticFileError, load_critic, may_flip
from reinspect.training.cases import TrainingSet
from reinspect.training.critic.explored import ExploredPart, NotExplored, from_cases
from reinspect.training.critic.left_out import roll_out
from reinspect.training.critic.objective import CriticObjective
from reinspect.training.critic.policy import CriticTrainingError
from reinspect.training.critic.train import train_critic
from support.made_judgements import judgements, written


def explored(made: list[Case]) -> TrainingSet[ExploredPart]:
    return from_cases(TrainingSet(tuple(made), {"made": "0" * 64}))


def right(critic: object, made: list[Case]) -> float:
    return float(np.mean([roll_out(critic, j).anomalous is j.truth for j in made]))  # type: ignore[arg-type]


def test_it_is_righter_than_first_looks_and_looks_less_when_looks_cost() -> None:
    made, fresh = judgements(200, strength=0.6), judgements(400, seed=1, strength=0.6)
    critic = train_critic(explored(made))
    first = np.mean([(j.first >= 0.5) is j.truth for j in fresh])
    assert right(critic, fresh) > first
    dear = train_critic(explored(made), objective=CriticObjective(look=0.3, trust=0.01, kl=0.0))
    looks = [sum(roll_out(c, j).looked_twice for j in fresh) for c in (critic, dear)]
    assert 0 <= looks[1] < looks[0] < len(fresh)


def test_the_order_of_parts_does_not_matter_and_the_seed_is_kept() -> None:
    made = judgements(90)
    one, other = (train_critic(explored(order), seed=3) for order in (made, made[::-1]))
    assert one == other
    assert one.lesson.seed == 3


def test_training_raises_the_reward_and_a_strong_pull_stays_at_the_start() -> None:
    critic = train_critic(explored(judgements(120)))
    second = [point for point in critic.lesson.curve if point["stage"] == 2]
    assert second[-1]["reward"] > second[0]["reward"]
    tied = train_critic(explored(judgements(120)), objective=CriticObjective(trust=100.0, kl=0.0))
    assert tied.margin.linear["sureness"] == pytest.approx(-1, abs=0.02)


def test_no_label_is_corrected_without_evidence_against_it() -> None:
    made = judgements(120)
    critic = train_critic(explored(made))
    assert not any(critic.flips(j) and not may_flip(j) for j in made)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        pytest.param(judgements(10), "at least 24", id="too-few"),
        pytest.param(judgements(60, good_share=1.0), "are good", id="one-class-only"),
        pytest.param(
            [*judgements(60), judgements(1, good_share=0.0)[0]], "is there twice", id="id-twice"
        ),
    ],
)
def test_what_nothing_can_be_learned_from_is_refused(made: list[Case], said: str) -> None:
    with pytest.raises(CriticTrainingError, match=said):
        train_critic(explored(made))


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(
            [j.model_copy(update={"truth": None}) for j in judgements(60)], id="without-truth"
        ),
        pytest.param(judgements(60, occasion=Occasion.ASKED), id="looks-that-were-asked-for"),
    ],
)
def test_what_was_not_explored_is_refused(made: list[Case]) -> None:
    with pytest.raises(NotExplored, match="not known"):
        explored(made)


def test_the_command_writes_a_critic_that_loads_and_tells_of_groups_left_out(
    tmp_path: Path,
) -> None:
    file, out = written(tmp_path / "judged.jsonl", judgements(90)), tmp_path / "critic.json"
    found = CliRunner().invoke(
        app,
        ["critic", "--judgements", str(file), "--out", str(out), "--cross-validate", "group"],
        catch_exceptions=False,
    )
    assert found.exit_code == 0
    assert "mean: balanced accuracy" in found.output
    assert load_critic(out).lesson.items == 90


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("no", "no JSON", id="no-json"),
        pytest.param("{}", "is no critic", id="something-else"),
        pytest.param('{"format": "reinspect critic", "version": 7}', "version 7", id="version"),
        pytest.param('{"format": "reinspect critic", "version": 1}', "revisit", id="incomplete"),
    ],
)
def test_a_file_that_is_no_critic_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "critic.json"
    file.write_text(text)
    with pytest.raises(CriticFileError, match=said):
        load_critic(file)
