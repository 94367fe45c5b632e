"""Every network describes pictures of any shape, at any working size."""

import numpy as np
import pytest

from reinspect.tools.features.network import NetworkFeatures
from support.plates import plate


@pytest.mark.parametrize(
    ("side", "grid"),
    [
        pytest.param(320, (16, 26), id="as-ever"),
        pytest.param(448, (22, 36), id="larger"),
        pytest.param(32, (2, 2), id="smallest"),
    ],
)
def test_a_picture_is_described_at_the_side_asked_for(
    side: float, grid: tuple[int, int], features: NetworkFeatures
) -> None:
    described = features.describe(plate(0), side=side)
    assert described.shape == (*grid, sum(features.channels))
    assert described.dtype == np.float32
