"""The rewards of RCRL: what one answer in tags is worth, given the truth and the first answer.

R = R_con + R_acc + R_refl (M3-AD, arXiv 2603.00055), and AD-FM's location reward (arXiv
2508.04175). Each is a pure function. Where the papers are silent, these are our own decisions:

- R_location of R_acc is AD-FM's reward of boxes, cut at 0 and scaled to [0, 1].
- Names of defects are matched one to one, and what has no partner scores 0. Where the truth names
  no type, or no place, that part scores 0 for every answer.
- An answer that can't be read, or opens one tag twice, is a wrong one: R_acc is 0, and R_refl takes
  it as the wrong label.
- A caption that stands word for word in the prompt says nothing: R_con is 0.
- Neither M3-AD's Threshold_type nor its Threshold_location is published. Rewards need none: both
  parts of R_acc are graded. What counts as found in figures is `bench`'s: names alike by more than
  .25, boxes by an IoU above .3 and .5.
- AD-FM's location reward is had in two forms. `location` is ours: gated by the answer (a wrong one
  earns nothing), boxes from `<location>`, α = .2, matched pairs alone, in the paper's scale.
  `published_location` is that of the authors' code.
"""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from pydantic import Field, FiniteFloat
from scipy.optimize import linear_sum_assignment

from reinspect import metrics
from reinspect.agents.models.answers import Answer, UnreadableAnswer
from reinspect.agents.models.tags import REFLECTED, boxes_in, read_tags
from reinspect.training.defect_names import names_score
from reinspect.vocabulary import Box, Label, Truth, Value

ALPHA = 0.2
"""Weight of the number of boxes against their places in AD-FM's location reward."""

PRICE = 0.05
"""Of a look beyond the first, in a conversation (AgentIAD's)."""

PUBLISHED_ALPHA = 0.3
"""The same weight in the code of AD-FM's authors."""

_COUNTED = (1.0, 0.5)  # AD-FM's r_count where the numbers of boxes differ by 0, by 1 …
_REJECTED = (0.0, 0.5)  # … its "localise then reject" for 0 boxes and for 1 …
_TOO_MANY = -0.1  # … and what either gives beyond that

_OPENED = re.compile(rf"<\s*(think|{REFLECTED}|type|location|answer)\s*>", re.IGNORECASE)
_THOUGHT = re.compile(r"<\s*think\s*>(.*?)(?:<\s*/\s*think\s*>|$)", re.IGNORECASE | re.DOTALL)
_WORDS = r"[^<>]*[^\W\d_][^<>]*"
_REFLECTION = rf"<(?P<tag>{REFLECTED})>(?P<reflection>{_WORDS})</(?P=tag)>\s*"
_PATTERN = rf"""
    \s*<think>(?P<think>{_WORDS})</think>\s*%s
    (?:<type>(?P<type>{_WORDS})</type>\s*<location>(?P<location>[^<>]+)</location>\s*
       <answer>\s*yes\s*</answer>
      |<answer>\s*no\s*</answer>)\s*"""
_THINKING = re.compile(_PATTERN % "", re.VERBOSE)
_REFLECTIVE = re.compile(_PATTERN % _REFLECTION, re.VERBOSE)
_BETWEEN_BOXES = re.compile(r"\s*;\s*")


class Weights(Value):
    """How much each reward counts; by default M3-AD's sum, without AD-FM's own reward."""

    consistency: FiniteFloat = 1.0
    accuracy: FiniteFloat = 1.0
    reflection: FiniteFloat = 1.0
    location: FiniteFloat = Field(default=0.0, description="AD-FM's, besides the one in R_acc.")
    location_as: Literal["gated", "published"] = Field(
        default="gated", description="Ours, or as the code of AD-FM's authors has it."
    )
    alpha: float = Field(default=ALPHA, ge=0, le=10, description="Of the number of boxes.")


class ActingRewards(Value):
    """What one conversation of a critic that acts is worth."""

    consistency: FiniteFloat = Field(description="R_con, 0 or 1.")
    accuracy: FiniteFloat = Field(description="R_acc, 0 to 2.")
    reflection: FiniteFloat = Field(description="R_refl: 1, −0.5 or −1.")
    price: FiniteFloat = Field(description="Of its looks, 0 and more.")
    overall: FiniteFloat


class Rewards(NamedTuple):
    """What one answer is worth."""

    consistency: float
    """R_con, 0 or 1."""
    accuracy: float
    """R_acc, [0, 2]."""
    reflection: float
    """R_refl, 1, −0.5 or −1; 0 in thinking mode."""
    location: float
    """AD-FM's location reward, [−1 − 0.1 α, 1 + α]; as published [−0.1, 1]."""

    def overall(self, weights: Weights | None = None) -> float:
        """R_overall = R_con + R_acc + R_refl, each by its weight."""
        by = weights or Weights()
        return (
            by.consistency * self.consistency
            + by.accuracy * self.accuracy
            + by.reflection * self.reflection
            + by.location * self.location
        )


def rewards(
    text: str,
    truth: Truth,
    *,
    first: Label | None = None,
    prompt: str = "",
    alpha: float = ALPHA,
    location_as: Literal["gated", "published"] = "gated",
) -> Rewards:
    """All rewards of one answer.

    Args:
        text: the answer, in tags.
        truth: of the part.
        first: the first answer, where this one reflects on it; none in thinking mode. What the
            text itself claims to have been the first answer earns nothing.
        prompt: the words of the question, so that a copy of them earns nothing.
        alpha: weight of the number of boxes.
        location_as: which form of AD-FM's reward.
    """
    answer = read_answer(text)
    label = None if answer is None else label_of(answer)
    return Rewards(
        consistency=consistency(text, reflective=first is not None, prompt=prompt),
        accuracy=accuracy(answer, truth, alpha=alpha),
        reflection=0.0 if first is None else reflection(first, label, truth.label),
        location=published_location(text, truth)
        if location_as == "published"
        else location(answer, truth, alpha=alpha),
    )


def acting_rewards(
    answer: Answer | None,
    truth: Truth,
    *,
    first: Label,
    formal: bool,
    looks: int,
    price: float = PRICE,
) -> ActingRewards:
    """R_con + R_acc + R_refl − price · (looks − 1), of a whole conversation with tools.

    That is AgentIAD's shape: what is perceived, how it behaves, less .05 for each call beyond the
    first. R_acc and R_refl are those of one answer.

    Args:
        answer: what it decided; none where it came to no decision.
        truth: of the part.
        first: the label of the first look.
        formal: whether it looked, was refused nothing, and ended by the call it should end by.
        looks: that it took.
        price: of a look beyond the first.
    """
    final = None if answer is None else label_of(answer)
    parts = {
        "consistency": float(formal and answer is not None),
        "accuracy": accuracy(answer, truth),
        "reflection": reflection(first, final, truth.label),
    }
    cost = price * max(0, looks - 1)
    return ActingRewards(**parts, price=cost, overall=sum(parts.values()) - cost)


def read_answer(text: str) -> Answer | None:
    """The one answer of a text; none where there is none, or where a tag is opened twice."""
    reflected = re.compile(REFLECTED, re.IGNORECASE)
    opened = [reflected.sub("reflection", found[1]).lower() for found in _OPENED.finditer(text)]
    if len(set(opened)) < len(opened):
        return None
    try:
        return read_tags(text)
    except UnreadableAnswer:
        return None


def label_of(answer: Answer) -> Label:
    """Yes, there are defects: anomalous."""
    return Label.of(answer.anomalous)


def consistency(text: str, *, reflective: bool, prompt: str = "") -> float:
    """R_con: 1 if the text follows the pattern of its own answer, else 0 (M3-AD, RCRL).

    Yes is think, (reflection,) type, location, answer; no is think, (reflection,) answer. Nothing
    stands outside the tags or out of order, no tag inside another, captions have words, locations
    are boxes inside the picture, and there is one type for all of them or one for each.

    Args:
        text: the answer.
        reflective: the mode; it alone has the reflection's tag, also as published, <rflection> and
            <rethink>.
        prompt: a caption that stands in it word for word is a copy. In reflective mode that is
            what think is for, so there the reflection alone is asked.
    """
    form = (_REFLECTIVE if reflective else _THINKING).fullmatch(text)
    if form is None:
        return 0.0
    said = _folded(form["reflection" if reflective else "think"])
    if said in _folded(prompt):
        return 0.0
    if form["location"] is None:
        return 1.0
    places, types = _BETWEEN_BOXES.split(form["location"]), form["type"].split(";")
    fit = all(map(_is_one_box, places)) and all(kind.strip() for kind in types)
    return 1.0 if fit and len(types) in (1, len(places)) else 0.0


def accuracy(answer: Answer | None, truth: Truth, *, alpha: float = ALPHA) -> float:
    """R_acc = R_answer + [answer and truth both yes] · (R_type + R_location) / 2 (M3-AD, RCRL).

    R_answer is 1 if the answer is the truth. R_type is `defect_names.names_score`, R_location
    `boxes_score`, both in [0, 1]. 0 for an answer that can't be read.
    """
    if answer is None or label_of(answer) is not truth.label:
        return 0.0
    if not answer.anomalous:
        return 1.0
    kind = names_score([found.type for found in answer.defects if found.type], truth.types)
    place = boxes_score(_boxes(answer), truth.boxes, alpha)
    return 1.0 + (kind + place) / 2


def reflection(first: Label, final: Label | None, truth: Label) -> float:
    """R_refl: +1 fixes a wrong first answer, −1 breaks a right one, −0.5 otherwise (M3-AD, RCRL).

    A final answer that can't be read (none) is a wrong one.
    """
    was, now = first is truth, final is truth
    if was is now:
        return -0.5
    return 1.0 if now else -1.0


def location(answer: Answer | None, truth: Truth, *, alpha: float = ALPHA) -> float:
    """AD-FM's location reward of a whole answer.

    A rightly called anomaly has `boxes_reward`; a good part that was rightly passed has
    `rejection_reward`, by the boxes that its thinking examines; anything else 0.
    """
    if answer is None or label_of(answer) is not truth.label:
        return 0.0
    if not answer.anomalous:
        return rejection_reward(len(set(boxes_in(answer.thinking, []))))
    return boxes_reward(_boxes(answer), truth.boxes, alpha) if truth.boxes else 0.0


def published_location(text: str, truth: Truth, *, alpha: float = PUBLISHED_ALPHA) -> float:
    """AD-FM's location reward as its authors' code has it (github.com/hanawall/AD-FM), [−0.1, 1].

    Boxes are those that the thinking names, whatever the answer is: it is not gated. Where the
    truth has none, a good part or one whose defects have no place, `rejection_reward` of their
    number. Else clip((mean GIoU over all predicted boxes + α · r_count + 0.5) / 1.5, 0, 1), and 0
    without one. The match is Hungarian, as in the paper; a predicted box without a partner counts
    as 0 in the mean, which is our reading. GIoU and counts are the same in pixels and in shares.
    """
    thought = _THOUGHT.search(text)
    predicted = list(dict.fromkeys(boxes_in(thought[1], []))) if thought else []
    if not truth.anomalous or not truth.boxes:
        return rejection_reward(len(predicted))
    if not predicted:
        return 0.0
    overlap = metrics.giou(predicted, truth.boxes)
    rows, columns = linear_sum_assignment(overlap, maximize=True)
    mean = float(overlap[rows, columns].sum()) / len(predicted)
    counted = _count_reward(predicted, truth.boxes)
    return min(max((mean + alpha * counted + 0.5) / 1.5, 0.0), 1.0)


def boxes_reward(predicted: Sequence[Box], true: Sequence[Box], alpha: float = ALPHA) -> float:
    """r_loc = mean GIoU of the matched boxes + α · r_count (AD-FM, multi-stage deliberation).

    The match is the assignment of most GIoU (Hungarian); r_count is 1 for as many boxes as are
    true, 0.5 for one more or less, else −0.1. Without a match the mean counts as −1, its bound.

    Returns:
        [−1 − 0.1 α, 1 + α]; the same with both sides swapped.
    """
    counted = _count_reward(predicted, true)
    overlap = metrics.giou(predicted, true)
    if not overlap.size:
        return -1.0 + alpha * counted
    rows, columns = linear_sum_assignment(overlap, maximize=True)
    return float(overlap[rows, columns].mean()) + alpha * counted


def rejection_reward(boxes: int) -> float:
    """AD-FM's "localise then reject" for good parts: 0 boxes examined 0, one 0.5, more −0.1."""
    return _REJECTED[boxes] if boxes < len(_REJECTED) else _TOO_MANY


def _count_reward(predicted: Sequence[Box], true: Sequence[Box]) -> float:
    gap = abs(len(predicted) - len(true))
    return _COUNTED[gap] if gap < len(_COUNTED) else _TOO_MANY


def boxes_score(predicted: Sequence[Box], true: Sequence[Box], alpha: float = ALPHA) -> float:
    """R_location: `boxes_reward` cut at 0, as a share of its maximum 1 + α, [0, 1]."""
    if not predicted or not true:
        return 0.0
    return max(boxes_reward(predicted, true, alpha), 0.0) / (1 + alpha)


def _boxes(answer: Answer) -> list[Box]:
    return [found.box for found in answer.defects if found.box]


def _is_one_box(place: str) -> bool:
    notes: list[str] = []
    return len(boxes_in(place, notes)) == 1 and not notes


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
