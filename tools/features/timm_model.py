"""Networks of timm, DINOv2 among them: the maps of a convolutional one, tokens of a transformer.

Of a transformer the last block's patch tokens serve, normalised, as AnomalyDINO takes them (Damm
et al., 2025, arXiv 2405.14529); of others the deepest maps, averaged over 3 × 3 cells.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from reinspect.components import ComponentOptions, PathOrName
from reinspect.errors import did_you_mean
from reinspect.files import digest_of, digest_of_file
from reinspect.tools.embedded.features import Floats, Pixels, check_image
from reinspect.tools.features.cells import FeaturesError, averaged, joined, resized, scaled
from reinspect.tools.features.network import WORKING_SIDE
from reinspect.tools.features.onnx_file import Side
from reinspect.tools.vision.runtime import (
    ComputeDevice,
    Resident,
    VisionError,
    needs,
    resident,
    weights_file,
)
from reinspect.tools.vision.torchvision_ops import mend_torchvision
from reinspect.tools.weights.fetch import fetch
from reinspect.tools.weights.known import Checkpoint, Purpose, known, located

HUB = "hub"

_DEEPEST = 2  # maps, of different resolution
_FILES = ("model.safetensors", "*.safetensors", "*.pth", "*.pt", "*.bin")
_PROBED = (2, 4)  # times the multiple


class TimmFeatures(ComponentOptions):
    """`features: {timm: NAME, …}`."""

    timm: str = Field(min_length=1)
    weights: PathOrName | None = Field(
        default=None,
        description="File or folder; `hub` fetches them where they aren't among the weights. "
        "By default those that `reinspect models fetch timm/NAME` brought.",
    )
    layers: tuple[int, ...] = Field(
        default=(), description="Which of its blocks or stages, from 0, or -1 for the last."
    )
    side: Side = Field(
        default=WORKING_SIDE,
        description="Square root of the area that a picture is scaled to, in pixels.",
    )
    device: str = Field(default="auto", description="auto, cpu, cuda, cuda:1 …")


@dataclass(frozen=True, slots=True)
class _Loaded:
    name: str
    model: Any
    layers: tuple[int, ...]
    has_tokens: bool
    multiple: int
    fixed: tuple[int, int] | None
    mean: Any
    std: Any
    """Tensors (1, 3, 1, 1), of RGB in 0..1."""


@dataclass(frozen=True, slots=True)
class TimmNetwork:
    """A network of timm, which is a `FeatureNetwork`."""

    key: str
    channels: tuple[int, ...]
    side: float
    model: Resident[_Loaded]

    def describe(self, image: Pixels, *, side: float | None = None) -> Floats:
        """See `FeatureNetwork`; whatever the side, a network of one size gets that."""
        check_image(image)
        layers = self.model(lambda own, place: _layers(own, place, image, side or self.side))
        return joined(layers)


def open_timm(options: TimmFeatures, folder: Path | None) -> TimmNetwork:
    """Load a network once in a process.

    Args:
        options: the recipe's.
        folder: where weights with a name lie, and where those of the hub are kept.

    Raises:
        FeaturesError: timm has no such network, its weights are missing, or give no features.
        VisionError: a package is missing, or a file is not whole.
        FetchError: the hub is to be asked, and can't be reached, or refuses.
    """
    needs("torch", "torchvision", "timm")
    mend_torchvision()  # timm imports it
    _check_name(options.timm)
    file = _file(options, folder)
    settings = digest_of(repr((sorted(options.layers), options.side)))
    digest = digest_of_file(file)
    model = resident(
        f"timm {options.timm}",
        lambda place: _load(options, file, place),
        key=("timm", options.timm, options.layers, digest),
        device=options.device,
    )
    square = np.full((64, 128, 3), 128, np.uint8)
    layers = model(
        lambda own, place: _layers(own, place, square, own.multiple * np.prod(_PROBED) ** 0.5)
    )
    return TimmNetwork(
        key=f"timm-{options.timm}-{digest[:12]}-{settings[:8]}",
        channels=tuple(layer.shape[2] for layer in layers),
        side=options.side,
        model=model,
    )


def _check_name(name: str) -> None:
    import timm

    plain, _, tag = name.partition(".")
    if not timm.is_model(plain) or ":" in name:
        hint = did_you_mean(name, timm.list_models(), otherwise="see timm.list_models()")
        raise FeaturesError(f"timm has no network {name!r}; {hint}")
    if tag and name not in (tagged := timm.list_models(f"{plain}.*", pretrained=True)):
        raise FeaturesError(f"timm has no weights {name!r}; {did_you_mean(name, tagged)}")


def _file(options: TimmFeatures, folder: Path | None) -> Path:
    """The file with the weights; from the hub only where the recipe says so."""
    if options.weights not in (None, HUB):
        place = located(str(options.weights), folder)
    else:
        place = _of_hub(options, folder)
    if place.is_dir():
        found = next((one for own in _FILES for one in sorted(place.glob(own))), None)
        if found is None:
            raise FeaturesError(f"timm {options.timm}: no weights in {place} (*.safetensors)")
        place = found
    return weights_file(place)


def _of_hub(options: TimmFeatures, folder: Path | None) -> Path:
    import timm

    published = timm.get_pretrained_cfg(options.timm)
    name = published.hf_hub_id if published else None
    if not name:
        raise FeaturesError(f"timm {options.timm}: the hub has no weights of it; weights: FILE")
    checkpoint = known(name) or Checkpoint(name, Purpose.FEATURES, "timm", "", 0)
    if folder is not None and options.weights == HUB:
        return fetch(checkpoint, folder)
    if folder is not None and checkpoint.place(folder).exists():
        return checkpoint.place(folder)
    bring = f"`reinspect models fetch {name}`, " if known(name) else ""
    raise FeaturesError(
        f"timm {options.timm}: its weights are not here; {bring}weights: FILE, or weights: hub, "
        "which fetches them"
    )


def _load(options: TimmFeatures, file: Path, place: ComputeDevice) -> _Loaded:
    import torch
    from timm.models import load_state_dict

    name, model = options.timm, _made(options.timm)
    state = load_state_dict(str(file))
    # Each family's own, which renames what its authors published and lays positions anew.
    renamed = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    wrong = f"weights {file} are not of {name}"
    try:
        state = renamed(state, model) if renamed else state
        missing = model.load_state_dict(state, strict=False).missing_keys
    except (RuntimeError, KeyError, AttributeError, TypeError) as failure:
        said = str(failure).strip().splitlines()[-1].strip()
        raise VisionError(f"{wrong}: {said[:200]}") from failure
    if missing:
        raise VisionError(f"{wrong}: {len(missing)} tensors are missing, such as {missing[0]}")
    model.eval().to(place.device)
    about = model.pretrained_cfg
    has_tokens = hasattr(model, "num_prefix_tokens")
    mean, std = (
        torch.tensor(about[own], device=place.device).view(1, 3, 1, 1) for own in ("mean", "std")
    )
    resizes = not about.get("fixed_input_size") or getattr(model, "dynamic_img_size", False)
    return _Loaded(
        name=name,
        model=model,
        layers=options.layers or _deepest(model, tokens=has_tokens),
        has_tokens=has_tokens,
        multiple=max(own["reduction"] for own in model.feature_info),
        fixed=None if resizes else (about["input_size"][1], about["input_size"][2]),
        mean=mean,
        std=std,
    )


def _made(name: str) -> Any:
    """The network without weights, for pictures of any size where it can."""
    import timm

    try:
        model = timm.create_model(name, pretrained=False, num_classes=0, dynamic_img_size=True)
        model.dynamic_img_size = True
    except TypeError:  # it is no transformer, or one that can't
        model = timm.create_model(name, pretrained=False, num_classes=0)
    if not hasattr(model, "forward_intermediates") or not getattr(model, "feature_info", None):
        raise VisionError(f"timm {name} gives neither maps nor tokens of patches")
    return model


def _deepest(model: Any, *, tokens: bool) -> tuple[int, ...]:
    """The last block; of what has maps, the last of each of the lowest resolutions."""
    reductions = [own["reduction"] for own in model.feature_info]
    if tokens:
        return (len(reductions) - 1,)
    last = {reduction: place for place, reduction in enumerate(reductions)}
    return tuple(sorted(last.values())[-_DEEPEST:])


def _layers(own: _Loaded, place: ComputeDevice, image: Pixels, side: float) -> Sequence[Floats]:
    import torch

    fitted = resized(image, *own.fixed) if own.fixed else scaled(image, side, multiple=own.multiple)
    rgb = np.ascontiguousarray(fitted[..., ::-1].transpose(2, 0, 1)[None])
    given = torch.from_numpy(rgb).to(place.device).float().div(255).sub(own.mean).div(own.std)
    with _in_words(own):
        maps = own.model.forward_intermediates(
            given,
            indices=list(own.layers),
            norm=own.has_tokens,
            stop_early=True,
            output_fmt="NCHW",
            intermediates_only=True,
        )
    cells = [np.asarray(one[0].permute(1, 2, 0).float().cpu().numpy(), np.float32) for one in maps]
    return cells if own.has_tokens else [averaged(one) for one in cells]


@contextlib.contextmanager
def _in_words(own: _Loaded) -> Iterator[None]:
    try:
        yield
    except (AssertionError, IndexError, ValueError) as failure:
        said = " ".join(str(failure).split())[:160]
        count = len(own.model.feature_info)
        raise FeaturesError(
            f"timm {own.name}: layers {list(own.layers)} of {count} can't be had: {said}"
        ) from failure
