import cv2
import numpy as np
import pytest

from reinspect.tools.embedded.masks import measure_mask, outline


def plate(height: int = 200, width: int = 300) -> np.ndarray:
    grey = np.random.default_rng(3).normal(150, 4, (height, width, 1)).clip(0, 255)
    return np.repeat(grey, 3, axis=2).astype(np.uint8)


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


def disc(shape: tuple[int, int], centre: tuple[int, int], radius: int) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    cv2.circle(mask, centre, radius, 1, -1)
    return mask > 0


@pytest.mark.parametrize(
    "colour",
    [
        pytest.param((60, 60, 60), id="darker"),
        pytest.param((240, 240, 240), id="lighter"),
        pytest.param((110, 150, 215), id="of-another-colour"),
    ],
)
def test_what_stands_out_of_the_ring_is_marked(colour: tuple[int, int, int]) -> None:
    image, truth = plate(), disc((200, 300), (150, 100), 14)
    image[truth] = colour
    box = (128, 80, 178, 124)
    mask = outline(image, box)
    assert iou(mask, truth) > 0.8
    assert not mask[:80].any()
    assert not mask[:, 178:].any()


def test_a_dark_spot_is_told_from_streaks_that_differ_as_much() -> None:
    image, truth = plate(), disc((200, 300), (150, 100), 10)
    image[:, 100:200:8] = 215
    image[truth] = 60
    assert iou(outline(image, (135, 85, 165, 115)), truth) > 0.7


def test_what_does_not_stand_out_is_marked_as_a_whole() -> None:
    flat = np.full((40, 60, 3), 128, np.uint8)
    mask = outline(flat, (10, 10, 30, 20))
    assert mask.sum() == 20 * 10
    assert mask[10:20, 10:30].all()


@pytest.mark.parametrize(
    ("size", "box"),
    [
        pytest.param((1, 1), (0, 0, 1, 1), id="one-pixel"),
        pytest.param((2, 3), (0, 0, 3, 2), id="smaller-than-a-patch"),
        pytest.param((50, 60), (0, 0, 60, 50), id="no-room-for-a-ring"),
        pytest.param((1500, 1400), (200, 200, 1100, 1200), id="made-smaller"),
    ],
)
def test_masks_stay_inside_their_boxes(
    size: tuple[int, int], box: tuple[int, int, int, int]
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    mask = outline(image, box)
    outside = mask.copy()
    outside[box[1] : box[3], box[0] : box[2]] = False
    assert mask.shape == size
    assert mask.any()
    assert not outside.any()


def test_a_disc_measures_as_a_disc() -> None:
    truth = disc((200, 300), (150, 100), 20)
    image = plate()
    image[truth] = (20, 20, 20)
    numbers = measure_mask(image, truth)
    assert numbers["area"] == pytest.approx(np.pi * 400 / 60_000, rel=0.05)
    assert numbers["contour"] == pytest.approx(2 * np.pi * 20, rel=0.15)
    assert numbers["elongation"] == pytest.approx(1, abs=0.02)
    assert numbers["contrast"] > 40
    assert numbers["border"] == 79


@pytest.mark.parametrize("angle", [pytest.param(a, id=f"{a}°") for a in (0, 30, 90)])
def test_a_scratch_is_long_however_it_lies(angle: int) -> None:
    mask = np.zeros((200, 300), np.uint8)
    cv2.ellipse(mask, (150, 100), (60, 6), angle, 0, 360, 1, -1)
    assert measure_mask(plate(), mask > 0)["elongation"] == pytest.approx(10, rel=0.15)


@pytest.mark.parametrize(
    "mask",
    [
        pytest.param(np.ones((200, 300), bool), id="everything"),
        pytest.param(disc((200, 300), (0, 0), 0), id="one-pixel-in-the-corner"),
        pytest.param(np.eye(200, 300, dtype=bool), id="a-line-one-pixel-thin"),
    ],
)
def test_odd_masks_have_finite_measures(mask: np.ndarray) -> None:
    numbers = measure_mask(plate(), mask)
    assert all(np.isfinite(value) and value >= 0 for value in numbers.values())
    assert numbers["border"] == 0


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        pytest.param(np.zeros((200, 300), bool), "without a pixel", id="empty"),
        pytest.param(np.ones((20, 30), bool), r"shape \(20, 30\)", id="another-size"),
    ],
)
def test_masks_without_measures_are_refused(mask: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        measure_mask(plate(), mask)
