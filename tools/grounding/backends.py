"""Grounding by the words of a recipe: which model finds, and with which weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from reinspect.components import PathOrName, ToolOptions
from reinspect.tools.weights.known import located
from reinspect.vocabulary import Probability

if TYPE_CHECKING:
    from reinspect.tools.vision.prompts import Finder

SIZES = {"swin_t": "groundingdino-swint", "swin_b": "groundingdino-swinb"}
"""Model of groundingdino-py → its known weights."""

HUB = {"tiny": "IDEA-Research/grounding-dino-tiny", "base": "IDEA-Research/grounding-dino-base"}
"""Short name → the model of the hub that it stands for."""

TEXT_ENCODER = "google-bert/bert-base-uncased"


CONTROLS = ("zebra", "palm tree", "sailing boat")
"""What no picture of a part shows."""


class GroundingOptions(ToolOptions):
    """The options of the tool. Only `groundingdino` has use for config, text_encoder and side."""

    backend: Literal["embedded", "groundingdino", "transformers"] = "embedded"
    model: PathOrName | None = Field(
        default=None,
        description="groundingdino: swin_t or swin_b; transformers: tiny, base, a model of the hub "
        "or a folder.",
    )
    weights: PathOrName | None = Field(
        default=None, description="File or folder, or known weights; those of the model by default."
    )
    config: PathOrName | None = Field(
        default=None, description="A file of one's own; it is Python."
    )
    text_encoder: PathOrName | None = Field(default=None, description="Folder, or known weights.")
    phrases: tuple[str, ...] = Field(default=(), description="Asked for besides product.defects.")
    controls: tuple[str, ...] = Field(default=CONTROLS, description="What is surely absent.")
    box_threshold: Probability = Field(default=0.35, description="Score above which a box counts.")
    text_threshold: Probability = Field(
        default=0.25, description="Score from which a word belongs to a box."
    )
    margin: Probability = Field(default=0.05, description="Least score above the controls.")
    side: Annotated[int, Field(ge=256, le=4096)] = Field(
        default=800, description="Shorter side of the picture as the model gets it, pixels."
    )
    device: str = Field(default="auto", description="auto, cpu, cuda, cuda:1 …")


def finder(options: GroundingOptions, folder: Path | None) -> Finder | None:
    """The model that finds what phrases name, not loaded; none for the embedded backend.

    Args:
        options: the recipe's.
        folder: where weights with a name lie.

    Raises:
        ValueError: an option that the backend has no use for, or an unknown model.
        MissingWeights, VisionError: weights or packages are missing.
    """
    if options.backend == "embedded":
        _refuse(options, set(GroundingOptions.model_fields) - {"backend", "name"})
        return None
    shared: dict[str, Any] = {
        "text_threshold": options.text_threshold,
        "device": options.device,
    }
    if options.backend == "groundingdino":
        from reinspect.tools.vision.grounding_dino import GroundingDino

        model = options.model or "swin_t"
        if model not in SIZES:
            raise ValueError(f"model: {model!r} is none of {', '.join(SIZES)}")
        return GroundingDino(
            located(options.weights or SIZES[model], folder),
            options.config or model,
            located(options.text_encoder or TEXT_ENCODER, folder),
            side=options.side,
            **shared,
        )
    from reinspect.tools.vision.grounding_port import GroundingPort

    _refuse(options, {"config", "text_encoder", "side"})
    model = options.model or "base"
    return GroundingPort(located(options.weights or HUB.get(model, model), folder), **shared)


def _refuse(options: GroundingOptions, names: set[str]) -> None:
    for name in sorted(names & options.model_fields_set):
        value = getattr(options, name)
        raise ValueError(f"{name}: the backend {options.backend} takes none (value {value!r})")
