"""The rewards: the published worked examples, and that no trick with the form earns anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reinspect.agents.models.answers import Answer, Named
from reinspect.agents.models.tags import write_tags
from reinspect.training.rewards import (
    Rewards,
    Weights,
    accuracy,
    boxes_reward,
    boxes_score,
    consistency,
    location,
    published_location,
    read_answer,
    reflection,
    rejection_reward,
    rewards,
)
from reinspect.vocabulary import Box, Label, Truth

NORMAL, ANOMALOUS = Label.NORMAL, Label.ANOMALOUS
HERE = Box(0.2, 0.2, 0.6, 0.6)
BENT = Truth(label=ANOMALOUS, types=("bent",), boxes=(HERE,))
GOOD = Truth(label=NORMAL)
FOUND = "<type>bent</type><location>(0.2,0.2)(0.6,0.6)</location><answer>yes</answer>"
YES = f"<think>the left pin leans</think>{FOUND}"
NO = "<think>all pins are straight</think><answer>no</answer>"
REFLECTED = f"<think>no</think><reflection>the left pin leans</reflection>{FOUND}"


def corners(box: Box) -> str:
    return f"({box.x1},{box.y1})({box.x2},{box.y2})"


def box_scoring(share: float) -> Box:
    """A box inside `HERE`, whose score against it is the given share."""
    # Inside the other box GIoU is IoU: the score is (IoU + α) / (1 + α).
    width = (share * 1.2 - 0.2) * 0.4
    return Box(0.2, 0.2, 0.2 + width, 0.6)


def yes(kind: str, box: Box, *, reflected: str = "") -> str:
    said = f"<reflection>{reflected}</reflection>" if reflected else ""
    return (
        f"<think>no</think>{said}<type>{kind}</type><location>{corners(box)}</location>"
        "<answer>yes</answer>"
    )


@pytest.mark.parametrize(
    ("text", "first", "expected", "overall"),
    [
        pytest.param(NO, None, (1, 0, 0), 1.0, id="thinking-wrong-no"),
        pytest.param(
            # A crack is of one group with a bend, which scores 0.3.
            yes("crack", box_scoring(0.5)),
            None,
            (1, 1.4, 0),
            2.4,
            id="thinking-right-yes",
        ),
        pytest.param(
            yes("bent", box_scoring(0.4), reflected="the pin leans"),
            NORMAL,
            (1, 1.7, 1),
            3.7,
            id="reflective-wrong-no-to-right-yes",
        ),
        pytest.param(
            "<think>yes</think><reflection>the pin leans</reflection><answer>yes</answer>",
            ANOMALOUS,
            (0, 1, -0.5),
            0.5,
            id="reflective-right-yes-without-type-and-location",
        ),
    ],
)
def test_worked_examples_of_the_paper(
    text: str, first: Label | None, expected: tuple[float, float, float], overall: float
) -> None:
    found = rewards(text, BENT, first=first)
    assert found[:3] == pytest.approx(expected)
    assert found.overall() == pytest.approx(overall)


@pytest.mark.parametrize(
    ("text", "reflective", "prompt"),
    [
        pytest.param("", False, "", id="nothing"),
        pytest.param("<answer>yes</answer>", False, "", id="no-thinking"),
        pytest.param(f"<think>, …</think>{FOUND}", False, "", id="thinking-without-words"),
        pytest.param(REFLECTED, False, "", id="reflection-in-thinking-mode"),
        pytest.param(YES, True, "", id="no-reflection-in-reflective-mode"),
        pytest.param(f"Sure! {YES}", False, "", id="words-before"),
        pytest.param(f"{YES} Done.", False, "", id="words-after"),
        pytest.param(f"{YES}{YES}", False, "", id="twice"),
        pytest.param(f"{YES}<answer>no</answer>", False, "", id="two-answers"),
        pytest.param(
            f"<think>it is <answer>no</answer></think>{FOUND}", False, "", id="tag-in-a-caption"
        ),
        pytest.param(
            "<think>fine</think><type>bent</type><answer>no</answer>", False, "", id="no-with-type"
        ),
        pytest.param(YES.replace("<type>bent</type>", ""), False, "", id="yes-without-type"),
        pytest.param(YES.replace("(0.2,0.2)", "(2,0.2)"), False, "", id="outside-the-picture"),
        pytest.param(YES.replace("(0.2,0.2)", "(x1,y1)"), False, "", id="no-numbers"),
        pytest.param(YES.replace("(0.2,0.2)", "(0.6,0.6)"), False, "", id="box-without-area"),
        pytest.param(YES.replace("(0.6,0.6)", "(0.6,0.6) left"), False, "", id="words-in-location"),
        pytest.param(
            YES.replace("bent", "bent;;dent"), False, "", id="types-and-boxes-out-of-step"
        ),
        pytest.param(NO, False, "Say: All pins\nare  straight. Or not.", id="copied-thinking"),
        pytest.param(REFLECTED, True, "the left pin leans", id="copied-reflection"),
    ],
)
def test_what_does_not_follow_its_pattern_is_inconsistent(
    text: str, reflective: bool, prompt: str
) -> None:
    assert consistency(text, reflective=reflective, prompt=prompt) == 0


@pytest.mark.parametrize(
    ("text", "reflective", "prompt"),
    [
        pytest.param(YES, False, "", id="yes"),
        pytest.param(NO, False, "", id="no"),
        pytest.param(REFLECTED, True, "", id="reflected"),
        pytest.param(REFLECTED.replace("reflection", "rflection"), True, "", id="misspelt"),
        pytest.param(REFLECTED.replace("reflection", "rethink"), True, "", id="rethought"),
        pytest.param(f"\n{YES}\n", False, "", id="line-ends"),
        pytest.param(
            YES.replace("(0.6,0.6)", "(0.6,0.6);(0.7,0.7)(0.8,0.8)"), False, "", id="two-boxes"
        ),
        pytest.param(REFLECTED, True, "The original answer: no", id="quoted-first-answer"),
    ],
)
def test_what_follows_its_pattern_is_consistent(text: str, reflective: bool, prompt: str) -> None:
    assert consistency(text, reflective=reflective, prompt=prompt) == 1


PROMPT = """Are there any defects in the test image?
with defects: <think>your reasoning</think><type>name of the defect</type>\
<location>(x1,y1)(x2,y2)</location><answer>yes</answer>
without: <think>your reasoning</think><answer>no</answer>"""


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        pytest.param(f"{YES}<answer>no</answer>", BENT, id="two-answers"),
        pytest.param(f"{NO}{YES}", BENT, id="both-answers"),
        pytest.param(f"<think>or <answer>yes</answer></think>{NO[-19:]}", GOOD, id="in-a-caption"),
        pytest.param(PROMPT, BENT, id="copied-prompt-defective"),
        pytest.param(PROMPT, GOOD, id="copied-prompt-good"),
        pytest.param("<answer>yes|no</answer>", BENT, id="either"),
    ],
)
def test_tricks_earn_nothing(text: str, truth: Truth) -> None:
    assert rewards(text, truth, prompt=PROMPT) == (0, 0, 0, 0)
    assert rewards(text, truth, first=truth.label, prompt=PROMPT).overall() == -1
    other = ANOMALOUS if truth.label is NORMAL else NORMAL
    assert rewards(text, truth, first=other, prompt=PROMPT).overall() == -0.5


def test_a_copied_example_earns_no_consistency() -> None:
    copied = "<think>your reasoning</think><answer>no</answer>"
    assert rewards(copied, GOOD, prompt=PROMPT) == (0, 1, 0, 0)
    assert rewards(copied, GOOD) == (1, 1, 0, 0)


def test_type_and_place_named_in_a_caption_earn_nothing() -> None:
    hidden = "<think><type>bent</type><location>(0.2,0.2)(0.6,0.6)</location></think>"
    assert rewards(f"{hidden}<answer>yes</answer>", BENT)[:2] == (0, 1)


def test_a_false_quote_of_the_first_answer_earns_nothing() -> None:
    claimed = REFLECTED.replace("<think>no", "<think>yes")
    assert rewards(claimed, BENT, first=ANOMALOUS) == rewards(REFLECTED, BENT, first=ANOMALOUS)


@pytest.mark.parametrize(
    ("first", "final", "truth", "reward"),
    [
        pytest.param(NORMAL, ANOMALOUS, ANOMALOUS, 1, id="fixed"),
        pytest.param(ANOMALOUS, NORMAL, ANOMALOUS, -1, id="broken"),
        pytest.param(NORMAL, NORMAL, ANOMALOUS, -0.5, id="unchanged-wrong"),
        pytest.param(NORMAL, NORMAL, NORMAL, -0.5, id="unchanged-right"),
        pytest.param(NORMAL, None, NORMAL, -1, id="right-then-unreadable"),
        pytest.param(ANOMALOUS, None, NORMAL, -0.5, id="wrong-then-unreadable"),
    ],
)
def test_reflection_is_paid_by_direction(
    first: Label, final: Label | None, truth: Label, reward: float
) -> None:
    assert reflection(first, final, truth) == reward


@pytest.mark.parametrize(
    ("predicted", "true", "reward"),
    [
        pytest.param([HERE], [HERE], 1.2, id="the-same"),
        pytest.param([HERE, HERE], [HERE], 1.1, id="one-too-many"),
        pytest.param([HERE] * 3, [HERE], 0.98, id="two-too-many"),
        pytest.param([], [HERE], -0.9, id="none"),
        pytest.param([Box(0, 0, 0.1, 1)], [Box(0.9, 0, 1, 1)], -0.6, id="apart"),
    ],
)
def test_boxes_are_paid_by_place_and_number(
    predicted: list[Box], true: list[Box], reward: float
) -> None:
    assert boxes_reward(predicted, true) == pytest.approx(reward)


def test_good_parts_are_localised_then_rejected() -> None:
    assert [rejection_reward(n) for n in range(4)] == [0, 0.5, -0.1, -0.1]
    examined = "<think>the mark at (0.1,0.1)(0.2,0.2) is light</think><answer>no</answer>"
    assert rewards(examined, GOOD).location == 0.5
    assert rewards(examined, BENT).location == 0


THERE = Box(0.2, 0.2, 0.4, 0.6)
"""Half of `HERE`: GIoU .5."""


@pytest.mark.parametrize(
    ("boxes", "answer", "truth", "reward"),
    [
        # (GIoU + .3 r_count + .5) / 1.5, each worked by hand.
        pytest.param([HERE], "yes", BENT, 1.0, id="the-same"),  # 1.8 / 1.5, clipped
        pytest.param([THERE], "yes", BENT, (0.5 + 0.3 + 0.5) / 1.5, id="half"),
        pytest.param([HERE, THERE], "yes", BENT, (1 / 2 + 0.15 + 0.5) / 1.5, id="over-all"),
        pytest.param([HERE, THERE, Box(0, 0, 0.1, 0.1)], "yes", BENT,
                     (1 / 3 - 0.03 + 0.5) / 1.5, id="three"),
        pytest.param([Box(0, 0, 0.1, 1)], "yes",
                     Truth(label=ANOMALOUS, boxes=(Box(0.9, 0, 1, 1),)), 0.0, id="apart"),
        pytest.param([], "yes", BENT, 0.0, id="none"),
        pytest.param([HERE], "no", BENT, 1.0, id="not-gated"),
        pytest.param([], "no", GOOD, 0.0, id="good-0"),
        pytest.param([HERE], "no", GOOD, 0.5, id="good-1"),
        pytest.param([HERE], "yes", GOOD, 0.5, id="good-1-called-defective"),
        pytest.param([HERE, THERE], "no", GOOD, -0.1, id="good-2"),
        pytest.param([HERE], "yes", Truth(label=ANOMALOUS), 0.5, id="no-true-boxes"),
    ],
)  # fmt: skip
def test_the_location_reward_as_published(
    boxes: list[Box], answer: str, truth: Truth, reward: float
) -> None:
    said = f"<think>see {' '.join(map(corners, boxes))}</think><answer>{answer}</answer>"
    assert published_location(said, truth) == pytest.approx(reward)
    assert rewards(said, truth, location_as="published").location == pytest.approx(reward)


def test_ours_pays_no_place_for_a_wrong_answer() -> None:
    said = f"<think>see {corners(HERE)}</think><answer>no</answer>"
    assert rewards(said, BENT).location == 0


def test_weights_stand_in_a_recipe() -> None:
    weights = Weights.model_validate({"reflection": 2, "location": 0.5})
    assert Rewards(1, 1.5, -0.5, 0.4).overall(weights) == pytest.approx(1.7)
    with pytest.raises(ValueError, match="refection"):
        Weights.model_validate({"refection": 2})


# Corners on a grid: a box without area is none, and differences are exact enough to compare.
_CORNERS = st.tuples(st.integers(0, 39), st.integers(1, 40)).filter(lambda pair: pair[0] < pair[1])
BOXES = st.tuples(_CORNERS, _CORNERS).map(
    lambda both: Box(both[0][0] / 40, both[1][0] / 40, both[0][1] / 40, both[1][1] / 40)
)
SOME = st.lists(BOXES, max_size=4)
MANY = st.lists(BOXES, min_size=1, max_size=4)
KINDS = st.sampled_from(["bent", "scratch", "missing", "odd"])
LABELS = st.sampled_from(Label)
TRUTHS = st.just(GOOD) | st.builds(
    Truth,
    label=st.just(ANOMALOUS),
    types=st.lists(KINDS, max_size=2).map(tuple),
    boxes=SOME.map(tuple),
)
ANSWERS = st.builds(
    Answer,
    anomalous=st.booleans(),
    thinking=st.sampled_from(["a mark", "", "see (0.1,0.1)(0.2,0.2)"]),
    reflection=st.none() | st.just("compared"),
    defects=st.lists(st.builds(Named, type=KINDS, box=BOXES), max_size=3).map(tuple),
).map(write_tags)
PIECES = st.sampled_from(
    ["<think>", "</think>", "<reflection>", "</reflection>", "<type>", "</type>", "<location>",
     "</location>", "<answer>", "</answer>", "yes", "no", "bent", "(0.2,0.2)", "(0.6,0.6)", ";"]
)  # fmt: skip
TEXTS = ANSWERS | st.lists(PIECES, max_size=14).map("".join) | st.text(max_size=30)


@given(TEXTS, TRUTHS, st.none() | LABELS)
def test_rewards_stay_in_their_bounds(text: str, truth: Truth, first: Label | None) -> None:
    found = rewards(text, truth, first=first)
    assert found.consistency in (0, 1)
    assert 0 <= found.accuracy <= 2
    assert found.reflection in ((0,) if first is None else (1, -0.5, -1))
    assert -1.02 - 1e-9 <= found.location <= 1.2 + 1e-9


@given(ANSWERS, ANSWERS, TRUTHS, st.none() | LABELS)
def test_two_answers_are_worth_nothing(
    one: str, other: str, truth: Truth, first: Label | None
) -> None:
    both = rewards(one + other, truth, first=first)
    assert both.consistency == both.accuracy == 0
    assert both.reflection <= 0


@given(ANSWERS, TRUTHS, LABELS)
def test_what_is_consistent_can_be_read(text: str, truth: Truth, first: Label) -> None:
    found = rewards(text, truth, first=first)
    assert not found.consistency or read_answer(text) is not None


@given(LABELS, LABELS, LABELS)
def test_reflection_does_not_favour_a_label(first: Label, final: Label, truth: Label) -> None:
    other = {NORMAL: ANOMALOUS, ANOMALOUS: NORMAL}
    assert reflection(first, final, truth) == reflection(other[first], other[final], other[truth])


@given(SOME, SOME)
def test_boxes_score_the_same_from_both_sides_and_in_any_order(
    predicted: list[Box], true: list[Box]
) -> None:
    reward = boxes_reward(predicted, true)
    assert reward == pytest.approx(boxes_reward(true, predicted))
    assert reward == pytest.approx(boxes_reward(predicted[::-1], true))
    assert 0 <= boxes_score(predicted, true) <= 1


@given(SOME, SOME)
def test_boxes_score_the_same_in_a_mirror(predicted: list[Box], true: list[Box]) -> None:
    def mirrored(boxes: list[Box]) -> list[Box]:
        return [Box(1 - b.x2, b.y1, 1 - b.x1, b.y2) for b in boxes]

    reward = boxes_reward(predicted, true)
    assert reward == pytest.approx(boxes_reward(mirrored(predicted), mirrored(true)))


@given(BOXES, BOXES, MANY, st.integers(0, 40))
def test_a_better_box_never_scores_lower(
    predicted: Box, target: Box, rest: list[Box], step: int
) -> None:
    share = step / 40
    nearer = Box(*(p + share * (t - p) for p, t in zip(predicted, target, strict=True)))
    alone = boxes_reward([nearer], [target])
    assert alone >= boxes_reward([predicted], [target]) - 1e-9
    exact = boxes_reward([target, *rest], [target, *rest])
    assert exact >= boxes_reward([predicted, *rest], [target, *rest]) - 1e-9


@given(SOME, MANY)
def test_the_true_boxes_score_most(predicted: list[Box], true: list[Box]) -> None:
    assert boxes_score(predicted, true) <= boxes_score(true, true) == pytest.approx(1)
    assert location(None, BENT) == 0
    assert accuracy(None, BENT) == 0
