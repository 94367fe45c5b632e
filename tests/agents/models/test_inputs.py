"""What a model is shown, and what it is told of it: nothing that isn't so."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from reinspect.agents.models.client import Model
from reinspect.agents.models.detector import ask_for_defects
from reinspect.agents.models.encoding import tokens_of
from reinspect.agents.models.further import Examples, Further, GoodParts, KnownDefect
from reinspect.agents.models.inputs import (
    Reference,
    candidates,
    close_look,
    close_ups,
    first_look,
    trained_look,
    verdict_in_words,
)
from reinspect.agents.models.settings import Form, ModelSettings
from reinspect.dataset import sample_at
from reinspect.images import Pixels, sha256_of
from reinspect.pictures import write_image
from reinspect.references import ReferenceMode, ReferenceSet
from reinspect.testing import ScriptedServer
from reinspect.tools.embedded.alignment import GoodPart
from reinspect.tools.expert import Expert
from reinspect.vocabulary import Box, Defect, Region, Sample, Verdict
from support.made_answers import said

GOOD = np.full((60, 90, 3), 100, np.uint8)
SPOT, ALMOST, ELSEWHERE = (
    Box(0.1, 0.1, 0.3, 0.3),
    Box(0.1, 0.1, 0.3, 0.31),
    Box(0.7, 0.7, 0.9, 0.9),
)
LAID = "a good part of the same kind, laid over the test image: both show the same place at one."
APART = "a good part of the same kind. It can't be laid over the test image: "


def beside(*, laid: bool) -> Reference:
    return lambda sample: GoodPart(GOOD, laid)


def test_a_good_part_is_said_to_lie_over_the_part_only_where_it_does(part: Sample) -> None:
    assert first_look(part, None).labels == ("The picture is the test image.",)
    for laid, words in ((True, LAID), (False, APART)):
        shown = first_look(part, beside(laid=laid))
        assert len(shown.pictures) == len(shown.labels) == 2
        assert shown.labels[1].startswith(f"Picture 2 is {words}")
        assert ("laid over the test image: both" in shown.words) is laid


@pytest.mark.parametrize("laid", [None, True])
def test_the_map_of_an_expert_is_said_to_be_one(part: Sample, laid: bool | None) -> None:
    heat = np.full((60, 90, 3), 30, np.uint8)
    reference = None if laid is None else beside(laid=laid)
    shown = first_look(part, reference, lambda sample: heat)
    assert shown.pictures[-1] is heat
    number = 2 if laid is None else 3
    assert len(shown.pictures) == len(shown.labels) == number
    assert shown.labels[-1].startswith(f"Picture {number} is the test image with an anomaly map")


@pytest.mark.parametrize(
    ("boxes", "laid", "labels"),
    [
        pytest.param([], None, ["the test"], id="alone"),
        pytest.param([SPOT], None, ["the test", "region [0, 0,"], id="a place"),
        pytest.param([], True, ["the test", LAID], id="laid over"),
        pytest.param([], False, ["the test", APART], id="apart"),
        pytest.param(
            [SPOT], True, ["the test", "region [0, 0,", "the same region [0, 0,"], id="beside"
        ),
        pytest.param([SPOT], False, ["the test", "region [0, 0,", APART], id="place, apart"),
        pytest.param([SPOT, ALMOST], None, ["the test", "region [0, 0,"], id="nearly twice"),
        pytest.param(
            [SPOT, ALMOST, ELSEWHERE], None, ["the test", "region [0,", "region ["], id="two"
        ),
        pytest.param([Box(0, 0, 0.9, 0.9)], None, ["the test"], id="most of the picture"),
    ],
)
def test_each_close_up_is_said_to_be_what_it_is(
    part: Sample, boxes: Sequence[Box], laid: bool | None, labels: list[str]
) -> None:
    shown = close_look(part, boxes, None if laid is None else beside(laid=laid))
    assert len(shown.pictures) == len(shown.labels) == len(labels)
    for number, (label, words) in enumerate(zip(shown.labels, labels, strict=True), start=1):
        assert label.startswith(f"Picture {number} is {words}")
    assert "enlarged" not in shown.words


KNOWN = np.full((56, 56, 3), 40, np.uint8)
SCRATCH = KnownDefect(KNOWN, "1" * 64, "scratch", None)
DENT = KnownDefect(np.full((280, 280, 3), 50, np.uint8), "2" * 64, "dent", SPOT)


LARGE = DENT._replace(box=None)


def known(*defects: KnownDefect) -> Examples:
    return lambda sample: defects


def further(count: int) -> GoodParts:
    return lambda sample: [GoodPart(GOOD, laid) for laid in (True, False)][:count]


@pytest.mark.parametrize(
    ("more", "labels"),
    [
        pytest.param(Further(), ["the test image", LAID], id="nothing more"),
        pytest.param(
            Further(examples=known(SCRATCH, DENT)),
            ["the test image", LAID, "another part of the same kind with a known defect, scratch.",
             "another part of the same kind with a known defect, dent: the place of it, at full"],
            id="examples",
        ),
        pytest.param(
            Further(good_parts=further(2)),
            ["the test image", LAID, "another good part of the same kind, laid over the test",
             "another good part of the same kind."],
            id="several references",
        ),
        pytest.param(
            Further(good_parts=further(2), examples=known(SCRATCH), most=3),
            ["the test image", LAID, "another part of the same kind with a known"],
            id="no more than a server takes",
        ),
        # The part and the good one are 112 × 168 as sent: 24 tokens each; the examples 100 and 16.
        pytest.param(
            Further(good_parts=further(1), examples=known(LARGE, SCRATCH), tokens=24 + 24 + 20),
            ["the test image", LAID, "another part of the same kind with a known defect, scratch."],
            id="within a budget",
        ),
        pytest.param(Further(good_parts=further(2), tokens=50), ["the test image", LAID],
                     id="a budget that is spent"),
    ],
)  # fmt: skip
def test_what_else_is_shown_as_far_as_there_is_room(
    part: Sample, more: Further, labels: list[str]
) -> None:
    shown = first_look(part, beside(laid=True), more=more)
    assert len(shown.pictures) == len(shown.labels) == len(labels)
    for number, (label, words) in enumerate(zip(shown.labels, labels, strict=True), start=1):
        assert label.startswith(f"Picture {number} is {words}")


@pytest.mark.parametrize(
    ("laid", "most", "labels", "own"),
    [
        pytest.param(True, 6, ["region", "the same region", "another part", "another good"], 3,
                     id="behind the close-ups"),
        pytest.param(False, 6, ["region", APART, "another part", "another good"], 3, id="apart"),
        pytest.param(True, 4, ["region", "the same region", "another part"], 3, id="one has room"),
        pytest.param(True, 2, ["region", "the same region"], 3, id="the place is always shown"),
    ],
)  # fmt: skip
def test_close_ups_come_before_other_parts(
    part: Sample, laid: bool, most: int, labels: list[str], own: int
) -> None:
    more = Further(good_parts=further(1), examples=known(SCRATCH), most=most)
    shown = close_look(part, [SPOT], beside(laid=laid), more)
    assert len(shown.pictures) == len(shown.labels) == len(labels) + 1
    for number, (label, words) in enumerate(zip(shown.labels[1:], labels, strict=True), start=2):
        assert label.startswith(f"Picture {number} is {words}")
    assert shown.of_part == own


@pytest.mark.parametrize(
    ("side", "box", "told"),
    [
        pytest.param(1000, Box(0.4, 0.4, 0.5, 0.5), [350, 350, 550, 550], id="with its margin"),
        pytest.param(1000, Box(0.4, 0.4, 0.41, 0.41), [357, 357, 453, 453], id="small"),
        pytest.param(64, Box(0.25, 0.25, 0.5, 0.5), [125, 125, 625, 625], id="of a small picture"),
        pytest.param(64, Box(0.25, 0.25, 0.65625, 0.65625), [141, 141, 766, 766], id="half of it"),
        pytest.param(64, Box(0.25, 0.25, 0.75, 0.75), [250, 250, 750, 750], id="a quarter"),
    ],
)
def test_a_close_up_is_never_the_whole_picture_again(side: int, box: Box, told: list[int]) -> None:
    image = np.zeros((side, side, 3), np.uint8)
    good = GoodPart(image, laid_over=True)
    (picture, label), (same, _) = close_ups(image, good, box)
    assert label == f"region {told} of the test image, at full resolution"
    assert picture.shape == same.shape
    assert picture.shape[0] == round((told[2] - told[0]) * side / 1000)


def test_a_known_defect_is_never_the_part_itself(part: Sample) -> None:
    own = DENT._replace(sha256=part.sha256 or "")
    assert len(first_look(part, None, more=Further(examples=known(own, SCRATCH))).pictures) == 2


@pytest.mark.parametrize(
    ("size", "tokens"), [((280, 280), 100), ((56, 28), 32), ((2000, 2000), 1296)]
)
def test_about_how_many_tokens_a_picture_has(size: tuple[int, int], tokens: int) -> None:
    assert tokens_of(np.zeros((*size, 3), np.uint8), 1280 * 28 * 28) == tokens


def test_several_good_parts_come_before_the_test_image_for_tags(part: Sample) -> None:
    shown = trained_look(part, beside(laid=True), further(2))
    assert len(shown.pictures) == 4
    assert shown.words == (
        "Pictures 1 to 3 are good parts of the same kind. Picture 4 is the test image."
    )


def test_who_was_trained_on_tags_sees_what_it_was_trained_on(part: Sample) -> None:
    shown = trained_look(part, beside(laid=False))
    assert shown.pictures[0] is GOOD
    assert shown.words == (
        "Picture 1 is a good part of the same kind. Picture 2 is the test image."
    )


def test_a_prompt_has_one_system_of_coordinates() -> None:
    regions = [Region(box=SPOT, score=1.0)]
    verdict = Verdict.of(0.9, defects=(Defect(box=SPOT, type="dent"),))
    assert "[100, 100, 300, 300]" in candidates(regions, Form.JSON)
    assert "dent at [100, 100, 300, 300]" in verdict_in_words(verdict, Form.JSON)
    assert "(0.100,0.100)(0.300,0.300)" in candidates(regions, Form.TAGS)
    assert "dent at (0.100,0.100)(0.300,0.300)" in verdict_in_words(verdict, Form.TAGS)


@pytest.mark.server
@pytest.mark.parametrize(("form", "count"), [("json", 3), ("tags", 1)])
def test_each_picture_is_labelled_right_before_it(part: Sample, form: str, count: int) -> None:
    shown = first_look(part, beside(laid=True))
    told = {"pictures": shown.words, "product": "Bolt.", "candidates": "None."}
    answer = said() if form == "json" else "<answer>no</answer>"
    with ScriptedServer(answer) as server:
        settings = ModelSettings.model_validate(
            {"model": "m", "base_url": server.url, "format": form}
        )
        question = ask_for_defects(Form(form), "detect", **told)
        Model(settings).ask(question, shown.pictures, labels=shown.labels)
        content = server.requests[0].body["messages"][-1]["content"]
    kinds = [piece["type"] for piece in content]
    assert kinds.count("text") == count
    if form == "json":
        assert kinds == ["text", "image_url", "text", "image_url", "text"]
        assert [content[0]["text"], content[2]["text"]] == list(shown.labels)


def rigid(seed: int) -> Pixels:
    """A part with fine lines, never quite at the same place."""
    rng = np.random.default_rng(seed)
    image = np.full((600, 800), 80, np.uint8)
    cv2.rectangle(image, (130, 100), (670, 500), 150, -1)
    for across in (240, 400, 560):
        cv2.circle(image, (across, 300), 50, 50, -1)
    for line in range(150, 650, 8):
        cv2.line(image, (line, 110), (line, 180), 230, 1)
    warp = cv2.getRotationMatrix2D((400, 300), rng.uniform(-1.5, 1.5), 1)
    warp[:, 2] += rng.uniform(-12, 12, 2)
    image = np.asarray(cv2.warpAffine(image, warp, (800, 600), borderValue=80), np.uint8)
    return np.dstack([image] * 3)


def grain(seed: int) -> Pixels:
    """A surface without places."""
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.normal(0, 100, (600, 800)).astype(np.float32), (0, 0), 8)
    return np.dstack([np.clip(120 + 8 * noise, 0, 255).astype(np.uint8)] * 3)


def sharpness(image: Pixels) -> float:
    return float(cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.CV_64F).var())


def shown_beside(folder: Path, draw: object) -> tuple[Sample, GoodPart]:
    assert callable(draw)
    files = [folder / f"{seed}.png" for seed in range(5)]
    for seed, file in enumerate(files):
        write_image(file, draw(seed))
    golden = [str(file) for file in files[1:]]
    hashes = tuple(map(sha256_of, golden))
    references = ReferenceSet(ReferenceMode.GOLDEN, tuple(golden), hashes)
    sample = sample_at(str(files[0]), id="0.png")
    good = Expert(references, folder / "cache").good_part(sample)
    assert good is not None
    return sample, good


def test_the_good_part_is_as_sharp_as_its_own_file(tmp_path: Path) -> None:
    _, good = shown_beside(tmp_path, rigid)
    assert good.laid_over
    assert good.image.shape == (600, 800, 3)
    own, mine = rigid(1), rigid(0)
    assert sharpness(good.image) > 0.4 * sharpness(own)
    apart = np.abs(good.image.astype(int) - mine).mean()
    assert apart < 0.5 * np.abs(own.astype(int) - mine).mean()


def test_what_has_no_places_is_shown_as_it_is(tmp_path: Path) -> None:
    _, good = shown_beside(tmp_path, grain)
    assert not good.laid_over
    assert any(np.array_equal(good.image, grain(seed)) for seed in range(1, 5))
