"""The exact place is where heat, detail and colours agree, whatever the defect's size."""

import numpy as np
import pytest

from reinspect.tools.features.places import place
from support.boxes import overlap

SIZE = (240, 360)  # of the picture, in pixels
Corners = tuple[int, int, int, int]


def blob(box: Corners, rows: int, columns: int, *, wide: float = 0.0) -> np.ndarray:
    """A map that is hot in a box (x1, y1, x2, y2) of pixels, and fades over so many cells."""
    height, width = SIZE
    x = (np.arange(columns) + 0.5) / columns * width
    y = (np.arange(rows) + 0.5) / rows * height
    across = np.maximum(np.maximum(box[0] - x, x - box[2]), 0) / width * columns
    down = np.maximum(np.maximum(box[1] - y, y - box[3]), 0) / height * rows
    return (8 * np.exp(-np.hypot(*np.meshgrid(across, down)) / (wide + 0.3))).astype(np.float32)


@pytest.mark.parametrize(
    "box",
    [
        pytest.param((100, 80, 112, 90), id="pit"),
        pytest.param((40, 100, 300, 124), id="scratch"),
        pytest.param((120, 40, 330, 200), id="large"),
        pytest.param((0, 0, 60, 50), id="corner"),
    ],
)
def test_the_box_holds_the_defect(box: Corners) -> None:
    heat = blob(box, 16, 24, wide=2)
    (found,) = place(heat, blob(box, 32, 48), blob(box, 160, 240), SIZE)
    height, width = SIZE
    x1, y1, x2, y2, score = found
    pixels = (x1 * width, y1 * height, x2 * width, y2 * height)
    assert overlap(pixels, box) >= 0.5
    assert 4 < score < 10


def test_the_inside_of_a_large_even_defect_belongs_to_it() -> None:
    """Detail is hot at its edge alone, the first look all over: colours fill it."""
    box = (120, 60, 280, 180)
    detail = blob(box, 32, 48)
    detail[11:21, 19:34] = 0
    (found,) = place(blob(box, 16, 24, wide=2), detail, blob(box, 160, 240), SIZE)
    x1, y1, x2, y2, _ = found
    assert overlap((x1 * 360, y1 * 240, x2 * 360, y2 * 240), box) >= 0.5


def test_the_first_look_says_which_place() -> None:
    """An edge of unusual detail and colour elsewhere does not move the box."""
    here, elsewhere = (60, 60, 90, 90), (250, 150, 330, 160)
    detail = blob(here, 32, 48) / 2 + blob(elsewhere, 32, 48)
    colours = blob(here, 160, 240) / 2 + blob(elsewhere, 160, 240)
    (found,) = place(blob(here, 16, 24, wide=2), detail, colours, SIZE)
    assert found[2] * 360 < 150


@pytest.mark.parametrize(
    "size", [pytest.param((1, 1), id="one-pixel"), pytest.param((4, 4000), id="slender")]
)
def test_any_shape_has_its_place(size: tuple[int, int]) -> None:
    hot = np.ones((2, 2), np.float32)
    (found,) = place(hot, hot, hot, size)
    assert found[:4] == (0, 0, 1, 1)


def test_nothing_hot_has_no_place() -> None:
    cold = np.full((16, 24), -1, np.float32)
    assert place(cold, cold, cold, SIZE) == ()
