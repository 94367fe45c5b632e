"""The published form of answers (M3-AD): tags in order, corners as fractions of the picture.

Thinking mode:   <think>…</think>[<type>…</type><location>…</location>]<answer>yes|no</answer>
Reflective mode: <think>first answer</think><reflection>…</reflection>[…]<answer>yes|no</answer>
A location is a pair of corners, (x,y)(x,y); several are separated by ";", and so are their types.
"""

import re

from reinspect.agents.models.answers import Answer, Named, UnreadableAnswer, box_of
from reinspect.vocabulary import Box

# The published models write <rflection> once, some lose a closing tag, and some close by another;
# those of AD-FM (arXiv 2508.04175) reflect in <rethink>.
REFLECTED = "re?flection|rethink"
_NAMES = f"think|{REFLECTED}|type|location|answer"
_OPEN = re.compile(rf"<\s*({_NAMES})\s*>", re.IGNORECASE)
_ANY = re.compile(rf"<\s*/?\s*({_NAMES})\s*>", re.IGNORECASE)
_REFLECTS = re.compile(REFLECTED, re.IGNORECASE)
_DECIDED = re.compile(r"\W*(yes|no)\W*", re.IGNORECASE)
# A text that is cut off after <answer> may have been quoting it, unless the thinking was closed.
_CLOSED = re.compile(rf"<\s*/\s*(think|{REFLECTED}|answer)\s*>", re.IGNORECASE)
_NUMBER = r"\s*(-?\d+(?:\.\d*)?|-?\.\d+)\s*"
_PAIR = re.compile(rf"[(\[]?[(\[]{_NUMBER},{_NUMBER}[)\]]?\s*,?\s*[(\[]?{_NUMBER},{_NUMBER}[)\]]")
_LIKE_A_TAG = re.compile(r"[<>]")


def read_tags(text: str) -> Answer:
    """Read an answer in tags, tolerant of the known deviations.

    The deviations: <rflection> or <rethink>, tags in capitals or with spaces, a missing or a wrong
    closing tag, words around the tags, "Yes." for "yes", square brackets, corners in the wrong
    order.

    Raises:
        UnreadableAnswer: there is no answer tag, or it holds neither yes nor no.
    """
    parts = _parts(text)
    if "answer" not in parts:
        raise UnreadableAnswer("there is no <answer>" if text.strip() else "the answer is empty")
    if _CLOSED.search(text) is None:
        raise UnreadableAnswer("cut off, and perhaps while it was thinking")
    decided = _DECIDED.fullmatch(parts["answer"])
    if decided is None:
        raise UnreadableAnswer(f"<answer> holds {parts['answer'][:60]!r}, neither yes nor no")
    anomalous, notes = decided[1].lower() == "yes", list[str]()
    boxes = boxes_in(parts.get("location", ""), notes) if anomalous else []
    types = [kind.strip() for kind in parts.get("type", "").split(";") if kind.strip()]
    return Answer(
        anomalous=anomalous,
        defects=_paired(types, boxes) if anomalous else (),
        thinking=parts.get("think", ""),
        reflection=parts.get("reflection"),
        notes=tuple(notes),
    )


def write_tags(answer: Answer) -> str:
    """The answer in the strict form, corners to three digits.

    Raises:
        ValueError: a text that would be read as a tag, a type with ";", or some defects with and
            some without a type or a box.
    """
    written = [_tag("think", answer.thinking)]
    if answer.reflection is not None:
        written.append(_tag("reflection", answer.reflection))
    if answer.anomalous:
        types = [found.type for found in answer.defects if found.type]
        if any(";" in kind for kind in types) or len(types) not in (0, len(answer.defects)):
            raise ValueError(f"types {types!r} hold ';', or not every defect has one")
        if types:
            written.append(_tag("type", ";".join(types)))
        boxes = [found.box for found in answer.defects if found.box]
        if len(boxes) not in (0, len(answer.defects)):
            raise ValueError(f"{len(boxes)} of {len(answer.defects)} defects have a box")
        if boxes:
            written.append(f"<location>{';'.join(map(_corners, boxes))}</location>")
    written.append(f"<answer>{'yes' if answer.anomalous else 'no'}</answer>")
    return "".join(written)


def _parts(text: str) -> dict[str, str]:
    """Tag → what stands between it and the next tag; the last one of its name counts.

    What a model quotes while it thinks is no answer: thinking ends where its own tag closes.
    """
    parts: dict[str, str] = {}
    at = 0
    while found := _OPEN.search(text, at):
        name = "reflection" if _REFLECTS.fullmatch(found[1]) else found[1].lower()
        if name == "reflection":  # what stood before it is the first answer, quoted
            parts = {"think": parts.get("think", "")}
        end = _end(text, name, found.end())
        parts[name] = text[found.end() : end].strip()
        at = end
    return parts


def _end(text: str, name: str, start: int) -> int:
    own = {"reflection": REFLECTED}.get(name, name)
    closing = re.compile(rf"<\s*/\s*(?:{own})\s*>", re.IGNORECASE).search(text, start)
    following = _ANY.search(text, start)
    if name in ("think", "reflection") and closing:
        return closing.start()
    return following.start() if following else len(text)


def boxes_in(location: str, notes: list[str]) -> list[Box]:
    """All pairs of corners that a text names; what can't be a box is added to the notes."""
    boxes = []
    for found in _PAIR.finditer(location):
        box = box_of(found.groups(), 1.0, notes)
        boxes += [box] if box else []
    rest = _PAIR.sub("", location).strip(" ;,\n\t()[]")
    if rest:
        notes.append(f"location has more than corners: {rest[:60]!r}")
    return boxes


def _paired(types: list[str], boxes: list[Box]) -> tuple[Named, ...]:
    """Types and boxes in step; one type alone names all boxes."""
    if len(types) == 1 and len(boxes) > 1:
        types = types * len(boxes)
    count = max(len(types), len(boxes))
    padded = zip(
        [*types, *[None] * (count - len(types))],
        [*boxes, *[None] * (count - len(boxes))],
        strict=True,
    )
    return tuple(Named(type=kind, box=box) for kind, box in padded)


def _tag(name: str, content: str) -> str:
    if _LIKE_A_TAG.search(content):
        raise ValueError(f"{name} {content[:60]!r} holds < or >, which would be read as tags")
    return f"<{name}>{content}</{name}>"


def _corners(box: Box) -> str:
    (x1, x2), (y1, y2) = _apart(box.x1, box.x2), _apart(box.y1, box.y2)
    return f"({x1:.3f},{y1:.3f})({x2:.3f},{y2:.3f})"


def _apart(low: float, high: float) -> tuple[float, float]:
    """Two coordinates in whole thousandths that are not the same."""
    first, last = round(low * 1000), round(high * 1000)
    if first == last:
        first, last = (first, last + 1) if last < 1000 else (first - 1, last)
    return first / 1000, last / 1000
