import cv2
import numpy as np
import pytest

from reinspect.tools.embedded import alignment
from reinspect.tools.embedded.features import Bank, resize


def part(height: int = 240, width: int = 320, *, seed: int = 0) -> np.ndarray:
    """A plate with a hole, a label and some soft grain."""
    rng = np.random.default_rng(seed)
    grain = cv2.GaussianBlur(rng.normal(0, 60, (height, width)).astype(np.float32), (0, 0), 3)
    image = np.full((height, width), 90, np.float32) + grain
    image[height // 5 : -height // 5, width // 5 : -width // 5] += 70
    cv2.circle(image, (width // 2, height // 2), min(height, width) // 6, 30, -1)
    cv2.rectangle(image, (width // 4, height // 4), (width // 3, height // 3), 220, -1)
    return np.dstack([np.clip(image, 0, 255).astype(np.uint8)] * 3)


def moved(image: np.ndarray, degrees: float, right: float, down: float) -> np.ndarray:
    height, width = image.shape[:2]
    warp = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    warp[:, 2] += (right, down)
    return cv2.warpAffine(image, warp, (width, height), borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize(
    ("degrees", "right", "down"),
    [
        pytest.param(0, 0, 0, id="stays"),
        pytest.param(0, 12.5, -7, id="shift"),
        pytest.param(4, 0, 0, id="rotation"),
        pytest.param(-3, 9, 6, id="both"),
    ],
)
def test_a_known_motion_is_undone(degrees: float, right: float, down: float) -> None:
    image = part()
    aligned = alignment.align(image, moved(image, degrees, right, down), index=3)
    centre = aligned.warp @ [160, 120, 1]
    assert centre == pytest.approx([160 + right, 120 + down], abs=1)
    turned = np.rad2deg(np.arctan2(aligned.warp[1, 0], aligned.warp[0, 0]))
    assert turned == pytest.approx(-degrees, abs=0.4)
    assert aligned.correlation > 0.95
    assert aligned.index == 3


def test_a_brighter_reference_is_given_the_images_exposure() -> None:
    image = part()
    brighter = np.clip(image * 1.15 + 20, 0, 255).astype(np.uint8)
    aligned = alignment.align(image, brighter)
    assert np.abs(aligned.image.astype(int) - image).mean() < 3


def test_the_difference_shows_the_defect_and_not_the_motion() -> None:
    good = part()
    damaged = good.copy()
    cv2.circle(damaged, (230, 150), 6, (0, 0, 0), -1)
    references = [alignment.align(damaged, moved(good, 2, 5, 3)), alignment.align(damaged, good)]
    apart = alignment.difference(damaged, references)
    assert apart.shape == damaged.shape[:2]
    down, right = np.unravel_index(apart.argmax(), apart.shape)
    assert np.hypot(right - 230, down - 150) < 8
    outside = np.delete(apart.ravel(), np.flatnonzero(cv2.circle(apart * 0, (230, 150), 12, 1, -1)))
    assert np.quantile(outside, 0.99) < 0.1 * apart.max()


def test_the_references_that_look_alike_come_first_whatever_their_exposure() -> None:
    references = [part(seed=1)[:, ::-1], part(seed=2)[::-1], part(seed=3)]
    bank = Bank.learn([resize(image) for image in references], np.random.default_rng(0))
    vectors = np.stack([bank.appearance(image) for image in references])
    own = bank.appearance((part(seed=3) * 0.7).astype(np.uint8))
    assert alignment.nearest(own, vectors, 2)[0] == 2
    assert 2 not in alignment.nearest(own, vectors, 3, excluding=2)
    assert len(alignment.nearest(own, vectors, 5)) == 3


@pytest.mark.parametrize(
    ("image", "reference"),
    [
        pytest.param(np.full((64, 64, 3), 90, np.uint8), part(64, 64), id="constant"),
        pytest.param(part(64, 64), np.zeros((64, 64, 3), np.uint8), id="constant-reference"),
        pytest.param(np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9, 3), np.uint8), id="black"),
        pytest.param(part(30, 900), part(120, 160), id="thin"),
        pytest.param(part(7, 5), part(40, 40), id="tiny"),
        pytest.param(part(100, 140), part(80, 90), id="sizes-differ"),
    ],
)
def test_odd_images_are_aligned_without_harm(image: np.ndarray, reference: np.ndarray) -> None:
    aligned = alignment.align(image, reference)
    assert aligned.image.shape == image.shape
    assert np.isfinite(aligned.warp).all()
    assert -1 <= aligned.correlation <= 1
    assert np.isfinite(alignment.difference(image, [aligned])).all()


def test_unrelated_images_are_left_where_they_are_rather_than_thrown_about() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3)).astype(np.uint8)
    other = np.random.default_rng(1).integers(0, 256, (96, 96, 3)).astype(np.uint8)
    moved_by = np.abs(alignment.align(noise, other).warp @ [48, 48, 1] - [48, 48])
    assert (moved_by <= 0.25 * 96 + 1).all()


def test_a_difference_needs_a_reference() -> None:
    with pytest.raises(ValueError, match="at least one"):
        alignment.difference(part(), [])
