"""How a critic that acts ends: its reflection process, then its revision of the decision.

The two parts are those of M3-AD's RA-Monitor (arXiv 2603.00055): answer, type and location are kept
or corrected one by one. What contradicts itself is no answer: a critic that keeps a "no" and says
"yes" is not read either way.
"""

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from reinspect.agents.models.answers import (
    MOST_DEFECTS,
    UnreadableAnswer,
    box_of,
    json_object,
    stated_confidence,
    yes_or_no,
)
from reinspect.agents.models.places import GRID
from reinspect.vocabulary import (
    Defect,
    Label,
    NormalisedBox,
    Probability,
    Region,
    Value,
    Verdict,
)

REVISE = "revise"
"""What the critic calls to end."""

ASPECTS = ("answer", "type", "location")

_LONGEST = 800
_LONGEST_TYPE = 40

AspectMove = Literal["keep", "correct"]


class DecisionRevision(Value):
    """A critic's last word on a verdict."""

    process: str = ""
    anomalous: bool
    type: str | None = None
    boxes: tuple[NormalisedBox, ...] = ()
    moves: Mapping[str, AspectMove] = Field(description="What was kept or corrected: by aspect.")
    confidence: Probability | None = None
    notes: tuple[str, ...] = Field(default=(), description="What of it could not be read.")

    @property
    def words(self) -> str:
        """The decision revision in a line."""
        said = {
            "answer": "yes" if self.anomalous else "no",
            "type": self.type or "none",
            "location": f"{len(self.boxes)} {'place' if len(self.boxes) == 1 else 'places'}",
        }
        done = {"keep": "kept", "correct": "corrected to"}
        told = (f"{name} {done[self.moves[name]]} {said[name]}" for name in self.moves)
        return "; ".join((*told, *self.notes))

    def defects(self, score: float) -> tuple[Defect, ...]:
        """What it says is wrong, and where."""
        if not self.anomalous:
            return ()
        return tuple(Defect(box=box, type=self.type, score=score) for box in self.boxes)

    def regions(self, score: float) -> tuple[Region, ...]:
        """Where it says that something is wrong."""
        return tuple(Region(box=found.box, score=score) for found in self.defects(score))


def revise_tool() -> dict[str, Any]:
    """The function that ends a conversation, as OpenAI's protocol has functions."""
    corners = {
        "type": "array",
        "items": {"type": "integer", "minimum": 0, "maximum": GRID},
        "minItems": 4,
        "maxItems": 4,
    }
    values = {
        "answer": {"type": "string", "enum": ["yes", "no"]},
        "type": {"type": "string", "maxLength": _LONGEST_TYPE},
        "location": {"type": "array", "items": corners, "maxItems": MOST_DEFECTS},
    }
    move = {"type": "string", "enum": ["keep", "correct"]}
    aspects = {name: _object({"move": move, "value": value}) for name, value in values.items()}
    parameters = _object(
        {
            "process": {
                "type": "string",
                "maxLength": _LONGEST,
                "description": "The reflection process: what was compared, what was verified",
            },
            **aspects,
            "confidence": {
                "type": "number",
                "minimum": 0,
                "maximum": 1,
                "description": "How sure you are that your answer is right",
            },
        }
    )
    return {
        "type": "function",
        "function": {
            "name": REVISE,
            "description": "End: your reflection process, then answer (are there any defects?), "
            "type and location, each kept as the first verdict has it or corrected.",
            "parameters": parameters,
        },
    }


def read_revision(said: str, before: Verdict) -> DecisionRevision:
    """Read how a conversation ended, from JSON wherever it stands in a text.

    Args:
        said: the arguments of the call, or the text of an answer without one.
        before: the verdict in force: what is kept is kept of it.

    Raises:
        UnreadableAnswer: no JSON, no answer of yes or no, or one that contradicts its own move.
    """
    content, notes = json_object(said, "answer"), list[str]()
    told = {name: _aspect(content.get(name)) for name in ASPECTS}
    anomalous = yes_or_no({"answer": told["answer"][1]}, "answer")
    move = _move(told["answer"][0], same=anomalous is (before.label is Label.ANOMALOUS))
    if not anomalous:
        return DecisionRevision(
            process=_words(content.get("process")),
            anomalous=False,
            moves={"answer": move},
            confidence=stated_confidence(content, notes),
            notes=tuple(notes),
        )
    kind, kind_move = _type(*told["type"], before)
    boxes, place_move = _location(*told["location"], before, notes)
    return DecisionRevision(
        process=_words(content.get("process")),
        anomalous=True,
        type=kind,
        boxes=boxes,
        moves={"answer": move, "type": kind_move, "location": place_move},
        confidence=stated_confidence(content, notes),
        notes=tuple(notes),
    )


def write_revision(revision: DecisionRevision) -> str:
    """The arguments of the call that ends a conversation so; `read_revision` reads them back."""
    values: dict[str, Any] = {
        "answer": "yes" if revision.anomalous else "no",
        "type": revision.type or "",
        "location": [[round(GRID * corner) for corner in box] for box in revision.boxes],
    }
    aspects = {
        name: {"move": revision.moves.get(name, "keep"), "value": values[name]} for name in ASPECTS
    }
    content = {"process": revision.process, **aspects, "confidence": revision.confidence}
    known = {name: value for name, value in content.items() if value is not None}
    return json.dumps(known, ensure_ascii=False)


def _aspect(said: Any) -> tuple[Any, Any]:
    """Move and value of an aspect; a bare value has no move."""
    if isinstance(said, Mapping):
        return said.get("move"), said.get("value")
    return None, said


def _move(said: Any, *, same: bool) -> AspectMove:
    """What became of the answer; a move that is not said is told by the answer."""
    true: AspectMove = "keep" if same else "correct"
    if said in ("keep", "correct") and said != true:
        was = "the same as" if same else "another than"
        raise UnreadableAnswer(f"answer: move is {said!r}, and its value {was} the first verdict's")
    return true


def _type(move: Any, value: Any, before: Verdict) -> tuple[str | None, AspectMove]:
    own = next((found.type for found in before.defects if found.type), None)
    said = value.strip()[:_LONGEST_TYPE] if isinstance(value, str) else ""
    if move == "keep" or not said:
        return own or said or None, "keep"
    return said, "keep" if said == own else "correct"


def _location(
    move: Any, value: Any, before: Verdict, notes: list[str]
) -> tuple[tuple[NormalisedBox, ...], AspectMove]:
    own = tuple(found.box for found in before.defects)
    listed = value[:MOST_DEFECTS] if isinstance(value, list) else []
    said = tuple(box for corners in listed if (box := box_of(corners, GRID, notes)))
    if (move == "keep" and own) or not said:
        return own, "keep"
    return said, "correct"


def _words(said: Any) -> str:
    return said.strip()[:_LONGEST] if isinstance(said, str) else ""


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }
