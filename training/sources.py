"""Judgements of stored runs: what their traces said, with the truth that is known of them."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from reinspect.images import UnreadableImage
from reinspect.policies.judgements import (
    Judgement,
    JudgementError,
    Occasion,
    judgement_of,
    label_of,
    read_judgements,
)
from reinspect.store import Run, Store
from reinspect.training.golden import GoldenError, Picture, References
from reinspect.vocabulary import Trace


class Gathered(NamedTuple):
    """Judgements, the SHA-256 of each source they are from, and what was left out, in words."""

    judgements: tuple[Judgement, ...]
    sources: dict[str, str]
    notes: tuple[str, ...] = ()


def from_file(path: Path) -> Gathered:
    """Judgements of a JSON-lines file.

    Raises:
        JudgementError: as `read_judgements`.
    """
    judgements = read_judgements(path)
    return Gathered(judgements, {path.name: hashlib.sha256(path.read_bytes()).hexdigest()})


def from_run(store: Store, name: str, *, prefix: bool = False) -> Gathered:
    """Judgements of a run; images without a first look, and known-good references, have none.

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
    found, golden = [], _Golden(run)
    for trace in store.traces(run.id):
        if trace.first is None or golden.has(trace):
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
    return Gathered(tuple(found), {run.name: hash_of(run.name, found)}, golden.notes)


class _Golden:
    """Tells a run's known-good references, which its detector learned from, from other parts."""

    def __init__(self, run: Run) -> None:
        self._run, self._references = run, References()
        self._left_out, self._unknown = 0, ""

    def has(self, trace: Trace) -> bool:
        """Whether the part is one, by its bytes."""
        view = trace.sample.views[0]
        if view.sha256 is None or self._unknown:
            return False
        part = Picture(self._run, trace.sample.category, Path(view.path), view.sha256)
        try:
            golden = part in self._references
        except (GoldenError, UnreadableImage) as failure:
            self._unknown = str(failure)
            return False
        self._left_out += golden
        return golden

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, or why that isn't known."""
        if self._unknown:
            return (f"whether references are among the parts is not known: {self._unknown}",)
        if not self._left_out:
            return ()
        are = "part is" if self._left_out == 1 else "parts are"
        return (f"{self._left_out} {are} left out: known-good references of {self._run.name!r}",)


def together(parts: Sequence[Gathered]) -> Gathered:
    """Several sources as one."""
    return Gathered(
        tuple(judgement for part in parts for judgement in part.judgements),
        {name: sha for part in parts for name, sha in part.sources.items()},
        tuple(note for part in parts for note in part.notes),
    )


def looks_alone(gathered: Gathered) -> Gathered:
    """The same without signals: what they say of one product need not hold for another."""
    bare = tuple(j.model_copy(update={"signals": {}}) for j in gathered.judgements)
    note = "looks alone were weighed, no signals"
    return gathered._replace(judgements=bare, notes=(*gathered.notes, note))


def hash_of(name: str, judgements: Sequence[Judgement]) -> str:
    """SHA-256 of a source's name and judgements, whatever their order."""
    lines = [name, *sorted(judgement.model_dump_json() for judgement in judgements)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
