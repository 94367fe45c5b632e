"""A network's features of a picture, by onnxruntime on the CPU, or on a GPU where it has one."""

import functools
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from reinspect.files import write_file
from reinspect.tools.embedded.features import Floats, Pixels, check_image
from reinspect.tools.features.cells import FeaturesError, scaled
from reinspect.tools.features.efficientnet import (
    FORMAT,
    PUBLISHED,
    locate_weights,
    make_graph,
    read_weights,
)
from reinspect.tools.sessions import open_session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

WORKING_SIDE = 320.0
"""Square root of the area that a picture is scaled to unless told otherwise, in pixels."""

DETAIL = "efficientnet-lite0"
"""Whose shallow layers tell where exactly, whichever network takes the first look."""

_MULTIPLE = 32  # of which each side is one, in pixels
_TIMED = 5  # pictures
_MEAN, _SPREAD = np.float32(127), np.float32(128)


class FeatureNetwork(Protocol):
    """Describes pictures cell by cell. Safe to share between threads."""

    @property
    def key(self) -> str:
        """Of the network: features of another mean nothing beside these."""

    @property
    def channels(self) -> tuple[int, ...]:
        """How many features are of each layer, in their order."""

    @property
    def side(self) -> float:
        """Its own working side: square root of the area that a picture is scaled to, in pixels."""

    def describe(self, image: Pixels, *, side: float | None = None) -> Floats:
        """The features of an image, BGR uint8 (H, W, 3) of any size: (rows, columns, features).

        Args:
            image: any picture.
            side: another working side than its own.

        Raises:
            ValueError: it is no such image.
        """


@dataclass(frozen=True, slots=True)
class NetworkFeatures:
    """A published network, which is a `FeatureNetwork`."""

    key: str
    channels: tuple[int, ...]
    session: "InferenceSession"
    side: float = WORKING_SIDE

    def describe(self, image: Pixels, *, side: float | None = None) -> Floats:
        """See `FeatureNetwork`."""
        fitted = scaled(check_image(image), side or self.side, multiple=_MULTIPLE)
        rgb = (fitted[..., ::-1].astype(np.float32) - _MEAN) / _SPREAD
        given = np.ascontiguousarray(rgb.transpose(2, 0, 1)[None])
        (planes,) = self.session.run(["features"], {"image": given})
        return np.ascontiguousarray(planes[0].transpose(1, 2, 0), np.float32)


@functools.lru_cache(maxsize=2)
def open_features(name: str, cache: Path | None = None) -> NetworkFeatures:
    """Load a network once in a process; its weights are converted once, and kept in `cache`.

    Raises:
        FeaturesError: there is none of that name, or its weights, onnx or onnxruntime are missing.
    """
    return _opened(name, cache, shallow=False)


@functools.lru_cache(maxsize=1)
def open_detail(cache: Path | None = None) -> NetworkFeatures:
    """Load the shallow layers that tell where exactly: a fortieth of the network, see `places`.

    Raises:
        FeaturesError: the weights, onnx or onnxruntime are missing.
    """
    return _opened(DETAIL, cache, shallow=True)


def _opened(name: str, cache: Path | None, *, shallow: bool) -> NetworkFeatures:
    if name not in PUBLISHED:
        raise FeaturesError(f"no features {name!r}; there are: {', '.join(PUBLISHED)}")
    layers = "-shallow" if shallow else ""
    key = f"{name}{layers}-{PUBLISHED[name].sha256[:8]}-{FORMAT}"
    kept = cache / "features" / f"{key}.onnx" if cache else None
    session = _kept_session(kept) if kept else None
    if session is None:
        graph = make_graph(read_weights(locate_weights(name)), shallow=shallow)
        session = _session(graph)
        if session is None:
            raise FeaturesError(f"{name}: onnxruntime can't run it: install it anew")
        if kept:
            _keep(kept, graph)
    channels = session.get_modelmeta().custom_metadata_map["channels"]
    return NetworkFeatures(key, tuple(map(int, channels.split(","))), session)


def seconds_a_picture(features: FeatureNetwork) -> float:
    """How long a picture of half a megapixel takes on this machine: the median of a few."""
    picture = np.random.default_rng(0).integers(0, 256, (707, 707, 3)).astype(np.uint8)
    taken = []
    for _ in range(_TIMED):
        start = time.perf_counter()
        features.describe(picture)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def _kept_session(file: Path) -> "InferenceSession | None":
    """None where it is not there, can't be read, or is damaged: it is made anew then."""
    try:
        return _session(file.read_bytes())
    except OSError:
        return None


def _keep(file: Path, graph: bytes) -> None:
    try:
        write_file(file, graph, durable=False)
    except OSError:  # a cache that can't be written is only slower
        return


def _session(graph: bytes) -> "InferenceSession | None":
    """None for what is no graph of ours."""
    try:
        session = open_session(graph)
    except ImportError as failure:
        raise FeaturesError("features take onnxruntime: pip install onnxruntime") from failure
    except Exception:  # noqa: BLE001 - onnxruntime's errors have no common base
        return None
    return session if "channels" in session.get_modelmeta().custom_metadata_map else None
