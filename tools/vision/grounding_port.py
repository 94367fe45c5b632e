"""GroundingDINO by its port in transformers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from reinspect.images import Pixels
from reinspect.tools.vision.prompts import Found, Prompt, in_prompts, meant, text_of
from reinspect.tools.vision.runtime import (
    ComputeDevice,
    VisionError,
    model_folder,
    needs,
    quiet_transformers,
    resident,
)
from reinspect.tools.vision.torchvision_ops import mend_torchvision

AT_ONCE = 4
"""Prompts of one picture that go through the model together."""


class _Loaded(NamedTuple):
    model: Any
    processor: Any


class GroundingPort:
    """A GroundingDINO in transformers' format.

    Args:
        folder: config.json, the processor's files and safetensors; nothing is downloaded.
        text_threshold: score from which a word belongs to a box.
        device: as in `places`.

    Raises:
        VisionError: a package or a file is missing, or a file is not whole.
    """

    def __init__(
        self, folder: str | Path, *, text_threshold: float = 0.25, device: str = "auto"
    ) -> None:
        needs("torch", "torchvision", "transformers")
        source = model_folder(folder)
        self._text_threshold = text_threshold
        self._model = resident(
            f"GroundingDINO {source.name}",
            lambda place: _load(source, place),
            key=("transformers", "grounding", source),
            device=device,
            alone=True,  # its tokenizer must not be shared
        )

    def prompts(self, phrases: Sequence[str]) -> tuple[Prompt, ...]:
        """All phrases, in as few prompts as the text encoder allows."""

        def split(loaded: _Loaded, _: ComputeDevice) -> tuple[Prompt, ...]:
            def tokens(phrase: str) -> int:
                return len(loaded.processor.tokenizer(phrase, add_special_tokens=False).input_ids)

            return in_prompts(phrases, tokens, loaded.model.config.max_text_len - 2)

        return self._model(split)

    def __call__(
        self, image: Pixels, prompts: Sequence[Prompt], *, least: float
    ) -> list[tuple[Found, ...]]:
        """The boxes of each prompt that score more than `least`."""
        left, answers = iter(prompts), []
        while batch := tuple(islice(left, AT_ONCE)):
            answers += self._model(
                lambda loaded, place: self._look(loaded, place, image, batch, least)
            )
        return answers

    def _look(
        self,
        loaded: _Loaded,
        place: ComputeDevice,
        image: Pixels,
        prompts: Sequence[Prompt],
        least: float,
    ) -> list[tuple[Found, ...]]:
        picture = np.ascontiguousarray(image[..., ::-1])
        given = loaded.processor(
            images=[picture] * len(prompts),
            text=[text_of(prompt) for prompt in prompts],
            return_tensors="pt",
            input_data_format="channels_last",  # it would guess, wrongly for pictures this small
            padding=True,
            truncation=True,
            max_length=loaded.model.config.max_text_len,
        ).to(place.device)
        seen = loaded.model(**given)
        results = loaded.processor.post_process_grounded_object_detection(
            seen,
            given["input_ids"],
            threshold=least,
            text_threshold=self._text_threshold,
            target_sizes=[(1, 1)] * len(prompts),  # shares of the picture
        )
        return [_boxes(*both) for both in zip(prompts, results, strict=True)]


def _boxes(prompt: Prompt, result: Mapping[str, Any]) -> tuple[Found, ...]:
    boxes, scores = result["boxes"].float().tolist(), result["scores"].float().tolist()
    words = result["text_labels"][: len(boxes)]  # of no box it decodes one empty label
    rows = zip(boxes, scores, words, strict=True)
    return tuple(
        Found((a, b, c, d), score, meant(said, prompt)) for (a, b, c, d), score, said in rows
    )


def _load(source: Path, place: ComputeDevice) -> _Loaded:
    mend_torchvision()
    quiet_transformers()
    import torch
    from transformers import AutoConfig, AutoProcessor, GroundingDinoForObjectDetection

    config = AutoConfig.from_pretrained(source, local_files_only=True)
    if config.model_type != "grounding-dino":
        raise VisionError(f"model {source}: a {config.model_type}, not a grounding-dino")
    processor = AutoProcessor.from_pretrained(source, local_files_only=True)
    model, made = GroundingDinoForObjectDetection.from_pretrained(
        source,
        config=config,
        dtype=torch.float32,
        local_files_only=True,
        output_loading_info=True,
    )
    lacking = sorted(made["missing_keys"]) + sorted(map(str, made["mismatched_keys"]))
    if lacking:
        raise VisionError(
            f"model {source}: its weights are not of its config: {len(lacking)} tensors are "
            f"missing or of another shape, such as {lacking[0]}"
        )
    return _Loaded(model.to(place.device).eval(), processor)
