from pathlib import Path

import cv2
import numpy as np
import pytest

from reinspect.tools.embedded.fit import Fit
from reinspect.tools.embedded.second_look import (
    ALIGNED,
    HI_RES,
    SecondFit,
    SecondLook,
    locate,
    look_again,
)


def part(seed: int, *, size: tuple[int, int] = (128, 176)) -> np.ndarray:
    """A rigid part, never quite at the same place nor under the same light."""
    rng = np.random.default_rng(seed)
    height, width = size
    image = np.full((height, width), 80, np.float32)
    cv2.rectangle(image, (width // 6, height // 6), (5 * width // 6, 5 * height // 6), 150, -1)
    for across in (0.3, 0.5, 0.7):
        cv2.circle(image, (int(across * width), height // 2), height // 12, 50, -1)
    cv2.rectangle(image, (width // 4, height // 4), (width // 3, height // 3), 210, -1)
    warp = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-1.5, 1.5), 1)
    warp[:, 2] += rng.uniform(-3, 3, 2)
    image = cv2.warpAffine(image, warp, (width, height), borderMode=cv2.BORDER_REPLICATE)
    image = image * rng.uniform(0.93, 1.07) + rng.normal(0, 2, image.shape)
    return np.dstack([np.clip(image, 0, 255).astype(np.uint8)] * 3)


def texture(seed: int) -> np.ndarray:
    """A surface without places: no two pictures can be laid over each other."""
    rng = np.random.default_rng(seed)
    grain = cv2.GaussianBlur(rng.normal(0, 100, (120, 120)).astype(np.float32), (0, 0), 2)
    return np.dstack([np.clip(120 + grain, 0, 255).astype(np.uint8)] * 3)


def damaged(image: np.ndarray) -> np.ndarray:
    copy = image.copy()
    cv2.ellipse(copy, (104, 47), (10, 5), 30, 0, 360, (20, 20, 20), -1)
    return copy


@pytest.fixture(scope="module")
def fits() -> tuple[Fit, SecondFit]:
    fit = Fit.from_references([part(seed) for seed in range(5)])
    return fit, SecondFit.from_fit(fit)


def look(fits: tuple[Fit, SecondFit], image: np.ndarray) -> SecondLook:
    fit, second = fits
    return look_again(image, fit.look(image), fit, second)


def probabilities(seen: SecondLook) -> dict[str, float]:
    return {witness.name: witness.probability for witness in seen.witnesses}


def test_both_witnesses_agree_on_a_planted_defect(fits: tuple[Fit, SecondFit]) -> None:
    heard = probabilities(look(fits, damaged(part(20))))
    assert heard.keys() == {HI_RES, ALIGNED}
    assert min(heard.values()) > 0.6


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda image: image, id="nothing"),
        pytest.param(lambda image: np.clip(image * 1.15, 0, 255).astype(np.uint8), id="light"),
        pytest.param(lambda image: np.roll(image, 4, axis=1), id="shift"),
    ],
)
def test_the_aligned_witness_finds_nothing_wrong_with_a_good_part(
    fits: tuple[Fit, SecondFit], change
) -> None:
    assert probabilities(look(fits, change(part(21))))[ALIGNED] < 0.5


def test_the_defect_is_boxed_and_shown_beside_a_good_part(fits: tuple[Fit, SecondFit]) -> None:
    image = damaged(part(22))
    seen = look(fits, image)
    (box,) = seen.boxes
    assert box[0] < 104 / 176 < box[2]
    assert box[1] < 47 / 128 < box[3]
    assert (box[2] - box[0]) * (box[3] - box[1]) < 0.1
    assert seen.aligned is not None
    assert seen.aligned.dtype == np.uint8
    assert len(seen.nearest) == 4


def test_references_are_laid_over_by_what_the_first_look_saw_of_the_part(
    fits: tuple[Fit, SecondFit],
) -> None:
    fit, second = fits
    image = damaged(part(23))
    own = fit.look(image).appearance
    np.testing.assert_array_equal(own, fit.bank.appearance(image))
    given, found = second.abreast.lay_over(image, own=own), second.abreast.lay_over(image)
    assert [other.index for other in given] == [other.index for other in found]


def test_textures_are_not_judged_by_laying_one_over_another() -> None:
    fit = Fit.from_references([texture(seed) for seed in range(5)])
    second = SecondFit.from_fit(fit)
    image = texture(9)
    seen = look_again(image, fit.look(image), fit, second)
    assert not second.abreast.comparable
    assert [witness.name for witness in seen.witnesses] == [HI_RES]
    assert seen.aligned is not None


def test_a_reference_is_not_compared_with_itself(fits: tuple[Fit, SecondFit]) -> None:
    fit, second = fits
    image = part(2)
    first = fit.look(image, excluding=2)
    seen = look_again(image, first, fit, second, excluding=2)
    itself = look_again(image, first, fit, second)
    assert 2 not in seen.nearest
    assert 2 in itself.nearest
    assert probabilities(itself)[ALIGNED] < probabilities(seen)[ALIGNED]


def test_a_saved_fit_sees_the_same(fits: tuple[Fit, SecondFit], tmp_path: Path) -> None:
    fit, second = fits
    second.save(tmp_path / "second.npz")
    again = SecondFit.load(tmp_path / "second.npz", fit)
    image = damaged(part(23))
    first = fit.look(image)
    one, two = (look_again(image, first, fit, either) for either in (second, again))
    assert probabilities(one) == pytest.approx(probabilities(two))
    assert one.boxes == two.boxes


def test_the_same_seed_gives_the_same_fit(fits: tuple[Fit, SecondFit]) -> None:
    fit, second = fits
    image = part(24)
    first = fit.look(image)
    again = SecondFit.from_fit(fit)
    assert probabilities(look_again(image, first, fit, again)) == probabilities(
        look_again(image, first, fit, second)
    )


def test_a_file_of_another_kind_is_refused(fits: tuple[Fit, SecondFit], tmp_path: Path) -> None:
    fits[0].save(tmp_path / "first.npz")
    with pytest.raises(ValueError, match="second look"):
        SecondFit.load(tmp_path / "first.npz", fits[0])


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(np.full((128, 176, 3), 7, np.uint8), id="constant"),
        pytest.param(part(3, size=(32, 700)), id="thin"),
        pytest.param(part(3, size=(12, 15)), id="tiny"),
        pytest.param(part(3, size=(500, 300)), id="another-size"),
    ],
)
def test_odd_images_are_judged_by_finite_numbers(
    fits: tuple[Fit, SecondFit], image: np.ndarray
) -> None:
    seen = look(fits, image)
    assert all(0 <= probability <= 1 for probability in probabilities(seen).values())
    assert all(np.isfinite(value) for value in seen.signals.values())
    assert all(np.isfinite(witness.heat_map).all() for witness in seen.witnesses)


def test_one_reference_is_enough_for_cautious_witnesses() -> None:
    fit = Fit.from_references([part(0)])
    second = SecondFit.from_fit(fit)
    image = part(5)
    seen = look_again(image, fit.look(image), fit, second)
    assert all(0.1 < probability < 0.9 for probability in probabilities(seen).values())


def test_what_was_compared_with_a_template_is_left_alone(fits: tuple[Fit, SecondFit]) -> None:
    rng = np.random.default_rng(0)
    boards = []
    for _ in range(3):
        board = np.zeros((256, 256, 3), np.uint8)
        for left, top in rng.integers(0, 220, (12, 2)):
            cv2.rectangle(
                board, (int(left), int(top)), (int(left) + 30, int(top) + 9), (255,) * 3, -1
            )
        boards.append(board)
    fit = Fit.from_references(boards)
    image = boards[1].copy()
    cv2.circle(image, (128, 128), 12, (255, 255, 255), -1)
    first = fit.look(image)
    assert first.signals["template"] > 0
    seen = look_again(image, first, fit, SecondFit.from_fit(fit))
    assert seen.witnesses == ()
    assert seen.boxes == first.boxes


def test_without_a_closer_look_the_first_boxes_stay(fits: tuple[Fit, SecondFit]) -> None:
    image = damaged(part(25))
    first = fits[0].look(image)
    assert locate(image, first, fits[1], []) == first.boxes


def test_what_is_no_image_is_refused(fits: tuple[Fit, SecondFit]) -> None:
    first = fits[0].look(part(1))
    with pytest.raises(ValueError, match="uint8"):
        look_again(np.zeros((20, 20, 3), np.float32), first, *fits)
