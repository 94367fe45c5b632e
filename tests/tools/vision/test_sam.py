"""Segment Anything through its own loader and predictor, and through transformers' ports."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reinspect.tools.segmentation.backends import segmenter
from reinspect.tools.vision.automatic import Automatic
from reinspect.tools.vision.prompts import Segmenter, SegmentPrompt
from reinspect.tools.vision.runtime import VisionError
from reinspect.tools.weights.known import MissingWeights
from support import tiny_sam

pytestmark = [
    pytest.mark.model,
    pytest.mark.needs("torch", "torchvision", "transformers", "segment_anything"),
]

EVERYTHING = Automatic(points=4, quality=-10, stability=-1)
PORTS = ("sam", "sam2", "sam3")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    tiny_sam.save(folder / "tiny.pth")
    for kind in PORTS:
        tiny_sam.save_port(folder / kind, kind)
    return folder


@pytest.fixture(params=["segment-anything", *PORTS])
def backend(request: pytest.FixtureRequest, kept: Path) -> Segmenter:
    if request.param in PORTS:
        return made("transformers", weights=str(kept / request.param))
    return made("segment-anything", model="support.tiny_sam:build", weights=str(kept / "tiny.pth"))


def made(backend: str, **options: str) -> Segmenter:
    found = segmenter(backend, device="cpu", automatic=EVERYTHING, **options)
    assert found is not None
    return found


def picture(height: int = 90, width: int = 130, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_one_mask_a_prompt_in_the_pictures_size(backend: Segmenter) -> None:
    prompts = [
        SegmentPrompt(box=(10, 10, 60, 50)),
        SegmentPrompt(point=(30, 30)),
        SegmentPrompt(box=(0, 0, 130, 90)),
    ]
    masks = backend.masks(picture(), prompts)
    assert [(mask.shape, mask.dtype) for mask in masks] == [((90, 130), np.dtype(bool))] * 3
    assert backend.masks(picture(), []) == ()


def test_prompts_in_a_batch_are_answered_as_alone(backend: Segmenter) -> None:
    boxes = [(10, 10, 60, 50), (70, 20, 120, 80), (0, 0, 20, 20)]
    together = backend.masks(picture(), [SegmentPrompt(box=box) for box in boxes])
    for box, mask in zip(boxes, together, strict=True):
        (alone,) = backend.masks(picture(), [SegmentPrompt(box=box)])
        assert (alone != mask).mean() < 0.001  # sums of another order


def test_the_same_weights_give_the_same_masks(backend: Segmenter) -> None:
    prompts = [SegmentPrompt(box=(10, 10, 60, 50)), SegmentPrompt(point=(100, 70))]
    first, again = backend.masks(picture(), prompts), backend.masks(picture(), prompts)
    assert all((one == other).all() for one, other in zip(first, again, strict=True))
    other = backend.masks(picture(seed=1), prompts)
    assert any((one != another).any() for one, another in zip(first, other, strict=True))


def test_everything_is_found_without_a_prompt(backend: Segmenter) -> None:
    found = backend.everything(picture())
    assert found
    assert all(mask.shape == (90, 130) and mask.dtype == bool and mask.any() for mask in found)


@pytest.mark.parametrize("size", [pytest.param((1, 1), id="pixel"), pytest.param((3, 2), id="3×2")])
def test_a_picture_smaller_than_a_patch(backend: Segmenter, size: tuple[int, int]) -> None:
    height, width = size
    (mask,) = backend.masks(picture(height, width), [SegmentPrompt(box=(0, 0, width, height))])
    assert mask.shape == size


def test_the_package_itself_says_the_same(kept: Path) -> None:
    """Our wrapper against plain calls of the predictor."""
    import torch
    from segment_anything import SamPredictor

    sam = tiny_sam.build()
    sam.load_state_dict(torch.load(kept / "tiny.pth", weights_only=True))
    predictor = SamPredictor(sam)
    predictor.set_image(np.ascontiguousarray(picture()[..., ::-1]))
    theirs, _, _ = predictor.predict(box=np.array([10, 10, 60, 50]), multimask_output=False)
    ours = made("segment-anything", model="support.tiny_sam:build", weights=str(kept / "tiny.pth"))
    (mask,) = ours.masks(picture(), [SegmentPrompt(box=(10, 10, 60, 50))])
    assert (mask == theirs[0]).all()


def test_weights_of_another_size_are_refused(kept: Path) -> None:
    wrong = made("segment-anything", model="vit_b", weights=str(kept / "tiny.pth"))
    with pytest.raises(VisionError, match=r"of another kind \(width 32\), not of vit_b") as refused:
        wrong.masks(picture(), [SegmentPrompt(box=(0, 0, 9, 9))])
    assert "\n" not in str(refused.value)


def test_weights_of_something_else_are_refused(tmp_path: Path) -> None:
    import torch

    torch.save({"layer": torch.ones(3)}, tmp_path / "other.pth")
    other = made("segment-anything", weights=str(tmp_path / "other.pth"))
    with pytest.raises(VisionError, match="no checkpoint of Segment Anything"):
        other.masks(picture(), [SegmentPrompt(box=(0, 0, 9, 9))])


def test_a_port_that_lacks_tensors_is_refused(kept: Path, tmp_path: Path) -> None:
    """Transformers would fill them with random numbers, and say so in a log."""
    from safetensors.torch import load_file, save_file

    (tmp_path / "config.json").write_bytes((kept / "sam" / "config.json").read_bytes())
    whole = load_file(kept / "sam" / "model.safetensors")
    part = {name: tensor for name, tensor in whole.items() if "neck" not in name}
    save_file(part, tmp_path / "model.safetensors", metadata={"format": "pt"})
    port = made("transformers", weights=str(tmp_path))
    with pytest.raises(VisionError, match=r"lack \d+ tensors, such as vision_encoder\.neck"):
        port.masks(picture(), [SegmentPrompt(box=(0, 0, 9, 9))])


Break = Callable[[Path, Path], dict[str, str]]


def _cut_file(kept: Path, folder: Path) -> dict[str, str]:
    file = folder / "cut.pth"
    file.write_bytes((kept / "tiny.pth").read_bytes()[:-100])
    return {"backend": "segment-anything", "weights": str(file)}


def _cut_port(kept: Path, folder: Path) -> dict[str, str]:
    (folder / "config.json").write_bytes((kept / "sam" / "config.json").read_bytes())
    data = (kept / "sam" / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:-100])
    return {"backend": "transformers", "weights": str(folder)}


def _another_model(kept: Path, folder: Path) -> dict[str, str]:
    (folder / "config.json").write_text('{"model_type": "bert"}')
    return {"backend": "transformers", "weights": str(folder)}


@pytest.mark.parametrize(
    ("broken", "error", "words"),
    [
        pytest.param(_cut_file, VisionError, "truncated", id="cut checkpoint"),
        pytest.param(_cut_port, VisionError, "truncated", id="cut safetensors"),
        pytest.param(_another_model, VisionError, "model of type 'bert'", id="another model"),
        pytest.param(
            lambda *_: {"backend": "transformers", "weights": "tests"},
            VisionError,
            "no configuration of a model",
            id="no model",
        ),
        pytest.param(
            lambda *_: {"backend": "segment-anything", "model": "vit_l"},
            MissingWeights,
            "reinspect models fetch sam-vit-l",
            id="not fetched",
        ),
        pytest.param(
            lambda *_: {"backend": "transformers", "model": "sam2"},
            MissingWeights,
            r"reinspect models fetch facebook/sam2\.1-hiera-large",
            id="hub model not fetched",
        ),
        pytest.param(
            lambda kept, _: {"backend": "segment-anything", "model": "vit_x", "weights": str(kept)},
            VisionError,
            "'vit_x' is none of vit_b, vit_l, vit_h",
            id="unknown size",
        ),
        pytest.param(
            lambda *_: {"backend": "embedded", "model": "vit_b"},
            ValueError,
            "model: the embedded backend takes none",
            id="embedded",
        ),
    ],
)
def test_what_cannot_be_is_refused_at_once(
    broken: Break, error: type[Exception], words: str, kept: Path, tmp_path: Path
) -> None:
    options = broken(kept, tmp_path)
    with pytest.raises(error, match=words) as refused:
        segmenter(options.pop("backend"), **options)
    assert "\n" not in str(refused.value)
