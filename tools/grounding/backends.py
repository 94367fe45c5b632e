"""Grounding by the words of a recipe: which backend, its weights, what it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from reinspect.tools.grounding.tool import CONTROLS, Grounding, MapRegions
from reinspect.tools.weights.known import located
from reinspect.vocabulary import Probability

if TYPE_CHECKING:
    from reinspect.roles import Tool
    from reinspect.tools.expert import Experts
    from reinspect.tools.vision.prompts import Finder

SIZES = {"swin_t": "groundingdino-swint", "swin_b": "groundingdino-swinb"}
"""Model of groundingdino-py → its known weights."""

HUB = {"tiny": "IDEA-Research/grounding-dino-tiny", "base": "IDEA-Research/grounding-dino-base"}
"""Short name → the model of the hub that it stands for."""

TEXT_ENCODER = "google-bert/bert-base-uncased"


class GroundingSettings(BaseModel):
    """The options of the tool. Only `groundingdino` has use for config, text_encoder and side."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backend: Literal["embedded", "groundingdino", "transformers"] = "embedded"
    model: str | None = Field(
        default=None,
        description="groundingdino: swin_t or swin_b; transformers: tiny, base, a model of the hub "
        "or a folder.",
    )
    weights: str | None = Field(
        default=None, description="File or folder, or known weights; those of the model by default."
    )
    config: str | None = Field(default=None, description="A file of one's own; it is Python.")
    text_encoder: str | None = Field(default=None, description="Folder, or known weights.")
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


def grounding(
    experts: Experts,
    settings: GroundingSettings,
    *,
    defects: Sequence[str] = (),
    folder: Path | None = None,
) -> Tool:
    """The tool, its weights found but not loaded.

    Args:
        experts: for the anomaly map of the embedded backend.
        settings: the recipe's options.
        defects: names of the defects to expect, besides the settings' own.
        folder: where weights with a name lie.

    Raises:
        ValueError: an option that the backend has no use for, an unknown model, an empty phrase.
        MissingWeights, VisionError: weights or packages are missing.
    """
    if settings.backend == "embedded":
        _refuse(settings, set(GroundingSettings.model_fields) - {"backend"})
        return MapRegions(experts)
    return Grounding(
        _finder(settings, folder),
        (*settings.phrases, *defects),
        settings.controls,
        box_threshold=settings.box_threshold,
        margin=settings.margin,
    )


def _finder(settings: GroundingSettings, folder: Path | None) -> Finder:
    shared: dict[str, Any] = {
        "text_threshold": settings.text_threshold,
        "device": settings.device,
    }
    if settings.backend == "groundingdino":
        from reinspect.tools.vision.grounding_dino import GroundingDino

        model = settings.model or "swin_t"
        if model not in SIZES:
            raise ValueError(f"model: {model!r} is none of {', '.join(SIZES)}")
        return GroundingDino(
            located(settings.weights or SIZES[model], folder),
            settings.config or model,
            located(settings.text_encoder or TEXT_ENCODER, folder),
            side=settings.side,
            **shared,
        )
    from reinspect.tools.vision.grounding_port import GroundingPort

    _refuse(settings, {"config", "text_encoder", "side"})
    model = settings.model or "base"
    return GroundingPort(located(settings.weights or HUB.get(model, model), folder), **shared)


def _refuse(settings: GroundingSettings, names: set[str]) -> None:
    for name in sorted(names & settings.model_fields_set):
        value = getattr(settings, name)
        raise ValueError(f"{name}: the backend {settings.backend} takes none (value {value!r})")
