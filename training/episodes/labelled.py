"""Inspections of known truth whose pictures are still there: the raw material of episodes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from reinspect.dataset import item_at, truth_of
from reinspect.files import digest_of
from reinspect.images import UnreadableImage, sha256_of
from reinspect.store import Run, Store
from reinspect.store.browse import Browse
from reinspect.store.reviews import Review, standing
from reinspect.training.known import KnownInspection, LeftOut, known_inspections
from reinspect.vocabulary import Call, Evidence, Revision, Sha256, Truth


@dataclass(frozen=True, slots=True)
class LabelledInspection(KnownInspection):
    """An inspection of known truth; `path` is where its picture is now, unchanged."""

    truth: Truth
    sha256: Sha256
    review: Review | None
    """Of the person whose word the truth is."""

    @property
    def later_evidence(self) -> tuple[Evidence, ...]:
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


def labelled_inspections(store: Store, name: str) -> Iterator[LabelledInspection | LeftOut]:
    """The labelled inspections of a run, and what is none.

    Raises:
        StoreError: the store has no such run, or can't be read.
    """
    for known in known_inspections(store, store.run(name), labelled=True):
        if isinstance(known, LeftOut):
            yield known
        elif known.truth is not None:
            yield _labelled(store.browse, known, known.truth)


def recipe_hash(run: Run) -> str:
    """SHA-256 of the run's recipe as used."""
    return digest_of(run.recipe)


def _labelled(browse: Browse, known: KnownInspection, truth: Truth) -> LabelledInspection | LeftOut:
    path = _present(known)
    if known.sha256 is None or path is None:
        return LeftOut(known.image, "its file is gone since the run")
    try:
        if sha256_of(path) != known.sha256:
            return LeftOut(known.image, "its file has changed since the run")
    except UnreadableImage as failure:
        return LeftOut(known.image, f"its file can't be read any more: {failure.what}")
    review = _newest_review(browse, known) if truth.source == "review" else None
    # What is known of a view names the type of each box; what a store has of a part doesn't.
    box_types = truth.box_types if known.view else _box_types(truth, review, path)
    return LabelledInspection(
        run=known.run,
        inspected=known.inspected,
        recorded=known.recorded,
        truth=truth.model_copy(update={"box_types": box_types}),
        path=path,
        sha256=known.sha256,
        seen=known.seen,
        part=known.part,
        review=review,
    )


def _present(known: KnownInspection) -> Path | None:
    """Where the file is: as recorded, else below what the run was given."""
    places = [known.path, *(Path(source) / known.image for source in known.run.sources)]
    return next((place.absolute() for place in places if place.is_file()), None)


def _newest_review(browse: Browse, known: KnownInspection) -> Review | None:
    """The review of this picture that counts, in this run or in another."""
    same_picture = (known.inspected, *browse.elsewhere(known.inspected))
    reviews = [review for one in same_picture for review in browse.reviews(one.id)]
    return standing(sorted(reviews, key=lambda review: review.id))


def _box_types(truth: Truth, review: Review | None, path: Path) -> tuple[str, ...]:
    """One true type a box, where it is known which belongs to which."""
    if review is not None and review.after is not None:
        types = tuple(defect.type or "" for defect in review.after.defects)
        return types if all(types) and len(types) == len(truth.boxes) else ()
    if len(truth.types) == 1:
        return truth.types * len(truth.boxes)
    item = item_at(path)
    try:
        annotated = truth_of(item) if item else None
    except (ValueError, OSError):
        return ()
    return annotated.box_types if annotated and annotated.boxes == truth.boxes else ()
