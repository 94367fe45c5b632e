import numpy as np
import pytest

from reinspect.samples import PRODUCTS, Process
from reinspect.samples.defects import DEFECTS, damaged
from reinspect.samples.parts import pose
from reinspect.samples.surfaces import SURFACES, Surface

SIZE = 160


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("product", PRODUCTS)
def test_sound_pieces_vary_and_come_back_by_seed(product: str) -> None:
    process = Process.draw(rng(), product)
    first, second = process.picture(rng(1), SIZE), process.picture(rng(2), SIZE)
    assert first.shape == (SIZE, SIZE, 3)
    assert first.dtype == np.uint8
    assert first.std() > 4
    assert (first != second).mean() > 0.3
    again = Process.draw(rng(), product).picture(rng(1), SIZE)
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize(
    ("product", "kind"),
    [
        pytest.param(product, kind, id=f"{product}-{kind}")
        for product in PRODUCTS
        for kind in Process.draw(rng(), product).faults
    ],
)
def test_masks_are_where_the_defect_shows(product: str, kind: str) -> None:
    process = Process.draw(rng(3), product)
    draw = rng(4)
    matrix = pose(draw, SIZE, turn=process.turn, shift=process.shift, zoom=process.zoom)
    scene = process.part(draw, SIZE, matrix)
    damage = damaged(scene, draw, kind)
    change = np.abs(damage.image - scene.image).max(axis=2)
    assert 5 <= damage.mask.sum() < 0.15 * SIZE**2
    assert change[damage.mask].mean() > 0.03
    # Faint foothills and marks of a pixel may lie outside; nothing that matters does.
    outside = change * ~damage.mask
    assert (outside > 0.15).sum() <= 0.15 * damage.mask.sum()
    assert outside.sum() < 0.5 * change.sum()


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_defective_picture_has_its_mask_and_kind(product: str) -> None:
    process = Process.draw(rng(), product)
    picture = process.defective(rng(5), SIZE)
    assert picture.kind in process.faults
    assert picture.mask.shape == (SIZE, SIZE)
    assert picture.mask.dtype == bool
    assert picture.image.shape == (SIZE, SIZE, 3)


def test_every_defect_has_a_product() -> None:
    made = {kind for product in PRODUCTS for kind in Process.draw(rng(), product).faults}
    assert made == set(DEFECTS)


def test_processes_of_one_product_differ() -> None:
    assert Process.draw(rng(1), "flange") != Process.draw(rng(2), "flange")
    pictures = [Process.draw(rng(seed), "flange").picture(rng(9), SIZE) for seed in (1, 2)]
    assert np.abs(pictures[0].astype(int) - pictures[1]).mean() > 5


def test_any_product_is_drawn() -> None:
    draw = rng()
    assert len({Process.draw(draw).product for _ in range(80)}) > len(PRODUCTS) / 2


@pytest.mark.parametrize("kind", SURFACES)
@pytest.mark.parametrize("size", [64, 150])
def test_surfaces_fill_any_size(kind: str, size: int) -> None:
    piece = Surface.draw(rng(), kind)(rng(), size)
    assert piece.shape == (size, size, 3)
    assert piece.dtype == np.float32
    assert piece.min() >= 0
    assert piece.max() <= 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda: Process.draw(rng(), "teapot"), "product 'teapot'", id="product"),
        pytest.param(lambda: Surface.draw(rng(), "fog"), "surface 'fog'", id="surface"),
        pytest.param(
            lambda: Process.draw(rng(), "gear").defective(rng(), SIZE, kind="rust"),
            "defect 'rust'",
            id="defect",
        ),
        pytest.param(
            lambda: Process.draw(rng(), "wood").defective(rng(), SIZE, kind="misprint"),
            "no place",
            id="print-where-there-is-none",
        ),
    ],
)
def test_unknown_names_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
