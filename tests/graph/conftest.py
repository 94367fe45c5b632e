from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture
def part(tmp_path: Path) -> str:
    """The path of a small grey picture."""
    path = tmp_path / "part.png"
    cv2.imwrite(str(path), np.full((20, 30, 3), 90, np.uint8))
    return str(path)
