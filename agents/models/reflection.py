"""What a monitor asks a model besides "are there defects": its doubts, its wishes, its words."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from reinspect.agents.models.answers import (
    UnreadableAnswer,
    box_on,
    json_object,
    stated_confidence,
    yes_or_no,
)
from reinspect.agents.models.places import THOUSANDTHS, Grid
from reinspect.vocabulary import Explanation, Probability, Value, Wish

NOTHING = "none"
"""The look that is asked for where nothing is left to settle."""

_LONGEST = 600
_PHRASE = 60


class Doubts(Value):
    """A model's judgement of a verdict."""

    holds: bool
    confidence: Probability | None = Field(default=None, description="In `holds`, as stated.")
    doubts: str = ""
    wish: Wish | None = None


def doubts_schema(looks: Mapping[str, str], grid: Grid = THOUSANDTHS) -> dict[str, Any]:
    """The JSON schema of doubts; a look can only be one of the closed list."""
    properties = {
        "doubts": {"type": "string", "maxLength": _LONGEST},
        "holds": {"type": "string", "enum": ["yes", "no"]},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        "look": {"type": "string", "enum": [*looks, NOTHING]},
        "box": {"type": "array", "items": grid.corner, "minItems": 4, "maxItems": 4},
        "phrase": {"type": "string", "maxLength": _PHRASE},
    }
    return _object(properties)


def read_doubts(text: str, looks: Mapping[str, str], grid: Grid = THOUSANDTHS) -> Doubts:
    """Read doubts; a wish for what is not on the list is no wish.

    Raises:
        UnreadableAnswer: no JSON object, or `holds` is neither yes nor no.
    """
    content = json_object(text, "holds")
    holds = yes_or_no(content, "holds")
    wish, look, phrase = None, content.get("look"), content.get("phrase")
    if isinstance(look, str) and look in looks:
        wish = Wish(
            look=look,
            box=box_on(grid, content.get("box"), []),
            phrase=phrase[:_PHRASE].strip() if isinstance(phrase, str) else "",
        )
    return Doubts(
        holds=holds,
        confidence=stated_confidence(content, []),
        doubts=str(content.get("doubts") or "")[:_LONGEST],
        wish=wish,
    )


def explanation_schema() -> dict[str, Any]:
    """The JSON schema of an explanation."""
    words = {"type": "string", "maxLength": _LONGEST}
    return _object({"first": words, "final": words})


def read_explanation(text: str) -> Explanation:
    """Read an explanation.

    Raises:
        UnreadableAnswer: no JSON object, or one of its two texts is missing.
    """
    content = json_object(text, "final")
    first, final = content.get("first"), content.get("final")
    if not (isinstance(first, str) and isinstance(final, str) and first and final):
        raise UnreadableAnswer("an explanation needs `first` and `final`")
    return Explanation(first=first, final=final)


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }
