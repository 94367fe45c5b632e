"""Pictures on their way to a model: within its budget, in shape, and without a name."""

import base64

import cv2
import numpy as np
import pytest

from reinspect.agents.models.encoding import LEAST, data_uri, fitted

BUDGET = 1280 * 28 * 28


@pytest.mark.parametrize(
    ("width", "height", "least", "most"),
    [
        pytest.param(4000, 3000, 0.95 * BUDGET, BUDGET, id="shrinks to the budget"),
        pytest.param(800, 600, 480_000, 480_000, id="stays as it is"),
        pytest.param(50, 40, LEAST * LEAST, 2 * LEAST * LEAST, id="is blown up"),
        pytest.param(20_000, 20, 400_000, BUDGET, id="long and thin"),
        pytest.param(1, 1, LEAST * LEAST, LEAST * LEAST, id="a pixel"),
    ],
)
def test_a_picture_fits_the_budget(width: int, height: int, least: float, most: float) -> None:
    found = fitted(np.zeros((height, width, 3), np.uint8), BUDGET)
    size = found.shape[0] * found.shape[1]
    assert least <= size <= most
    if min(found.shape[:2]) > 20:
        assert found.shape[1] / found.shape[0] == pytest.approx(width / height, rel=0.05)


@pytest.mark.parametrize(("encoding", "tolerance"), [("png", 0), ("jpeg", 8)])
def test_what_is_sent_is_the_picture(encoding: str, tolerance: int) -> None:
    image = np.full((120, 160, 3), (10, 120, 230), np.uint8)
    uri = data_uri(image, BUDGET, encoding)  # type: ignore[arg-type]
    head, _, data = uri.partition(",")
    assert head == f"data:image/{encoding};base64"
    found = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    assert found is not None
    assert np.abs(found.astype(int) - image).max() <= tolerance
