"""Which backend draws masks, from the words of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reinspect.errors import shorten
from reinspect.tools.weights.known import located

if TYPE_CHECKING:
    from reinspect.tools.vision.automatic import Automatic
    from reinspect.tools.vision.sam import Sam
    from reinspect.tools.vision.sam_ports import SamPort

HUB = {
    "sam": "facebook/sam-vit-base",
    "sam2": "facebook/sam2.1-hiera-large",
    "sam3": "facebook/sam3",
}
"""Short name → the model of the hub that it stands for."""


def segmenter(
    backend: str,
    *,
    model: str | None = None,
    weights: str | None = None,
    device: str = "auto",
    folder: Path | None = None,
    automatic: Automatic | None = None,
) -> Sam | SamPort | None:
    """The backend, its weights found but not loaded; none for `embedded`.

    Args:
        backend: `embedded`, `segment-anything` or `transformers`.
        model: for segment-anything `vit_b`, `vit_l`, `vit_h`, or `package.module:function` that
            makes an empty model; for transformers `sam`, `sam2`, `sam3`, a model of the hub, or a
            folder.
        weights: file or folder, or a name of `tools.checkpoints`; by default those of the model.
        device: see `tools.vision.runtime.places`.
        folder: where weights with a name lie.
        automatic: how everything is segmented.

    Raises:
        ValueError: an option that this backend has no use for, or an unknown model.
        MissingWeights, VisionError: weights or packages are missing.
    """
    if backend == "embedded":
        for name, value in (("model", model), ("weights", weights), ("automatic", automatic)):
            if value is not None:
                raise ValueError(
                    f"{name}: the embedded backend takes none (value {shorten(value)})"
                )
        return None
    if backend == "segment-anything":
        from reinspect.tools.vision.sam import Sam

        model = model or "vit_b"
        name = weights or f"sam-{model.replace('_', '-')}"
        return Sam(model, located(name, folder), device=device, automatic=automatic)
    from reinspect.tools.vision.sam_ports import SamPort

    name = weights or HUB.get(model or "sam", model or "sam")
    return SamPort(located(name, folder), device=device, automatic=automatic)
