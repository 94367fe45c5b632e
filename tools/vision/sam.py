"""Segment Anything by its authors' package (Kirillov et al., 2023, arXiv 2304.02643)."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reinspect.images import Mask, Pixels
from reinspect.tools.embedded.features import Floats
from reinspect.tools.vision.automatic import Automatic
from reinspect.tools.vision.embedding import file_key, pooled
from reinspect.tools.vision.prompts import SegmentPrompt
from reinspect.tools.vision.runtime import ComputeDevice, VisionError, needs, resident, weights_file

MODELS = {"vit_b": 768, "vit_l": 1024, "vit_h": 1280}
"""Size → width of its picture encoder, by which a checkpoint is told."""

BATCH = 64
"""Prompts at once: a mask in a picture's size takes its bytes as often."""


class Sam:
    """Boxes, points and everything, by the package's own predictor.

    The model is loaded at the first use and shared by all of a process; a predictor keeps the
    picture in hand, so each call has its own, and calls from several threads don't meet.

    Args:
        model: `vit_b`, `vit_l`, `vit_h`, or `package.module:function` that makes an empty one.
        weights: the checkpoint.
        device: see `runtime.places`.
        automatic: how everything is segmented.

    Raises:
        VisionError: packages or weights are missing, or the model is unknown.
    """

    def __init__(
        self,
        model: str,
        weights: Path,
        *,
        device: str = "auto",
        automatic: Automatic | None = None,
    ) -> None:
        if model not in MODELS and ":" not in model:
            raise VisionError(
                f"model {model!r} is none of {', '.join(MODELS)}, nor package.module:function"
            )
        needs("torch", "torchvision", "segment_anything")
        file = weights_file(weights)
        self._automatic = automatic or Automatic()
        self.key = file_key(model, file)
        """Of its embeddings."""
        self._model = resident(
            f"Segment Anything {model}",
            functools.partial(_load, model, file),
            key=("segment-anything", model, str(file.resolve())),
            device=device,
        )

    def masks(self, image: Pixels, prompts: Sequence[SegmentPrompt], /) -> tuple[Mask, ...]:
        """One mask (H, W) a prompt; the picture is encoded once for all of them."""
        if not prompts:
            return ()
        return self._model(functools.partial(_masks, image, prompts))

    def everything(self, image: Pixels, /) -> tuple[Mask, ...]:
        """A mask (H, W) of each thing, by the package's automatic generator."""
        return self._model(lambda sam, _: _everything(image, self._automatic, sam))

    def embedding(self, image: Pixels, /) -> Floats:
        """What the picture looks like, by the picture encoder: see `embedding.pooled`."""
        return self._model(lambda sam, _: _embedding(image, sam))


def _load(model: str, file: Path, place: ComputeDevice) -> Any:
    from reinspect.tools.vision.torchvision_ops import mend_torchvision

    mend_torchvision()
    import torch

    state = torch.load(file, map_location="cpu", weights_only=True)
    if not isinstance(state, dict) or "image_encoder.pos_embed" not in state:
        raise VisionError(f"weights {file}: no checkpoint of Segment Anything")
    sam = _empty(model)()
    try:
        sam.load_state_dict(state)
    except RuntimeError as failure:
        width = int(state["image_encoder.pos_embed"].shape[-1])
        size = next((name for name, known in MODELS.items() if known == width), None)
        what = f"of {size}" if size and size != model else f"of another kind (width {width})"
        raise VisionError(f"weights {file} are {what}, not of {model}") from failure
    return sam.eval().to(place.device)


def _empty(model: str) -> Callable[[], Any]:
    if model in MODELS:
        from segment_anything import sam_model_registry

        return functools.partial(sam_model_registry[model], checkpoint=None)
    module, _, name = model.partition(":")
    made: Callable[[], Any] = getattr(importlib.import_module(module), name)
    return made


def _masks(
    image: Pixels, prompts: Sequence[SegmentPrompt], sam: Any, place: ComputeDevice
) -> tuple[Mask, ...]:
    from segment_anything import SamPredictor

    predictor = SamPredictor(sam)
    predictor.set_image(_rgb(image))
    masks: dict[int, Mask] = {}
    for pointed in (False, True):
        chosen = [n for n, prompt in enumerate(prompts) if (prompt.box is None) is pointed]
        for start in range(0, len(chosen), BATCH):
            batch = chosen[start : start + BATCH]
            found = _predicted(predictor, [prompts[n] for n in batch], place, pointed=pointed)
            masks.update(zip(batch, found, strict=True))
    return tuple(masks[n] for n in range(len(prompts)))


def _predicted(
    predictor: Any, prompts: Sequence[SegmentPrompt], place: ComputeDevice, *, pointed: bool
) -> list[Mask]:
    """Of one point the model has three readings, and says which it likes best; of a box, one."""
    import torch

    size = predictor.original_size
    if pointed:
        spots = torch.tensor([[p.point] for p in prompts], dtype=torch.float32)
        spots = predictor.transform.apply_coords_torch(spots, size).to(place.device)
        labels = torch.ones(spots.shape[:2], dtype=torch.int64, device=place.device)
        asked = {"point_coords": spots, "point_labels": labels, "boxes": None}
    else:
        boxes = torch.tensor([p.box for p in prompts], dtype=torch.float32)
        boxes = predictor.transform.apply_boxes_torch(boxes, size).to(place.device)
        asked = {"point_coords": None, "point_labels": None, "boxes": boxes}
    masks, quality, _ = predictor.predict_torch(**asked, multimask_output=pointed)
    best = quality.argmax(dim=1)
    taken = masks[torch.arange(len(masks), device=best.device), best]
    return [np.asarray(mask, bool) for mask in taken.cpu().numpy()]


def _everything(image: Pixels, how: Automatic, sam: Any) -> tuple[Mask, ...]:
    from segment_anything import SamAutomaticMaskGenerator

    generator = SamAutomaticMaskGenerator(
        sam,
        points_per_side=how.points,
        points_per_batch=BATCH,
        pred_iou_thresh=how.quality,
        stability_score_thresh=how.stability,
        box_nms_thresh=how.overlap,
    )
    found = generator.generate(_rgb(image))
    return tuple(np.asarray(thing["segmentation"], bool) for thing in found)


def _embedding(image: Pixels, sam: Any) -> Floats:
    from segment_anything import SamPredictor

    predictor = SamPredictor(sam)
    predictor.set_image(_rgb(image))
    return pooled(predictor.get_image_embedding())


def _rgb(image: Pixels) -> Pixels:
    return np.ascontiguousarray(image[..., ::-1])
