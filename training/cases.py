"""Judgements of stored runs: what their traces said, with the truth that is known of them."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from reinspect.images import UnreadableImage
from reinspect.policies.case import (
    Case,
    CaseError,
    Occasion,
    case_of,
    read_cases,
)
from reinspect.store import Run, Store
from reinspect.store.database import TraceError
from reinspect.training.references import InspectedPicture, KnownReferences, ReferencesError
from reinspect.vocabulary import Trace


class Gathered(NamedTuple):
    """Judgements, the SHA-256 of each source they are from, and what was left out, in words."""

    judgements: tuple[Case, ...]
    sources: dict[str, str]
    notes: tuple[str, ...] = ()


def from_file(path: Path) -> Gathered:
    """Judgements of a JSON-lines file.

    Raises:
        JudgementError: as `read_cases`.
    """
    judgements = read_cases(path)
    return Gathered(judgements, {path.name: hashlib.sha256(path.read_bytes()).hexdigest()})


def from_run(store: Store, name: str, *, prefix: bool = False) -> Gathered:
    """Judgements of a run; what `Traces` leaves out has none.

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
    found, traces = [], Traces(store, run)
    for trace in traces:
        truth = known.get(trace.sample.id)
        judgement = case_of(
            trace.hypothetical if run.explored else trace,
            truth=truth,
            occasion=Occasion.EXPLORED if run.explored else Occasion.ASKED,
        )
        if prefix:
            judgement = judgement.model_copy(update={"id": f"{run.name}/{judgement.id}"})
        found.append(judgement)
    if not found:
        raise CaseError(f"run {run.name!r} has no image with a first look")
    return Gathered(tuple(found), {run.name: hash_of(run.name, found)}, traces.notes)


class Traces:
    """The traces of a run that have a first look, and what was left out of them, in words.

    Left out are those that this version can't read, and known-good references, told by their
    bytes: the detector learned from them.
    """

    def __init__(self, store: Store, run: Run) -> None:
        self._store, self._run, self._references = store, run, KnownReferences()
        self._golden, self._unknown = 0, ""
        self._unreadable: list[TraceError] = []

    def __iter__(self) -> Iterator[Trace]:
        for trace in self._store.traces(self._run.id, self._unreadable.append):
            if trace.first is not None and not self._is_golden(trace):
                yield trace

    def _is_golden(self, trace: Trace) -> bool:
        view = trace.sample.views[0]
        if view.sha256 is None or self._unknown:
            return False
        part = InspectedPicture(self._run, trace.sample.category, Path(view.path), view.sha256)
        try:
            golden = part in self._references
        except (ReferencesError, UnreadableImage) as failure:
            self._unknown = str(failure)
            return False
        self._golden += golden
        return golden

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, or why that isn't known; whole once all traces were read."""
        said = []
        if self._unknown:
            said.append(f"whether references are among the parts is not known: {self._unknown}")
        elif self._golden:
            are = "part is" if self._golden == 1 else "parts are"
            name = self._run.name
            said.append(f"{self._golden} {are} left out: known-good references of {name!r}")
        if self._unreadable:
            are = "trace is" if len(self._unreadable) == 1 else "traces are"
            said.append(f"{len(self._unreadable)} {are} left out: {self._unreadable[0]}")
        return tuple(said)


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


def hash_of(name: str, judgements: Sequence[Case]) -> str:
    """SHA-256 of a source's name and judgements, whatever their order."""
    lines = [name, *sorted(judgement.model_dump_json() for judgement in judgements)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
