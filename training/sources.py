"""Judgements of stored runs: what their traces said, with the truth that is known of them."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from reinspect.policies.judgements import (
    Judgement,
    JudgementError,
    Occasion,
    judgement_of,
    label_of,
    read_judgements,
)
from reinspect.store import Store


class Gathered(NamedTuple):
    """Judgements, and the SHA-256 of each source they are from."""

    judgements: tuple[Judgement, ...]
    sources: dict[str, str]


def from_file(path: Path) -> Gathered:
    """Judgements of a JSON-lines file.

    Raises:
        JudgementError: as `read_judgements`.
    """
    judgements = read_judgements(path)
    return Gathered(judgements, {path.name: hashlib.sha256(path.read_bytes()).hexdigest()})


def from_run(store: Store, name: str, *, prefix: bool = False) -> Gathered:
    """Judgements of a run; images without a first look have none.

    Of an explored run, every second look counts; of any other, those that the policy asked for.

    Args:
        store: that has the run.
        name: of the run, or its folder.
        prefix: put the run's name before each id, where several runs are taken together.

    Raises:
        JudgementError: no image of the run has a first look.
        StoreError: the store has no such run, or can't be read.
    """
    run = store.run(name)
    known = store.truth(run.id)
    found = []
    for trace in store.traces(run.id):
        if trace.first is None:
            continue
        truth = known.get(trace.sample.id)
        judgement = judgement_of(
            trace.hypothetical if run.explored else trace,
            truth=None if truth is None else label_of(truth.label),
            truth_source=None if truth is None else truth.source,
            occasion=Occasion.EXPLORED if run.explored else Occasion.ASKED,
        )
        if prefix:
            judgement = judgement.model_copy(update={"id": f"{run.name}/{judgement.id}"})
        found.append(judgement)
    if not found:
        raise JudgementError(f"run {run.name!r} has no image with a first look")
    return Gathered(tuple(found), {run.name: hash_of(run.name, found)})


def together(parts: Sequence[Gathered]) -> Gathered:
    """Several sources as one."""
    judgements = tuple(judgement for part in parts for judgement in part.judgements)
    return Gathered(judgements, {name: sha for part in parts for name, sha in part.sources.items()})


def hash_of(name: str, judgements: Sequence[Judgement]) -> str:
    """SHA-256 of a source's name and judgements, whatever their order."""
    lines = [name, *sorted(judgement.model_dump_json() for judgement in judgements)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
