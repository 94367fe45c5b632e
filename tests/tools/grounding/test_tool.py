"""The tool with scripted finders: what is asked, what survives the controls, what it says."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from reinspect.pictures import write_image
from reinspect.policies.hand_set import witnesses_of
from reinspect.tools.grounding.backends import CONTROLS
from reinspect.tools.grounding.tool import PHRASES, Grounding
from reinspect.tools.vision.prompts import Found, Prompt, in_prompts
from reinspect.trace import Step, Trace
from reinspect.vocabulary import (
    Assessment,
    Defect,
    Evidence,
    Product,
    Sample,
    Verdict,
    View,
    Wish,
)

HERE, THERE, ALL = (0.1, 0.1, 0.3, 0.3), (0.6, 0.6, 0.8, 0.8), (0.0, 0.0, 1.0, 1.0)


class Scripted:
    """Finds what the script says of a phrase, and remembers what it was asked."""

    def __init__(self, script: dict[str, list[tuple[tuple[float, ...], float]]]) -> None:
        self._script, self.asked = script, []

    def prompts(self, phrases: Sequence[str]) -> tuple[Prompt, ...]:
        return in_prompts(phrases, lambda phrase: len(phrase.split()), 6)

    def __call__(
        self, image: np.ndarray, prompts: Sequence[Prompt], *, least: float
    ) -> list[tuple[Found, ...]]:
        self.asked += [phrase for prompt in prompts for phrase in prompt]
        return [
            tuple(
                Found(box, score, phrase)
                for phrase in prompt
                for box, score in self._script.get(phrase, self._script.get("*", []))
                if score > least
            )
            for prompt in prompts
        ]


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    file = tmp_path / "part.png"
    sha256 = write_image(file, np.full((40, 60, 3), 90, np.uint8))
    return Sample(id="part", views=(View(path=str(file), sha256=sha256),))


def traced(sample: Sample, *products: Product) -> Trace:
    return Trace(sample=sample, steps=(Step(node="detect", products=products),))


def test_of_a_finder_that_answers_everything_nothing_survives(sample: Sample) -> None:
    everything = Scripted({"*": [(HERE, 0.9), (THERE, 0.99), (ALL, 1.0)]})
    said = Grounding(everything)(traced(sample))
    assert said.regions == ()
    assert said.measurements["margin"] == 0
    assert said.measurements["found"] == 3 * len(PHRASES)
    assert "nothing is sure to be there" in said.summary


def test_what_the_controls_do_not_get_is_kept_with_its_margin(sample: Sample) -> None:
    script = {"dent": [(HERE, 0.8), (THERE, 0.6)], "zebra": [((0.11, 0.1, 0.3, 0.3), 0.5)]}
    said = Grounding(Scripted(script), ["dent"])(traced(sample))
    assert [region.score for region in said.regions] == pytest.approx([0.6, 0.3])
    assert said.regions[0].box == pytest.approx(THERE)
    assert said.measurements["margin"] == pytest.approx(0.6)
    assert said.summary == "dent at 2 places, at best 0.60 above the control phrases"


@pytest.mark.parametrize(
    ("control", "kept"),
    [
        pytest.param((HERE, 0.8), 0, id="the same box and score"),
        pytest.param((HERE, 0.76), 0, id="nearly the same score"),
        pytest.param((HERE, 0.7), 1, id="clearly lower"),
        pytest.param((HERE, 0.95), 0, id="higher"),
        pytest.param(((0.1, 0.1, 0.3, 0.19), 0.8), 1, id="less than half of the place"),
        pytest.param((THERE, 0.8), 1, id="another place"),
    ],
)
def test_the_controls_count_where_they_are(sample: Sample, control, kept: int) -> None:
    said = Grounding(Scripted({"dent": [(HERE, 0.8)], "zebra": [control]}), ["dent"])(
        traced(sample)
    )
    assert len(said.regions) == kept


def test_boxes_of_several_prompts_are_merged(sample: Sample) -> None:
    names = ["deep dent", "long scratch", "dark stain", "open crack"]  # two a prompt
    script = {name: [(HERE, 0.5 + place / 10)] for place, name in enumerate(names)}
    finder = Scripted(script)
    assert len(finder.prompts(names)) == 2
    said = Grounding(finder, names)(traced(sample))
    assert [region.score for region in said.regions] == pytest.approx([0.8])
    assert said.summary.startswith("open crack at 1 place, at best 0.80 above the control phrases;")
    assert "3 more that overlap" in said.summary


@pytest.mark.parametrize(
    ("box", "kept"),
    [
        pytest.param((-0.2, 0.5, 0.4, 1.4), [(0, 0.5, 0.4, 1)], id="cut to the picture"),
        pytest.param((1.1, 0.2, 1.4, 0.4), [], id="outside"),
        pytest.param((0.4, 0.2, 0.4, 0.4), [], id="of no width"),
        pytest.param((0.6, 0.6, 0.4, 0.8), [], id="turned round"),
        pytest.param((float("nan"), 0.2, 0.4, 0.4), [], id="no number"),
        pytest.param((0.2, 0.2, float("inf"), 0.4), [], id="no finite number"),
        pytest.param((0.01, 0.01, 0.99, 0.99), [], id="the whole picture"),
    ],
)
def test_boxes_that_leave_the_picture(sample: Sample, box, kept: list) -> None:
    said = Grounding(Scripted({"dent": [(box, 0.9)]}), ["dent"])(traced(sample))
    assert [tuple(region.box) for region in said.regions] == [pytest.approx(box) for box in kept]


def test_a_strip_is_padded_and_its_boxes_are_its_own(tmp_path: Path) -> None:
    file = tmp_path / "strip.png"
    view = View(path=str(file), sha256=write_image(file, np.full((10, 400, 3), 90, np.uint8)))
    seen = []

    class Looks(Scripted):
        def __call__(self, image: np.ndarray, *rest, **more) -> list[tuple[Found, ...]]:
            seen.append(image.shape)
            return super().__call__(image, *rest, **more)

    finder = Looks({"dent": [((0.5, 0.02, 0.6, 0.05), 0.9)]})  # of 400 × 100 pixels
    said = Grounding(finder, ["dent"])(traced(Sample(id="strip", views=(view,))))
    assert seen[0] == (100, 400, 3)
    assert tuple(said.regions[0].box) == pytest.approx((0.5, 0.2, 0.6, 0.5))


def test_a_score_that_is_no_number_is_left_out(sample: Sample) -> None:
    finder = Scripted({"dent": [(HERE, 0.9)], "zebra": [(HERE, float("inf"))]})
    assert len(Grounding(finder, ["dent"])(traced(sample)).regions) == 1


def test_the_wish_and_the_verdicts_own_words_are_asked_first(sample: Sample) -> None:
    finder = Scripted({})
    verdict = Verdict.of(
        0.8, defects=(Defect(box=HERE, type="Bent."), Defect(box=THERE), Defect(box=HERE, type=""))
    )
    wish = Wish(look="grounding", phrase="Missing washer?")
    assessment = Assessment(confidence=0.8, reliability=0.4, wish=wish)
    said = Grounding(finder, ["dent", "bent"])(traced(sample, verdict, assessment))
    assert finder.asked == ["missing washer", "bent", "dent"]  # and no control: nothing to hold
    assert said.summary == "nothing of what was asked for was found"


@pytest.mark.parametrize(
    "wish",
    [
        pytest.param(Wish(look="zoom", phrase="missing washer"), id="of another look"),
        pytest.param(Wish(look="grounding", phrase=" . "), id="an empty phrase"),
        pytest.param(Wish(look="grounding", phrase="Zebra"), id="a control phrase"),
    ],
)
def test_a_wish_that_is_none(sample: Sample, wish: Wish) -> None:
    finder = Scripted({"*": [(HERE, 0.9)]})
    assessment = Assessment(confidence=0.8, reliability=0.4, wish=wish)
    Grounding(finder, ["dent"])(traced(sample, assessment))
    assert finder.asked == ["dent", *CONTROLS]


def test_three_hundred_phrases(sample: Sample) -> None:
    names = [f"mark {place}" for place in range(300)]
    finder = Scripted({"mark 299": [(HERE, 0.7)]})
    said = Grounding(finder, names)(traced(sample))
    assert finder.asked == [*names, *CONTROLS]
    assert said.measurements["prompts"] == 150
    assert len(said.regions) == 1


def test_many_boxes_keep_the_trace_small(sample: Sample) -> None:
    places = [
        ((x / 10, y / 10, x / 10 + 0.09, y / 10 + 0.09), 0.5 + (x + 10 * y) / 250)
        for x in range(10)
        for y in range(10)
    ]
    said = Grounding(Scripted({"dent": places}), ["dent"])(traced(sample))
    scores = [region.score for region in said.regions]
    assert len(scores) == 20
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == pytest.approx(0.5 + 99 / 250)


def test_a_box_is_no_proof(sample: Sample) -> None:
    said = Grounding(Scripted({"dent": [(HERE, 1.0)]}), ["dent"])(traced(sample))
    assert said.probability is None
    trace = traced(sample, Verdict.of(0.4)).then(Step(node="locate", products=(said,)))
    assert witnesses_of(trace) == {}
    assert Evidence.model_validate_json(said.model_dump_json()) == said


@pytest.mark.parametrize(
    ("phrases", "controls", "words"),
    [
        pytest.param(["dent", " "], ["zebra"], r"phrases\.1: ' ' names nothing", id="empty"),
        pytest.param(["dent", "?."], ["zebra"], r"phrases\.1: '\?\.' names nothing", id="marks"),
        pytest.param(["dent"], [""], r"controls\.0: '' names nothing", id="empty control"),
        pytest.param(["dent"], [], "at least one phrase", id="no control"),
        pytest.param(["Zebra", "dent"], ["zebra"], "'zebra' is asked for", id="both"),
    ],
)
def test_phrases_that_make_no_sense_are_refused(phrases, controls, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Grounding(Scripted({}), phrases, controls)
