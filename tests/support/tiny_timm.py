"""Tiny networks of timm with random weights: all of the real code, none of the size."""

from pathlib import Path
from typing import Any


def timm() -> Any:
    """The package, importable beside any build of torch."""
    from reinspect.tools.vision.torchvision_ops import mend_torchvision

    mend_torchvision()
    import timm

    return timm


def put_timm(file: Path, name: str, *, seed: int = 0, without: str = "") -> Path:
    """Write a network's weights, drawn at random, as safetensors.

    Args:
        file: where; folders are made.
        name: as timm has it.
        seed: of the draw.
        without: the beginning of the names of tensors to leave out.
    """
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(seed)
    state = timm().create_model(name, pretrained=False).state_dict()
    kept = {n: own.contiguous() for n, own in state.items() if not without or without not in n}
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(kept, file)
    return file
