"""What each move would have earned: parts of explored runs, both looks known.

With `--explore` a run looks twice at every part, so the reward of every move is known exactly, and
a group of RCRL, all moves on one part, needs no sampling.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from reinspect.agents.models.answers import Answer, Named
from reinspect.errors import ReinspectError
from reinspect.policies.case import (
    Case,
    Occasion,
    case_of,
    parse_case,
)
from reinspect.store import Store
from reinspect.training.cases import Gathered, Traces, hash_of
from reinspect.training.episodes.episode import Side as Side
from reinspect.training.episodes.folder import read_episodes
from reinspect.training.rewards import ALPHA, accuracy
from reinspect.vocabulary import Box, Defect, Evidence, Label, Region, Trace, Truth, Verdict

_LOCATING = ("locate", "conclude")


class NotExplored(ReinspectError, ValueError):  # noqa: N818 - it names the run, not a fault of ours
    """Parts that say nothing of the moves that were not taken."""


class ExploredPart(NamedTuple):
    """One part, with R_acc of each final answer that a move leads to."""

    judgement: Case
    accept: float
    keep: float
    correct: float


class Explored(NamedTuple):
    """Parts of known truth, the SHA-256 of each source they are from, and what was left out."""

    parts: tuple[ExploredPart, ...]
    sources: dict[str, str]
    notes: tuple[str, ...] = ()


def from_run(store: Store, name: str, *, prefix: bool = False, alpha: float = ALPHA) -> Explored:
    """The parts of an explored run whose truth is known, and that `Traces` does not leave out.

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
    known, traces = store.truth(run.id), Traces(store, run)
    parts = []
    for trace in traces:
        truth = known.get(trace.sample.id)
        if truth is None or trace.first is None:
            continue
        judgement = case_of(
            trace.hypothetical,
            truth=truth,
            occasion=Occasion.EXPLORED,
        )
        if prefix:
            judgement = judgement.model_copy(update={"id": f"{run.name}/{judgement.id}"})
        true = truth
        seen = trace.hypothetical
        earned = _earned(trace.first, located(seen), seen.regions, true, alpha)
        parts.append(ExploredPart(judgement, *earned))
    if not parts:
        raise NotExplored(f"run {run.name!r} has no part with a first look whose truth is known")
    sources = {run.name: hash_of(run.name, [p.judgement for p in parts])}
    return Explored(tuple(parts), sources, traces.notes)


def from_episodes(folder: Path, *, alpha: float = ALPHA) -> Explored:
    """The parts of a folder of episodes, of its training side, that were explored.

    Raises:
        NotExplored: none was.
        EpisodeError: the episodes can't be read.
    """
    episodes = read_episodes(folder)
    parts: dict[tuple[str, str], ExploredPart] = {}
    for row in episodes.of(Side.TRAIN):
        judgement = parse_case(row.judgement)
        if judgement.occasion is Occasion.ASKED or row.first is None:
            continue
        judgement = judgement.model_copy(update={"id": f"{row.source}/{judgement.id}"})
        true = Truth(label=Label.of(row.truth), types=row.types, boxes=row.boxes)
        kinds = zip(row.first.boxes, row.first.types, strict=True)
        defects = tuple(Defect(box=box, type=kind or None) for box, kind in kinds)
        first = Verdict.of(row.first.probability, defects=defects)
        earned = _earned(first, _regions(row.located), _regions(row.seen), true, alpha)
        parts[row.source, row.image] = ExploredPart(judgement, *earned)  # the same in both modes
    if not parts:
        raise NotExplored(
            f"{folder}: its runs were not explored, so what the other moves would have earned is "
            "not known: make episodes of a run with --explore"
        )
    return Explored(tuple(parts.values()), {folder.name: episodes.card.content})


def from_judgements(gathered: Gathered) -> Explored:
    """Parts of judgements that all were looked at twice; they name no places, so R_acc is R_answer.

    Raises:
        NotExplored: none has truth and a second look that no policy asked for.
    """
    parts = []
    for judgement in gathered.judgements:
        if judgement.truth is None or judgement.occasion is Occasion.ASKED:
            continue
        right = float((judgement.first >= 0.5) is judgement.truth)
        parts.append(ExploredPart(judgement, right, right, 1 - right))
    if not any(part.judgement.second is not None for part in parts):
        raise NotExplored(
            "no judgement has truth and a second look that every part got: what the other moves "
            "would have earned is not known"
        )
    return Explored(tuple(parts), gathered.sources, gathered.notes)


def together(sources: Sequence[Explored]) -> Explored:
    """Several sources as one."""
    parts = tuple(part for source in sources for part in source.parts)
    hashes = {name: sha for source in sources for name, sha in source.sources.items()}
    return Explored(parts, hashes, tuple(note for source in sources for note in source.notes))


def located(trace: Trace) -> tuple[Region, ...]:
    """Where tools put the first look's defects."""
    products = (p for step in trace.steps if step.node in _LOCATING for p in step.products)
    return next((p.regions for p in products if isinstance(p, Evidence) and p.regions), ())


def _earned(
    first: Verdict, places: Sequence[Region], seen: Sequence[Region], true: Truth, alpha: float
) -> tuple[float, float, float]:
    """R_acc of the answers that accept, keep and correct lead to, with their places."""
    flipped = Verdict.of(0.0 if first.label is Label.ANOMALOUS else 1.0)
    finals = (first.at(places), first.at(seen), flipped.at(seen))
    accept, keep, correct = (accuracy(_answer(final), true, alpha=alpha) for final in finals)
    return accept, keep, correct


def _regions(boxes: Sequence[Box]) -> tuple[Region, ...]:
    return tuple(Region(box=box) for box in boxes)


def _answer(verdict: Verdict) -> Answer:
    named = tuple(Named(type=defect.type, box=defect.box) for defect in verdict.defects)
    return Answer(anomalous=verdict.label is Label.ANOMALOUS, defects=named)
