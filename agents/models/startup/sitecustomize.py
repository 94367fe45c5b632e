"""Run by Python itself at the start of vLLM and of all its helpers (`serving` puts it on the path).

PyPI's torchvision is built for CUDA. Beside a CPU build of torch its library can't be loaded, and
everything that imports it dies on "operator torchvision::nms does not exist". Inference needs none
of it: two operators are defined in Python, and pictures are decoded by Pillow. Where torchvision
fits its torch, nothing is changed.
"""

import importlib.abc
import importlib.util
import sys
from typing import Any


def _nms(boxes: Any, scores: Any, threshold: float) -> Any:
    import torch

    kept = []
    order = scores.argsort(descending=True, stable=True)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    while order.numel():
        first, rest = order[0], order[1:]
        kept.append(int(first))
        low = torch.maximum(boxes[first, :2], boxes[rest, :2])
        high = torch.minimum(boxes[first, 2:], boxes[rest, 2:])
        sides = (high - low).clamp(min=0)
        shared = sides[:, 0] * sides[:, 1]
        order = rest[shared / (area[first] + area[rest] - shared) <= threshold]
    return torch.tensor(kept, dtype=torch.long)


def _decode_image(data: Any, _mode: Any = None, apply_exif_orientation: bool = False) -> Any:
    import io

    import numpy as np
    import torch
    from PIL import Image, ImageOps

    source = io.BytesIO(data.numpy().tobytes()) if isinstance(data, torch.Tensor) else data
    image: Any = Image.open(source)
    if apply_exif_orientation:
        image = ImageOps.exif_transpose(image)
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).contiguous()


def _fits(folder: str) -> bool:
    """Whether torchvision's own operators can be loaded beside this torch."""
    from pathlib import Path

    import torch

    library = Path(folder) / "_C.so"
    try:
        if library.exists():
            torch.ops.load_library(str(library))
    except OSError:
        return False
    return True


class _Finder(importlib.abc.MetaPathFinder):
    """Steps in when torchvision is imported for the first time."""

    def __init__(self) -> None:
        self._busy = False

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != "torchvision" or self._busy:
            return None
        self._busy = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._busy = False
        if spec is None or spec.loader is None or not spec.submodule_search_locations:
            return spec
        plain, folder = spec.loader.exec_module, spec.submodule_search_locations[0]

        def run(module: Any) -> None:
            import torch

            if _fits(folder):
                plain(module)
                return
            schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            for operator in ("nms", "qnms"):
                torch.library.define(f"torchvision::{operator}", schema)
            torch.library.impl("torchvision::nms", "CPU", _nms)
            plain(module)
            # Only now: these import torchvision themselves.
            io = importlib.import_module("torchvision.io")
            image = importlib.import_module("torchvision.io.image")
            for place in (io, image):
                vars(place)["decode_image"] = _decode_image

        vars(spec.loader)["exec_module"] = run
        return spec


if importlib.util.find_spec("torch") is not None:
    sys.meta_path.insert(0, _Finder())
