"""The inspections that an export takes: a whole run, or those that a filter finds in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from reinspect.images import rules_of, size_of
from reinspect.store import Filter, Inspected, Run, Store
from reinspect.vocabulary import Defect, View


class PartPicture(NamedTuple):
    """One picture of an inspected part, as formats have it that know pictures and no parts."""

    key: int
    """Its number: the inspection's own where that has one picture."""
    name: str
    """Of the file, relative to what was inspected."""
    path: str
    view: str | None
    """None where the part has one picture."""
    seen: View
    """As it was inspected."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, of the file as it is now.

        Raises:
            UnreadableImage: it can't be read any more.
        """
        return size_of(self.path, rules=rules_of(self.seen))

    def holds(self, defect: Defect) -> bool:
        """Whether a defect is in this picture."""
        return defect.view in (None, self.view)

    @property
    def of_part(self) -> dict[str, str]:
        """What is said of it beside its file; nothing where the part has one picture."""
        return {} if self.view is None else {"view": self.view}


_VIEWS = 64
"""Numbers that an inspection has for its pictures."""


@dataclass(frozen=True)
class Selection:
    """Inspections of one run: all in natural order, or a filter's in the order of inspection."""

    store: Store
    run: Run
    wanted: Filter | None = None

    @classmethod
    def of(cls, store: Store, run_id: int, wanted: Filter | None = None) -> "Selection":
        """A selection of one run, whatever runs the filter names."""
        only = None if wanted is None else wanted.model_copy(update={"runs": (run_id,)})
        return cls(store, store.run_of(run_id), only)

    def inspections(self) -> Iterator[Inspected]:
        """The inspections, a few hundred in memory at a time; the same ones each time."""
        if self.wanted is None:
            return self.store.inspections(self.run.id)
        return self.store.browse.inspections(self.wanted)

    def pictures_of(self, found: Inspected) -> Iterator[PartPicture]:
        """The pictures of an inspection, one a view."""
        for place, view in enumerate(found.views):
            if view.name is None:
                yield PartPicture(found.id, found.row.image, found.path, None, view)
            else:
                name = self.run.name_of(view.path)
                yield PartPicture(found.id * _VIEWS + place, name, view.path, view.name, view)
