"""Train a critic: its policy on all parts, its reliability on parts that were left out."""

from collections import Counter

import numpy as np

from reinspect.policies.critic import Critic, TrainedOn
from reinspect.policies.fitted import FittedMonitor
from reinspect.training.cases import TrainingSet
from reinspect.training.critic.explored import ExploredPart
from reinspect.training.critic.left_out import left_out_margins, platt_scaling
from reinspect.training.critic.objective import CriticObjective
from reinspect.training.critic.policy import (
    TrainedPolicy,
    ordered_parts,
    reference_policy,
    train_policy,
)


def train_critic(
    explored: TrainingSet[ExploredPart],
    *,
    seed: int = 0,
    objective: CriticObjective | None = None,
    reference: FittedMonitor | None = None,
) -> Critic:
    """Train a critic on explored parts of known truth.

    Its policy is of all parts; how reliable its labels are is fitted on critics that were trained
    without the parts they are asked about.

    Args:
        explored: of unique ids, in any order.
        seed: of the hidden units and the splits.
        objective: rewards, prices and pulls.
        reference: the reference policy; a monitor fitted on the same parts by default.

    Raises:
        CriticTrainingError: too few parts, one class only, no second looks, an id twice.
    """
    parts, objective = ordered_parts(explored), objective or CriticObjective()
    margins = left_out_margins(parts, objective, reference, seed)
    trained = train_policy(parts, objective, reference_policy(parts, seed, reference), seed)
    return trained.critic.model_copy(
        update={
            "sure_first": platt_scaling(margins.first),
            "sure_second": platt_scaling(margins.second),
            "lesson": _trained_on(explored, trained, objective, reference, seed),
        }
    )


def _trained_on(
    explored: TrainingSet[ExploredPart],
    trained: TrainedPolicy,
    objective: CriticObjective,
    reference: FittedMonitor | None,
    seed: int,
) -> TrainedOn:
    """What the critic's file says of its training."""
    arrays, cases = trained.arrays, [part.case for part in trained.arrays.parts]
    alike = (np.ptp(arrays.second_rewards, axis=1) < 1e-9) | (arrays.may_flip == 0)
    groups = Counter(case.group for case in cases if case.group is not None)
    truths = Counter(case.truth_source for case in cases if case.truth_source is not None)
    return TrainedOn(
        items=len(cases),
        anomalous=int(arrays.truth.sum()),
        groups=dict(sorted(groups.items())),
        sources=dict(explored.sources),
        truth_sources=dict(sorted(truths.items())),
        pictures=tuple(sorted({case.sha256[:16] for case in cases if case.sha256})),
        seed=seed,
        weights=objective.weights,
        kl=objective.kl,
        trust=objective.trust,
        reference="given" if reference else "a monitor fitted on the same parts",
        uniform=float(alike.mean()),
        curve=trained.curve,
        notes=explored.notes,
    )
