"""A first look by the network's features: what it finds, and what it is given."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from reinspect.images import read_image
from reinspect.tools.features.cells import FeaturesError
from reinspect.tools.features.fit import FeatureFit
from reinspect.tools.features.network import NetworkFeatures, open_features
from support.copies import CHANGES, lit, noisy
from support.plates import plate


@pytest.fixture(scope="module")
def fit(features: NetworkFeatures) -> FeatureFit:
    return FeatureFit.from_references([plate(seed) for seed in range(8)], features)


@pytest.mark.parametrize("size", [(120, 200), (1200, 2000), (32, 53)], ids=str)
def test_damage_stands_out_and_good_parts_don_t(
    size: tuple[int, int], fit: FeatureFit, features: NetworkFeatures
) -> None:
    good, bad = plate(20), plate(20, spot=24)
    resized = [cv2.resize(it, size[::-1], interpolation=cv2.INTER_AREA) for it in (good, bad)]
    sound, spotted = (fit.look(image, features) for image in resized)
    assert spotted.z > sound.z + 2
    assert spotted.probability > 0.5
    x1, y1, x2, y2, _ = spotted.boxes[0]
    assert x1 < 0.56 < x2
    assert y1 < 0.43 < y2


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(np.zeros((120, 200, 3), np.uint8), id="black"),
        pytest.param(np.full((1, 1, 3), 200, np.uint8), id="one-pixel"),
        pytest.param(np.full((4, 4000, 3), 90, np.uint8), id="slender"),
    ],
)
def test_odd_images_get_finite_looks(
    image: np.ndarray, fit: FeatureFit, features: NetworkFeatures
) -> None:
    look = fit.look(image, features)
    numbers = [look.z, look.threshold, look.probability, *look.signals.values()]
    assert np.isfinite(numbers).all()
    assert np.isfinite(look.heat_map).all()
    assert all(0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1 for x1, y1, x2, y2, _ in look.boxes)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_references_make_humble_looks(count: int, features: NetworkFeatures) -> None:
    few = FeatureFit.from_references([plate(seed) for seed in range(count)], features)
    look = few.look(plate(30), features)
    assert np.isfinite(look.z)
    assert look.signals["references"] == count


def test_identical_references_count_once(features: NetworkFeatures) -> None:
    one = FeatureFit.from_references([plate(0)], features)
    same = FeatureFit.from_references([plate(0)] * 5, features)
    assert one.look(plate(5), features).z == same.look(plate(5), features).z


FOUR = [cv2.GaussianBlur(plate(seed, (240, 400)), (0, 0), 3) for seed in range(4)]


@pytest.mark.parametrize(
    "copied",
    [
        pytest.param([change(FOUR[0]) for change in CHANGES], id="one-five-times"),
        pytest.param([c(i) for c, i in zip(CHANGES, FOUR, strict=True)], id="each-twice"),
    ],
)
def test_near_copies_count_once(copied: list[np.ndarray], features: NetworkFeatures) -> None:
    four = FeatureFit.from_references(FOUR, features)
    eight = FeatureFit.from_references([*FOUR, *copied], features)
    assert eight.calibration.known == 4
    assert eight.look(plate(20), features).signals["references"] == 4
    usual, less = (_usual(fit) for fit in (four, eight))
    assert usual * 0.95 < less < usual * 1.2


def _usual(fit: FeatureFit) -> float:
    """The distance that a threshold is a multiple of."""
    weights = fit.calibration.weights
    return float(np.average(fit.calibration.scores.mean(axis=1), weights=weights))


def test_near_copies_do_not_vouch_for_each_other(features: NetworkFeatures) -> None:
    spotted = plate(9, spot=24)
    references = [*(plate(seed) for seed in range(5)), spotted, noisy(spotted)]
    fit = FeatureFit.from_references(references, features)
    usual = fit.calibration.left_out()
    assert usual[5:].min() > usual[:5].max() + 1
    without = FeatureFit.from_references(references[:5], features)
    expected = without.look(spotted, features).z
    assert fit.look(spotted, features).z == pytest.approx(expected, rel=0.3)


def test_near_copies_of_one_part_are_one_reference(features: NetworkFeatures) -> None:
    one = FeatureFit.from_references(FOUR[:1], features)
    same = FeatureFit.from_references([FOUR[0], *(c(FOUR[0]) for c in CHANGES)], features)
    assert one.look(FOUR[1], features).z == same.look(FOUR[1], features).z
    assert same.pictures == one.pictures


def test_near_copies_fail_no_good_parts(real_parts: Path, features: NetworkFeatures) -> None:
    files = sorted((real_parts / "cookie" / "train" / "good").iterdir())
    four = [read_image(file) for file in files[:4]]
    again = [change(image) for change, image in zip(CHANGES, four, strict=True)]
    fit = FeatureFit.from_references([*four, *again], features)
    looks = [fit.look(read_image(file), features) for file in files[8:20]]
    assert sum(look.probability >= 0.5 for look in looks) <= 2


def test_empty_tiles_are_no_copies(features: NetworkFeatures) -> None:
    empty = np.full((120, 200, 3), 90, np.uint8)
    tiles = [plate(0), empty, plate(1), noisy(empty), plate(2), lit(empty)]
    fit = FeatureFit.from_references(tiles, features, groups=[0, 0, 1, 1, 2, 2])
    assert fit.groups == (0, 0, 1, 1, 2, 2)
    assert fit.calibration.known == 6


def test_a_reference_does_not_vouch_for_itself(fit: FeatureFit, features: NetworkFeatures) -> None:
    own = plate(3)
    others = FeatureFit.from_references([plate(seed) for seed in range(8) if seed != 3], features)
    assert fit.look(own, features).z == pytest.approx(others.look(own, features).z, abs=0.3)
    nearly = own.copy()
    nearly[0, 0] ^= 1  # another picture, by one grey level of one pixel
    assert fit.look(nearly, features).z < fit.look(own, features).z - 1


def test_a_fit_survives_its_file(
    fit: FeatureFit, features: NetworkFeatures, tmp_path: Path
) -> None:
    fit.save(tmp_path / "fit.npz")
    again = FeatureFit.load(tmp_path / "fit.npz")
    image = plate(40, spot=10)
    assert again.look(image, features).z == fit.look(image, features).z
    (tmp_path / "bad.npz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match="is not a saved"):
        FeatureFit.load(tmp_path / "bad.npz")


def test_another_network_is_refused(fit: FeatureFit, features: NetworkFeatures) -> None:
    with pytest.raises(ValueError, match=r"fitted with efficientnet-lite0.*, not with other"):
        fit.look(plate(0), replace(features, key="other"))


def test_no_references_and_no_image_are_refused(fit: FeatureFit, features: NetworkFeatures) -> None:
    with pytest.raises(ValueError, match="at least one reference"):
        FeatureFit.from_references([], features)
    with pytest.raises(ValueError, match="BGR uint8"):
        fit.look(np.zeros((5, 5), np.float32), features)


def test_weights_are_converted_once_and_a_damaged_copy_is_made_anew(
    features: NetworkFeatures, tmp_path: Path
) -> None:
    open_features.cache_clear()
    first = open_features("efficientnet-lite0", tmp_path)
    (kept,) = (tmp_path / "features").iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(whole[:5000])
    open_features.cache_clear()
    again = open_features("efficientnet-lite0", tmp_path)
    assert kept.read_bytes() == whole
    assert np.array_equal(first.describe(plate(0)), again.describe(plate(0)))
    assert np.array_equal(first.describe(plate(0)), features.describe(plate(0)))


def test_a_name_that_nobody_knows_is_refused() -> None:
    with pytest.raises(FeaturesError, match="no features 'dino'; there are: efficientnet-lite0"):
        open_features("dino")
