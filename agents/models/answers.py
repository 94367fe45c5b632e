"""What a model answers, read strictly: an answer that can't be read is never guessed."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from pydantic import Field, ValidationError

from reinspect.agents.models.places import GRID, THOUSANDTHS, Grid
from reinspect.errors import ReinspectError
from reinspect.vocabulary import Box, Defect, NormalisedBox, Probability, Value

MOST_DEFECTS = 8
_LONGEST = 600  # characters of a reasoning field: structured output must come to an end
_LONGEST_TYPE = 40


_THOUGHT = re.compile(r"</\s*(?:think|thinking|reasoning|thought)\s*>", re.IGNORECASE)
_THINKS = re.compile(r"<\s*(?:think|thinking|reasoning|thought)\s*>", re.IGNORECASE)
_DECODER = json.JSONDecoder(strict=False)
"""Not strict: grammars of structured output let a raw tab or line end into a string."""


class UnreadableAnswer(ReinspectError, ValueError):  # noqa: N818 - it names the answer, not a fault of ours
    """An answer that does not say yes or no in the form that was asked for."""

    text = ""
    """As the model wrote it, where it wrote anything that could be put into that form."""


class Named(Value):
    """A defect as a model names it."""

    type: str | None = None
    box: NormalisedBox | None = None


class Answer(Value):
    """A readable answer to "are there any defects in the test image?"."""

    anomalous: bool
    defects: tuple[Named, ...] = ()
    thinking: str = ""
    reflection: str | None = Field(default=None, description="Null in thinking mode.")
    confidence: Probability | None = Field(default=None, description="As stated, in `anomalous`.")
    notes: tuple[str, ...] = Field(default=(), description="What of it could not be read.")

    @property
    def located(self) -> tuple[Defect, ...]:
        """The defects that have a place, as a verdict has them."""
        score = 1.0 if self.confidence is None else self.confidence
        return tuple(
            Defect(box=found.box, type=found.type, score=score)
            for found in self.defects
            if found.box is not None
        )


def _words(what: str) -> dict[str, Any]:
    return {"type": "string", "maxLength": _LONGEST, "description": what}


_CONFIDENCE = {"type": "number", "minimum": 0, "maximum": 1}


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _defects(grid: Grid) -> dict[str, Any]:
    box = {"type": "array", "items": grid.corner, "minItems": 4, "maxItems": 4}
    kind = {"type": "string", "maxLength": _LONGEST_TYPE}
    items = _object({"type": kind, "box": box})
    return {"type": "array", "maxItems": MOST_DEFECTS, "items": items}


def schema(mode: Literal["thinking", "reflection"], grid: Grid = THOUSANDTHS) -> dict[str, Any]:
    """The JSON schema of an answer: reasoning first, so that the decision can rest on it."""
    reasoning = (
        {
            "regions": _words("Which regions stand out"),
            "examination": _words("What each of them shows on a close look"),
        }
        if mode == "thinking"
        else {"reflection": _words("What was compared, what was verified, what is kept or not")}
    )
    return _object(
        {
            **reasoning,
            "defects": _defects(grid),
            "answer": {"type": "string", "enum": ["yes", "no"]},
            "confidence": _CONFIDENCE,
        }
    )


def read_json(text: str, grid: Grid = THOUSANDTHS) -> Answer:
    """Read an answer in JSON, whatever stands around it; places as the grid has them.

    Raises:
        UnreadableAnswer: no JSON object, or `answer` is neither yes nor no.
    """
    content = json_object(text, "answer")
    anomalous, notes = yes_or_no(content, "answer"), list[str]()
    said = [content.get(key) for key in ("regions", "examination")]
    thinking = "\n".join(words for words in said if isinstance(words, str) and words)
    reflection = content.get("reflection")
    listed = content.get("defects") if anomalous else ()
    return Answer(
        anomalous=anomalous,
        defects=tuple(_named(listed, notes, grid)),
        thinking=thinking,
        reflection=reflection if isinstance(reflection, str) else None,
        confidence=stated_confidence(content, notes),
        notes=tuple(notes),
    )


def write_json(answer: Answer) -> str:
    """The answer as a model should write it; `read_json` reads it back, boxes to the grid."""
    mode: Literal["thinking", "reflection"] = (
        "thinking" if answer.reflection is None else "reflection"
    )
    known: dict[str, Any] = {
        "regions": answer.thinking,
        "examination": "",
        "reflection": answer.reflection,
        "defects": [
            {"type": found.type or "", "box": [round(GRID * corner) for corner in found.box]}
            for found in answer.defects
            if found.box is not None
        ],
        "answer": "yes" if answer.anomalous else "no",
        "confidence": answer.confidence,
    }
    return json.dumps({key: known[key] for key in schema(mode)["properties"]}, ensure_ascii=False)


class _Piece(NamedTuple):
    """What stands between braces: an object, or text that is none."""

    text: str
    content: dict[str, Any] | None


def json_object(text: str, key: str) -> dict[str, Any]:
    """The one JSON object of a text that has a key: bare, in prose, in fences, behind thoughts.

    Nothing is guessed: of two answers that differ none is taken, and none where one that is broken
    may be the one that was meant.

    Args:
        text: as a model wrote it.
        key: of what is asked for; objects without it are beside the point.

    Raises:
        UnreadableAnswer: there is none, or several that say different things.
    """
    bare = text.strip()
    if not bare:
        raise UnreadableAnswer("the answer is empty")
    try:
        whole = json.loads(bare, strict=False)
    except (json.JSONDecodeError, RecursionError) as failure:
        return _found(_spoken(bare), key, failure)
    if not isinstance(whole, dict):
        raise UnreadableAnswer(f"a JSON {type(whole).__name__}, not an object")
    return whole


def _spoken(text: str) -> str:
    """What was said, without what was thought before."""
    said = _THOUGHT.split(text)[-1]
    if _THINKS.search(said):
        raise UnreadableAnswer("cut off while it was thinking")
    return said


def _found(said: str, key: str, failure: Exception) -> dict[str, Any]:
    objects, quoted = list[dict[str, Any]](), f'"{key}"'
    for piece in _pieces(said):
        if piece.content is not None and key in piece.content:
            objects.append(piece.content)
        elif piece.content is None and quoted in piece.text:
            raise UnreadableAnswer(f"no JSON: {failure}") from failure
    if not objects:
        raise UnreadableAnswer(f"no JSON: {failure}") from failure
    if len({json.dumps(found[key]) for found in objects}) > 1:
        raise UnreadableAnswer(f"{len(objects)} answers, which differ in `{key}`")
    return objects[-1]


def _pieces(text: str) -> Iterator[_Piece]:
    """What is between outermost braces, in turn; what is cut off ends with the text."""
    at = text.find("{")
    while at >= 0:
        try:
            content, end = _DECODER.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError):
            content, end = None, _closed(text, at)
        yield _Piece(text[at:end], content)
        at = text.find("{", end)


def _closed(text: str, start: int) -> int:
    """Behind the brace that closes the one at `start`; the end of the text where none does."""
    depth, quoted, at = 0, False, start
    while at < len(text):
        letter = text[at]
        if letter == "\\" and quoted:
            at += 1
        elif letter == '"':
            quoted = not quoted
        elif not quoted and letter in "{}":
            depth += 1 if letter == "{" else -1
            if not depth:
                return at + 1
        at += 1
    return len(text)


def yes_or_no(content: Mapping[str, Any], key: str) -> bool:
    """What is decided: yes.

    Raises:
        UnreadableAnswer: neither.
    """
    said = content.get(key)
    word = said.strip().rstrip(".!").lower() if isinstance(said, str) else said
    if word not in ("yes", "no"):
        raise UnreadableAnswer(f"{key} is {_short(said)}, neither 'yes' nor 'no'")
    return bool(word == "yes")


def box_of(corners: Any, scale: float, notes: list[str]) -> Box | None:
    """Two corners, in either order, as a box; none, with a note, where they make no box."""
    try:
        x1, y1, x2, y2 = (float(corner) / scale for corner in corners)
        named = Named(box=Box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)))
    except (TypeError, ValueError, ValidationError):
        notes.append(f"no box: {_short(corners)}")
        return None
    return named.box


def box_on(grid: Grid, corners: Any, notes: list[str]) -> Box | None:
    """As `box_of`, of corners as a grid has them."""
    try:
        shares = grid.shares(corners)
    except (TypeError, ValueError):
        notes.append(f"no box: {_short(corners)}")
        return None
    outside = list[str]()
    box = box_of(shares, 1.0, outside)
    if outside:  # said in the numbers that the model has written
        notes.append(f"no box: {_short(corners)}")
    return box


def _named(listed: Any, notes: list[str], grid: Grid) -> list[Named]:
    if not isinstance(listed, list | tuple):
        notes.append(f"no list of defects: {_short(listed)}")
        return []
    found = []
    for one in listed[:MOST_DEFECTS]:
        if not isinstance(one, dict):
            notes.append(f"no defect: {_short(one)}")
            continue
        kind = one.get("type")
        name = kind.strip()[:_LONGEST_TYPE] if isinstance(kind, str) else ""
        found.append(Named(type=name or None, box=box_on(grid, one.get("box"), notes)))
    return found


def stated_confidence(content: Mapping[str, Any], notes: list[str]) -> float | None:
    """What a model says of how sure it is; none, with a note, where that is no number of [0, 1]."""
    confidence = content.get("confidence")
    if confidence is None:
        return None
    number = isinstance(confidence, int | float) and not isinstance(confidence, bool)
    if number and 0 <= confidence <= 1:
        return float(confidence)
    notes.append(f"no confidence: {_short(confidence)}")
    return None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
