"""The embedded critic by RCRL: group-relative policy gradient on explored runs, KL to a reference.

A group is every move on one part. Both looks of the part are known, so each move's reward R is
exact, and so is the gradient of RCRL's objective,

    E_parts [ Σ_a π(a) A(a) ∇log π(a) ] − β ∇KL(π ‖ reference),    A(a) = R(a) − Σ_b π(b) R(b),

A being the group-relative advantage (without the division by the group's spread, which would weigh
parts by how alike their moves are). The stages are groups of their own, as in AD-FM's separate
sampling:

- after the second look, keep, correct and REVIEW earn R_acc + R_refl;
- after the first look, accept and REVIEW earn R_acc, and revisit what the second stage's policy
  makes of the part in R_acc, less the cost of looking. (R_refl judges a reflection; as a price for
  reflecting at all, its −0.5 for every label that stays would end all second looks.)

REVIEW earns 1 less its price: a person gives the right label, for a price. Each class of each
group counts the same. Training starts from the hand-set rules, written as a network, and a pull
towards the start (trust) stands for how little a few hundred parts can teach. Reference is a
monitor fitted on the looks of the same parts (without signals, which carry over to other products
poorly), unless another is given. All of it is deterministic under a seed.
"""

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from pydantic import Field
from scipy.optimize import minimize

from reinspect import metrics
from reinspect.errors import ReinspectError
from reinspect.policies import rules
from reinspect.policies.case import Case
from reinspect.policies.critic import (
    Critic,
    Lesson,
    Sure,
    first_inputs,
    input_of,
    may_flip,
    second_inputs,
    witnesses_in,
)
from reinspect.policies.fitted import FittedMonitor
from reinspect.policies.heads import Floats, logit
from reinspect.training.critic.explored import Explored, ExploredPart
from reinspect.training.critic.network import MoveGroups, ascended, nets_of, short, softmax
from reinspect.training.monitor.fit import FitError, fit_monitor
from reinspect.training.rewards import Weights, reflection
from reinspect.training.splits import Indices, Split, folds
from reinspect.vocabulary import Label, Value

LEAST_ITEMS, LEAST_OF_CLASS = 24, 6
"""Fewer parts, or fewer of one class, are refused: nothing could be checked on the rest."""

_SHARPNESS = 1.5  # of the start's wish for a second look, in logits per log-odds
_DOUBT = math.log(rules.DOUBTFUL / (1 - rules.DOUBTFUL))
_REVIEW = math.log(rules.LEAST_RELIABILITY / (1 - rules.LEAST_RELIABILITY)) / 2
_AT_ONCE = -2.0  # the start's logit for REVIEW without a second look
_GAIN = 0.05  # fall of the Brier score that is worth one logit to the reference
_SURE = 4.0  # the most, in logits, that the reference is held to
_FEWEST_GROUPS = 3


class CriticTrainingError(ReinspectError, ValueError):
    """Parts that no critic can be trained on."""


class Pay(Value):
    """What moves earn and cost, in units of one right label."""

    rewards: Weights = Weights()
    look: float = Field(default=0.5, ge=0, le=1, description="Price of a second look.")
    review: float = Field(default=1 / 3, ge=0, le=1, description="Price of a person's look.")
    kl: float = Field(default=0.1, ge=0, le=100, description="Weight of the KL.")
    trust: float = Field(default=0.1, ge=0, le=100, description="Pull towards the start.")


class PartArrays(NamedTuple):
    """Parts as arrays; n parts, k inputs of the second stage."""

    parts: tuple[ExploredPart, ...]
    names: tuple[str, ...]
    first: Floats  # (n, 2)
    second: Floats  # (n, k), 0 where there is no second look
    twice: Floats  # (n,) 1 where there is one
    allowed: Floats  # (n,) 1 where the label may be corrected
    truth: Floats  # (n,) 1 = anomalous
    flagged: Floats  # (n,) 1 = anomalous at first
    share: Floats  # (n,) what each counts; all together 1
    stage_one: Floats  # (n, 3) R_acc of accept, REVIEW; column 1 is filled by the second stage
    stage_two: Floats  # (n, 3) R_acc + R_refl of keep, correct, REVIEW
    outcome: Floats  # (n, 3) R_acc of keep, correct, REVIEW


_FIRST = ("sureness", "label")


def train_critic(
    explored: Explored,
    *,
    seed: int = 0,
    pay: Pay | None = None,
    reference: FittedMonitor | None = None,
) -> Critic:
    """Train a critic on explored parts of known truth.

    Args:
        explored: of unique ids, in any order.
        seed: of the hidden units and the splits.
        pay: rewards, costs and pulls.
        reference: the frozen policy; a monitor fitted on the same parts by default.

    Raises:
        CriticTrainingError: too few parts, one class only, no second looks, an id twice.
    """
    parts = tuple(sorted(explored.parts, key=lambda part: part.judgement.id))
    _refuse(parts)
    pay = pay or Pay()
    margins = _unseen(parts, pay, seed, reference)
    table = _table(parts, pay)
    learned = _learned(table, _reference(parts, seed, reference), pay, seed)
    sure = [_sure(*margin) for margin in margins]
    lesson = _lesson(parts, explored.sources, table, learned).model_copy(
        update={
            "seed": seed,
            "kl": pay.kl,
            "trust": pay.trust,
            "weights": {
                **pay.rewards.model_dump(),
                "look": pay.look,
                "review": round(pay.review, 6),
            },
            "reference": "given" if reference else "a monitor fitted on the same parts",
            "notes": explored.notes,
        }
    )
    return learned.critic.model_copy(
        update={"sure_first": sure[0], "sure_second": sure[1], "lesson": lesson}
    )


class _Learned(NamedTuple):
    critic: Critic
    curve: tuple[Mapping[str, float], ...]


def _learned(table: PartArrays, reference: FittedMonitor, pay: Pay, seed: int) -> _Learned:
    rng = np.random.default_rng(seed)
    curve: list[dict[str, float]] = []
    two = _stage_two(table, reference)
    start = np.concatenate(
        [
            two.nets[0].start(0.0, _rules_weights(table), rng),
            two.nets[1].start(_REVIEW, {}, rng),
        ]
    )
    second = ascended(two, start, kl=pay.kl, trust=pay.trust, curve=curve)
    one = _stage_one(table, reference, two, second, pay)
    start = np.concatenate(
        [
            one.nets[0].start(_SHARPNESS * _DOUBT, {"sureness": -_SHARPNESS}, rng),
            one.nets[1].start(_AT_ONCE, {}, rng),
        ]
    )
    first = ascended(one, start, kl=pay.kl, trust=pay.trust, curve=curve)
    critic = Critic(
        revisit=one.nets[0].network(first),
        review_first=one.nets[1].network(first),
        margin=two.nets[0].network(second),
        review_second=two.nets[1].network(second),
        lesson=Lesson(items=0, anomalous=0),
    )
    return _Learned(critic, tuple(curve))


# Rows: the moves. Columns: the two networks of the stage.
_LOGITS_ONE = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])  # accept, revisit, REVIEW
_LOGITS_TWO = np.array([[-0.5, 0.0], [0.5, 0.0], [0.0, 1.0]])  # keep, correct, REVIEW


def _stage_two(table: PartArrays, reference: FittedMonitor) -> MoveGroups:
    nets = nets_of((*_FIRST, *table.names))
    one = np.ones(len(table.parts))
    against = np.array([_against(reference, part.judgement) for part in table.parts])
    wanted = np.column_stack([-against / 2, against / 2, np.full(len(against), _REVIEW)])
    allowed = np.column_stack([one, table.allowed, one])
    share = table.share * table.twice
    return MoveGroups(
        number=2,
        moves=("keep", "correct", "review"),
        nets=nets,
        logits=_LOGITS_TWO,
        x=np.column_stack([table.first, table.second]),
        allowed=allowed,
        reward=table.stage_two,
        reference=np.log(np.maximum(softmax(wanted, allowed), 1e-6)),
        share=share / max(share.sum(), 1e-12),
    )


def _stage_one(
    table: PartArrays, reference: FittedMonitor, two: MoveGroups, second: Floats, pay: Pay
) -> MoveGroups:
    pi, _ = two.policy(second)
    reward = table.stage_one.copy()
    reward[:, 1] = np.where(
        table.twice > 0, (pi * table.outcome).sum(axis=1), table.stage_one[:, 0]
    )
    reward[:, 1] -= pay.look
    wish = np.array([_wish(reference, part.judgement) for part in table.parts])
    wanted = np.column_stack([np.zeros(len(wish)), wish, np.full(len(wish), _AT_ONCE)])
    allowed = np.ones_like(wanted)
    return MoveGroups(
        number=1,
        moves=("accept", "revisit", "review"),
        nets=nets_of(_FIRST),
        logits=_LOGITS_ONE,
        x=table.first,
        allowed=allowed,
        reward=reward,
        reference=np.log(softmax(wanted, allowed)),
        share=table.share,
    )


def _against(reference: FittedMonitor, judgement: Case) -> float:
    """Log-odds against the first label, as the reference puts them after both looks."""
    if judgement.second is None or reference.second is None:
        return -_SURE
    looks = [judgement.first, judgement.second]
    z = logit(reference.second.score(looks, judgement.signals).probability, 1e-3)
    return -z if judgement.first >= 0.5 else z


def _wish(reference: FittedMonitor, judgement: Case) -> float:
    """The reference's wish for a second look, as a logit."""
    if reference.again is None:
        return -_SURE
    again = reference.again
    gain = (again.gain(reference.after_first(judgement).probability) - again.least) * again.cost
    return float(np.clip(gain / _GAIN, -_SURE, _SURE))


def _rules_weights(table: PartArrays) -> dict[str, float]:
    """The margin as the hand-set rules fuse it: less of the first look, more of what is against."""
    return {"sureness": -1.0, **_witness_inputs(table.parts)}


def _witness_inputs(parts: Sequence[ExploredPart]) -> dict[str, float]:
    """Input → the rules' weight, of each witness by itself and among the others."""
    known: dict[str, float] = {}
    for part in parts:
        witnesses = witnesses_in(part.judgement)
        for name, probability in witnesses.items():
            for beside in ({name: probability}, witnesses):
                known[input_of(name, beside)] = rules.weight(name, beside)
    return known


def _table(parts: tuple[ExploredPart, ...], pay: Pay) -> PartArrays:
    inputs = [second_inputs(part.judgement) for part in parts]
    names = tuple(sorted(_witness_inputs(parts)))
    firsts = [first_inputs(part.judgement) for part in parts]
    flagged = np.array([part.judgement.first >= 0.5 for part in parts], dtype=np.float64)
    truth = np.array([part.judgement.truth is True for part in parts], dtype=np.float64)
    weights = pay.rewards
    accepted, kept, corrected = (
        weights.accuracy * np.array([getattr(part, move) for part in parts])
        for move in ("accept", "keep", "correct")
    )
    asked = np.full(len(parts), weights.accuracy - pay.review)
    outcome = np.column_stack([kept, corrected, asked])
    stays, flips = _reflections(flagged, truth)
    reflected = np.column_stack([stays, flips, np.full(len(parts), reflection(*_UNCHANGED))])
    return PartArrays(
        parts=parts,
        names=names,
        first=np.array([[one[name] for name in _FIRST] for one in firsts]),
        second=np.array([[one.get(name, 0.0) for name in names] for one in inputs]).reshape(
            len(parts), len(names)
        ),
        twice=np.array([part.judgement.second is not None for part in parts], dtype=np.float64),
        allowed=np.array([may_flip(part.judgement) for part in parts], dtype=np.float64),
        truth=truth,
        flagged=flagged,
        share=_shares(parts),
        stage_one=np.column_stack([accepted, accepted, asked]),
        stage_two=outcome + weights.reflection * reflected,
        outcome=outcome,
    )


_LABELS = (Label.NORMAL, Label.ANOMALOUS)
_UNCHANGED = (Label.NORMAL, Label.NORMAL, Label.NORMAL)


def _reflections(flagged: Floats, truth: Floats) -> tuple[list[float], list[float]]:
    """R_refl of keeping and of changing each first label."""
    pairs = [
        (_LABELS[int(was)], _LABELS[int(true)]) for was, true in zip(flagged, truth, strict=True)
    ]
    others = {Label.NORMAL: Label.ANOMALOUS, Label.ANOMALOUS: Label.NORMAL}
    stays = [reflection(was, was, true) for was, true in pairs]
    return stays, [reflection(was, others[was], true) for was, true in pairs]


def _shares(parts: Sequence[ExploredPart]) -> Floats:
    """Every class of every group counts the same, so that no large one drowns the others."""
    keys = [(part.judgement.group, part.judgement.truth) for part in parts]
    count = Counter(keys)
    raw = np.array([1 / count[key] for key in keys])
    return np.asarray(raw / raw.sum())


def _reference(
    parts: Sequence[ExploredPart], seed: int, given: FittedMonitor | None
) -> FittedMonitor:
    if given is not None:
        return given
    try:
        bare = [part.judgement.model_copy(update={"signals": {}}) for part in parts]
        return fit_monitor(bare, seed=seed)
    except FitError as failure:
        raise CriticTrainingError(f"no reference can be fitted: {failure}") from failure


def _unseen(
    parts: tuple[ExploredPart, ...], pay: Pay, seed: int, reference: FittedMonitor | None
) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Margins, with what came true, of parts left out of the training in turn."""
    left_out, critics = _left_out(parts, seed), []
    for fold in left_out:
        rest = _others(parts, fold)
        frozen = _reference(rest, seed, reference)
        critics.append(_learned(_table(rest, pay), frozen, pay, seed).critic)
    return _margins(parts, left_out, critics)


def left_out_report(
    explored: Explored,
    *,
    seed: int = 0,
    pay: Pay | None = None,
    reference: FittedMonitor | None = None,
) -> list[str]:
    """A line for each group: the critic trained on all other groups, and its reference, on it.

    Raises:
        CriticTrainingError: as `train_critic`, or fewer than two groups.
    """
    parts = tuple(sorted(explored.parts, key=lambda part: part.judgement.id))
    _refuse(parts)
    pay, lines = pay or Pay(), []
    groups = sorted({part.judgement.group for part in parts if part.judgement.group is not None})
    if len(groups) < _FEWEST_GROUPS:
        raise CriticTrainingError(f"{len(groups)} groups: at least {_FEWEST_GROUPS} are needed")
    every: list[tuple[float, float, float, int, int, int]] = []
    for group in groups:
        rest = tuple(part for part in parts if part.judgement.group != group)
        mine = [part.judgement for part in parts if part.judgement.group == group]
        frozen = _reference(rest, seed, reference)
        critic = _learned(_table(rest, pay), frozen, pay, seed).critic
        truth = [judgement.truth is True for judgement in mine]
        first = [judgement.first >= 0.5 for judgement in mine]
        final, looked = zip(*(decided(critic, judgement) for judgement in mine), strict=True)
        scored = [frozen.score(_bare(judgement, reference)) for judgement in mine]
        theirs = [result.label is Label.ANOMALOUS for result in scored]
        rates = [_balanced(labels, truth) for labels in (first, theirs, final)]
        if None in rates:
            continue
        changed = [(f is t) - (w is t) for w, f, t in zip(first, final, truth, strict=True)]
        row = (*rates, changed.count(1), changed.count(-1), sum(looked))
        every.append(row)
        lines.append(_line(group, row, len(mine)))
    means = [float(np.mean([row[i] for row in every])) for i in range(3)]
    sums = [sum(row[i] for row in every) for i in range(3, 6)]
    return [*lines, _line("mean", (*means, *sums), len(parts))]


def _line(group: str, row: Sequence[float | None], count: int) -> str:
    first, reference, final, fixed, broken, looks = row
    return (
        f"{group}: balanced accuracy first {first:.3f}, reference {reference:.3f}, critic "
        f"{final:.3f}; {fixed:.0f} fixed, {broken:.0f} broken of {looks:.0f} second looks, "
        f"{count} parts"
    )


def _balanced(labels: Sequence[bool], truth: Sequence[bool]) -> float | None:
    return metrics.balanced_accuracy([float(label) for label in labels], truth)


def _bare(judgement: Case, given: FittedMonitor | None) -> Case:
    """As the reference knows it: one that was fitted here was fitted without signals."""
    return judgement if given else judgement.model_copy(update={"signals": {}})


def _left_out(parts: Sequence[ExploredPart], seed: int) -> list[Indices]:
    judgements = [part.judgement for part in parts]
    groups = {judgement.group for judgement in judgements if judgement.group is not None}
    by = Split.GROUP if len(groups) >= _FEWEST_GROUPS else Split.RANDOM
    return folds(judgements, by, seed=seed)


def _others(parts: tuple[ExploredPart, ...], fold: Indices) -> tuple[ExploredPart, ...]:
    out = set(fold.tolist())
    return tuple(part for i, part in enumerate(parts) if i not in out)


def decided(critic: Critic, judgement: Case) -> tuple[bool, bool]:
    """The label in force, true = anomalous, and whether the part was looked at twice."""
    anomalous = judgement.first >= 0.5
    looked = judgement.second is not None and critic.first_move(judgement) == "revisit"
    return anomalous ^ (looked and critic.flips(judgement)), looked


def _margins(
    parts: Sequence[ExploredPart], left_out: Sequence[Indices], critics: Sequence[Critic]
) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """For each stage, |margin| of parts left out, and whether the label was right."""
    one, two = [], []
    for fold, critic in zip(left_out, critics, strict=True):
        for i in fold.tolist():
            judgement = parts[i].judgement
            right = (judgement.first >= 0.5) is judgement.truth
            one.append((first_inputs(judgement)["sureness"], right))
            if judgement.second is not None:
                margin = abs(critic.margin(second_inputs(judgement)))
                two.append((margin, right ^ critic.flips(judgement)))
    pairs = [np.array(seen, dtype=np.float64).reshape(-1, 2) for seen in (one, two)]
    return (pairs[0][:, 0], pairs[0][:, 1]), (pairs[1][:, 0], pairs[1][:, 1])


def _sure(margin: Floats, right: Floats) -> Sure:
    """Logistic regression of "label right" on the margin, held near logit(reliability) = margin."""
    if not len(margin):
        return Sure()

    def loss(ab: Floats) -> tuple[float, Floats]:
        z = ab[0] + ab[1] * margin
        p = 1 / (1 + np.exp(-z))
        nll = -(right * np.log(p + 1e-12) + (1 - right) * np.log(1 - p + 1e-12)).sum()
        gradient = np.array([(p - right).sum(), ((p - right) * margin).sum()])
        away = ab - np.array([0.0, 1.0])
        return float(nll + away @ away), gradient + 2 * away

    found = minimize(
        loss, np.array([0.0, 1.0]), jac=True, method="L-BFGS-B", bounds=[(-3, 3), (0, 5)]
    )
    return Sure(intercept=short(found.x[0]), slope=short(found.x[1]))


def _lesson(
    parts: Sequence[ExploredPart], sources: Mapping[str, str], table: PartArrays, learned: _Learned
) -> Lesson:
    judgements = [part.judgement for part in parts]
    alike = (np.ptp(table.stage_two, axis=1) < 1e-9) | (table.allowed == 0)
    named = Counter(j.group for j in judgements if j.group is not None)
    said = Counter(j.truth_source for j in judgements if j.truth_source is not None)
    return Lesson(
        items=len(parts),
        anomalous=int(table.truth.sum()),
        groups=dict(sorted(named.items())),
        truth_sources=dict(sorted(said.items())),
        sources=dict(sources),
        pictures=tuple(sorted({j.sha256[:16] for j in judgements if j.sha256})),
        uniform=float(alike.mean()),
        curve=learned.curve,
    )


def _refuse(parts: Sequence[ExploredPart]) -> None:
    for one, other in itertools.pairwise(parts):
        if one.judgement.id == other.judgement.id:
            raise CriticTrainingError(f"id {one.judgement.id!r} is there twice")
    anomalous = sum(part.judgement.truth is True for part in parts)
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
    if not any(part.judgement.second is not None for part in parts):
        raise CriticTrainingError("no part has a second look: there is nothing to choose from")
