"""GroundingDINO by the package `groundingdino-py`, through its own loader and predictor."""

from __future__ import annotations

import contextlib
import importlib.util
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from reinspect.images import Pixels, warning_filters
from reinspect.tools.vision.bert import mend_bert
from reinspect.tools.vision.prompts import Found, Prompt, in_prompts, meant, text_of
from reinspect.tools.vision.runtime import (
    ComputeDevice,
    VisionError,
    model_folder,
    needs,
    quiet_transformers,
    resident,
    weights_file,
)

INSTALL = "pip install --no-deps groundingdino-py==0.4.0"
"""Apart from the extra: it pins an old supervision, and OpenCV's build with windows."""

CONFIGS = {"swin_t": "GroundingDINO_SwinT_OGC.py", "swin_b": "GroundingDINO_SwinB_cfg.py"}
"""Short name → file in the package."""

SIDE = 800
"""Shorter side of a picture as GroundingDINO was trained, pixels."""

_LONGER = 1333 / SIDE
_NO_WEIGHTS = ("relative_position_index", "position_ids")  # buffers that follow from the config


class GroundingDino:
    """A GroundingDINO checkpoint.

    Args:
        weights: `.pth` file.
        config: `swin_t`, `swin_b`, or a config file of one's own; such a file is Python, and run.
        text_encoder: folder with `bert-base-uncased`.
        text_threshold: score from which a word belongs to a box.
        side: the picture's shorter side as the model gets it, pixels.
        device: as in `places`.

    Raises:
        VisionError: a package or a file is missing, or a file is not whole.
    """

    def __init__(
        self,
        weights: str | Path,
        config: str | Path,
        text_encoder: str | Path,
        *,
        text_threshold: float = 0.25,
        side: int = SIDE,
        device: str = "auto",
    ) -> None:
        needs("torch", "torchvision", "transformers", "addict", "supervision", "timm", "yapf")
        needs("groundingdino", install=INSTALL)
        file, settings = weights_file(weights), _config_file(config)
        encoder = model_folder(text_encoder)
        self._text_threshold, self._side = text_threshold, side
        self._model = resident(
            f"GroundingDINO {file.name}",
            lambda place: _load(file, settings, encoder, place),
            key=("groundingdino", file.resolve(), settings, encoder),
            device=device,
            alone=True,  # its tokenizer must not be shared
        )

    def prompts(self, phrases: Sequence[str]) -> tuple[Prompt, ...]:
        """All phrases, in as few prompts as the text encoder allows."""

        def split(model: Any, _: ComputeDevice) -> tuple[Prompt, ...]:
            def tokens(phrase: str) -> int:
                return len(model.tokenizer(phrase, add_special_tokens=False)["input_ids"])

            return in_prompts(phrases, tokens, model.max_text_len - 2)

        return self._model(split)

    def __call__(
        self, image: Pixels, prompts: Sequence[Prompt], *, least: float
    ) -> list[tuple[Found, ...]]:
        """The boxes of each prompt that score more than `least`."""

        def look(model: Any, place: ComputeDevice) -> list[tuple[Found, ...]]:
            from groundingdino.util.inference import predict

            picture, answers = _prepared(image, self._side), []
            for prompt in prompts:
                boxes, scores, words = predict(
                    model, picture, text_of(prompt), least, self._text_threshold, place.device
                )
                rows = zip(boxes.float().tolist(), scores.float().tolist(), words, strict=True)
                answers.append(tuple(_found(*row, prompt) for row in rows))
            return answers

        return self._model(look)


def _prepared(image: Pixels, side: int) -> Any:
    """The tensor (3, rows, columns) that the model is given, made as the package makes its own."""
    from groundingdino.datasets import transforms

    steps = transforms.Compose(
        [
            transforms.RandomResize([side], max_size=round(side * _LONGER)),  # of one size: fixed
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    return steps(Image.fromarray(np.ascontiguousarray(image[..., ::-1])), None)[0]


def _found(box: Sequence[float], score: float, words: str, prompt: Prompt) -> Found:
    x, y, width, height = box
    corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    return Found(corners, score, meant(words, prompt))


def _load(weights: Path, config: Path, text_encoder: Path, place: ComputeDevice) -> Any:
    """The model on its place, by the package's own loader.

    That takes a checkpoint of another model without a word, and leaves what it lacks at random.
    """
    import torch

    given = torch.load(weights, map_location="cpu", weights_only=True, mmap=True)
    if not isinstance(given, dict) or "model" not in given:
        raise VisionError(f"weights {weights}: no checkpoint of GroundingDINO")
    with loading(), with_text_encoder(config, text_encoder) as settings:
        from groundingdino.util.inference import load_model
        from groundingdino.util.misc import clean_state_dict

        wrong = f"weights {weights} are not of config {config.name}"
        try:
            model = load_model(str(settings), str(weights), device=place.device)
        except RuntimeError as failure:
            mismatch = str(failure).strip().splitlines()[-1].strip()
            raise VisionError(f"{wrong}: {mismatch[:200]}") from failure
        named = set(clean_state_dict(given["model"]))
    lacking = [n for n in model.state_dict() if n not in named and not n.endswith(_NO_WEIGHTS)]
    if lacking:
        raise VisionError(f"{wrong}: {len(lacking)} tensors are missing, such as {lacking[0]}")
    for module in model.modules():  # recomputing saves memory in training, and takes time here
        for name in ("use_checkpoint", "use_transformer_ckpt"):
            if hasattr(module, name):
                setattr(module, name, False)
    return model.to(place.device)


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """The package importable, without its remarks and its dependencies' deprecations."""
    mend_bert()
    quiet_transformers()
    with warning_filters, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from groundingdino.util import get_tokenlizer

        get_tokenlizer.print = lambda *_: None  # what it prints would end up among the results
        yield
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"groundingdino\.")


@contextlib.contextmanager
def with_text_encoder(config: Path, text_encoder: Path) -> Iterator[Path]:
    """The config, naming that text encoder: the loader takes no other way."""
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "config.py"
        text = config.read_text(encoding="utf-8")
        own.write_text(f"{text}\ntext_encoder_type = {str(text_encoder)!r}\n", encoding="utf-8")
        yield own


def _config_file(config: str | Path) -> Path:
    if str(config) in CONFIGS:
        package = importlib.util.find_spec("groundingdino")
        assert package is not None  # asked for before
        places = package.submodule_search_locations or ()
        return Path(next(iter(places))) / "config" / CONFIGS[str(config)]
    file = Path(config).expanduser()
    if file.suffix != ".py" or not file.is_file():
        raise VisionError(f"config {str(config)!r} is neither {', '.join(CONFIGS)} nor a .py file")
    return file.resolve()
