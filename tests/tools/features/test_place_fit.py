"""Painted blocks are found where they were painted, on drawn and on real parts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from reinspect.images import read_image
from reinspect.tools.features.fit import FeatureFit
from reinspect.tools.features.network import NetworkFeatures, open_detail
from reinspect.tools.features.place_fit import PlaceFit
from support.boxes import overlap
from support.copies import CHANGES
from support.plates import plate

Corners = tuple[int, int, int, int]


@pytest.fixture(scope="module")
def detail(tmp_path_factory: pytest.TempPathFactory) -> NetworkFeatures:
    return open_detail(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def fit(detail: NetworkFeatures) -> PlaceFit:
    return PlaceFit.from_references(PLATES, detail)


PLATES = [plate(seed, (240, 400)) for seed in range(8)]


def painted(image: np.ndarray, block: Corners, colour: tuple[int, int, int]) -> np.ndarray:
    x1, y1, x2, y2 = block
    return cv2.rectangle(image.copy(), (x1, y1), (x2 - 1, y2 - 1), colour, -1)


def found(
    image: np.ndarray,
    references: Sequence[np.ndarray],
    fit: PlaceFit,
    features: NetworkFeatures,
    detail: NetworkFeatures | None,
) -> Sequence[float]:
    """The box in pixels."""
    first = FeatureFit.from_references(references, features).look(image, features)
    (box,) = fit.locate(image, first.heat_map, detail)
    height, width = image.shape[:2]
    return box[0] * width, box[1] * height, box[2] * width, box[3] * height


@pytest.mark.parametrize(
    ("count", "kept"),
    [
        pytest.param(4, (0, 1, 2, 3), id="each-twice"),
        pytest.param(1, (0,), id="one-five-times"),
    ],
)
def test_near_copies_count_once(count: int, kept: tuple[int, ...]) -> None:
    sharp = [cv2.GaussianBlur(image, (0, 0), 3) for image in PLATES[:count]]
    copied = [change(sharp[place % count]) for place, change in enumerate(CHANGES)]
    once, again = (PlaceFit.from_references(it, None) for it in (sharp, [*sharp, *copied]))
    assert again.chosen == kept
    assert again.usual_colours == once.usual_colours


@pytest.mark.parametrize(
    ("block", "colour"),
    [
        pytest.param((230, 60, 242, 74), (20, 20, 20), id="pit"),
        pytest.param((200, 40, 380, 60), (0, 160, 0), id="bar"),
        pytest.param((180, 80, 380, 220), (250, 250, 250), id="large"),
        pytest.param((20, 20, 180, 90), (0, 0, 255), id="red"),
    ],
)
def test_a_painted_block_is_boxed(
    block: Corners,
    colour: tuple[int, int, int],
    fit: PlaceFit,
    features: NetworkFeatures,
    detail: NetworkFeatures,
) -> None:
    image = painted(plate(20, (240, 400)), block, colour)
    assert overlap(found(image, PLATES, fit, features, detail), block) >= 0.5


# Painted on good ball screws: which of them, the block, its colour.
BLOCKS = [
    pytest.param(4, (400, 120, 500, 180), (0, 0, 255), id="red"),
    pytest.param(4, (400, 120, 600, 240), (0, 0, 255), id="large"),
    pytest.param(4, (400, 120, 460, 180), (250, 250, 250), id="white"),
    pytest.param(5, (400, 120, 700, 160), (0, 160, 0), id="bar"),
    pytest.param(7, (400, 120, 560, 280), (20, 20, 20), id="black"),
]


@pytest.fixture(scope="module")
def ball_screws(real_parts: Path) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Eight references, and the good ones to paint on."""
    kind = real_parts / "ball_screw"
    references = sorted((kind / "train" / "good").iterdir())[:8]
    good = sorted((kind / "test" / "good").iterdir())[:8]
    return [read_image(str(own)) for own in references], [read_image(str(own)) for own in good]


@pytest.mark.parametrize(("which", "block", "colour"), BLOCKS)
def test_a_block_painted_on_a_real_part_is_boxed(
    which: int,
    block: Corners,
    colour: tuple[int, int, int],
    ball_screws: tuple[list[np.ndarray], list[np.ndarray]],
    features: NetworkFeatures,
    detail: NetworkFeatures,
) -> None:
    references, good = ball_screws
    fit = PlaceFit.from_references(references, detail)
    image = painted(good[which], block, colour)
    assert overlap(found(image, references, fit, features, detail), block) >= 0.5


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(np.zeros((240, 400, 3), np.uint8), id="black"),
        pytest.param(np.full((1, 1, 3), 200, np.uint8), id="one-pixel"),
        pytest.param(np.full((4, 4000, 3), 90, np.uint8), id="slender"),
    ],
)
@pytest.mark.parametrize("count", [1, 2, 40])
@pytest.mark.parametrize("alone", [False, True], ids=["detail", "colours-alone"])
def test_odd_images_and_any_number_of_references(
    image: np.ndarray, count: int, alone: bool, detail: NetworkFeatures
) -> None:
    network = None if alone else detail
    few = PlaceFit.from_references([plate(seed) for seed in range(count)], network)
    for x1, y1, x2, y2, score in few.locate(image, np.ones((2, 2), np.float32), network):
        assert 0 <= x1 < x2 <= 1
        assert 0 <= y1 < y2 <= 1
        assert np.isfinite(score)


def test_identical_references_are_no_trouble(detail: NetworkFeatures) -> None:
    same = PlaceFit.from_references([plate(0)] * 3, detail)
    (box,) = same.locate(plate(0, spot=20), np.ones((4, 6), np.float32), detail)
    assert np.isfinite(box).all()


def test_a_fit_survives_its_file(fit: PlaceFit, detail: NetworkFeatures, tmp_path: Path) -> None:
    image, heat = plate(20, (240, 400), spot=30), np.ones((4, 6), np.float32)
    for saved in (fit, PlaceFit.from_references(PLATES, None)):
        saved.save(tmp_path / "fit.npz")
        again = PlaceFit.load(tmp_path / "fit.npz")
        assert again.locate(image, heat, detail) == saved.locate(image, heat, detail)
    (tmp_path / "bad.npz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match="is not a saved"):
        PlaceFit.load(tmp_path / "bad.npz")


def test_without_shallow_features_colours_must_do(features: NetworkFeatures) -> None:
    fit = PlaceFit.from_references(PLATES, None)
    block = (180, 80, 380, 220)
    image = painted(plate(20, (240, 400)), block, (250, 250, 250))
    assert overlap(found(image, PLATES, fit, features, None), block) >= 0.5


def test_a_reference_does_not_vouch_for_itself(fit: PlaceFit, detail: NetworkFeatures) -> None:
    own, heat = PLATES[3], np.ones((4, 6), np.float32)
    assert fit.locate(own, heat, detail) != fit.locate(own, heat, detail, excluding=3)


def test_another_network_and_no_references_are_refused(
    fit: PlaceFit, detail: NetworkFeatures
) -> None:
    with pytest.raises(ValueError, match=r"fitted with efficientnet-lite0-shallow.*, not"):
        fit.locate(PLATES[0], np.ones((2, 2), np.float32), replace(detail, key="other"))
    with pytest.raises(ValueError, match="at least one reference"):
        PlaceFit.from_references([], detail)
