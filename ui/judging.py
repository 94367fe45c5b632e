"""A person's verdicts as the browser sends them: checked, saved once, answered."""

from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field, FiniteFloat, ValidationError

from reinspect.images import decode_mask, from_pixels
from reinspect.store import Review, Store
from reinspect.store.reviews import standing
from reinspect.vocabulary import Box, Defect, Label, Rle, Value, Verdict

_SMALLEST = 0.002  # of a side: what is smaller was a slip of the hand
_SHOWN = 200  # letters of a comment beside the bench
_LARGEST = 4096  # pixels of a mask's side
Token = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


_Side = Annotated[int, Field(gt=0, le=_LARGEST)]


class SentMask(Value):
    """A mask as it was painted: COCO run lengths, (height, width) in pixels."""

    size: tuple[_Side, _Side]
    counts: str = Field(max_length=400_000)


class SentBox(Value):
    """A box as it was drawn, in shares of the picture's sides; it may reach beyond them.

    Where there is a mask, the box is that of the mask.
    """

    box: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]
    type: str | None = Field(default=None, max_length=200)
    view: str | None = Field(default=None, max_length=200, description="Of a part with several.")
    mask: SentMask | None = None


class SentReview(Value):
    """What a reviewer did with an item. The browser sends it until it is answered."""

    token: Token
    id: int = Field(description="Of the inspection.")
    kind: Literal["save", "aside", "undo", "comment"]
    label: Label | None = None
    boxes: tuple[SentBox, ...] = Field(default=(), max_length=500)
    why: str = Field(default="", max_length=10_000)
    undoes: Token | None = Field(default=None, description="The token of what is taken back.")


class ReviewAnswer(NamedTuple):
    """What became of it."""

    ok: bool
    said: str = ""
    review: int | None = None


@dataclass
class Desk:
    """One reviewer at work: what was put aside, what was answered."""

    store: Store
    reviewer: str
    answers: MutableMapping[str, ReviewAnswer]
    """By token, of all sessions: a browser that was reloaded sends again what it had sent."""
    aside: dict[int, None] = field(default_factory=dict)
    """Inspections to show last, in order."""

    def take(self, sent: Iterable[object]) -> dict[str, ReviewAnswer]:
        """Do what was sent, in order, each once. Returns the answers by token.

        Raises:
            StoreError: the store is away; what it has not taken is to be sent again.
        """
        told = {}
        for one in sent:
            try:
                review = SentReview.model_validate(one)
            except ValidationError:
                token = one.get("token") if isinstance(one, dict) else None
                if isinstance(token, str):
                    told[token] = ReviewAnswer(
                        False, "This could not be understood, and is not saved."
                    )
                continue
            known = self.answers.get(review.token)
            if known is None:
                known = self.answers[review.token] = self._done(review)
            told[review.token] = known
        return told

    def _done(self, sent: SentReview) -> ReviewAnswer:
        if self.store.queue.part_of(sent.id) is None:
            return ReviewAnswer(False, "Not saved: the store no longer has this inspection.")
        match sent.kind:
            case "aside":
                self.aside.pop(sent.id, None)
                self.aside[sent.id] = None
                return ReviewAnswer(True, "Put aside: it comes last.")
            case "undo":
                return self._undone(sent)
            case "comment":
                return self._commented(sent)
        try:
            verdict = verdict_of(sent)
        except ValueError as wrong:
            return ReviewAnswer(False, str(wrong))
        self.aside.pop(sent.id, None)
        earlier = self.store.queue.reviews(sent.id)
        mine = [review for review in earlier if review.reviewer == self.reviewer]
        if mine and (mine[-1].after, mine[-1].why) == (verdict, sent.why.strip()):
            return ReviewAnswer(
                True, review=mine[-1].id
            )  # it was sent before the console was restarted
        added = self.store.browse.review(sent.id, verdict, reviewer=self.reviewer, why=sent.why)
        beside = self._beside(verdict.label, self.store.queue.reviews(sent.id))
        said = " ".join(filter(None, (beside, self._comments(sent.id))))
        return ReviewAnswer(True, said, added.id)

    def _commented(self, sent: SentReview) -> ReviewAnswer:
        try:
            self.store.queue.comment(sent.id, sent.why, author=self.reviewer)
        except ValueError:
            return ReviewAnswer(False, "Not kept: the comment is empty.")
        return ReviewAnswer(True, "The comment is kept.")

    def _undone(self, sent: SentReview) -> ReviewAnswer:
        saved = self.answers.get(sent.undoes or "")
        kept = {review.id for review in self.store.queue.reviews(sent.id)}
        if saved is None or saved.review not in kept:
            return ReviewAnswer(False, "Nothing was taken back: that review is not known here.")
        self.store.browse.withdraw(saved.review or 0, reviewer=self.reviewer)
        return ReviewAnswer(True, "Taken back.")

    def _comments(self, inspection: int) -> str:
        """What others have commented on the part, told after the verdict is saved."""
        every = self.store.queue.comments(inspection)
        others = [one for one in every if one.author != self.reviewer]
        if not others:
            return ""
        last = " ".join(others[-1].text.split())
        short = f"{last[:_SHOWN]}…" if len(last) > _SHOWN else last
        more = f" ({len(others)} comments in all)" if len(others) > 1 else ""
        return f"{others[-1].author} commented: {short}{more}"

    def _beside(self, label: Label, reviews: Iterable[Review]) -> str:
        """What others have said of the part, told after the verdict is saved."""
        last = {one.reviewer: one for one in reviews if one.reviewer != self.reviewer}
        others = [one for one in last.values() if standing([one])]
        if not others:
            return ""
        said = ", ".join(f"{one.reviewer} said {one.after.label}" for one in others if one.after)
        conflict = any(one.after and one.after.label is not label for one in others)
        return f"{'Conflict: ' if conflict else ''}{said} of this part; both reviews are kept."


def verdict_of(sent: SentReview) -> Verdict:
    """The verdict that was sent, its boxes cut at the picture's edges.

    Raises:
        ValueError: there is none, or it contradicts its boxes: said in a sentence for the reviewer.
    """
    if sent.label is None:
        raise ValueError("Not saved: choose a verdict first.")
    if sent.label is Label.NORMAL and sent.boxes:
        raise ValueError("Not saved: a box means anomalous, and the verdict is normal.")
    defects = tuple(_defect(number, one) for number, one in enumerate(sent.boxes, 1))
    anomalous = float(sent.label is Label.ANOMALOUS)
    return Verdict.of(anomalous, defects=defects, rationale=sent.why.strip())


def _defect(number: int, sent: SentBox) -> Defect:
    named = " ".join((sent.type or "").split()) or None
    if sent.mask is None:
        x1, y1, x2, y2 = (min(1.0, max(0.0, corner)) for corner in sent.box)
        if x2 - x1 < _SMALLEST or y2 - y1 < _SMALLEST:
            raise ValueError(f"Not saved: box {number} lies outside the picture, or has no area.")
        return Defect(box=Box(x1, y1, x2, y2), score=1.0, type=named, view=sent.view)
    mask = Rle(size=sent.mask.size, counts=sent.mask.counts)
    try:
        painted = decode_mask(mask)
    except ValueError as failure:
        raise ValueError(f"Not saved: mask {number} could not be understood.") from failure
    if not painted.any():
        raise ValueError(f"Not saved: mask {number} has nothing in it.")
    rows, columns = np.flatnonzero(painted.any(axis=1)), np.flatnonzero(painted.any(axis=0))
    height, width = mask.size
    corners = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    box = from_pixels(corners, width, height)
    return Defect(box=box, score=1.0, type=named, view=sent.view, mask=mask)
