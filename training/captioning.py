"""Captions of inspections: what people decided on, else drafts by a teacher, else by templates.

A draft is kept in the store, where the console's page "Training data" shows it; it is written once.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from reinspect.store import NewCaption, Store
from reinspect.store.reviews import Caption as Stored
from reinspect.training import captions as templates
from reinspect.training.episodes import Caption, Mode
from reinspect.training.facts import Facts

Teacher = Callable[[Facts, Mode], str]
"""Writes one caption."""

_KEPT: dict[Mode, Literal["thinking", "reflection"]] = {
    Mode.THINKING: "thinking",
    Mode.REFLECTIVE: "reflection",
}
"""What the store calls them."""

UNDECIDED = "its caption is a draft that nobody has accepted yet"
REJECTED = "its caption was rejected"


def by_template(facts: Facts, mode: Mode) -> str:
    """A caption that no model wrote."""
    return templates.thinking(facts) if mode is Mode.THINKING else templates.reflection(facts)


class Captions:
    """The captions of some inspections in a store.

    Args:
        store: where drafts and decisions are.
        write: writes what is missing.
        source: whose words these are.
    """

    def __init__(
        self, store: Store, write: Teacher = by_template, source: str = templates.TEMPLATE
    ) -> None:
        self._store, self._teacher, self._source = store, write, source
        self._found: dict[tuple[int, str], list[Stored]] = {}

    def write(self, known: Sequence[Facts]) -> None:
        """Keep a draft of each caption that nobody has decided on, and this source has not written.

        Raises:
            StoreError: the store can't be written.
        """
        self._read(known)
        drafts = [
            NewCaption(
                inspection_id=one.inspection_id,
                mode=_KEPT[mode],
                text=self._teacher(one, mode),
                source=self._source,
            )
            for one in known
            for mode in Mode
            if self._missing(one, mode)
        ]
        self._store.desk.add_captions(drafts)
        self._read(known)

    def of(self, facts: Facts, mode: Mode, *, unreviewed: bool) -> Caption | str:
        """The caption to use, or why there is none."""
        every = self._of(facts, mode)
        decided = [caption for caption in every if caption.state != "draft"]
        if decided:
            newest = decided[-1]
            if newest.state == "rejected":
                return REJECTED
            return _caption(newest)
        if not unreviewed:
            return UNDECIDED
        own = [caption for caption in every if caption.source == self._source]
        return _caption((own or every)[-1])

    def nothing_reviewed(self, store: str) -> str:
        """Why no episode could be made."""
        drafts = sum(len(every) for every in self._found.values())
        return (
            f"no caption has been let pass yet: {drafts} are in {store}; accept some in "
            "`reinspect ui`, page Training data, and run this again, or take them all, marked, "
            "with --unreviewed"
        )

    def _missing(self, facts: Facts, mode: Mode) -> bool:
        every = self._of(facts, mode)
        return not any(c.state != "draft" or c.source == self._source for c in every)

    def _of(self, facts: Facts, mode: Mode) -> list[Stored]:
        return self._found.get((facts.inspection_id, _KEPT[mode]), [])

    def _read(self, known: Iterable[Facts]) -> None:
        self._found = {}
        for caption in self._store.desk.captions_of([one.inspection_id for one in known]):
            self._found.setdefault((caption.inspection_id, caption.mode), []).append(caption)


def _caption(stored: Stored) -> Caption:
    return Caption.model_validate(stored.model_dump(include=set(Caption.model_fields)))
