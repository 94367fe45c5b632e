"""Explored parts: each with what every move on it would have earned, because both looks are known.

With `--explore` a run looks twice at every part. So the reward of every move is known exactly, and
a group of RCRL, which is all moves on one part, needs no sampling.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from reinspect.agents.models.answers import Answer, Named
from reinspect.errors import ReinspectError
from reinspect.policies.case import Case, Occasion, parse_case
from reinspect.store import Store
from reinspect.training.cases import LearnableRun, TrainingSet, hash_of
from reinspect.training.episodes.episode import Episode, Side
from reinspect.training.episodes.folder import read_episodes
from reinspect.training.known import KnownInspection, located
from reinspect.training.rewards import ALPHA, accuracy
from reinspect.vocabulary import Box, Defect, Label, Region, Truth, Verdict


class NotExplored(ReinspectError, ValueError):  # noqa: N818 - it names the run, not a fault of ours
    """Parts of which it is not known what the moves that were not taken would have earned."""


class ExploredPart(NamedTuple):
    """One part, with R_acc of the final answer that each move leads to."""

    case: Case
    accept: float
    keep: float
    correct: float


def from_run(
    store: Store, name: str, *, prefix: bool = False, alpha: float = ALPHA
) -> TrainingSet[ExploredPart]:
    """The parts of an explored run whose truth is known; known-good references are left out.

    Args:
        store: that has the run.
        name: of the run, or its folder.
        prefix: put the run's name before each id, where several runs are taken together.
        alpha: of the location reward.

    Raises:
        NotExplored: the run was not explored, or no part of it has truth and a first look.
        StoreError: the store has no such run, or can't be read.
    """
    run = store.run(name)
    if not run.explored:
        raise NotExplored(
            f"run {run.name!r} was not explored, so what the other moves would have earned is not "
            "known: run it with --explore"
        )
    learnable = LearnableRun(store, run)
    found = (_of_inspection(one, prefix=prefix, alpha=alpha) for one in learnable)
    parts = tuple(part for part in found if part is not None)
    if not parts:
        raise NotExplored(f"run {run.name!r} has no part with a first look whose truth is known")
    sources = {run.name: hash_of(run.name, [part.case for part in parts])}
    return TrainingSet(parts, sources, learnable.notes)


def from_episodes(folder: Path, *, alpha: float = ALPHA) -> TrainingSet[ExploredPart]:
    """The parts of a folder of episodes, of its training side, that were explored.

    Raises:
        NotExplored: none was.
        EpisodeError: the episodes can't be read.
    """
    episodes = read_episodes(folder)
    parts: dict[tuple[str, str], ExploredPart] = {}
    for row in episodes.of(Side.TRAIN):
        part = _of_episode(row, alpha)
        if part is not None:
            parts[row.source, row.image] = part  # the same in both modes
    if not parts:
        raise NotExplored(
            f"{folder}: its runs were not explored, so what the other moves would have earned is "
            "not known: make episodes of a run with --explore"
        )
    return TrainingSet(tuple(parts.values()), {folder.name: episodes.card.content})


def from_cases(cases: TrainingSet[Case]) -> TrainingSet[ExploredPart]:
    """Parts of cases that all were looked at twice; they name no places, so R_acc is R_answer.

    Raises:
        NotExplored: none has truth and a second look that no policy asked for.
    """
    parts = []
    for case in cases.items:
        if case.truth is None or case.occasion is Occasion.ASKED:
            continue
        right = float((case.first >= 0.5) is case.truth)
        parts.append(ExploredPart(case, right, right, 1 - right))
    if not any(part.case.second is not None for part in parts):
        raise NotExplored(
            "no judgement has truth and a second look that every part got: what the other moves "
            "would have earned is not known"
        )
    return TrainingSet(tuple(parts), cases.sources, cases.notes)


def _of_inspection(known: KnownInspection, *, prefix: bool, alpha: float) -> ExploredPart | None:
    trace, first = known.trace, known.trace.first
    if known.truth is None or first is None:
        return None
    earned = _accuracies(first, located(trace), trace.regions, known.truth, alpha)
    return ExploredPart(known.case(prefix=prefix), *earned)


def _of_episode(row: Episode, alpha: float) -> ExploredPart | None:
    case = parse_case(row.judgement)
    if case.occasion is Occasion.ASKED or row.first is None:
        return None
    types = zip(row.first.boxes, row.first.types, strict=True)
    defects = tuple(Defect(box=box, type=name or None) for box, name in types)
    first = Verdict.of(row.first.probability, defects=defects)
    truth = Truth(label=Label.of(row.truth), types=row.types, boxes=row.boxes)
    earned = _accuracies(first, _regions(row.located), _regions(row.seen), truth, alpha)
    case = case.model_copy(update={"id": f"{row.source}/{case.id}"})
    return ExploredPart(case, *earned)


def _accuracies(
    first: Verdict,
    located: Sequence[Region],
    seen: Sequence[Region],
    truth: Truth,
    alpha: float,
) -> tuple[float, float, float]:
    """R_acc of the answers that accept, keep and correct lead to, with their places.

    Args:
        first: the first look's verdict.
        located: where tools put its defects.
        seen: where the second look has them, whatever it decided.
        truth: of the part.
        alpha: of the location reward.
    """
    flipped = Verdict.of(0.0 if first.label is Label.ANOMALOUS else 1.0)
    finals = (first.at(located), first.at(seen), flipped.at(seen))
    accept, keep, correct = (accuracy(_answer(final), truth, alpha=alpha) for final in finals)
    return accept, keep, correct


def _regions(boxes: Sequence[Box]) -> tuple[Region, ...]:
    return tuple(Region(box=box) for box in boxes)


def _answer(verdict: Verdict) -> Answer:
    named = tuple(Named(type=defect.type, box=defect.box) for defect in verdict.defects)
    return Answer(anomalous=verdict.label is Label.ANOMALOUS, defects=named)
