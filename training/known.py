"""What is known of the inspections of stored runs: the raw material of episodes.

Whatever can't be used is left out, with its name and the reason; one bad image stops nothing.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

from reinspect.dataset import item_at, truth_of
from reinspect.images import UnreadableImage, sha256_of
from reinspect.policies.case import Case, Occasion, case_of
from reinspect.store import Inspected, Run, Store
from reinspect.store.database import TraceError
from reinspect.store.reviews import Review
from reinspect.vocabulary import Box, Call, Evidence, Revision, Trace, Truth


class Left(NamedTuple):
    """An image that gave no episode, and why."""

    image: str
    why: str


@dataclass(frozen=True, slots=True)
class KnownInspection:
    """All that is known of one inspection."""

    run: Run
    inspection_id: int
    trace: Trace
    """With the second look that was explored as if it had been asked for."""
    path: Path
    sha256: str
    truth: Truth
    box_types: tuple[str, ...]
    """True types, one a box; empty where that is not known."""
    review: Review | None
    """Of the person whose word the truth is."""
    second_look: Literal["asked", "explored"] | None
    final: Trace
    """As the run recorded it."""

    @property
    def anomalous(self) -> bool:
        """The truth."""
        return self.truth.anomalous

    @property
    def types(self) -> tuple[str, ...]:
        """True types, distinct."""
        return self.truth.types

    @property
    def boxes(self) -> tuple[Box, ...]:
        """True boxes."""
        return self.truth.boxes

    @property
    def category(self) -> str | None:
        """As the run named it."""
        return self.trace.sample.category

    @property
    def later(self) -> tuple[Evidence, ...]:
        """The evidence that the first look did not have."""
        first, revision = self.trace.first, self.trace.last(Revision)
        own = {piece.source for piece in first.evidence} if first else set[str]()
        fused = revision.after.evidence if revision else ()
        return tuple(e for e in (*self.trace.products(Evidence), *fused) if e.source not in own)

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every request to a model."""
        return tuple(self.trace.products(Call))

    @property
    def truth_at(self) -> datetime | None:
        """When the person said so."""
        return self.review.at if self.review else None

    def judgement(self, group: str) -> Case:
        """The inspection as a judgement, its truth included."""
        return case_of(
            self.trace,
            truth=self.truth,
            group=group,
            occasion=Occasion.EXPLORED if self.run.explored else Occasion.ASKED,
        )


def facts_of(store: Store, name: str) -> Iterator[KnownInspection | Left]:
    """What is known of each image of a run, or why it can't be used.

    Raises:
        StoreError: the store has no such run, or can't be read.
    """
    run = store.run(name)
    truths = store.truth(run.id)
    for found in store.inspections(run.id):
        yield _facts(store, run, found, truths.get(found.row.image))


def _facts(store: Store, run: Run, found: Inspected, truth: Truth | None) -> KnownInspection | Left:
    image = found.row.image
    if truth is None:
        return Left(image, "no truth is known")
    try:
        recorded = store.trace_of(found.id)
    except TraceError as failure:
        return Left(image, failure.why)
    if recorded.first is None:
        return Left(image, f"the run has no verdict on it ({recorded.error or 'none was given'})")
    sha256 = found.row.sha256
    path = _present(found, run)
    if sha256 is None or path is None:
        return Left(image, "its file is gone since the run")
    try:
        if sha256_of(path) != sha256:
            return Left(image, "its file has changed since the run")
    except UnreadableImage as failure:
        return Left(image, f"its file can't be read any more: {failure.what}")
    review = _review(store, found) if truth.source == "review" else None
    trace = recorded.hypothetical if run.explored else recorded
    return KnownInspection(
        run=run,
        inspection_id=found.id,
        trace=trace,
        path=path,
        sha256=sha256,
        truth=truth,
        box_types=_box_types(truth, review, path),
        review=review,
        second_look=_second_look(trace, recorded),
        final=recorded,
    )


def _second_look(trace: Trace, recorded: Trace) -> Literal["asked", "explored"] | None:
    if recorded.rounds:
        return "asked"
    return "explored" if trace.rounds else None


def _present(found: Inspected, run: Run) -> Path | None:
    """Where the file is: as recorded, else below what the run was given."""
    places = [Path(found.path), *(Path(source) / found.row.image for source in run.sources)]
    return next((place.absolute() for place in places if place.is_file()), None)


def _review(store: Store, found: Inspected) -> Review | None:
    """The newest review of this picture, in this run or in another."""
    every = [
        review
        for one in (found, *store.desk.elsewhere(found))
        for review in store.desk.reviews(one.id)
    ]
    return max(every, key=lambda review: (review.at, review.id), default=None)


def _box_types(truth: Truth, review: Review | None, path: Path) -> tuple[str, ...]:
    """One true type a box, where it is known which belongs to which."""
    if review is not None and truth.source == "review":
        kinds = tuple(defect.type or "" for defect in review.after.defects)
        return kinds if all(kinds) and len(kinds) == len(truth.boxes) else ()
    if len(truth.types) == 1:
        return truth.types * len(truth.boxes)
    item = item_at(path)
    try:
        annotated = truth_of(item) if item else None
    except (ValueError, OSError):
        return ()
    return annotated.box_types if annotated and annotated.boxes == truth.boxes else ()


def recipe_hash(run: Run) -> str:
    """SHA-256 of the run's recipe as used."""
    return hashlib.sha256(run.recipe.encode()).hexdigest()
