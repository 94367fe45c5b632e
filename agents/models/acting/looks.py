"""The looks that a critic may take: how they are offered, asked for, shown and told."""

import threading
from collections.abc import Mapping, Sequence
from contextvars import copy_context
from typing import Any, NamedTuple

from reinspect.agents.models.answers import box_of
from reinspect.agents.models.inputs import close_ups, thousandths
from reinspect.agents.models.places import GRID
from reinspect.errors import ReinspectError
from reinspect.files import digest_of
from reinspect.images import Pixels, read_view
from reinspect.pictures import Pictures
from reinspect.roles import Tool
from reinspect.tools.embedded.alignment import GoodPart
from reinspect.trace import Step, Trace
from reinspect.vocabulary import Assessment, Box, Evidence, Region, ShownPicture, Wish

ASKED = "agent"
"""Source of the region that a critic points at; it stands in no trace."""

_PHRASE = 60
_MOST = 5  # regions that are told


class ActingError(ReinspectError, RuntimeError):
    """A look, or a model, that does not do what it is for; the message is one line."""


class LookAsked(NamedTuple):
    """Where a look is to be taken, and for what."""

    box: Box | None = None
    phrase: str = ""


def offered(name: str, note: str, heeds: Sequence[str]) -> dict[str, Any]:
    """A tool as OpenAI's protocol has functions."""
    corner = {"type": "integer", "minimum": 0, "maximum": GRID}
    box = {
        "type": "array",
        "items": corner,
        "minItems": 4,
        "maxItems": 4,
        "description": "Where to look: x1, y1, x2, y2 in thousandths of the test image",
    }
    phrase = {"type": "string", "maxLength": _PHRASE, "description": "What to look for"}
    known = {"box": box, "phrase": phrase}
    properties = {argument: known[argument] for argument in known if argument in heeds}
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": note,
            "parameters": {
                "type": "object",
                "properties": properties,
                "required": list(properties),
                "additionalProperties": False,
            },
        },
    }


def read_asked(arguments: Any, heeds: Sequence[str]) -> LookAsked:
    """What a model asks for.

    Raises:
        ActingError: an argument that the look needs is missing, or is none.
    """
    if not isinstance(arguments, Mapping):
        raise ActingError("the arguments are no JSON object")
    box, phrase = None, ""
    if "box" in heeds and arguments.get("box") is not None:
        box = box_of(arguments["box"], GRID, [])
        if box is None:
            raise ActingError("box: needs x1, y1, x2, y2 in thousandths, 0 to 1000")
    if "phrase" in heeds and isinstance(arguments.get("phrase"), str):
        phrase = " ".join(arguments["phrase"].split())[:_PHRASE]
    return LookAsked(box, phrase)


def pointed(trace: Trace, look: str, asked: LookAsked) -> Trace:
    """The trace in which the monitor has asked for this look, there."""
    wish = Wish(look=look, box=asked.box, phrase=asked.phrase)
    own = trace.assessment or Assessment(confidence=0.5, reliability=0.5)
    trace = trace.then(Step(node="assess", products=(own.model_copy(update={"wish": wish}),)))
    if asked.box is None:
        return trace
    there = Evidence(
        source=ASKED, summary="a place to look at", regions=(Region(box=asked.box, score=1.0),)
    )
    return trace.then(Step(node="locate", products=(there,)))


def in_time(tool: Tool, trace: Trace, name: str, seconds: float) -> Evidence | Sequence[Evidence]:
    """What a tool finds, if it does so in time.

    A thread can't be ended: one that hangs is left behind.

    Raises:
        ActingError: it didn't.
    """
    found: list[Evidence | Sequence[Evidence]] = []
    failed: list[BaseException] = []
    context = copy_context()  # LangGraph's and the record of model calls

    def work() -> None:
        try:
            found.append(context.run(tool, trace))
        except BaseException as failure:  # noqa: BLE001 - raised again where it was asked for
            failed.append(failure)

    thread = threading.Thread(target=work, name=f"look {name}", daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not found:
        raise ActingError(f"{name} gave no answer within {seconds:g} s")
    return found[0]


def told(evidence: Sequence[Evidence]) -> str:
    """What a look has found, in the words and numbers that a model is to answer in."""
    lines = []
    for piece in evidence:
        lines.append(f"{piece.source}: {piece.summary}")
        if piece.probability is not None:
            lines.append(f"P(anomalous) by this alone: {piece.probability:.2f}")
        if piece.measurements:
            numbers = (f"{name} {value:.4g}" for name, value in piece.measurements.items())
            lines.append(", ".join(numbers))
        strongest = sorted(piece.regions, key=lambda region: -region.score)[:_MOST]
        lines += [
            f"region {thousandths(found.box)}, score {found.score:.3g}" for found in strongest
        ]
    return "\n".join(lines)


class Shown:
    """The pictures of a conversation: numbered, no place twice, none beyond a number.

    Args:
        trace: of the part.
        good: a good part to cut the same place from, where it is laid over.
        most: pictures in all.
        count: of those that were shown before.
        pictures: where they are kept; without, none are.
        exact: whether they are sent, and so kept, without loss.
    """

    def __init__(
        self,
        trace: Trace,
        good: GoodPart | None,
        most: int,
        count: int,
        pictures: Pictures | None = None,
        *,
        exact: bool = False,
    ) -> None:
        self._image, self._good = read_view(trace.sample.visual), good
        self._most, self.count = most, count
        self._pictures, self._exact, self._kept = pictures, exact, 0
        self._key = digest_of(f"{trace.sample.visual.sha256 or ''} {ASKED} {trace.rounds}")
        self._places: list[Box] = []

    def kept(self, picture: Pixels, label: str) -> ShownPicture:
        """A picture as the trace has it."""
        self._kept += 1
        if self._pictures is None:
            return ShownPicture(label=label)
        name = f"shown-{self._kept}"
        saved = self._pictures.save(picture, shows=name, key=self._key, exact=self._exact)
        return ShownPicture(label=label, picture=saved)

    def after(
        self, asked: LookAsked, evidence: Sequence[Evidence]
    ) -> tuple[list[Pixels], list[str]]:
        """Close-ups of the place that was asked for, else of the strongest that was found."""
        box = asked.box or _strongest(evidence)
        if box is None or self.count >= self._most:
            return [], []
        cut = close_ups(self._image, self._good, box, but=self._places)
        pictures, labels = [], []
        for picture, what in cut[: self._most - self.count]:
            self.count += 1
            pictures.append(picture)
            labels.append(f"Picture {self.count} is {what}.")
        if pictures:
            self._places.append(box)
        return pictures, labels


def _strongest(evidence: Sequence[Evidence]) -> Box | None:
    regions = [region for piece in evidence for region in piece.regions]
    best = max(regions, key=lambda region: region.score, default=None)
    return best.box if best else None
