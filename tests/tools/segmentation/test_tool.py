"""The tool: where its boxes come from, masks inside them, what they measure."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from reinspect.graph.build import BuildContext, build_pipeline
from reinspect.graph.recipe import RecipeError, load_recipe, parse_recipe
from reinspect.images import Mask, Pixels, decode_mask, sha256_of, size_of, to_pixels
from reinspect.pictures import write_image
from reinspect.references import ReferenceMode, ReferenceSet, ReferenceSets
from reinspect.tools.expert import Experts
from reinspect.tools.segmentation.tool import Prompting, Segmentation
from reinspect.tools.vision.prompts import Segmenter, SegmentPrompt
from reinspect.trace import Step, Trace
from reinspect.vocabulary import (
    Assessment,
    Box,
    Evidence,
    Region,
    Sample,
    View,
    Wish,
)

MEASURES = {"area", "contour", "elongation", "contrast", "border", "regions", "masked"}


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    image = np.full((120, 160, 3), 150, np.uint8)
    image += np.random.default_rng(0).integers(0, 8, image.shape).astype(np.uint8)
    cv2.circle(image, (100, 60), 9, (30, 30, 30), -1)
    file = tmp_path / "part.png"
    write_image(file, image)
    view = View(path=str(file), sha256=sha256_of(file), size=(160, 120))
    return Trace(sample=Sample(id="part", views=(view,)))


@pytest.fixture
def experts() -> Experts:
    return Experts(ReferenceSets(), None)


def found_by(trace: Trace, *boxes: Box) -> Trace:
    """The trace after another tool has pointed at places, the first of them most strongly."""
    regions = tuple(Region(box=box, score=9.0 - rank) for rank, box in enumerate(boxes))
    evidence = Evidence(source="grounding", summary="pointed", regions=regions)
    return trace.then(Step(node="locate", products=(evidence,)))


class Scripted:
    """A backend that answers with whole rectangles, and keeps what it was asked."""

    def __init__(self, *rectangles: tuple[int, int, int, int]) -> None:
        self._rectangles, self.prompts = rectangles, []

    def masks(self, image: Pixels, prompts: Sequence[SegmentPrompt], /) -> list[Mask]:
        self.prompts += prompts
        return [self._drawn(image, corners) for corners in self._rectangles]

    def everything(self, image: Pixels, /) -> list[Mask]:
        return [self._drawn(image, corners) for corners in self._rectangles]

    @staticmethod
    def _drawn(image: Pixels, corners: tuple[int, int, int, int]) -> Mask:
        mask = np.zeros(image.shape[:2], bool)
        x1, y1, x2, y2 = corners
        mask[y1:y2, x1:x2] = True
        return mask


def test_without_another_tool_the_anomaly_maps_regions_are_masked(sample_parts: Path) -> None:
    category = sample_parts / "flange"
    good = sorted((category / "train" / "good").iterdir())
    golden = ReferenceSet(ReferenceMode.GOLDEN, tuple(map(str, good)), tuple(map(sha256_of, good)))
    experts, drawn = Experts(ReferenceSets(golden), None), 0
    for file in sorted(category.glob("test/*/*")):
        if file.parent.name == "good":
            continue
        width, height = size_of(file)
        view = View(path=str(file), sha256=sha256_of(file), size=(width, height))
        sample = Sample(id=file.name, views=(view,))
        said = Segmentation(experts)(Trace(sample=sample))
        boxes = experts.of(sample).located(sample)
        assert [tuple(region.box) for region in said.regions] == [box[:4] for box in boxes]
        for region in said.regions:
            assert region.mask is not None
            x1, y1, x2, y2 = to_pixels(region.box, width, height)
            mask = decode_mask(region.mask).copy()
            mask[y1:y2, x1:x2] = False
            assert not mask.any()
            assert set(said.measurements) == MEASURES
            assert "px from the border" in said.summary
            drawn += 1
    assert drawn


def test_another_tools_boxes_are_masked_in_place_of_them(trace: Trace, experts: Experts) -> None:
    box = Box(80 / 160, 40 / 120, 120 / 160, 80 / 120)
    said = Segmentation(experts)(found_by(trace, box))
    (region,) = said.regions
    assert region.mask is not None
    mask = decode_mask(region.mask)
    truth = np.zeros((120, 160), np.uint8)
    cv2.circle(truth, (100, 60), 9, 1, -1)
    assert (mask & (truth > 0)).sum() / (mask | (truth > 0)).sum() > 0.85
    assert said.measurements["elongation"] == pytest.approx(1, abs=0.1)
    assert said.measurements["contrast"] > 30
    assert said.measurements["border"] == pytest.approx(51, abs=1)


def test_the_box_that_the_monitor_asked_for_comes_first(trace: Trace, experts: Experts) -> None:
    wish = Wish(look="segmentation", box=Box(0, 0, 0.5, 0.5))
    assessment = Assessment(confidence=0.6, reliability=0.5, wish=wish)
    asked = found_by(trace, Box(0.5, 0.5, 1, 1)).then(Step(node="assess", products=(assessment,)))
    assert [region.box for region in Segmentation(experts)(asked).regions] == [Box(0, 0, 0.5, 0.5)]


def test_a_backends_mask_is_cut_to_its_box(trace: Trace, experts: Experts) -> None:
    backend = Scripted((70, 30, 140, 100), (0, 0, 160, 120))
    one, two = Box(0.5, 0.5, 0.75, 0.75), Box(0, 0, 0.1, 0.1)
    said = Segmentation(experts, backend)(found_by(trace, one, two))
    assert backend.prompts == [
        SegmentPrompt(box=(80, 60, 120, 90)),
        SegmentPrompt(box=(0, 0, 16, 12)),
    ]
    masks = [decode_mask(region.mask) for region in said.regions if region.mask]
    assert [int(mask.sum()) for mask in masks] == [40 * 30, 16 * 12]
    assert said.measurements["regions"] == 2
    assert said.measurements["area"] == pytest.approx(1200 / 19200)
    assert said.measurements["masked"] == pytest.approx((1200 + 192) / 19200)


def test_a_point_gives_the_region_its_masks_box(trace: Trace, experts: Experts) -> None:
    backend = Scripted((90, 50, 110, 70))
    asked = found_by(trace, Box(0.4, 0.2, 0.9, 0.9))
    (region,) = Segmentation(experts, backend, prompt=Prompting.POINT)(asked).regions
    (prompt,) = backend.prompts
    assert prompt.box is None
    assert prompt.point is not None
    assert 64 <= prompt.point[0] < 144
    assert region.box == Box(90 / 160, 50 / 120, 110 / 160, 70 / 120)


def test_of_everything_the_hot_is_kept(trace: Trace, experts: Experts) -> None:
    look = experts.of(trace.sample).look(trace.sample)
    heat = cv2.resize(look.heat_map, (160, 120))
    down, right = (int(v) for v in np.unravel_index(heat.argmax(), heat.shape))
    hot = (right, down, right + 1, down + 1)
    backend = Scripted((0, 0, 160, 120), hot)
    said = Segmentation(experts, backend, prompt=Prompting.EVERYTHING)(trace)
    assert said.regions[0].score == pytest.approx(float(heat.max()), rel=0.01)
    assert len(said.regions) == 1


def test_an_empty_mask_leaves_the_region(trace: Trace, experts: Experts) -> None:
    said = Segmentation(experts, Scripted((0, 0, 0, 0)))(found_by(trace, Box(0.2, 0.2, 0.4, 0.4)))
    (region,) = said.regions
    assert region.mask is None
    assert dict(said.measurements) == {"regions": 1.0}


def test_a_scripted_backend_is_a_segmenter() -> None:
    backend: Segmenter = Scripted()
    assert backend.masks(np.zeros((3, 3, 3), np.uint8), []) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param("prompt: point", r"tools\.0: prompt: 'point' needs a backend", id="prompt"),
        pytest.param("backend: sam", r"tools\.0\.backend: .*'segment-anything'", id="backend"),
        pytest.param(
            "backend: segment-anything, weights: none.pth",
            r"tools\.0: (no weights at none\.pth|.*reinspect\[vision\])",
            id="weights",
        ),
        pytest.param(
            "backend: segment-anything, automatic: {point: 3}",
            r"tools\.0\.automatic\.point: unknown key .value 3.; did you mean .points",
            id="automatic",
        ),
    ],
)
def test_a_recipe_that_cannot_be_is_refused_in_one_line(options: str, words: str) -> None:
    recipe = parse_recipe(f"tools: [{{kind: segmentation, {options}}}]")
    with pytest.raises(RecipeError, match=words) as refused:
        build_pipeline(BuildContext(recipe=recipe))
    assert "\n" not in str(refused.value)


def test_weights_lie_relative_to_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "mine.pth").write_bytes(b"")
    file = tmp_path / "recipe.yaml"
    file.write_text("tools: [{kind: segmentation, weights: mine.pth}, {kind: eye, weights: name}]")
    tools = load_recipe(file).tools
    assert [tool.options["weights"] for tool in tools] == [str(tmp_path / "mine.pth"), "name"]
