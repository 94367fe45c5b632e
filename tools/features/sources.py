"""Where features come from, in the words of a recipe: a package, a file, timm."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Discriminator, Tag

from reinspect.errors import did_you_mean
from reinspect.tools.features.efficientnet import PUBLISHED
from reinspect.tools.features.network import FeatureNetwork, open_features
from reinspect.tools.features.onnx_file import OnnxFeatures, open_onnx
from reinspect.tools.features.timm_model import TimmFeatures, open_timm

FILTERS = "filters"
"""No network's: they are learned from the references."""

NAMES = (FILTERS, *PUBLISHED)

_KINDS = ("onnx", "timm")
_NONE = "neither a name nor {onnx: FILE} nor {timm: NAME}"


def _known(name: str) -> str:
    if name not in NAMES:
        raise ValueError(f"no features of that name; {did_you_mean(name, NAMES)}")
    return name


def _kind(value: Any) -> str | None:
    if isinstance(value, str):
        return "name"
    if isinstance(value, Mapping):
        return next((kind for kind in _KINDS if kind in value), None)
    return next((kind for kind in _KINDS if hasattr(value, kind)), None)


Source = str | OnnxFeatures | TimmFeatures
FeatureSource = Annotated[
    Annotated[str, AfterValidator(_known), Tag("name")]
    | Annotated[OnnxFeatures, Tag("onnx")]
    | Annotated[TimmFeatures, Tag("timm")],
    Discriminator(_kind, custom_error_type="features", custom_error_message=_NONE),
]
"""As a recipe has it: one of `NAMES`, `{onnx: FILE, …}` or `{timm: NAME, …}`."""


def open_source(
    source: Source, *, cache: Path | None, weights: Path | None
) -> FeatureNetwork | None:
    """The network that a recipe means, loaded once in a process; none for the learned filters.

    Args:
        source: as a `FeatureSource` has it.
        cache: folder where what is converted is kept.
        weights: folder of weights that have a name.

    Raises:
        ReinspectError: it can't be had here; one line says why, and what to do.
    """
    if isinstance(source, OnnxFeatures):
        return open_onnx(source)
    if isinstance(source, TimmFeatures):
        return open_timm(source, weights)
    return None if source == FILTERS else open_features(source, cache)
