import numpy as np
import pytest

from reinspect.samples.blemishes import BLEMISHES
from reinspect.samples.textures import TEXTURES, Texture
from reinspect.samples.variety import Variety

SIZE = 96


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_there_is_variety() -> None:
    assert len(TEXTURES) >= 12
    assert len(BLEMISHES) >= 16
    kinds = {Texture.draw(rng(seed)).kind for seed in range(200)}
    assert kinds == set(TEXTURES)


@pytest.mark.parametrize("seed", range(12))
def test_pairs_come_back_by_seed_and_masks_mark_what_changed(seed: int) -> None:
    process = Variety.draw(rng(seed))
    pair = process.pair(rng(seed + 1), SIZE, damaged=True)
    again = Variety.draw(rng(seed)).pair(rng(seed + 1), SIZE, damaged=True)
    for one, other in zip(pair, again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert pair.sound.shape == pair.seen.shape == (SIZE, SIZE, 3)
    assert pair.sound.dtype == pair.seen.dtype == np.uint8
    assert pair.mask.shape == (SIZE, SIZE)
    assert pair.mask.mean() < 0.6


def test_sound_pieces_have_no_mask() -> None:
    for seed in range(12):
        assert not Variety.draw(rng(seed)).pair(rng(), SIZE, damaged=False).mask.any()


def test_pieces_of_one_process_differ() -> None:
    process = Variety.draw(rng(3))
    draw = rng()
    first, second = (process.pair(draw, SIZE, damaged=False).sound for _ in range(2))
    assert (first != second).any()
