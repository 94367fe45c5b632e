"""Critics on parts that they were not trained on: for a report, and for their reliability."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from reinspect import metrics
from reinspect.policies.case import Case
from reinspect.policies.critic import Critic, PlattScaling, first_inputs, second_inputs
from reinspect.policies.fitted import FittedMonitor
from reinspect.policies.heads import Floats
from reinspect.training.cases import TrainingSet
from reinspect.training.critic.explored import ExploredPart
from reinspect.training.critic.network import rounded
from reinspect.training.critic.objective import CriticObjective
from reinspect.training.critic.policy import (
    CriticTrainingError,
    ordered_parts,
    reference_policy,
    train_policy,
    without_signals,
)
from reinspect.training.splits import Split, folds
from reinspect.vocabulary import Label

_FEWEST_GROUPS = 3


class LeftOutGroup(NamedTuple):
    """A group, as judged by a critic that was trained on all other groups."""

    group: str
    parts: int
    first: float
    """Balanced accuracy of the first looks."""
    reference: float
    """Balanced accuracy of the reference policy."""
    critic: float
    """Balanced accuracy of the critic."""
    fixed: int
    broken: int
    second_looks: int

    def __str__(self) -> str:
        return (
            f"{self.group}: balanced accuracy first {self.first:.3f}, reference "
            f"{self.reference:.3f}, critic {self.critic:.3f}; {self.fixed} fixed, {self.broken} "
            f"broken of {self.second_looks} second looks, {self.parts} parts"
        )


def judge_left_out_groups(
    explored: TrainingSet[ExploredPart],
    *,
    seed: int = 0,
    objective: CriticObjective | None = None,
    reference: FittedMonitor | None = None,
) -> list[LeftOutGroup]:
    """Each group by the critic trained on all others; the last row is their mean.

    A group of one class alone has no balanced accuracy, and no row.

    Raises:
        CriticTrainingError: as `train_critic`, or fewer than three groups.
    """
    parts, objective = ordered_parts(explored), objective or CriticObjective()
    groups = sorted({part.case.group for part in parts if part.case.group is not None})
    if len(groups) < _FEWEST_GROUPS:
        raise CriticTrainingError(f"{len(groups)} groups: at least {_FEWEST_GROUPS} are needed")
    rows = []
    for group in groups:
        rest = [part for part in parts if part.case.group != group]
        cases = [part.case for part in parts if part.case.group == group]
        frozen = reference_policy(rest, seed, reference)
        critic = train_policy(rest, objective, frozen, seed).critic
        # A reference that was fitted here was fitted without signals.
        shown = cases if reference else [without_signals(case) for case in cases]
        theirs = [frozen.score(case).label is Label.ANOMALOUS for case in shown]
        row = _row(group, cases, theirs, critic)
        if row is not None:
            rows.append(row)
    return [*rows, _mean(rows, len(parts))]


class Rollout(NamedTuple):
    """What comes of a part where the policy is followed."""

    anomalous: bool
    """The label in force."""
    looked_twice: bool


def roll_out(critic: Critic, case: Case) -> Rollout:
    """Follow the policy on a part whose looks are known."""
    looked = case.second is not None and critic.first_move(case) == "revisit"
    return Rollout((case.first >= 0.5) ^ (looked and critic.flips(case)), looked)


def _row(
    group: str, cases: Sequence[Case], reference: Sequence[bool], critic: Critic
) -> LeftOutGroup | None:
    truth = [case.truth is True for case in cases]
    first = [case.first >= 0.5 for case in cases]
    rollouts = [roll_out(critic, case) for case in cases]
    final = [rollout.anomalous for rollout in rollouts]
    before, theirs, after = (_accuracy(labels, truth) for labels in (first, reference, final))
    if before is None or theirs is None or after is None:
        return None
    gained = [(f is t) - (w is t) for w, f, t in zip(first, final, truth, strict=True)]
    return LeftOutGroup(
        group=group,
        parts=len(cases),
        first=before,
        reference=theirs,
        critic=after,
        fixed=gained.count(1),
        broken=gained.count(-1),
        second_looks=sum(rollout.looked_twice for rollout in rollouts),
    )


def _accuracy(labels: Sequence[bool], truth: Sequence[bool]) -> float | None:
    """Balanced accuracy; none where a class is absent."""
    return metrics.balanced_accuracy([float(label) for label in labels], truth)


def _mean(rows: Sequence[LeftOutGroup], parts: int) -> LeftOutGroup:
    return LeftOutGroup(
        group="mean",
        parts=parts,
        first=float(np.mean([row.first for row in rows])),
        reference=float(np.mean([row.reference for row in rows])),
        critic=float(np.mean([row.critic for row in rows])),
        fixed=sum(row.fixed for row in rows),
        broken=sum(row.broken for row in rows),
        second_looks=sum(row.second_looks for row in rows),
    )


class Margins(NamedTuple):
    """Margins of the labels in force, and whether these were right, as float (n,) each."""

    margin: Floats
    right: Floats

    @classmethod
    def of(cls, pairs: Sequence[tuple[float, bool]]) -> "Margins":
        """Of (margin, right) pairs."""
        array = np.array(pairs, dtype=np.float64).reshape(-1, 2)
        return cls(array[:, 0], array[:, 1])


class StageMargins(NamedTuple):
    """Margins after the first look, and after the second."""

    first: Margins
    second: Margins


def left_out_margins(
    parts: Sequence[ExploredPart],
    objective: CriticObjective,
    reference: FittedMonitor | None,
    seed: int,
) -> StageMargins:
    first, second = [], []
    for case, critic in _left_out(parts, objective, reference, seed):
        right = (case.first >= 0.5) is case.truth
        first.append((first_inputs(case)["sureness"], right))
        if case.second is not None:
            margin = abs(critic.margin(second_inputs(case)))
            second.append((margin, right ^ critic.flips(case)))
    return StageMargins(Margins.of(first), Margins.of(second))


def _left_out(
    parts: Sequence[ExploredPart],
    objective: CriticObjective,
    reference: FittedMonitor | None,
    seed: int,
) -> Iterator[tuple[Case, Critic]]:
    """Each case, with a critic that was trained without it; by group where there are enough."""
    cases = [part.case for part in parts]
    groups = {case.group for case in cases if case.group is not None}
    by = Split.GROUP if len(groups) >= _FEWEST_GROUPS else Split.RANDOM
    for fold in folds(cases, by, seed=seed):
        out = set(fold.tolist())
        rest = [part for i, part in enumerate(parts) if i not in out]
        frozen = reference_policy(rest, seed, reference)
        critic = train_policy(rest, objective, frozen, seed).critic
        yield from ((cases[i], critic) for i in fold.tolist())


def platt_scaling(seen: Margins) -> PlattScaling:
    """Logistic regression of "label right" on the margin, held near logit(reliability) = margin."""
    margin, right = seen
    if not len(margin):
        return PlattScaling()
    unscaled = np.array([0.0, 1.0])

    def loss(ab: Floats) -> tuple[float, Floats]:
        z = ab[0] + ab[1] * margin
        p = 1 / (1 + np.exp(-z))
        nll = -(right * np.log(p + 1e-12) + (1 - right) * np.log(1 - p + 1e-12)).sum()
        gradient = np.array([(p - right).sum(), ((p - right) * margin).sum()])
        away = ab - unscaled
        return float(nll + away @ away), gradient + 2 * away

    found = minimize(loss, unscaled, jac=True, method="L-BFGS-B", bounds=[(-3, 3), (0, 5)])
    return PlattScaling(intercept=rounded(found.x[0]), slope=rounded(found.x[1]))
