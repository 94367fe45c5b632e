"""Drawn damage: of its kind, about its size, on the part, and where the mask says."""

import cv2
import numpy as np
import pytest

from reinspect.qualification.damage import KINDS, damage, part_of, side_of, varied
from reinspect.qualification.detection import extent_of
from support.plates import plate


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("share", [0.03, 0.2])
def test_damage_is_where_the_mask_says_and_about_as_large(kind: str, share: float) -> None:
    image = plate(0, (360, 600))
    for seed in range(4):
        drawn = damage(image, kind, share, np.random.default_rng(seed))
        assert drawn is not None
        assert drawn.blemish in KINDS[kind]
        assert drawn.mask.shape == image.shape[:2]
        changed = np.abs(drawn.image.astype(int) - image).max(axis=2)
        assert changed[drawn.mask].mean() > 4 * changed[~drawn.mask].mean()
        assert 0.15 * share <= extent_of(drawn.mask).longest / side_of(image) <= 0.5


def test_the_same_seed_draws_the_same() -> None:
    image = plate(0)
    first, second = (damage(image, "stain", 0.1, np.random.default_rng(3)) for _ in range(2))
    assert first is not None
    assert second is not None
    assert (first.image == second.image).all()


@pytest.mark.parametrize(
    "size", [pytest.param((16, 16), id="least"), pytest.param((20, 900), id="slender")]
)
def test_odd_pictures_are_damaged_or_left(size: tuple[int, int]) -> None:
    for kind in KINDS:
        drawn = damage(plate(1, size), kind, 0.1, np.random.default_rng(0))
        assert drawn is None or drawn.image.shape == (*size, 3)


def test_a_part_before_a_background_is_found_and_a_surface_is_all_part() -> None:
    scene = np.full((200, 300, 3), 60, np.uint8)
    cv2.circle(scene, (150, 100), 60, (90, 150, 210), -1)
    part = part_of(scene)
    assert part[part.shape[0] // 2, part.shape[1] // 2]
    assert part.mean() == pytest.approx(np.pi * 60**2 / 60000, abs=0.03)
    assert part_of(np.full((50, 80, 3), 128, np.uint8)).all()


def test_slight_variation_is_slight() -> None:
    image = plate(2, (240, 400))
    seen = varied(image, np.random.default_rng(0))
    assert seen.shape == image.shape
    assert 0 < np.abs(seen.astype(int) - image).mean() < 20
