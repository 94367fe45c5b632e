from pathlib import Path

import cv2
import numpy as np
import pytest

from support.checkpointers import Opened, opening


@pytest.fixture
def part(tmp_path: Path) -> str:
    """The path of a small grey picture."""
    path = tmp_path / "part.png"
    cv2.imwrite(str(path), np.full((20, 30, 3), 90, np.uint8))
    return str(path)


@pytest.fixture
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """Opens the same checkpoints again; see `support.checkpointers.SAVERS`."""
    return opening(request.param, tmp_path, lambda: request.getfixturevalue("postgres"))
