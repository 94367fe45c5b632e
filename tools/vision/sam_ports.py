"""Segment Anything 1, 2 and 3 as transformers has them, from a folder."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from reinspect.documents import parse_json, read_text
from reinspect.images import Mask, Pixels
from reinspect.tools.embedded.features import Floats
from reinspect.tools.vision.automatic import Automatic
from reinspect.tools.vision.embedding import file_key, pooled
from reinspect.tools.vision.prompts import SegmentPrompt
from reinspect.tools.vision.runtime import ComputeDevice, VisionError, needs, resident, weights_file

KINDS = {
    "sam": ("SamModel", "SamProcessor"),
    "sam2": ("Sam2Model", "Sam2Processor"),
    "sam2_video": ("Sam2Model", "Sam2Processor"),
    "sam3_tracker": ("Sam3TrackerModel", "Sam3TrackerProcessor"),
    "sam3_video": ("Sam3TrackerModel", "Sam3TrackerProcessor"),
}
"""`model_type` of a folder's config.json → the classes that segment what is pointed at."""

BATCH = 64
"""Prompts at once: a mask in a picture's size takes its bytes as often."""


class SamPort:
    """Boxes, points and everything, by a model of transformers. Loaded at the first use, once.

    Args:
        folder: config.json, the processor's files and safetensors; nothing is downloaded.
        device: see `runtime.places`.
        automatic: how everything is segmented.

    Raises:
        VisionError: packages or weights are missing, or the folder holds another kind of model.
    """

    def __init__(
        self, folder: Path, *, device: str = "auto", automatic: Automatic | None = None
    ) -> None:
        needs("torch", "torchvision", "transformers")
        kind = _kind(folder)
        files = [weights_file(file) for file in sorted(folder.glob("*.safetensors"))]
        self._automatic = automatic or Automatic()
        self.key = file_key(kind, *files)
        """Of its embeddings."""
        self._model = resident(
            f"Segment Anything in {folder.name}",
            functools.partial(_load, folder, *KINDS[kind]),
            key=("transformers", str(folder.resolve())),
            device=device,
        )

    def masks(self, image: Pixels, prompts: Sequence[SegmentPrompt], /) -> tuple[Mask, ...]:
        """One mask (H, W) a prompt."""
        if not prompts:
            return ()
        return self._model(functools.partial(_masks, image, prompts))

    def everything(self, image: Pixels, /) -> tuple[Mask, ...]:
        """A mask (H, W) of each thing, by the pipeline for that."""
        return self._model(functools.partial(_everything, image, self._automatic))

    def embedding(self, image: Pixels, /) -> Floats:
        """What the picture looks like, by the picture encoder: see `embedding.pooled`."""
        return self._model(functools.partial(_embedding, image))


def _kind(folder: Path) -> str:
    file = folder / "config.json"
    try:
        kind = parse_json(read_text(file)).get("model_type")
    except (OSError, ValueError, AttributeError) as failure:
        raise VisionError(f"{file}: no configuration of a model; name its folder") from failure
    if kind not in KINDS:
        raise VisionError(
            f"{folder} holds a model of type {kind!r}; what segments is of {', '.join(KINDS)}"
        )
    return str(kind)


def _load(folder: Path, model: str, processor: str, place: ComputeDevice) -> tuple[Any, Any]:
    from reinspect.tools.vision.torchvision_ops import mend_torchvision

    mend_torchvision()
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()  # a library says nothing on stderr
    made, loading = getattr(transformers, model).from_pretrained(
        folder, local_files_only=True, dtype=torch.float32, output_loading_info=True
    )
    if missing := sorted(loading["missing_keys"]):
        # It would run, on random numbers.
        raise VisionError(f"weights in {folder} lack {len(missing)} tensors, such as {missing[0]}")
    prepares = getattr(transformers, processor).from_pretrained(folder, local_files_only=True)
    return made.eval().to(place.device), prepares


def _masks(
    image: Pixels, prompts: Sequence[SegmentPrompt], loaded: tuple[Any, Any], place: ComputeDevice
) -> tuple[Mask, ...]:
    masks: dict[int, Mask] = {}
    for pointed in (False, True):
        chosen = [n for n, prompt in enumerate(prompts) if (prompt.box is None) is pointed]
        for start in range(0, len(chosen), BATCH):
            batch = chosen[start : start + BATCH]
            found = _predicted(image, [prompts[n] for n in batch], loaded, place, pointed=pointed)
            masks.update(zip(batch, found, strict=True))
    return tuple(masks[n] for n in range(len(prompts)))


def _predicted(
    image: Pixels,
    prompts: Sequence[SegmentPrompt],
    loaded: tuple[Any, Any],
    place: ComputeDevice,
    *,
    pointed: bool,
) -> list[Mask]:
    """Of one point the model has three readings, and says which it likes best; of a box, one."""
    model, processor = loaded
    if pointed:
        asked = {
            "input_points": [[[[float(v) for v in p.point or ()]] for p in prompts]],
            "input_labels": [[[1] for _ in prompts]],
        }
    else:
        asked = {"input_boxes": [[[float(v) for v in p.box or ()] for p in prompts]]}
    inputs = processor(images=_rgb(image), return_tensors="pt", **asked)
    sizes = [inputs[name] for name in ("original_sizes", "reshaped_input_sizes") if name in inputs]
    known = ("pixel_values", "input_points", "input_labels", "input_boxes")
    tensors = {name: inputs[name].to(place.device) for name in known if name in inputs}
    answer = model(**tensors, multimask_output=pointed)
    (masks,) = processor.post_process_masks(answer.pred_masks.float().cpu(), *sizes)
    best = answer.iou_scores[0].float().cpu().argmax(dim=-1)
    return [np.asarray(mask[n].numpy(), bool) for mask, n in zip(masks, best, strict=True)]


def _everything(
    image: Pixels, how: Automatic, loaded: tuple[Any, Any], place: ComputeDevice
) -> tuple[Mask, ...]:
    from transformers import MaskGenerationPipeline

    model, processor = loaded
    generate = MaskGenerationPipeline(
        model=model, image_processor=processor.image_processor, device=place.device
    )
    found = generate(
        _rgb(image),
        points_per_batch=BATCH,
        points_per_crop=how.points,
        pred_iou_thresh=how.quality,
        stability_score_thresh=how.stability,
        crops_nms_thresh=how.overlap,
    )
    return tuple(np.asarray(mask, bool) for mask in found["masks"])


def _embedding(image: Pixels, loaded: tuple[Any, Any], place: ComputeDevice) -> Floats:
    model, processor = loaded
    inputs = processor(images=_rgb(image), return_tensors="pt")
    found = model.get_image_embeddings(inputs["pixel_values"].to(place.device))
    # Of SAM 2 and 3 a list, from fine to coarse: the last is what masks are decoded from.
    return pooled(found if hasattr(found, "shape") else found[-1])


def _rgb(image: Pixels) -> Image.Image:
    # As a picture: of an array three pixels high, the rows might be taken for the channels.
    return Image.fromarray(np.ascontiguousarray(image[..., ::-1]))
