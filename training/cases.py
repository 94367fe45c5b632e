"""Cases to learn from: of stored runs, or of a file, with the truth that is known of them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from reinspect.files import digest_of, digest_of_file
from reinspect.images import UnreadableImage
from reinspect.policies.case import Case, CaseError, read_cases
from reinspect.store import Run, Store
from reinspect.training.known import KnownInspection, LeftOut, known_inspections
from reinspect.training.references import KnownReferences, ReferencesError

T = TypeVar("T")


class TrainingSet(NamedTuple, Generic[T]):
    """What to learn from, the SHA-256 of each source it is from, and in words what was left out."""

    items: tuple[T, ...]
    sources: dict[str, str]
    notes: tuple[str, ...] = ()


class LearnableRun:
    """The inspections of a run that a policy may learn from; iterating reads them.

    Left out are traces that this version can't read, images without a first look, and known-good
    references, told by their bytes: the detector learned from them.
    """

    def __init__(self, store: Store, run: Run) -> None:
        self._store, self._run, self._references = store, run, KnownReferences()
        self._left_out_references, self._references_unknown = 0, ""
        self._unreadable: list[LeftOut] = []

    def __iter__(self) -> Iterator[KnownInspection]:
        for found in known_inspections(self._store, self._run):
            if isinstance(found, LeftOut):
                if found.unreadable:
                    self._unreadable.append(found)
            elif not self._is_reference(found):
                yield found

    def _is_reference(self, known: KnownInspection) -> bool:
        if known.sha256 is None or self._references_unknown:
            return False
        try:
            is_reference = known in self._references
        except (ReferencesError, UnreadableImage) as failure:
            self._references_unknown = str(failure)
            return False
        self._left_out_references += is_reference
        return is_reference

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, or why that isn't known; whole once all inspections were read."""
        notes = []
        if self._references_unknown:
            why = self._references_unknown
            notes.append(f"whether references are among the parts is not known: {why}")
        elif count := self._left_out_references:
            are = "part is" if count == 1 else "parts are"
            notes.append(f"{count} {are} left out: known-good references of {self._run.name!r}")
        if self._unreadable:
            are = "trace is" if len(self._unreadable) == 1 else "traces are"
            image, why, _ = self._unreadable[0]
            notes.append(f"{len(self._unreadable)} {are} left out: {image}: {why}")
        return tuple(notes)


def from_file(path: Path) -> TrainingSet[Case]:
    """Cases of a JSON-lines file.

    Raises:
        CaseError: as `read_cases`.
    """
    cases = read_cases(path)
    return TrainingSet(cases, {path.name: digest_of_file(path)})


def from_run(store: Store, name: str, *, prefix: bool = False) -> TrainingSet[Case]:
    """Cases of a run, as `LearnableRun` gives them.

    Args:
        store: that has the run.
        name: of the run, or its folder.
        prefix: put the run's name before each id, where several runs are taken together.

    Raises:
        CaseError: no image of the run has a first look.
        StoreError: the store has no such run, or can't be read.
    """
    run = store.run(name)
    learnable = LearnableRun(store, run)
    cases = tuple(known.case(prefix=prefix) for known in learnable)
    if not cases:
        raise CaseError(f"run {run.name!r} has no image with a first look")
    return TrainingSet(cases, {run.name: hash_of(run.name, cases)}, learnable.notes)


def join(sets: Sequence[TrainingSet[T]]) -> TrainingSet[T]:
    """Several sets as one."""
    return TrainingSet(
        tuple(item for one in sets for item in one.items),
        {name: sha for one in sets for name, sha in one.sources.items()},
        tuple(note for one in sets for note in one.notes),
    )


def drop_signals(cases: TrainingSet[Case]) -> TrainingSet[Case]:
    """The looks alone: what signals say of one product need not hold for another."""
    bare = tuple(case.model_copy(update={"signals": {}}) for case in cases.items)
    note = "looks alone were weighed, no signals"
    return TrainingSet(bare, cases.sources, (*cases.notes, note))


def hash_of(name: str, cases: Sequence[Case]) -> str:
    """SHA-256 of a source's name and cases, whatever their order."""
    lines = [name, *sorted(case.model_dump_json() for case in cases)]
    return digest_of("\n".join(lines))
