"""What a picture looks like as a vector, by the picture encoder of a model that segments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from reinspect.files import digest_of
from reinspect.tools.embedded.features import Floats

_PLACES = 4
"""Rows and columns that are told apart: parts that lie alike look alike."""


def pooled(features: Any) -> Floats:
    """The mean of a map of features (1, C, H, W) in 4 × 4 places, of length 1: (16 C,)."""
    import torch

    means = torch.nn.functional.adaptive_avg_pool2d(features.float(), _PLACES).flatten()
    return np.asarray((means / means.norm().clamp_min(1e-12)).cpu().numpy(), np.float32)


def file_key(model: str, *files: Path) -> str:
    """A name for what a model makes of pictures, by its files' sizes and times.

    It names cached fits: weights that were copied anew cost a fit, weights that were replaced must.
    """
    stats = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return digest_of(repr((model, stats)))[:16]
