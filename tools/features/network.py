"""A network's features of a picture, by onnxruntime on the CPU, or on a GPU where it has one."""

import functools
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from reinspect.files import write_file
from reinspect.tools.embedded.features import Floats, Pixels, check_image
from reinspect.tools.features.efficientnet import (
    FORMAT,
    PUBLISHED,
    FeaturesError,
    locate_weights,
    make_graph,
    read_weights,
)
from reinspect.tools.sessions import open_session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

WORKING_SIDE = 320.0
"""Square root of the working area, in pixels."""

_MULTIPLE = 32  # of which each side is one, in pixels
_TIMED = 5  # pictures
_SLENDER = 16  # times the working side: no picture is longer
_MEAN, _SPREAD = np.float32(127), np.float32(128)


class FeatureNetwork(Protocol):
    """Describes pictures cell by cell. Safe to share between threads."""

    @property
    def key(self) -> str:
        """Of the network: features of another mean nothing beside these."""

    @property
    def channels(self) -> tuple[int, ...]:
        """How many features are of each layer, in their order."""

    def describe(self, image: Pixels, *, side: float = WORKING_SIDE) -> Floats:
        """The features of an image, BGR uint8 (H, W, 3) of any size: (rows, columns, features).

        Args:
            image: any picture.
            side: square root of the area that it is scaled to, in pixels.

        Raises:
            ValueError: it is no such image.
        """


@dataclass(frozen=True, slots=True)
class NetworkFeatures:
    """A published network, which is a `FeatureNetwork`."""

    key: str
    channels: tuple[int, ...]
    session: "InferenceSession"

    def describe(self, image: Pixels, *, side: float = WORKING_SIDE) -> Floats:
        """See `FeatureNetwork`."""
        fitted = scaled(check_image(image), side, multiple=_MULTIPLE)
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
    if name not in PUBLISHED:
        raise FeaturesError(f"no features {name!r}; there are: {', '.join(PUBLISHED)}")
    key = f"{name}-{PUBLISHED[name].sha256[:8]}-{FORMAT}"
    kept = cache / "features" / f"{key}.onnx" if cache else None
    session = _session(kept.read_bytes()) if kept and kept.is_file() else None
    if session is None:  # not there, or damaged
        graph = make_graph(read_weights(locate_weights(name)))
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


def scaled(image: Pixels, side: float, *, multiple: int) -> Pixels:
    """An image at an area of about `side` squared, in its own shape, as a network takes it.

    Args:
        image: BGR uint8 (H, W, 3).
        side: in pixels.
        multiple: of which height and width are one, in pixels.
    """
    height, width = image.shape[:2]
    scale = side / np.sqrt(height * width)
    rows, columns = (
        max(multiple, round(min(own * scale, _SLENDER * side) / multiple) * multiple)
        for own in (height, width)
    )
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (columns, rows), interpolation=how), np.uint8)
