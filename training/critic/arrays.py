"""Explored parts as arrays: what the policy sees of each part, and what each move earns on it."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from reinspect.policies import rules
from reinspect.policies.critic import (
    first_inputs,
    input_of,
    may_flip,
    second_inputs,
)
from reinspect.policies.heads import Floats
from reinspect.training.critic.explored import ExploredPart
from reinspect.training.critic.objective import CriticObjective
from reinspect.training.rewards import reflection
from reinspect.vocabulary import Label

FIRST_INPUTS = ("sureness", "label")
"""What the policy knows after the first look, in the order of the columns."""

_UNCHANGED = reflection(Label.NORMAL, Label.NORMAL, Label.NORMAL)  # R_refl of any label that stays


class ExploredArrays(NamedTuple):
    """n parts, with k inputs of the second stage; a column of rewards for each move."""

    parts: tuple[ExploredPart, ...]
    names: tuple[str, ...]
    """Of the k inputs: the witnesses."""
    first: Floats
    """Inputs after the first look, (n, 2)."""
    second: Floats
    """Witnesses' log-odds against the first label, (n, k); 0 where there is no second look."""
    looked_twice: Floats
    """(n,) 1 where there is a second look."""
    may_flip: Floats
    """(n,) 1 where the label may be corrected."""
    truth: Floats
    """(n,) 1 = anomalous."""
    weight: Floats
    """(n,) how much each part counts; all together 1."""
    first_rewards: Floats
    """R_acc of accept, revisit, REVIEW, (n, 3); the second stage's policy fills in revisit."""
    second_rewards: Floats
    """R_acc + R_refl of keep, correct, REVIEW, (n, 3)."""
    second_accuracy: Floats
    """R_acc alone of keep, correct, REVIEW, (n, 3)."""

    @classmethod
    def of(cls, parts: Sequence[ExploredPart], objective: CriticObjective) -> "ExploredArrays":
        """The arrays of some parts, whose moves earn what the objective says."""
        cases = [part.case for part in parts]
        names = tuple(sorted(rules_weights(parts)))
        second = [second_inputs(case) for case in cases]
        first = [first_inputs(case) for case in cases]
        weights = objective.rewards
        accept, keep, correct = (
            weights.accuracy * np.array([getattr(part, move) for part in parts])
            for move in ("accept", "keep", "correct")
        )
        review = np.full(len(parts), weights.accuracy - objective.review)
        accuracy = np.column_stack([keep, correct, review])
        return cls(
            parts=tuple(parts),
            names=names,
            first=np.array([[inputs[name] for name in FIRST_INPUTS] for inputs in first]),
            second=np.array(
                [[inputs.get(name, 0.0) for name in names] for inputs in second]
            ).reshape(len(parts), len(names)),
            looked_twice=np.array([case.second is not None for case in cases], dtype=np.float64),
            may_flip=np.array([may_flip(case) for case in cases], dtype=np.float64),
            truth=np.array([case.truth is True for case in cases], dtype=np.float64),
            weight=_weights(parts),
            first_rewards=np.column_stack([accept, accept, review]),
            second_rewards=accuracy + weights.reflection * _reflections(parts),
            second_accuracy=accuracy,
        )


def rules_weights(parts: Sequence[ExploredPart]) -> dict[str, float]:
    """Input → the hand-set rules' weight, of each witness by itself and among the others."""
    known: dict[str, float] = {}
    for part in parts:
        witnesses = part.case.witnesses
        for name, probability in witnesses.items():
            for beside in ({name: probability}, witnesses):
                known[input_of(name, beside)] = rules.weight(name, beside)
    return known


def _reflections(parts: Sequence[ExploredPart]) -> Floats:
    """R_refl of keep, correct, REVIEW, (n, 3)."""
    rows = []
    for part in parts:
        first, truth = Label.of(part.case.first >= 0.5), Label.of(part.case.truth is True)
        other = Label.of(first is Label.NORMAL)
        rows.append([reflection(first, to, truth) for to in (first, other)] + [_UNCHANGED])
    return np.array(rows, dtype=np.float64)


def _weights(parts: Sequence[ExploredPart]) -> Floats:
    """Every class of every group counts the same, so that no large one drowns the others."""
    keys = [(part.case.group, part.case.truth) for part in parts]
    count = Counter(keys)
    raw = np.array([1 / count[key] for key in keys])
    return np.asarray(raw / raw.sum())
