"""Nearest neighbours, against the plain way; and every reference stays in."""

import numpy as np
import pytest

from reinspect.tools.features.memory import FeatureMemory


def grids(count: int, *, cells: int = 6, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(0, 1, (2, cells // 2, 5)).astype(np.float32) for _ in range(count)]


@pytest.mark.parametrize("excluding", [None, 0, 2])
def test_distances_are_those_of_the_plain_way(excluding: int | None) -> None:
    learned = FeatureMemory.learn(grids(3), (2, 3))
    asked = grids(1, seed=9)[0]
    cells = (asked.reshape(-1, 5) - learned.mean) * learned.scale
    entries = learned.entries[learned.owners != (-1 if excluding is None else excluding)]
    plain = np.linalg.norm(cells[:, None] - entries[None], axis=2).min(axis=1).reshape(2, 3)
    assert learned.compare(asked, excluding=excluding) == pytest.approx(plain, abs=1e-5)


def test_what_is_remembered_is_at_no_distance() -> None:
    every = grids(4)
    learned = FeatureMemory.learn(every, (2, 3))
    assert learned.compare(every[1]).max() < 1e-3
    assert learned.compare(every[1], excluding=1).min() > 0.05


@pytest.mark.parametrize(("count", "budget"), [(40, 100), (500, 100), (3, 1000)])
def test_every_reference_stays_in_within_the_budget(count: int, budget: int) -> None:
    learned = FeatureMemory.learn(grids(count), (2, 3), budget=budget)
    assert set(learned.owners) == set(range(count))
    assert len(learned.entries) <= max(budget, count)


def test_beyond_the_budget_what_is_new_stays() -> None:
    common = np.zeros((2, 3, 5), np.float32)
    odd = common.copy()
    odd[1, 2] = 7
    learned = FeatureMemory.learn([common, common, odd], (2, 3), budget=6)
    assert learned.compare(odd)[1, 2] < 1e-3


@pytest.mark.parametrize("value", [0, 255])
def test_identical_references_stay_finite(value: int) -> None:
    same = [np.full((2, 3, 5), value, np.float32)] * 3
    seen = FeatureMemory.learn(same, (2, 3)).compare(same[0] + 1, excluding=0)
    assert np.isfinite(seen).all()


def test_a_single_reference_leaves_nothing_to_compare() -> None:
    with pytest.raises(ValueError, match="at least 2 references, got 1"):
        FeatureMemory.learn(grids(1), (2, 3))


def test_it_survives_its_arrays() -> None:
    learned, asked = FeatureMemory.learn(grids(3), (2, 3)), grids(1, seed=9)[0]
    again = FeatureMemory.from_arrays(learned.arrays())
    assert np.array_equal(again.compare(asked), learned.compare(asked))
