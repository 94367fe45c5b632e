"""A GPU whose memory is full, under each kind of model: it goes on on the CPU, with one warning."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reinspect.tools.vision.grounding_dino import GroundingDino
from reinspect.tools.vision.grounding_port import GroundingPort
from reinspect.tools.vision.prompts import SegmentPrompt
from reinspect.tools.vision.runtime import CPU, ComputeDevice, Resident
from reinspect.tools.vision.sam import Sam
from reinspect.tools.vision.sam_ports import SamPort
from support import tiny_sam

pytestmark = [
    pytest.mark.model,
    pytest.mark.needs("torch", "torchvision", "transformers", "segment_anything", "groundingdino"),
    pytest.mark.filterwarnings("ignore::FutureWarning:groundingdino"),
]

IMAGE = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
GPU = ComputeDevice("cuda:0")


def masks(model: Any) -> list[list[int]]:
    found = model.masks(IMAGE, [SegmentPrompt(box=(5, 5, 40, 40)), SegmentPrompt(point=(20, 20))])
    return [np.flatnonzero(mask).tolist() for mask in found]


def boxes(model: Any) -> object:
    return model(IMAGE, (("scratch",), ("zebra",)), least=0.0)


def sam(folder: Path, request: pytest.FixtureRequest) -> Any:
    return Sam("support.tiny_sam:build", tiny_sam.save(folder / "tiny.pth"), device="cpu")


def sam_port(folder: Path, request: pytest.FixtureRequest) -> Any:
    return SamPort(tiny_sam.save_port(folder / "port", "sam2"), device="cpu")


def grounding(folder: Path, request: pytest.FixtureRequest) -> Any:
    return GroundingDino(**request.getfixturevalue("tiny")._asdict(), side=64, device="cpu")


def grounding_port(folder: Path, request: pytest.FixtureRequest) -> Any:
    return GroundingPort(request.getfixturevalue("tiny_port"), device="cpu")


@pytest.mark.parametrize(
    "at", [pytest.param("load", id="loading"), pytest.param("work", id="work")]
)
@pytest.mark.parametrize(
    ("opens", "look"),
    [
        pytest.param(sam, masks, id="segment-anything"),
        pytest.param(sam_port, masks, id="sam-port"),
        pytest.param(grounding, boxes, id="groundingdino"),
        pytest.param(grounding_port, boxes, id="grounding-port"),
    ],
)
def test_it_finds_the_same_on_the_cpu(
    opens: Callable[..., Any],
    look: Callable[[Any], object],
    at: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    import torch

    model = opens(tmp_path, request)
    expected, whole = look(model), model._model

    class Full:
        """What is on a GPU whose memory is full."""

        def __call__(self, *_: object, **__: object) -> object:
            raise torch.OutOfMemoryError("CUDA out of memory")

        def __getattr__(self, name: str) -> object:
            return self()

    def load(place: ComputeDevice) -> Any:
        if place != GPU:
            return whole._load(place)
        if at == "load":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return (Full(), Full()) if opens is sam_port else Full()

    model._model = Resident("tiny", load, [GPU, CPU])
    with pytest.warns(RuntimeWarning, match=r"tiny: out of memory on cuda:0 .*slower") as said:
        assert look(model) == expected
    assert len(said) == 1
    assert look(model) == expected  # a second warning would be an error
