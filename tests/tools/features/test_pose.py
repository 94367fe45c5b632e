"""References are turned where that explains them better, or where a recipe says so."""

import cv2
import numpy as np
import pytest

from reinspect.tools.features.fit import FeatureFit
from reinspect.tools.features.network import NetworkFeatures
from reinspect.tools.features.pose import ANGLES, LEAST_FALL, PartPose, fall, turned_cells

SIDE = 192


def key(seed: int, angle: float, *, notched: bool = False, mirrored: bool = False) -> np.ndarray:
    """A key on a bench, photographed at any angle."""
    rng = np.random.default_rng(seed)
    image = np.full((SIDE, SIDE, 3), 70, np.uint8)
    cv2.rectangle(image, (50, 88), (150, 104), (190, 200, 210), -1)
    cv2.circle(image, (56, 96), 24, (190, 200, 210), -1)
    cv2.circle(image, (50, 96), 8, (70, 70, 70), -1)
    for x in (112, 126, 140):
        cv2.rectangle(image, (x, 104), (x + 7, 120), (190, 200, 210), -1)
    if notched:
        cv2.circle(image, (92, 96), 10, (30, 30, 120), -1)
    if mirrored:
        image = np.ascontiguousarray(image[::-1])
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), angle, 1)
    image = cv2.warpAffine(image, turn, (SIDE, SIDE), borderValue=(70, 70, 70))
    noisy = image + rng.normal(0, 3, image.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("angles", "turned"),
    [
        pytest.param([0, 1, -1, 2, 0, 1], False, id="always-alike"),
        pytest.param([0, 130, 250, 40, 310, 85], True, id="at-any-angle"),
    ],
)
def test_what_the_references_show_decides(
    angles: list[int], turned: bool, features: NetworkFeatures
) -> None:
    images = [key(seed, angle) for seed, angle in enumerate(angles)]
    fit = FeatureFit.from_references(images, features)
    assert fit.turned is turned
    assert (fit.fall >= LEAST_FALL) is turned
    assert fit.look(key(50, 0), features).signals["turned"] == float(turned)


def test_a_part_at_an_angle_of_its_own_is_no_stranger(features: NetworkFeatures) -> None:
    images = [key(seed, angle) for seed, angle in enumerate([0, 130, 250, 40, 310, 85])]
    fixed, free = (
        FeatureFit.from_references(images, features, pose=pose)
        for pose in (PartPose.FIXED, PartPose.ANY)
    )
    good, bad = key(60, 175), key(61, 175, notched=True)
    assert free.look(good, features).z < fixed.look(good, features).z
    assert free.look(bad, features).z > free.look(good, features).z + 1


def test_a_mirror_image_is_not_the_same_part(features: NetworkFeatures) -> None:
    images = [key(seed, angle) for seed, angle in enumerate([0, 130, 250, 40, 310, 85])]
    fit = FeatureFit.from_references(images, features)
    mirrored, same = key(70, 40, mirrored=True), key(70, 40)
    assert fit.look(mirrored, features).z > fit.look(same, features).z


@pytest.mark.parametrize("count", [1, 3])
def test_few_references_are_left_as_they_are(count: int, features: NetworkFeatures) -> None:
    few = [key(seed, 77 * seed) for seed in range(count)]
    assert not FeatureFit.from_references(few, features).turned
    assert FeatureFit.from_references(few, features, pose=PartPose.ANY).turned


def test_cells_beyond_the_border_are_left_out(features: NetworkFeatures) -> None:
    slender = key(0, 0)[60:130]
    cells = turned_cells(slender, features, 320)
    whole = features.describe(slender)
    assert cells.shape[1] == whole.shape[2]
    assert 0 < len(cells) < len(ANGLES) * whole.shape[0] * whole.shape[1] * 1.2


def test_the_fall_is_a_share() -> None:
    upright = [np.full((2, 2), 2.0, np.float32), np.full((3, 1), 4.0, np.float32)]
    assert fall(upright, upright) == pytest.approx(0)
    assert fall(upright, [plane / 2 for plane in upright]) == pytest.approx(0.5)
    assert fall(upright, [plane * 2 for plane in upright]) == pytest.approx(0)
