"""The embedded critic by RCRL: group-relative policy gradient on explored runs, KL to a reference.

A group is every move on one part. Both looks of the part are known, so each move's reward R is
exact, and so is the gradient of RCRL's objective (M3-AD, arXiv 2603.00055),

    E_parts [ Σ_a π(a) A(a) ∇log π(a) ] − β ∇KL(π ‖ reference),    A(a) = R(a) − Σ_b π(b) R(b),

A being the group-relative advantage (without the division by the group's spread, which would weigh
parts by how alike their moves are). The two stages have groups of their own, as in AD-FM's separate
sampling (arXiv 2508.04175):

- after the second look, keep, correct and REVIEW earn R_acc + R_refl;
- after the first look, accept and REVIEW earn R_acc, and revisit earns the R_acc that the second
  stage's policy reaches on the part, less the price of looking. (R_refl judges a reflection; as a
  price for reflecting at all, its −0.5 for every label that stays would end all second looks.)

REVIEW earns 1 less its price: a person gives the right label, for a price. Each class of each
group of parts (line, product, data set) counts the same. Training starts from the hand-set rules,
written as a network, and is pulled towards that start (trust), because a few hundred parts teach
little. The reference policy is a fitted monitor: one that is given, else one fitted on the looks of
the same parts, without signals, which carry over to other products poorly. All of it is
deterministic under a seed.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from reinspect.errors import ReinspectError
from reinspect.policies import rules
from reinspect.policies.case import Case
from reinspect.policies.critic import Critic, TrainedOn
from reinspect.policies.fitted import FittedMonitor
from reinspect.policies.heads import Floats, logit
from reinspect.training.cases import TrainingSet
from reinspect.training.critic.arrays import FIRST_INPUTS, ExploredArrays, rules_weights
from reinspect.training.critic.explored import ExploredPart
from reinspect.training.critic.network import two_nets
from reinspect.training.critic.objective import CriticObjective
from reinspect.training.critic.stages import PolicyStage, maximise, softmax
from reinspect.training.monitor.fit import FitError, fit_monitor

LEAST_ITEMS, LEAST_OF_CLASS = 24, 6
"""Fewer parts, or fewer of one class, are refused: nothing could be checked on the rest."""

_SHARPNESS = 1.5  # of the start's logit for a second look, in logits per log-odds
_DOUBT = math.log(rules.DOUBTFUL / (1 - rules.DOUBTFUL))
_REVIEW = math.log(rules.LEAST_RELIABILITY / (1 - rules.LEAST_RELIABILITY)) / 2
_AT_ONCE = -2.0  # the start's logit for REVIEW without a second look
_GAIN = 0.05  # fall of the Brier score that is worth one logit to the reference policy
_SUREST = 4.0  # the most, in logits, that the reference policy is taken to be sure

# Rows: the moves. Columns: the two networks of the stage.
_FIRST_LOGITS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])  # accept, revisit, REVIEW
_SECOND_LOGITS = np.array([[-0.5, 0.0], [0.5, 0.0], [0.0, 1.0]])  # keep, correct, REVIEW


class CriticTrainingError(ReinspectError, ValueError):
    """Parts that no critic can be trained on."""


class TrainedPolicy(NamedTuple):
    """A critic that says nothing yet of its reliability, and how its training went."""

    critic: Critic
    arrays: ExploredArrays
    curve: tuple[Mapping[str, float], ...]


def ordered_parts(explored: TrainingSet[ExploredPart]) -> tuple[ExploredPart, ...]:
    """The parts by id, so that the order of a file can't matter.

    Raises:
        CriticTrainingError: too few parts, one class only, no second looks, an id twice.
    """
    parts = tuple(sorted(explored.items, key=lambda part: part.case.id))
    _refuse(parts)
    return parts


def train_policy(
    parts: Sequence[ExploredPart], objective: CriticObjective, reference: FittedMonitor, seed: int
) -> TrainedPolicy:
    """Both stages of the policy: the second first, because it says what a second look is worth.

    Args:
        parts: to train on, ordered by id.
        objective: rewards, prices and pulls.
        reference: the reference policy, frozen.
        seed: of the hidden units.
    """
    arrays = ExploredArrays.of(parts, objective)
    rng = np.random.default_rng(seed)
    kl, trust = objective.kl, objective.trust
    second = _second_stage(arrays, reference)
    start = np.concatenate(
        [
            # The hand-set rules' margin: less of the first look, more of what is against it.
            second.nets[0].start(0.0, {"sureness": -1.0, **rules_weights(parts)}, rng),
            second.nets[1].start(_REVIEW, {}, rng),
        ]
    )
    after_second = maximise(second, start, kl=kl, trust=trust)
    first = _first_stage(arrays, reference, second.policy(after_second.theta), objective.look)
    start = np.concatenate(
        [
            first.nets[0].start(_SHARPNESS * _DOUBT, {"sureness": -_SHARPNESS}, rng),
            first.nets[1].start(_AT_ONCE, {}, rng),
        ]
    )
    after_first = maximise(first, start, kl=kl, trust=trust)
    critic = Critic(
        revisit=first.nets[0].network(after_first.theta),
        review_first=first.nets[1].network(after_first.theta),
        margin=second.nets[0].network(after_second.theta),
        review_second=second.nets[1].network(after_second.theta),
        lesson=TrainedOn(items=0, anomalous=0),
    )
    return TrainedPolicy(critic, arrays, (*after_second.curve, *after_first.curve))


def reference_policy(
    parts: Sequence[ExploredPart], seed: int, given: FittedMonitor | None
) -> FittedMonitor:
    """The monitor that is given, else one fitted on the looks of the parts.

    Raises:
        CriticTrainingError: no monitor can be fitted on them.
    """
    if given is not None:
        return given
    try:
        return fit_monitor([without_signals(part.case) for part in parts], seed=seed)
    except FitError as failure:
        raise CriticTrainingError(f"no reference can be fitted: {failure}") from failure


def without_signals(case: Case) -> Case:
    """The looks of a case alone."""
    return case.model_copy(update={"signals": {}})


def _second_stage(arrays: ExploredArrays, reference: FittedMonitor) -> PolicyStage:
    one = np.ones(len(arrays.parts))
    margin = np.array([_reference_margin(reference, part.case) for part in arrays.parts])
    logits = np.column_stack([-margin / 2, margin / 2, np.full(len(margin), _REVIEW)])
    allowed = np.column_stack([one, arrays.may_flip, one])
    weight = arrays.weight * arrays.looked_twice
    return PolicyStage(
        number=2,
        moves=("keep", "correct", "review"),
        nets=two_nets((*FIRST_INPUTS, *arrays.names)),
        logits=_SECOND_LOGITS,
        x=np.column_stack([arrays.first, arrays.second]),
        allowed=allowed,
        reward=arrays.second_rewards,
        reference=np.log(np.maximum(softmax(logits, allowed), 1e-6)),
        weight=weight / max(weight.sum(), 1e-12),
    )


def _first_stage(
    arrays: ExploredArrays, reference: FittedMonitor, second_policy: Floats, price: float
) -> PolicyStage:
    """The first stage, where the second stage's policy (n, 3) says what revisit earns."""
    reward = arrays.first_rewards.copy()
    reward[:, 1] = np.where(
        arrays.looked_twice > 0,
        (second_policy * arrays.second_accuracy).sum(axis=1),
        arrays.first_rewards[:, 0],
    )
    reward[:, 1] -= price
    revisit = np.array([_reference_revisit(reference, part.case) for part in arrays.parts])
    logits = np.column_stack([np.zeros(len(revisit)), revisit, np.full(len(revisit), _AT_ONCE)])
    allowed = np.ones_like(logits)
    return PolicyStage(
        number=1,
        moves=("accept", "revisit", "review"),
        nets=two_nets(FIRST_INPUTS),
        logits=_FIRST_LOGITS,
        x=arrays.first,
        allowed=allowed,
        reward=reward,
        reference=np.log(softmax(logits, allowed)),
        weight=arrays.weight,
    )


def _reference_margin(reference: FittedMonitor, case: Case) -> float:
    """Log-odds against the first label, as the reference policy puts them after both looks."""
    if case.second is None or reference.second is None:
        return -_SUREST
    looks = [case.first, case.second]
    z = logit(reference.second.score(looks, case.signals).probability, 1e-3)
    return -z if case.first >= 0.5 else z


def _reference_revisit(reference: FittedMonitor, case: Case) -> float:
    """The reference policy's logit for a second look."""
    if reference.again is None:
        return -_SUREST
    again = reference.again
    gain = (again.gain(reference.after_first(case).probability) - again.least) * again.cost
    return float(np.clip(gain / _GAIN, -_SUREST, _SUREST))


def _refuse(parts: Sequence[ExploredPart]) -> None:
    for one, other in itertools.pairwise(parts):
        if one.case.id == other.case.id:
            raise CriticTrainingError(f"id {one.case.id!r} is there twice")
    anomalous = sum(part.case.truth is True for part in parts)
    good = len(parts) - anomalous
    if len(parts) < LEAST_ITEMS:
        raise CriticTrainingError(
            f"{len(parts)} parts of known truth: at least {LEAST_ITEMS} are needed"
        )
    if not anomalous or not good:
        which = "good" if good else "anomalous"
        raise CriticTrainingError(f"all {len(parts)} parts are {which}: there is nothing to learn")
    if min(anomalous, good) < LEAST_OF_CLASS:
        raise CriticTrainingError(
            f"{anomalous} anomalous and {good} good parts: at least {LEAST_OF_CLASS} of each are "
            "needed"
        )
    if not any(part.case.second is not None for part in parts):
        raise CriticTrainingError("no part has a second look: there is nothing to choose from")
