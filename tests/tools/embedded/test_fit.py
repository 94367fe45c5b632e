import cv2
import numpy as np
import pytest

from reinspect.tools.embedded.fit import Fit
from reinspect.tools.embedded.folder import FolderFit
from reinspect.tools.embedded.look import Look
from reinspect.tools.embedded.single import look_alone
from support.copies import CHANGES, noisy

SPOT = (120, 70, 24)  # x, y, side in pixels


def part(seed: int, *, size: tuple[int, int] = (160, 224), spot: bool = False) -> np.ndarray:
    """A brushed plate with a hole, a little different each time."""
    rng = np.random.default_rng(seed)
    rows, columns = size
    grain = cv2.GaussianBlur(
        rng.normal(0, 30, (rows, columns)).astype(np.float32), (9, 1), 3, None, 0.5
    )
    plate = 130 + grain + np.linspace(-20, 20, columns) + rng.normal(0, 3)
    centre = (columns // 4 + int(rng.integers(-2, 3)), rows // 2 + int(rng.integers(-2, 3)))
    image = cv2.cvtColor(np.clip(plate, 0, 255).astype(np.uint8), cv2.COLOR_GRAY2BGR)
    cv2.circle(image, centre, rows // 6, (40, 45, 50), -1)
    if spot:
        x, y, side = SPOT
        patch = rng.integers(0, 255, (side // 4, side // 4, 3)).astype(np.uint8)
        image[y : y + side, x : x + side] = cv2.resize(
            patch, (side, side), interpolation=cv2.INTER_NEAREST
        )
    return image


def same(left: Look, right: Look) -> bool:
    return (
        (left.z, left.threshold, left.probability) == (right.z, right.threshold, right.probability)
        and left.boxes == right.boxes
        and dict(left.members) == dict(right.members)
        and dict(left.signals) == dict(right.signals)
        and np.array_equal(left.heat_map, right.heat_map)
    )


def sound(look: Look) -> bool:
    numbers = [look.z, look.threshold, *look.members.values(), *look.signals.values()]
    return (
        bool(np.isfinite(numbers).all() and np.isfinite(look.heat_map).all())
        and look.heat_map.dtype == np.float32
        and look.heat_map.ndim == 2
        and 0 <= look.probability <= 1
        and (look.probability > 0.5) == (look.z > look.threshold)
        and all(0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1 for x1, y1, x2, y2, _ in look.boxes)
    )


@pytest.fixture(scope="module")
def references() -> list[np.ndarray]:
    return [part(seed) for seed in range(8)]


@pytest.fixture(scope="module")
def fit(references: list[np.ndarray]) -> Fit:
    return Fit.from_references(references)


def test_a_planted_spot_is_anomalous_and_boxed(fit: Fit) -> None:
    good, bad = fit.look(part(100)), fit.look(part(100, spot=True))
    assert bad.z > good.z + 2
    assert bad.probability > 0.5
    x, y, side = SPOT
    x1, y1, x2, y2, score = bad.boxes[0]
    centre = ((x + side / 2) / 224, (y + side / 2) / 160)
    assert x1 <= centre[0] < x2
    assert y1 <= centre[1] < y2
    assert score == max(box[4] for box in bad.boxes)


@pytest.mark.parametrize("count", [4, 1])
def test_near_copies_count_once(count: int) -> None:
    smooth = [cv2.GaussianBlur(part(seed), (0, 0), 3) for seed in range(count)]
    copied = [change(smooth[place % count]) for place, change in enumerate(CHANGES)]
    once, again = (Fit.from_references(it) for it in (smooth, [*smooth, *copied]))
    assert same(once.look(part(100)), again.look(part(100)))
    assert again.album.position(count) is None  # its copy stays
    assert same(again.look(smooth[0], excluding=0), again.look(smooth[0]))


def test_tiles_are_no_copies_however_alike() -> None:
    even = cv2.GaussianBlur(part(2), (0, 0), 3)
    tiles = [part(0), even, part(1), noisy(even)]
    assert len(Fit.from_references(tiles, groups=[0, 0, 1, 1]).album.pages) == 4
    assert len(Fit.from_references(tiles, groups=[0, 1, 2, 3]).album.pages) == 3


def test_most_unseen_good_parts_pass(fit: Fit) -> None:
    verdicts = [fit.look(part(seed)).probability > 0.5 for seed in range(200, 212)]
    assert sum(verdicts) <= 5


def test_the_same_inputs_give_the_same_bits(references: list[np.ndarray], fit: Fit) -> None:
    image = part(100, spot=True)
    assert same(Fit.from_references(references).look(image), fit.look(image))


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(Fit.from_references, id="references"),
        pytest.param(FolderFit.from_references, id="folder"),
    ],
)
def test_a_saved_fit_looks_alike(make, references: list[np.ndarray], tmp_path) -> None:
    fitted = make(references)
    path = tmp_path / "saved.npz"
    fitted.save(path)
    loaded = type(fitted).load(path)
    image = part(100, spot=True)
    assert same(loaded.look(image), fitted.look(image))
    assert same(loaded.look(references[2], excluding=2), fitted.look(references[2], excluding=2))
    assert [entry.name for entry in tmp_path.iterdir()] == ["saved.npz"]


def test_a_file_of_another_kind_is_refused(fit: Fit, tmp_path) -> None:
    path = tmp_path / "saved.npz"
    fit.save(path)
    with pytest.raises(ValueError, match="holds 'reinspect filters"):
        FolderFit.load(path)
    path.write_bytes(b"no archive")
    with pytest.raises(ValueError, match="is not a saved"):
        Fit.load(path)


def test_leaving_a_reference_out_really_leaves_it_out() -> None:
    images = [part(seed) for seed in range(7)] + [part(7, spot=True)]
    fitted = Fit.from_references(images)
    known, left_out = fitted.look(images[7]), fitted.look(images[7], excluding=7)
    assert left_out.z > known.z + 2
    without = Fit.from_references(images[:7]).look(images[7])
    assert left_out.probability > 0.5
    assert without.probability > 0.5


def test_leaving_out_one_of_two_copies_leaves_the_other(references: list[np.ndarray]) -> None:
    fitted = Fit.from_references([*references, references[3]])
    assert same(fitted.look(references[3], excluding=3), fitted.look(references[3]))


BLACK = np.zeros((64, 64, 3), np.uint8)


@pytest.mark.parametrize(
    "images",
    [
        pytest.param([part(0)], id="one"),
        pytest.param([part(0), part(1)], id="two"),
        pytest.param([part(0)] * 8, id="identical"),
        pytest.param([part(0), part(1, size=(96, 96)), part(2, size=(300, 80))], id="sizes"),
        pytest.param([BLACK], id="one-constant"),
        pytest.param([BLACK, BLACK + 1, BLACK + 2], id="constant"),
        pytest.param([BLACK[:1, :1], BLACK[:1, :1] + 9], id="one-pixel"),
        pytest.param([np.tile(part(0)[:4], (1, 3, 1)), np.tile(part(1)[:4], (1, 3, 1))], id="thin"),
    ],
)
def test_odd_references_give_a_sound_look(images: list[np.ndarray]) -> None:
    fitted = Fit.from_references(images)
    for image in (images[0], part(100), BLACK, BLACK[:1, :1], np.full((3000, 4, 3), 90, np.uint8)):
        assert sound(fitted.look(image))
    assert fitted.look(images[0]).probability < 0.5


def test_a_much_larger_image_is_judged_at_the_working_size(fit: Fit) -> None:
    image = cv2.resize(part(100, spot=True), None, fx=10, fy=10, interpolation=cv2.INTER_CUBIC)
    look = fit.look(image)
    assert sound(look)
    assert look.probability > 0.5


def test_one_reference_neither_flags_nor_passes_everything() -> None:
    fitted = Fit.from_references([part(0)])
    good, bad = fitted.look(part(100)), fitted.look(part(100, spot=True))
    assert good.probability < 0.5 < bad.probability


@pytest.mark.parametrize(
    ("images", "message"),
    [
        pytest.param([], "at least one", id="none"),
        pytest.param([np.zeros((8, 8), np.uint8)], "shape", id="grey"),
        pytest.param([np.zeros((8, 8, 3))], "uint8", id="floats"),
        pytest.param([np.zeros((0, 8, 3), np.uint8)], "shape", id="empty"),
    ],
)
def test_unusable_references_are_refused(images: list[np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Fit.from_references(images)


def test_leaving_out_what_is_not_there_is_refused(fit: Fit) -> None:
    with pytest.raises(ValueError, match="no reference 8"):
        fit.look(part(0), excluding=8)
    with pytest.raises(ValueError, match="leaves none"):
        Fit.from_references([part(0)]).look(part(0), excluding=0)


def test_many_references_are_thinned_out_but_keep_their_numbers() -> None:
    images = [part(seed, size=(64, 64)) for seed in range(20)]
    fitted = Fit.from_references(images)
    assert len(fitted.album.pages) == 16
    assert sound(fitted.look(images[19], excluding=19))
    assert sound(fitted.look(images[1], excluding=1))


def test_a_folder_with_defects_among_its_images_still_finds_them() -> None:
    images = [part(seed, spot=seed % 4 == 0) for seed in range(24)]
    fitted = FolderFit.from_references(images)
    z = np.array([fitted.look(image, excluding=index).z for index, image in enumerate(images)])
    bad = np.arange(24) % 4 == 0
    assert z[bad].min() > z[~bad].max()
    assert fitted.look(part(100, spot=True)).probability > 0.5 > fitted.look(part(100)).probability


@pytest.mark.parametrize(
    "images",
    [
        pytest.param([part(0), part(1)], id="two"),
        pytest.param([part(0)] * 6, id="identical"),
        pytest.param([BLACK, BLACK + 1, BLACK + 2], id="constant"),
        pytest.param([part(0), part(1, size=(96, 96)), part(2, size=(300, 80))], id="sizes"),
    ],
)
def test_odd_folders_give_a_sound_look(images: list[np.ndarray]) -> None:
    fitted = FolderFit.from_references(images)
    for index, image in enumerate(images):
        assert sound(fitted.look(image, excluding=index))
    assert sound(fitted.look(BLACK[:1, :1]))


def test_a_folder_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        FolderFit.from_references([part(0)])


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(part(0), id="part"),
        pytest.param(BLACK, id="constant"),
        pytest.param(BLACK[:1, :1], id="one-pixel"),
        pytest.param(np.full((3000, 4, 3), 90, np.uint8), id="thin"),
    ],
)
def test_an_image_alone_gets_no_verdict(image: np.ndarray) -> None:
    look = look_alone(image)
    assert look.probability == 0.5
    assert look.boxes == ()
    assert np.isfinite(look.heat_map).all()


def test_an_image_alone_shows_where_it_differs_from_itself() -> None:
    heat = look_alone(part(0, spot=True)).heat_map
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    x, y, side = SPOT
    assert x - 8 <= (column + 0.5) * 224 / heat.shape[1] <= x + side + 8
    assert y - 8 <= (row + 0.5) * 160 / heat.shape[0] <= y + side + 8
