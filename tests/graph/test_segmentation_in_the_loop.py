"""The whole graph with Segment Anything in the loop, on sample parts, with tiny random weights."""

from pathlib import Path

import pytest

from reinspect import inspect_image
from reinspect.graph.recipe import parse_recipe
from reinspect.images import decode_mask, to_pixels
from reinspect.trace import Trace
from support import tiny_sam

pytestmark = [
    pytest.mark.model,
    pytest.mark.needs("torch", "torchvision", "transformers", "segment_anything"),
]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    tiny_sam.save(folder / "tiny.pth")
    tiny_sam.save_port(folder / "sam2", "sam2")
    return folder


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(
            "backend: segment-anything, model: 'support.tiny_sam:build', weights: {}/tiny.pth",
            id="package",
        ),
        pytest.param("backend: transformers, weights: {}/sam2", id="port"),
    ],
)
def test_masks_of_a_model_reach_the_final_verdict(
    options: str, weights: Path, sample_parts: Path, fits: Path
) -> None:
    tool = f"{{kind: segmentation, device: cpu, {options.format(weights)}}}"
    recipe = parse_recipe(
        f"tools: [{tool}, hi_res, reference, zoom]\npolicies: {{trigger: always}}"
    )
    drawn = 0
    for file in sorted((sample_parts / "flange").glob("test/*/*"))[-2:]:
        good = sample_parts / "flange" / "train" / "good"
        runs = [inspect_image(file, references=good, recipe=recipe, cache=fits) for _ in "ab"]
        assert [trace.error for trace in runs] == [None, None]
        assert masks(runs[0]) == masks(runs[1])
        trace = runs[0]
        (said,) = (e for e in trace.evidence if e.source == "segmentation")
        assert said.measurements["regions"] == len(said.regions)
        for region in said.regions:
            if region.mask is None:
                continue
            height, width = region.mask.size
            x1, y1, x2, y2 = to_pixels(region.box, width, height)
            mask = decode_mask(region.mask).copy()
            assert mask.any()
            mask[y1:y2, x1:x2] = False
            assert not mask.any()
            drawn += 1
    assert drawn


def masks(trace: Trace) -> list[object]:
    assert trace.verdict is not None
    return [(defect.box, defect.mask) for defect in trace.verdict.defects]
