from pathlib import Path

import cv2
import numpy as np
import pytest

from reinspect.dataset import sample_at
from reinspect.images import read_image, sha256_of
from reinspect.pictures import write_image
from reinspect.references import ReferenceMode, ReferenceSet
from reinspect.tools.embedded.template_fit import TemplateFit
from reinspect.tools.expert import Expert

SIDE = 256


def board(seed: int) -> np.ndarray:
    """A black-and-white board of tracks and pads."""
    rng = np.random.default_rng(seed)
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    for _ in range(9):
        x, y = (int(value) for value in rng.integers(20, SIDE - 20, 2))
        end = (int(rng.integers(20, SIDE - 20)), y) if rng.random() < 0.5 else (x, SIDE - 20)
        cv2.line(image, (x, y), end, (255, 255, 255), 9)
        cv2.circle(image, (x, y), 12, (255, 255, 255), -1)
    return image


def photograph(image: np.ndarray, *, shift: tuple[float, float]) -> np.ndarray:
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    moved = cv2.warpAffine(image, move, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    return np.where(moved > 127, 255, 0).astype(np.uint8)


def with_short(image: np.ndarray) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """Add copper where there is none; return also its box in pixels."""
    apart = cv2.distanceTransform(255 - image[..., 0], cv2.DIST_L2, 5)
    apart[:30], apart[-30:], apart[:, :30], apart[:, -30:] = 0, 0, 0, 0
    y, x = (int(value) for value in np.unravel_index(apart.argmax(), apart.shape))
    defective = image.copy()
    cv2.rectangle(defective, (x - 7, y - 7), (x + 7, y + 7), (255, 255, 255), -1)
    return defective, (x - 7, y - 7, x + 8, y + 8)


@pytest.fixture(scope="module")
def fit() -> TemplateFit:
    return TemplateFit.from_references([board(seed) for seed in range(6)])


def test_a_defect_on_a_shifted_board_is_boxed(fit: TemplateFit) -> None:
    defective, (x1, y1, x2, y2) = with_short(board(3))
    look = fit.look(photograph(defective, shift=(3, -2)))
    assert look is not None
    assert set(look.members) == {"template"}
    assert look.probability > 0.5
    assert len(look.boxes) == 1
    left, top, right, bottom, _ = (value * SIDE for value in look.boxes[0])
    assert left <= x1 + 6
    assert top <= y1 + 2
    assert right >= x2
    assert bottom >= y2 - 4
    assert (right - left) * (bottom - top) < 9 * (x2 - x1) * (y2 - y1)


@pytest.mark.parametrize("seed", range(6))
def test_a_good_board_passes(fit: TemplateFit, seed: int) -> None:
    look = fit.look(photograph(board(seed), shift=(-1.5, 2)))
    assert look is not None
    assert look.probability < 0.5
    assert look.boxes == ()


@pytest.mark.parametrize(
    ("index", "image"),
    [
        pytest.param(None, board(40), id="no-such-board"),
        pytest.param(3, board(3), id="its-template-left-out"),
        pytest.param(None, np.full((SIDE, SIDE, 3), 80, np.uint8), id="blank"),
    ],
)
def test_without_its_template_it_says_nothing(fit: TemplateFit, index, image) -> None:
    assert fit.look(image, excluding=index) is None


def shaded(seed: int) -> np.ndarray:
    shade = np.linspace(0.4, 1, SIDE)[None, :, None]
    return (board(seed) * shade + 40 * (1 - shade)).astype(np.uint8)


def brushed(seed: int) -> np.ndarray:
    """A bright surface with a grain of a few per cent of the contrast."""
    rng = np.random.default_rng(seed)
    grain = cv2.blur(rng.normal(0, 40, (SIDE, SIDE)), (9, 1))[..., None]
    return np.clip(board(1) * 0.7 + 30 + grain, 0, 255).astype(np.uint8)


def turned(seed: int) -> np.ndarray:
    move = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), 3.0 * seed, 1)
    return np.where(cv2.warpAffine(board(1), move, (SIDE, SIDE)) > 127, 255, 0).astype(np.uint8)


@pytest.mark.parametrize("picture", [shaded, brushed, turned])
def test_what_differs_by_more_than_a_defect_is_no_template(picture) -> None:
    images = [picture(seed) for seed in range(4)]
    known = TemplateFit.from_references(images)
    assert known.templates is None
    assert known.look(images[0]) is None


@pytest.mark.parametrize("count", [2, 20])
def test_photographs_of_one_board_are_templates(count: int) -> None:
    rng = np.random.default_rng(0)
    shifts = [(rng.uniform(-2, 2), rng.uniform(-2, 2)) for _ in range(count)]
    known = TemplateFit.from_references([photograph(board(1), shift=shift) for shift in shifts])
    defective, _ = with_short(board(1))
    good, bad = (known.look(photograph(part, shift=(1, 1))) for part in (board(1), defective))
    assert good is not None
    assert good.probability < 0.5
    assert bad is not None
    assert bad.probability > 0.5


def test_templates_survive_saving(fit: TemplateFit, tmp_path) -> None:
    fit.save(tmp_path / "fit.npz")
    defective, _ = with_short(board(2))
    again, look = TemplateFit.load(tmp_path / "fit.npz").look(defective), fit.look(defective)
    assert again is not None
    assert look is not None
    assert again.boxes == look.boxes


def test_the_template_itself_is_told(fit: TemplateFit) -> None:
    assert fit.template_of(photograph(board(3), shift=(3.0, -2.0))) == 3
    assert fit.template_of(board(4), excluding=4) is None
    assert fit.template_of(board(99)) is None
    assert TemplateFit(None).template_of(board(1)) is None


def test_a_printed_part_is_shown_beside_its_template(tmp_path: Path) -> None:
    files = [str(tmp_path / f"{seed}.png") for seed in range(6)]
    for seed, file in enumerate(files):
        write_image(file, board(seed))
    write_image(tmp_path / "part.png", photograph(board(3), shift=(3.0, -2.0)))
    hashes = tuple(map(sha256_of, files))
    expert = Expert(ReferenceSet(ReferenceMode.GOLDEN, tuple(files), hashes), None)
    sample = sample_at(str(tmp_path / "part.png"), id="part.png")
    (good,) = expert.good_parts(sample, 3)
    assert good.laid_over
    assert np.abs(good.image.astype(int) - read_image(tmp_path / "part.png")).mean() < 10
