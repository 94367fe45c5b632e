"""Two versions of a set of references, side by side on the parts that people have reviewed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from reinspect.dataset import (
    ConfirmedDefect,
    NewReference,
    ReferenceVersion,
    ReferenceVersions,
    VersionsError,
)
from reinspect.graph.recipe import Recipe, parse_recipe
from reinspect.images import (
    UnreadableImage,
    address_of,
    decode_mask,
    encode_mask,
    fitted_mask,
    sha256_of,
)
from reinspect.runs.inspector import Inspector
from reinspect.store import Filter, Inspected, Run, Store
from reinspect.store.reviews import standing
from reinspect.vocabulary import Defect, Label, Outcome, View


class TriedPart(NamedTuple):
    """A reviewed part, as either version has it come out."""

    inspection: int
    image: str
    truth: Label
    before: Outcome
    after: Outcome


class TriedCount(NamedTuple):
    """How often something comes about by either version."""

    before: int
    after: int

    def said(self, one: str, several: str) -> str:
        """`3 false alarms fewer`; empty where nothing changes."""
        more = self.after - self.before
        if not more:
            return ""
        return f"{abs(more)} {one if abs(more) == 1 else several} {'more' if more > 0 else 'fewer'}"


@dataclass(frozen=True, slots=True)
class ReferenceTrial:
    """What another version of the references would change."""

    before: int
    """Number of the version that counts."""
    after: int
    references: int
    """How many the other version has."""
    parts: tuple[TriedPart, ...]
    gone: tuple[str, ...] = ()
    """Reviewed parts whose pictures are gone, or have changed since."""

    @property
    def false_alarms(self) -> TriedCount:
        """Good parts that FAIL."""
        return self._count(Label.NORMAL, Outcome.FAIL)

    @property
    def missed(self) -> TriedCount:
        """Defective parts that PASS."""
        return self._count(Label.ANOMALOUS, Outcome.PASS)

    @property
    def for_review(self) -> TriedCount:
        """Parts of either kind that go to REVIEW."""
        good, bad = (self._count(label, Outcome.REVIEW) for label in Label)
        return TriedCount(good.before + bad.before, good.after + bad.after)

    @property
    def changed(self) -> tuple[TriedPart, ...]:
        """The parts that come out differently."""
        return tuple(part for part in self.parts if part.before is not part.after)

    @property
    def sentence(self) -> str:
        """What would change, in one line."""
        said = (
            self.false_alarms.said("false alarm", "false alarms"),
            self.missed.said("defect missed", "defects missed"),
            self.for_review.said("part for REVIEW", "parts for REVIEW"),
        )
        what = ", ".join(filter(None, said)) or "nothing changes"
        return (
            f"with these {self.references} references: {what}, on the {len(self.parts)} parts that "
            "were reviewed"
        )

    def _count(self, truth: Label, outcome: Outcome) -> TriedCount:
        mine = [part for part in self.parts if part.truth is truth]
        return TriedCount(
            sum(part.before is outcome for part in mine),
            sum(part.after is outcome for part in mine),
        )


def runs_with(store: Store, versions: ReferenceVersions) -> list[Run]:
    """The runs that were judged by some version of a set, newest first."""
    folder = versions.folder.absolute().resolve()
    found = []
    for run in store.runs():
        named = ReferenceVersion.parse(run.versions.get("references", ""))
        if named is not None and Path(named.folder).resolve() == folder:
            found.append(run)
    return found


def try_references(
    store: Store,
    versions: ReferenceVersions,
    after: int,
    *,
    runs: Sequence[Run],
    recipe: Recipe | None = None,
    before: int | None = None,
    cache: Path | None = None,
    seen: Callable[[int, int], object] = lambda _done, _of: None,
) -> ReferenceTrial:
    """Judge the reviewed parts of some runs by two versions of a set; nothing is kept of it.

    A part that is a reference itself is compared with the others.

    Args:
        store: that the runs are in.
        versions: the set.
        after: number of the version to try.
        runs: whose reviewed parts, each picture once.
        recipe: to judge by; that of the first run by default.
        before: number of the version beside it; the one that counts by default.
        cache: folder for fits; that of the settings by default.
        seen: is told how many looks are done, and of how many.

    Raises:
        VersionsError: no part was reviewed, no run is named, or there is no such version.
        RecipeError: the recipe can't be made here.
        UsageError: a reference can't be read any more.
        StoreError: the store can't be read.
    """
    if not runs:
        raise VersionsError(
            f"{versions.folder}: no run in {store.name} was judged by this set; name one whose "
            "reviewed parts to try it on"
        )
    old = before if before is not None else versions.active
    if old is None:
        raise VersionsError(f"{versions.folder}: is no set of references yet")
    chosen = recipe or parse_recipe(runs[0].recipe, name=f"recipe of run {runs[0].name}")
    reviewed = list(_reviewed(store, runs))
    if not reviewed:
        named = ", ".join(run.name for run in runs[:3])
        raise VersionsError(f"no part of {named} was reviewed yet: there is nothing to try it on")
    for one in reviewed:
        if not {view.name for view in one.views if view.name} <= {*chosen.views} or (
            chosen.views and one.views[0].name is None
        ):
            raise VersionsError(f"{one.row.image}: has other views than the recipe's parts")
    outcomes: list[list[Outcome | None]] = []
    for number in (old, after):
        versions.pictures(number)
        place = f"{versions.folder.absolute()}@{number}"
        with Inspector(chosen, references=place, cache=cache) as inspector:
            came: list[Outcome | None] = []
            for one in reviewed:
                views = {view.name: view.path for view in one.views if view.name}
                path = one.row.image if views else one.path
                trace = inspector.one(path, category=one.row.category, views=views)
                same = trace.error is None and trace.sample.sha256 == one.row.sha256
                came.append(trace.disposition.outcome if same and trace.disposition else None)
                seen(len(outcomes) * len(reviewed) + len(came), 2 * len(reviewed))
        outcomes.append(came)
    parts, gone = [], []
    for one, was, now in zip(reviewed, *outcomes, strict=True):
        if was is None or now is None or one.row.truth is None:
            gone.append(one.row.image)
        else:
            parts.append(TriedPart(one.id, one.row.image, one.row.truth, was, now))
    return ReferenceTrial(old, after, len(versions.pictures(after)), tuple(parts), tuple(gone))


def _reviewed(store: Store, runs: Sequence[Run]) -> Iterator[Inspected]:
    """The parts that a person has judged, each picture once."""
    known: set[str] = set()
    wanted = Filter(runs=tuple(run.id for run in runs), truths=tuple(Label))
    for one in store.browse.inspections(wanted):
        if one.row.truth_by == "review" and one.row.sha256 and one.row.sha256 not in known:
            known.add(one.row.sha256)
            yield one


def confirmed(store: Store, runs: Sequence[Run]) -> list[ConfirmedDefect]:
    """The parts of some runs that a person has called defective, whose pictures are still there.

    A part has a mask where the review that counts has one of each of its defects. Types have the
    names of today.

    Raises:
        StoreError: the store can't be read.
    """
    found, names = [], store.queue.type_names()
    for one in _reviewed(store, runs):
        if one.row.truth is not Label.ANOMALOUS:
            continue
        said = standing(store.queue.reviews(one.id))
        recorded = said.after.defects if said and said.after else ()
        defects = names.applied(one.row.category, recorded)
        for view in one.views:
            path, known = _picture(one, view)
            mine = [defect for defect in defects if defect.view == view.name]
            # Whether a view that nobody has marked shows the defect, nobody has said.
            is_there = _now(path) == known and address_of(path).page == 1
            if is_there and (mine or view.name is None):
                found.append(_example(path, mine, view.name))
    return found


def _picture(one: Inspected, view: View) -> tuple[str, str | None]:
    """Where a view was read, and its content: a part's own is said of all its views together."""
    if view.name is None:
        return one.path, one.row.sha256
    return view.path, view.sha256


def _now(path: str) -> str:
    try:
        return sha256_of(path)
    except UnreadableImage:
        return ""


def _example(path: str, defects: Sequence[Defect], view: str | None) -> ConfirmedDefect:
    kind = next((defect.type for defect in defects if defect.type), None)
    masks = [decode_mask(defect.mask) for defect in defects if defect.mask is not None]
    if not masks or len(masks) < len(defects):
        return ConfirmedDefect(path, kind, view=view)
    whole = np.logical_or.reduce([fitted_mask(mask, masks[0].shape) for mask in masks])
    return ConfirmedDefect(path, kind, encode_mask(whole), view)


def cleared(store: Store, inspection: int) -> tuple[NewReference, ...]:
    """A part that the review which counts has called good, to become a reference: each view of it.

    Raises:
        VersionsError: no review has called it good, or its picture is gone or has changed.
        StoreError: there is no such inspection.
    """
    one = store.browse.one(inspection)
    if one.row.truth_by != "review" or one.row.truth is not Label.NORMAL:
        raise VersionsError(
            f"{one.row.image}: no review has called it good; a reference has to be known good"
        )
    said, run = standing(store.queue.reviews(inspection)), store.run_of(one.run_id)
    found = []
    for view in one.views:
        path, known = _picture(one, view)
        if _now(path) != known:
            raise VersionsError(f"{one.row.image}: its picture is gone, or has changed: {path}")
        name = one.row.image if view.name is None else run.name_of(path)
        origin = f"run {run.name}: {name}"
        found.append(NewReference(path, origin, said.id if said else None, view.name))
    return tuple(found)
