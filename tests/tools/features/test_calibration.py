"""Scores, a threshold without defects, and how humble few references make."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reinspect.tools.features.calibration import THRESHOLD, FeatureCalibration


def maps(count: int, *, level: float = 5.0, spread: float = 0.3, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [
        (level * (1 + spread / 10 * rng.normal()) + rng.normal(0, spread, (12, 16))).astype(
            np.float32
        )
        for _ in range(count)
    ]


def learned(count: int, **more: float) -> FeatureCalibration:
    return FeatureCalibration.learn(maps(count, **more), known=count)


@given(st.floats(-50, 50), st.integers(2, 60))
def test_a_probability_is_a_half_at_the_threshold(z: float, count: int) -> None:
    calibration = FeatureCalibration.learn(maps(2), known=count)
    assert calibration.probability(THRESHOLD) == pytest.approx(0.5)
    assert (calibration.probability(z) >= 0.5) == (z >= THRESHOLD)


def test_the_fewer_references_the_humbler() -> None:
    sure = [FeatureCalibration.learn(maps(6), known=count).probability(4) for count in (1, 2, 4, 8)]
    assert sure == sorted(sure)
    assert sure[0] < 0.6
    most = [FeatureCalibration.learn(maps(6), known=n).probability(1e6) for n in (2, 8, 40)]
    assert most == pytest.approx([0.8, 0.971, 0.999], abs=1e-3)


def test_farther_is_stranger_and_scale_is_no_matter() -> None:
    calibration, other = learned(6), FeatureCalibration.learn([m * 9 for m in maps(6)], known=6)
    near, far = maps(1, seed=9)[0], maps(1, seed=9)[0] * 1.3
    assert calibration.z(far) > calibration.z(near) + 1
    assert other.z(far * 9) == pytest.approx(calibration.z(far), rel=1e-3)


def test_a_reference_left_out_is_no_part_of_what_is_usual() -> None:
    odd = [*maps(5), maps(1, level=9)[0]]
    calibration = FeatureCalibration.learn(odd, known=6)
    assert calibration.z(odd[-1], excluding=5) > calibration.z(odd[-1]) + 1
    assert calibration.left_out().argmax() == 5


def test_what_weighs_as_one_counts_once() -> None:
    own = maps(4)
    once = FeatureCalibration.learn(own, known=4)
    weights = [1 / 3, 1, 1, 1, 1 / 3, 1 / 3]
    thrice = FeatureCalibration.learn([*own, own[0], own[0]], known=4, weights=weights)
    assert thrice.z(own[1] * 1.2) == pytest.approx(once.z(own[1] * 1.2))
    assert thrice.slope == pytest.approx(once.slope)
    left = thrice.z(own[0], excluding=[0, 4, 5])
    assert left == pytest.approx(once.z(own[0], excluding=0))


def test_identical_references_stay_finite() -> None:
    calibration = FeatureCalibration.learn([np.zeros((4, 4), np.float32)] * 3, known=3)
    assert np.isfinite(calibration.z(np.ones((4, 4), np.float32)))
    assert np.isfinite(calibration.left_out()).all()


def test_it_survives_its_arrays() -> None:
    calibration, plane = learned(4), maps(1, seed=5)[0]
    again = FeatureCalibration.from_arrays(calibration.arrays())
    assert again.z(plane) == calibration.z(plane)
    assert again.known == 4
    assert np.array_equal(again.heat_map(plane), calibration.heat_map(plane))
