"""An inspection in three plain sentences: what came of it, why, and how sure that is."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from reinspect.readings import types_of
from reinspect.store import Review, Row
from reinspect.store.reviews import standing
from reinspect.trace import Trace
from reinspect.vocabulary import Evidence, Explanation, Label, Outcome, Truth

_NUMBER = re.compile(r" \(p = [0-9.]+\)")


class PlainWords(NamedTuple):
    """The sentences; texts of models may be in them."""

    what: str
    why: str
    sure: str


def in_words(row: Row, trace: Trace, truth: Truth | None, reviews: Sequence[Review]) -> PlainWords:
    """The sentences of an inspection; of a part's reviews the oldest come first."""
    return PlainWords(
        f"{_outcome(row)} {_known(row, truth, reviews)}".strip(), _why(row, trace), _sure(row)
    )


def _outcome(row: Row) -> str:
    if row.verdict is None:
        return "Not judged: it waits for a person."
    if row.disposition is Outcome.REVIEW:
        return f"Not decided: it waits for a person. The verdict leans to {row.verdict.label}."
    if row.verdict.label is Label.NORMAL:
        return "Called good."
    named, places = types_of(row.verdict.defects), len(row.verdict.defects)
    where = f" in {places} {'place' if places == 1 else 'places'}" if places else ""
    return f"Called defective{where}{': ' if named else ''}{', '.join(named)}."


def _known(row: Row, truth: Truth | None, reviews: Sequence[Review]) -> str:
    """What is known to be true, and whether the verdict was right."""
    counts = standing(reviews)
    if counts is not None and counts.after is not None:
        label, who = counts.after.label, counts.reviewer
    elif truth is not None:
        label, who = truth.label, "The annotation"
    else:
        return ""
    if row.verdict is None:
        return f"{who} says {label}."
    right = row.verdict.label is label
    return f"{who} says {label}: the verdict was {'right' if right else 'wrong'}."


def _why(row: Row, trace: Trace) -> str:
    if row.error:
        return f"A step failed: {_brief(row.error)}."
    told = trace.last(Explanation)
    first = _brief(
        _NUMBER.sub("", told.first if told else row.first.rationale if row.first else "")
    )
    looks = [it for it in trace.products(Evidence) if it.probability is not None]
    if not row.rounds:
        return f"{_begun(first)}." if first else "No reason was given."
    said = [f"{it.source} says {Label.of((it.probability or 0) >= 0.5)}" for it in looks]
    again = f"looked at again, {', '.join(said) or 'nothing new was found'}"
    end = (
        f"so it was changed from {row.first.label}" if row.revised and row.first else "so it stayed"
    )
    return f"{_begun(first) or 'The first look gave no reason'}; {again}; {end}."


def _sure(row: Row) -> str:
    if row.reliability is None or row.verdict is None:
        return "How sure this is was not estimated."
    right = f"Of a hundred such verdicts about {100 * row.reliability:.0f} are right"
    if row.confidence is None or abs(row.confidence - row.reliability) < 0.1:
        return f"{right}."
    than = "more" if row.confidence > row.reliability else "less"
    return f"{right}: the detector itself is {than} sure than that."


def _brief(text: str) -> str:
    """The first sentence of a text, in one line."""
    line = " ".join(text.split()).rstrip(".;")
    first = re.split(r"(?<=[a-z)])[.;] ", line, maxsplit=1)[0]
    return first if len(first) <= 160 else f"{first[:159]}…"


def _begun(text: str) -> str:
    return text[:1].upper() + text[1:]
