"""What is known of the inspections of a stored run: the one reader of runs to learn from.

Whatever nothing can be learned from is left out, with its name and the reason.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from reinspect.policies.case import Case, PictureTrace, by_picture
from reinspect.store import Inspected, Run, Store
from reinspect.store.database import TraceError
from reinspect.trace import Trace
from reinspect.vocabulary import Evidence, Region, Sha256, Truth, View

_LOCATING = ("locate", "conclude")


class LeftOut(NamedTuple):
    """An inspection that nothing is learned from, and why."""

    image: str
    why: str
    unreadable: bool = False
    """Whether its trace is one that this version can't read."""


@dataclass(frozen=True, slots=True)
class KnownInspection:
    """An inspection of a picture that has a first look; each view of a part is one."""

    run: Run
    inspected: Inspected
    recorded: Trace
    """As the run recorded it."""
    truth: Truth | None
    path: Path
    """Of its picture, when it was inspected."""
    sha256: Sha256 | None
    """Of the picture's bytes, when it was inspected."""
    seen: View
    """The picture as it was inspected."""
    part: str | None
    """Of a view: what tells its part."""

    @property
    def view(self) -> str | None:
        """Which view of its part it is; None of a part with one picture."""
        return self.seen.name

    @property
    def inspection_id(self) -> int:
        """Its key in the store."""
        return self.inspected.id

    @property
    def image(self) -> str:
        """As the run names it; a view by its file, relative to what was inspected."""
        return self.recorded.sample.id

    @property
    def category(self) -> str | None:
        """As the run named it."""
        return self.recorded.sample.category

    @property
    def trace(self) -> Trace:
        """With the second look that was explored, as if it had been asked for."""
        return self.recorded.hypothetical if self.run.explored else self.recorded

    @property
    def second_look(self) -> Literal["asked", "explored"] | None:
        """Whether a policy asked for it, if there is one."""
        if self.recorded.rounds:
            return "asked"
        return "explored" if self.trace.rounds else None

    def case(self, *, group: str | None = None, prefix: bool = False) -> Case:
        """Its looks, its signals and the truth.

        Of an explored run every second look counts; of any other those that the policy asked for.

        Args:
            group: its category unless given.
            prefix: put the run's name before the id, where several runs are taken together.
        """
        picture = PictureTrace(self.recorded, self.truth, self.seen, self.part)
        case = picture.case(group=group, explored=self.run.explored)
        if prefix:
            return case.model_copy(update={"id": f"{self.run.name}/{case.id}"})
        return case


def known_inspections(
    store: Store, run: Run, *, labelled: bool = False
) -> Iterator[KnownInspection | LeftOut]:
    """What is known of each image of a run, view by view, or why nothing can be learned from it.

    Args:
        store: that has the run.
        run: any.
        labelled: leave out what has no truth, whatever else is the matter with it.

    Raises:
        StoreError: the store can't be read.
    """
    truths = store.truth(run.id)
    for found, trace in store.recorded(run.id):
        image, truth = found.row.image, truths.get(found.row.image)
        if labelled and truth is None:
            yield LeftOut(image, "no truth is known")
        elif isinstance(trace, TraceError):
            yield LeftOut(image, trace.why, unreadable=True)
        else:
            pictures = list(by_picture(trace, truth, run.name_of))
            if not pictures:  # nothing came back from its inspection
                yield LeftOut(image, _no_verdict(trace))
            for seen in pictures:
                yield _known(run, found, seen, labelled=labelled)


UNMARKED = "whether this view shows the part's defect is not known: mark it by a mask or a box"


def _no_verdict(trace: Trace) -> str:
    return f"the run has no verdict on it ({trace.error or 'none was given'})"


def _known(
    run: Run, found: Inspected, seen: PictureTrace, *, labelled: bool
) -> KnownInspection | LeftOut:
    image = seen.trace.sample.id
    if labelled and seen.truth is None:
        return LeftOut(image, UNMARKED)
    if seen.trace.first is None:
        return LeftOut(image, _no_verdict(seen.trace))
    is_view = seen.view.name is not None
    return KnownInspection(
        run=run,
        inspected=found,
        recorded=seen.trace,
        truth=seen.truth,
        path=Path(seen.view.path if is_view else found.path),
        sha256=seen.view.sha256 if is_view else found.row.sha256,
        seen=seen.view,
        part=seen.part,
    )


def located(trace: Trace) -> tuple[Region, ...]:
    """Where tools put the first look's defects."""
    products = (p for step in trace.steps if step.node in _LOCATING for p in step.products)
    return next((p.regions for p in products if isinstance(p, Evidence) and p.regions), ())
