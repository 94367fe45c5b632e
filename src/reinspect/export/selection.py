"""The inspections that an export takes: a whole run, or those that a filter finds in it."""

from collections.abc import Iterator
from dataclasses import dataclass

from reinspect.store import Filter, Inspected, Run, Store


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
