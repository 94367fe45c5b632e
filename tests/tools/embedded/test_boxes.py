import cv2
import numpy as np
import pytest

from reinspect.tools.embedded import boxes
from reinspect.tools.embedded.features import CELL


def plate(height: int = 320, width: int = 480, *, streaks: float = 0.0) -> np.ndarray:
    """A grey plate, brushed from top to bottom."""
    rng = np.random.default_rng(3)
    grey = np.full((height, width), 150, np.float32) + rng.normal(0, 2, (height, width))
    grey += streaks * cv2.GaussianBlur(rng.normal(0, 8, (1, width)), (0, 0), 3)
    return np.dstack([np.clip(grey, 0, 255).astype(np.uint8)] * 3)


def heat(image: np.ndarray, *hot: tuple[float, float, float, float]) -> np.ndarray:
    """A map of cells that is hot in the given boxes (normalised) and just warm elsewhere."""
    rows, columns = image.shape[0] // CELL, image.shape[1] // CELL
    plane = np.full((rows, columns), 0.3, np.float32)
    for left, top, right, bottom in hot:
        down = slice(int(top * rows), int(np.ceil(bottom * rows)))
        plane[down, int(left * columns) : int(np.ceil(right * columns))] = 8
    return plane


def overlap(one: tuple[float, ...], two: tuple[float, ...]) -> float:
    width = max(0.0, min(one[2], two[2]) - max(one[0], two[0]))
    height = max(0.0, min(one[3], two[3]) - max(one[1], two[1]))
    both = width * height
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, two)]
    return both / (sum(areas) - both)


@pytest.mark.parametrize("radius", [pytest.param(8, id="pore"), pytest.param(18, id="hole")])
def test_a_dark_spot_is_boxed_by_its_own_size_not_by_the_heat(radius: int) -> None:
    image = plate(streaks=2)
    usual = boxes.spot_strength(image, (heat(image), heat(image)))
    cv2.circle(image, (200, 140), radius, (60, 60, 60), -1)
    loose = heat(image, (0.3, 0.3, 0.55, 0.6))
    (found,) = boxes.tighten(image, (loose, loose), None, usual_spot=usual)
    truth = ((200 - radius) / 480, (140 - radius) / 320, (200 + radius) / 480, (140 + radius) / 320)
    assert overlap(found, truth) > 0.4
    assert overlap(found, truth) > 3 * overlap((0.3, 0.3, 0.55, 0.6), truth)


def test_a_streak_is_no_spot() -> None:
    image = plate()
    everywhere = heat(image, (0, 0, 1, 1))
    plain = boxes.spot_strength(image, (everywhere, everywhere))
    streaked = image.copy()
    streaked[:, 100:110] = 60
    spotted = image.copy()
    cv2.circle(spotted, (105, 160), 5, (60, 60, 60), -1)
    assert boxes.spot_strength(streaked, (everywhere, everywhere)) < 5 * plain
    assert boxes.spot_strength(spotted, (everywhere, everywhere)) > 5 * plain


def test_a_region_is_boxed_where_the_maps_agree() -> None:
    image = plate()
    fine = heat(image, (0.1, 0.1, 0.5, 0.5))
    difference = heat(image, (0.3, 0.3, 0.9, 0.5))
    (found,) = boxes.tighten(image, (heat(image), fine), difference, usual_spot=np.inf)
    assert overlap(found, (0.3, 0.3, 0.5, 0.5)) > 0.6
    assert found[4] > 4


def test_without_aligned_references_the_two_looks_must_agree() -> None:
    image = plate()
    first, fine = heat(image, (0.1, 0.1, 0.6, 0.6)), heat(image, (0.4, 0.4, 0.9, 0.9))
    (found,) = boxes.tighten(image, (first, fine), None, usual_spot=np.inf)
    assert overlap(found, (0.4, 0.4, 0.6, 0.6)) > 0.6


@pytest.mark.parametrize(
    "size",
    [
        pytest.param((5, 7), id="tiny"),
        pytest.param((16, 900), id="thin"),
        pytest.param((1, 1), id="one-pixel"),
    ],
)
def test_odd_images_give_boxes_inside_them(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    warm = np.random.default_rng(1).normal(1, 1, (2, 3)).astype(np.float32)
    for found in boxes.tighten(image, (warm, warm), warm, usual_spot=1.0):
        left, top, right, bottom, score = found
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1
        assert np.isfinite(score)


def test_where_nothing_is_hot_nothing_is_boxed() -> None:
    image = np.full((64, 64, 3), 128, np.uint8)
    cold = np.full((8, 8), -1, np.float32)
    assert boxes.tighten(image, (cold, cold), cold, usual_spot=1.0) == ()


def test_a_box_is_measured_against_the_ring_around_it() -> None:
    image = plate()
    cv2.rectangle(image, (120, 80), (167, 111), (40, 40, 40), -1)
    dark = boxes.measure(image, (0.25, 0.25, 0.35, 0.35, 1.0))
    plain = boxes.measure(image, (0.7, 0.7, 0.8, 0.8, 1.0))
    assert dark["contrast"] > 10 * plain["contrast"]
    assert dark["width"] == 48
    assert dark["height"] == 32
    assert dark["area"] == pytest.approx(0.01)
    assert (dark["across"], dark["down"]) == pytest.approx((0.3, 0.3))


def test_a_box_of_the_whole_image_has_no_ring() -> None:
    assert boxes.measure(plate(), (0, 0, 1, 1, 1))["contrast"] == 0
