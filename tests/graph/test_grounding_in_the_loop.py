"""The whole graph with GroundingDINO in the loop, on sample parts, with tiny random weights."""

from collections.abc import Callable
from pathlib import Path

import pytest

from reinspect import inspect_image
from reinspect.graph.recipe import parse_recipe
from reinspect.images import decode_mask, to_pixels
from reinspect.roles import Tool
from reinspect.tools.grounding.tool import Grounding
from reinspect.tools.vision.prompts import Found, Prompt
from reinspect.trace import Trace
from reinspect.vocabulary import Evidence
from support import tiny_grounding, tiny_sam

pytestmark = [
    pytest.mark.model,
    pytest.mark.needs("torch", "torchvision", "transformers", "segment_anything", "groundingdino"),
    pytest.mark.filterwarnings("ignore::FutureWarning:groundingdino"),
]

Options = Callable[[int], str]
"""Seed of the weights → the recipe's options for a backend."""

ANYTHING = "box_threshold: 0.0, margin: 0.01, device: cpu"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    tiny_sam.save(folder / "tiny.pth")
    for seed in (0, 1):
        tiny_grounding.write_tiny_groundingdino(folder / f"package-{seed}", seed=seed)
        tiny_grounding.write_tiny_grounding_port(folder / f"port-{seed}", seed=seed)
    return folder


def package(folder: Path) -> str:
    files = f"weights: {folder}/tiny.pth, config: {folder}/tiny.py, text_encoder: {folder}/bert"
    return f"backend: groundingdino, side: 256, {files}, {ANYTHING}"


def port(folder: Path) -> str:
    return f"backend: transformers, weights: {folder}, {ANYTHING}"


@pytest.fixture(params=["package", "port"])
def options(request: pytest.FixtureRequest, weights: Path) -> Options:
    kind = {"package": package, "port": port}[request.param]
    return lambda seed: kind(weights / f"{request.param}-{seed}")


@pytest.fixture
def inspected(sample_parts: Path, fits: Path) -> Callable[..., Trace]:
    def inspected(tools: str, defects: str = "scratch, dent") -> Trace:
        recipe = parse_recipe(
            f"tools: [{tools}, hi_res, reference, zoom]\npolicies: {{trigger: always}}\n"
            f"product: {{defects: [{defects}]}}"
        )
        part = max((sample_parts / "flange").glob("test/*/*"))
        good = sample_parts / "flange" / "train" / "good"
        trace = inspect_image(part, references=good, recipe=recipe, cache=fits)
        assert trace.error is None
        return trace

    return inspected


def said_by(source: str, trace: Trace) -> Evidence:
    (evidence,) = (piece for piece in trace.evidence if piece.source == source)
    return evidence


def test_what_is_found_by_name_is_segmented_within_its_box(
    options: Options, weights: Path, inspected: Callable[..., Trace]
) -> None:
    sam = f"backend: segment-anything, model: 'support.tiny_sam:build', weights: {weights}/tiny.pth"
    masks_of_boxes = f"{{kind: segmentation, device: cpu, prompt: box, {sam}}}"
    trace = inspected(f"{{kind: grounding, {options(0)}}}, {masks_of_boxes}")
    found, drawn = said_by("grounding", trace), said_by("segmentation", trace)
    assert found.regions
    assert found.measurements["found"] >= found.measurements["kept"] == len(found.regions)
    assert all(0 < region.score <= 1 for region in found.regions)
    assert found.measurements["margin"] == max(region.score for region in found.regions)
    assert found.probability is None  # a box is no proof
    assert [region.box for region in drawn.regions] == [r.box for r in found.regions]
    masks = [region for region in drawn.regions if region.mask is not None]
    assert masks
    for region in masks:
        assert region.mask is not None
        height, width = region.mask.size
        mask = decode_mask(region.mask).copy()
        assert mask.any()
        x1, y1, x2, y2 = to_pixels(region.box, width, height)
        mask[y1:y2, x1:x2] = False
        assert not mask.any()


def test_the_same_seed_finds_the_same_and_another_something_else(
    options: Options, inspected: Callable[..., Trace]
) -> None:
    found = [
        said_by("grounding", inspected(f"{{kind: grounding, {options(seed)}}}"))
        for seed in (0, 0, 1)
    ]
    assert found[0] == found[1]
    assert found[0].regions != found[2].regions


@pytest.mark.parametrize(
    "kind", [pytest.param(package, id="package"), pytest.param(port, id="port")]
)
def test_of_a_model_that_cannot_read_nothing_survives(
    kind: Callable[[Path], str], weights: Path, tmp_path: Path, inspected: Callable[..., Trace]
) -> None:
    """All words are one word to it, so it finds zebras wherever it finds scratches."""
    blind = tiny_grounding.write_unlettered(weights / f"{kind.__name__}-0", tmp_path / "blind")
    asked = f"{{kind: grounding, {kind(blind)}, controls: [zebra]}}"
    said = said_by("grounding", inspected(asked, defects="stain"))
    assert said.measurements["found"] > 0
    assert said.regions == ()
    assert "nothing is sure to be there" in said.summary


class Everything:
    """Finds whatever is named, everywhere, and is sure of it."""

    def prompts(self, phrases: tuple[str, ...]) -> tuple[Prompt, ...]:
        return (tuple(phrases),)

    def __call__(
        self, image: object, prompts: tuple[Prompt, ...], *, least: float
    ) -> list[tuple[Found, ...]]:
        places = ((0.1, 0.1, 0.4, 0.4), (0.5, 0.5, 0.9, 0.9), (0.2, 0.6, 0.3, 0.9))
        return [tuple(Found(box, 0.99, p) for p in prompt for box in places) for prompt in prompts]


def finds_everything() -> Tool:
    return Grounding(Everything(), ("scratch",))


def test_of_a_finder_that_answers_everything_nothing_reaches_the_verdict(
    inspected: Callable[..., Trace],
) -> None:
    here = f"'{__name__}:finds_everything'"
    with_it = inspected(f"{{kind: {here}, stage: locate}}, segmentation")
    said = said_by("grounding", with_it)
    assert (said.measurements["found"], said.measurements["kept"]) == (3, 0)
    assert with_it.verdict == inspected("segmentation").verdict
