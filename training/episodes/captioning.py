"""Captions of inspections: what people decided on, else drafts by a teacher, else by templates.

A draft is kept in the store, where the console's page "Training data" shows it; it is written once.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from reinspect.agents.calls import BudgetSpent
from reinspect.agents.models.answers import UnreadableAnswer
from reinspect.agents.models.client import ModelError
from reinspect.images import UnreadableImage
from reinspect.store import NewCaption, Store
from reinspect.store.reviews import Caption as Stored
from reinspect.training.episodes import templates
from reinspect.training.episodes.episode import AnswerText, EpisodeError, EpisodeMode
from reinspect.training.episodes.labelled import LabelledInspection

Writer = Callable[[LabelledInspection, EpisodeMode], str]
"""Writes one caption."""

_KEPT: dict[EpisodeMode, Literal["thinking", "reflection"]] = {
    EpisodeMode.THINKING: "thinking",
    EpisodeMode.REFLECTIVE: "reflection",
}
"""What the store calls them."""

UNDECIDED = "its caption is a draft that nobody has accepted yet"
REJECTED = "its caption was rejected"
UNWRITTEN = "the teacher wrote no caption for it"

_CHUNK = 64  # captions that an interruption may lose


def by_template(inspection: LabelledInspection, mode: EpisodeMode) -> str:
    """A caption that no model wrote."""
    if mode is EpisodeMode.THINKING:
        return templates.thinking(inspection)
    return templates.reflection(inspection)


class Captions:
    """The captions of some inspections in a store.

    Args:
        store: where drafts and decisions are.
        write: writes what is missing.
        source: whose words these are.
        at_once: captions to be written at a time.
    """

    def __init__(
        self,
        store: Store,
        write: Writer = by_template,
        source: str = templates.TEMPLATE,
        *,
        at_once: int = 1,
    ) -> None:
        self._store, self._writer, self._source = store, write, source
        self._at_once = at_once
        self._found: dict[tuple[int, str | None, str], list[Stored]] = {}
        self._failed: dict[tuple[int, str | None, EpisodeMode], str] = {}

    def write(self, inspections: Sequence[LabelledInspection]) -> None:
        """Keep a draft of each caption that nobody has decided on, and this source has not written.

        What a teacher can't write is left out; on Ctrl-C what was written before stays.

        Raises:
            StoreError: the store can't be written.
            EpisodeError: the teacher can't be asked at all.
        """
        self._read(inspections)
        wanted = [
            (one, mode) for one in inspections for mode in EpisodeMode if self._missing(one, mode)
        ]
        written = 0
        with ThreadPoolExecutor(self._at_once) as pool:
            for start in range(0, len(wanted), _CHUNK):
                part = wanted[start : start + _CHUNK]
                drafts = [draft for draft in pool.map(self._draft, part) if draft]
                self._store.browse.add_captions(drafts)
                written += len(drafts)
                if not written:
                    why = next(iter(self._failed.values()))
                    raise EpisodeError(f"--teacher: {self._source} writes no captions: {why}")
        self._read(inspections)

    def of(
        self, inspection: LabelledInspection, mode: EpisodeMode, *, unreviewed: bool
    ) -> AnswerText | str:
        """The caption to use, or why there is none."""
        every = self._of(inspection, mode)
        if not every:
            return UNWRITTEN
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

    @property
    def failures(self) -> tuple[str, ...]:
        """Why the captions that are missing could not be written."""
        return tuple(self._failed.values())

    def nothing_reviewed(self, store: str) -> str:
        """Why no episode could be made."""
        drafts = sum(len(every) for every in self._found.values())
        return (
            f"no caption has been let pass yet: {drafts} are in {store}; accept some in "
            "`reinspect ui`, page Training data, and run this again, or take them all, marked, "
            "with --unreviewed"
        )

    def _draft(self, wanted: tuple[LabelledInspection, EpisodeMode]) -> NewCaption | None:
        inspection, mode = wanted
        try:
            text = self._writer(inspection, mode)
        except (ModelError, UnreadableAnswer, BudgetSpent, UnreadableImage) as failure:
            self._failed[inspection.inspection_id, inspection.view, mode] = str(failure)
            return None
        return NewCaption(
            inspection_id=inspection.inspection_id,
            mode=_KEPT[mode],
            text=text,
            source=self._source,
            view=inspection.view,
        )

    def _missing(self, inspection: LabelledInspection, mode: EpisodeMode) -> bool:
        every = self._of(inspection, mode)
        return not any(c.state != "draft" or c.source == self._source for c in every)

    def _of(self, inspection: LabelledInspection, mode: EpisodeMode) -> list[Stored]:
        key = inspection.inspection_id, inspection.view, _KEPT[mode]
        return self._found.get(key, [])

    def _read(self, inspections: Iterable[LabelledInspection]) -> None:
        self._found = {}
        ids = list(dict.fromkeys(one.inspection_id for one in inspections))
        for caption in self._store.browse.captions_of(ids):
            key = caption.inspection_id, caption.view, caption.mode
            self._found.setdefault(key, []).append(caption)


def _caption(stored: Stored) -> AnswerText:
    return AnswerText.model_validate(stored.model_dump(include=set(AnswerText.model_fields)))
