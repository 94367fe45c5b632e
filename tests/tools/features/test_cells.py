"""Pictures at the size that a network takes, and layers laid on one grid."""

import cv2
import numpy as np
import pytest

from reinspect.tools.features.cells import averaged, joined, scaled


@pytest.mark.parametrize(
    ("size", "side", "multiple", "expected"),
    [
        pytest.param((120, 200), 320, 32, (256, 416), id="enlarged"),
        pytest.param((1200, 2000), 320, 14, (252, 420), id="reduced"),
        pytest.param((1, 1), 320, 32, (320, 320), id="one-pixel"),
        pytest.param((1, 4000), 320, 32, (32, 5120), id="slender"),
        pytest.param((50, 50), 10, 32, (32, 32), id="never-nothing"),
    ],
)
def test_a_picture_keeps_its_shape_as_far_as_the_multiple_allows(
    size: tuple[int, int], side: float, multiple: int, expected: tuple[int, int]
) -> None:
    image = np.zeros((*size, 3), np.uint8)
    assert scaled(image, side, multiple=multiple).shape == (*expected, 3)


def test_layers_lie_on_the_finest_grid() -> None:
    rng = np.random.default_rng(0)
    fine, coarse = (
        rng.normal(0, 1, shape).astype(np.float32) for shape in ((7, 9, 2), (4, 5, 600))
    )
    both = joined([coarse, fine])
    assert both.shape == (7, 9, 602)
    assert np.array_equal(both[..., 600:], fine)
    for feature in (0, 599):
        alone = cv2.resize(coarse[..., feature], (9, 7), interpolation=cv2.INTER_LINEAR)
        assert both[..., feature] == pytest.approx(alone, abs=1e-5)


def test_cells_are_averaged_with_their_neighbours_and_damped_at_the_border() -> None:
    mean = averaged(np.ones((4, 5, 70), np.float32))
    assert mean[1:-1, 1:-1] == pytest.approx(1)
    assert mean[0, 0] == pytest.approx(4 / 9)
