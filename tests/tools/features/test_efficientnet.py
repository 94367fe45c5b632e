"""The published weights are read as torch reads them, and their graph gives what torch gives."""

import collections
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reinspect.tools.features.cells import FeaturesError
from reinspect.tools.features.efficientnet import (
    PUBLISHED,
    locate_weights,
    make_graph,
    read_weights,
)
from support.requirements import Late

torch = Late("torch")
onnxruntime = Late("onnxruntime")

BLOCKS = {"efficientnet-lite0": (1, 2, 2, 3, 3, 4), "efficientnet-lite2": (1, 3, 3, 4, 4, 5)}
CHANNELS = {"efficientnet-lite0": 112 + 192, "efficientnet-lite2": 120 + 208}
NETWORKS = [
    pytest.param(
        name,
        marks=[
            pytest.mark.model,
            pytest.mark.needs("torch"),
        ],
        id=name,
    )
    for name in BLOCKS
]


def put_old_format(path: Path, *parts: Any, data: bytes = b"") -> Path:
    with path.open("wb") as file:
        for part in parts:
            pickle.dump(part, file, protocol=2)
        file.write(data)
    return path


class Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.getenv, ("HOME",)


HEAD = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        pytest.param((), "Ran out of input", id="empty"),
        pytest.param(HEAD, "Ran out of input", id="cut-behind-its-head"),
        pytest.param((*HEAD, Harmful()), "is not allowed", id="a-program"),
        pytest.param((*HEAD, collections.OrderedDict(), ["0"]), "requires a buffer", id="no-data"),
    ],
)
def test_a_file_that_holds_no_weights_is_refused(
    parts: tuple[Any, ...], said: str, tmp_path: Path
) -> None:
    with pytest.raises(FeaturesError, match=said) as refused:
        read_weights(put_old_format(tmp_path / "w.pth", *parts))
    assert "\n" not in str(refused.value)


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(FeaturesError, match=r"none\.pth"):
        read_weights(tmp_path / "none.pth")


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    whole = locate_weights("efficientnet-lite0").read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[:-1000])
    with pytest.raises(FeaturesError, match="cut"):
        read_weights(tmp_path / "cut.pth")


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_are_those_that_torch_reads(name: str) -> None:
    path = locate_weights(name)
    ours, theirs = read_weights(path), torch.load(path, weights_only=True)
    assert list(ours) == list(theirs)
    assert all(np.array_equal(ours[name], theirs[name].numpy()) for name in ours)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_graph_gives_what_torch_gives(name: str) -> None:
    path = locate_weights(name)
    weights = torch.load(path, weights_only=True)
    image = np.random.default_rng(0).normal(0, 0.5, (1, 3, 96, 160)).astype(np.float32)
    session = onnxruntime.InferenceSession(make_graph(read_weights(path)))
    (ours,) = session.run(None, {"image": image})
    with torch.no_grad():
        stages = by_torch(weights, torch.from_numpy(image), BLOCKS[name])
        theirs = together(stages[-2:]).numpy()
    assert ours.shape == (1, CHANNELS[name], 6, 10)
    assert np.abs(ours - theirs).max() < 1e-3
    session = onnxruntime.InferenceSession(make_graph(read_weights(path), shallow=True))
    (ours,) = session.run(None, {"image": image})
    assert ours.shape[2:] == (12, 20)
    assert np.abs(ours - stages[2].numpy()).max() < 1e-3


def by_torch(weights: dict[str, Any], x: Any, stages: tuple[int, ...]) -> list[Any]:
    """The same network, written down once more: so many blocks a stage; strides as they are."""
    functional = torch.nn.functional

    def convolved(x: Any, name: str, norm: str, stride: int, *, clip: bool = True) -> Any:
        kernel = weights[f"{name}.weight"]
        groups = len(kernel) if "depthwise" in name else 1
        side = kernel.shape[-1]
        for axis in (-1, -2):  # TensorFlow's "same": what is odd comes after
            size = x.shape[axis]
            missing = max(0, (-(-size // stride) - 1) * stride + side - size)
            both = (missing // 2, missing - missing // 2)
            x = functional.pad(x, both if axis == -1 else (0, 0, *both))
        x = functional.conv2d(x, kernel, stride=stride, groups=groups)
        told = (weights[f"{norm}.{own}"] for own in ("running_mean", "running_var"))
        gain, shift = weights[f"{norm}.weight"], weights[f"{norm}.bias"]
        x = functional.batch_norm(x, *told, gain, shift, eps=1e-3)
        return x.clamp(0, 6) if clip else x

    x, block, kept = convolved(x, "_conv_stem", "_bn0", 2), 0, []
    for blocks, stride in zip(stages, (1, 2, 2, 2, 1, 2), strict=True):
        for number in range(blocks):
            at, given = f"_blocks.{block}.", x
            inner = convolved(x, f"{at}_expand_conv", f"{at}_bn0", 1) if block else x
            step = stride if number == 0 else 1
            inner = convolved(inner, f"{at}_depthwise_conv", f"{at}_bn1", step)
            x = convolved(inner, f"{at}_project_conv", f"{at}_bn2", 1, clip=False)
            x = x + given if number else x
            block += 1
        kept.append(x)
    return kept


def together(stages: list[Any]) -> Any:
    functional = torch.nn.functional
    fine, deep = (functional.avg_pool2d(stage, 3, 1, 1) for stage in stages)
    laid = functional.interpolate(deep, fine.shape[2:], mode="bilinear", align_corners=False)
    return torch.cat([fine, laid], 1)


def test_every_network_says_where_it_is_from() -> None:
    for name, published in PUBLISHED.items():
        assert published.package.startswith(name)
        assert len(published.sha256) == 64
        assert published.licence
