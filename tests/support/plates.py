"""Plates: drawn parts that take a millisecond each."""

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np


def plate(seed: int, size: tuple[int, int] = (120, 200), spot: int = 0) -> np.ndarray:
    """A brushed plate with a hole, a little different each time; `spot` is a dark square's side."""
    rng = np.random.default_rng(seed)
    rows, columns = size
    noise = rng.normal(0, 30, size).astype(np.float32)
    grain = 130 + cv2.GaussianBlur(noise, (9, 1), 3, None, 0.5)
    image = cv2.cvtColor(np.clip(grain, 0, 255).astype(np.uint8), cv2.COLOR_GRAY2BGR)
    cv2.circle(image, (columns // 4, rows // 2), rows // 6, (40, 45, 50), -1)
    if spot:
        image[rows // 3 : rows // 3 + spot, columns // 2 : columns // 2 + spot] = 20
    return image


def put_plates(folder: Path, seeds: Iterable[int], spot: int = 0) -> Path:
    """A folder of plates, `0.png`, `1.png` … by their seeds."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        cv2.imwrite(str(folder / f"{seed}.png"), plate(seed, spot=spot))
    return folder
