"""What a set of references says of itself."""

import cv2
import numpy as np
import pytest

from reinspect.tools.embedded.near_copies import copies, look
from reinspect.tools.setup.references import ReferenceFault
from reinspect.tools.setup.scene import LearnedScene
from support.plates import plate


def other(seed: int) -> np.ndarray:
    """Of another product."""
    image = np.full((120, 200, 3), (30, 90, 160), np.uint8)
    cv2.circle(image, (100, 60), 40 + seed % 3, (200, 220, 230), -1)
    return image + np.random.default_rng(seed).integers(0, 20, image.shape).astype(np.uint8)


def described(image: np.ndarray) -> np.ndarray:
    return cv2.resize(image, (20, 20), interpolation=cv2.INTER_AREA).astype(np.float32)


def touched(image: np.ndarray) -> np.ndarray:
    """One pixel is another."""
    again = image.copy()
    again[5, 7] = 255 - again[5, 7]
    return again


PLATES = [plate(seed) for seed in range(10)]


@pytest.mark.parametrize(
    ("images", "scores", "expected"),
    [
        pytest.param(PLATES[:8], None, [], id="as-it-should-be"),
        pytest.param(PLATES[:3], None, [("few", ())], id="three"),
        pytest.param(PLATES[:1], None, [("few", ())], id="one"),
        pytest.param(
            [PLATES[0], *(touched(PLATES[0]) for _ in range(8))],
            None,
            [("few", ()), ("copies", tuple(range(9)))],
            id="one-picture-with-one-pixel-changed",
        ),
        pytest.param([*PLATES[:8], PLATES[2]], None, [("copies", (2, 8))], id="one-of-them-twice"),
        pytest.param(
            [*PLATES[:6], *map(other, range(3))],
            None,
            [("products", (6, 7, 8))],
            id="two-products",
        ),
        pytest.param([*PLATES[:8], other(0)], None, [("odd", (8,))], id="one-of-another-product"),
        pytest.param(
            PLATES[:8], [0, 0.5, -1, 0.2, 9, 0.1, -0.3, 1], [("odd", (4,))], id="a-defective-one"
        ),
    ],
)
def test_a_set_of_references_is_described(
    images: list[np.ndarray],
    scores: list[float] | None,
    expected: list[tuple[str, tuple[int, ...]]],
) -> None:
    scene = LearnedScene.learn(images, [described(image) for image in images])
    notes = LearnedScene.from_arrays(scene.arrays()).references_report(scores)
    assert [(note.fault, note.references) for note in notes] == [
        (ReferenceFault(fault), which) for fault, which in expected
    ]
    assert all(note.words and "\n" not in note.words for note in notes)


@pytest.mark.parametrize(
    ("right", "light", "same"),
    [
        pytest.param(0.4, 1.0, True, id="moved-by-.2-%"),
        pytest.param(0.0, 1.03, True, id="another-light"),
        pytest.param(0.4, 0.98, True, id="both"),
        pytest.param(6.0, 1.0, False, id="moved-by-3-%"),
        pytest.param(0.0, 1.3, False, id="much-more-light"),
    ],
)
def test_a_slight_shift_or_light_makes_no_other_part(
    right: float, light: float, same: bool
) -> None:
    step = np.array([[1, 0, right], [0, 1, 0]])
    moved = cv2.warpAffine(PLATES[0], step, (200, 120), borderMode=cv2.BORDER_REFLECT)
    again = np.clip(moved * light, 0, 255).astype(np.uint8)
    looks = np.stack([look(image) for image in (*PLATES[:3], again)])
    assert copies(looks) == (((0, 3),) if same else ())


def test_pieces_of_an_even_material_are_no_copies() -> None:
    rng = np.random.default_rng(0)
    film = [np.repeat(rng.normal(128, 9, (300, 300, 1)), 3, 2) for _ in range(4)]
    again = film[0] + rng.normal(0, 2, film[0].shape)
    images = [one.clip(0, 255).astype(np.uint8) for one in (*film, again)]
    looks = np.stack([look(image) for image in images])
    assert copies(looks) == ((0, 4),)
