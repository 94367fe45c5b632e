"""Torchvision beside a CPU build of torch.

The wheels of torchvision on the package index are built for CUDA. Beside a CPU build of torch
their compiled operators can't be loaded, `import torchvision` fails over a missing `nms`, and with
it all that imports torchvision. Here `nms` is put in the missing one's place before that import.
Where the operators load, nothing is done.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any

from reinspect.tools.vision.runtime import VisionError, needs

_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_kept: list[Any] = []  # operators go with their library


@functools.cache
def mend_torchvision() -> bool:
    """Make torchvision importable; call it before anything imports torchvision.

    Returns:
        Whether that took our `nms`.

    Raises:
        VisionError: torch or torchvision is missing, or a CUDA build of torch has a torchvision
            that was built for another one.
    """
    needs("torch", "torchvision")
    import torch

    if _native():
        return False
    if torch.version.cuda is not None:
        raise VisionError(
            f"torchvision's operators don't load beside torch {torch.__version__}: "
            "install a torchvision of the same release"
        )
    if not hasattr(torch.ops.torchvision, "nms"):
        library = torch.library.Library("torchvision", "FRAGMENT")
        for operator in ("nms", "qnms"):
            library.define(operator + _SIGNATURE)
        library.impl("nms", nms, "CPU")
        _kept.append(library)
    import torchvision.ops.boxes

    # Asked before each call of nms alone: what else is missing still says so.
    torchvision.ops.boxes._assert_has_ops = lambda: None
    return True


def nms(boxes: Any, scores: Any, iou_threshold: float) -> Any:
    """Non-maximum suppression: the best box stays, what overlaps it more than allowed goes.

    Args:
        boxes: tensor (N, 4), corners x1, y1, x2, y2.
        scores: tensor (N,).
        iou_threshold: intersection over union above which the lower score goes.

    Returns:
        Indices of the boxes that stay, by falling score; among equals the first comes first.
    """
    import torch

    order = torch.argsort(scores.detach(), descending=True, stable=True)
    corners = boxes.detach().to(torch.promote_types(boxes.dtype, torch.float32))[order]
    area = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    standing = torch.ones(len(order), dtype=torch.bool)
    for best in range(len(order)):
        if not standing[best]:
            continue
        later = slice(best + 1, None)
        low = torch.maximum(corners[best, :2], corners[later, :2])
        high = torch.minimum(corners[best, 2:], corners[later, 2:])
        shared = (high - low).clamp(min=0).prod(dim=1)
        standing[later] &= ~(shared / (area[best] + area[later] - shared) > iou_threshold)
    return order[standing]


def _native() -> bool:
    """Whether torchvision's compiled operators load beside this torch."""
    import torch

    found = importlib.util.find_spec("torchvision")
    folder = Path(found.origin).parent if found and found.origin else None
    libraries = sorted(folder.glob("_C*.so")) + sorted(folder.glob("_C*.pyd")) if folder else []
    try:
        for library in libraries:
            torch.ops.load_library(str(library))
    except OSError:
        return False
    return bool(libraries)
