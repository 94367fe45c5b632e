"""Both witnesses of the second look, by the expert that the tools ask."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from reinspect.dataset import sample_at
from reinspect.images import Pixels, sha256_of
from reinspect.pictures import write_image
from reinspect.references import ReferenceMode, ReferenceSet
from reinspect.tools.embedded.fit import Fit
from reinspect.tools.embedded.scoring import Box
from reinspect.tools.embedded.second_look import ALIGNED, HI_RES, SecondFit, Witness, locate
from reinspect.tools.expert import Expert
from reinspect.vocabulary import Sample


def part(seed: int, *, size: tuple[int, int] = (128, 176)) -> Pixels:
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


def texture(seed: int) -> Pixels:
    """A surface without places: no two pictures can be laid over each other."""
    rng = np.random.default_rng(seed)
    grain = cv2.GaussianBlur(rng.normal(0, 100, (120, 120)).astype(np.float32), (0, 0), 2)
    return np.dstack([np.clip(120 + grain, 0, 255).astype(np.uint8)] * 3)


def damaged(image: Pixels) -> Pixels:
    copy = image.copy()
    cv2.ellipse(copy, (104, 47), (10, 5), 30, 0, 360, (20, 20, 20), -1)
    return copy


class Seen(NamedTuple):
    """All that the expert says of one image."""

    witnesses: dict[str, Witness]
    nearest: tuple[int, ...]
    boxes: tuple[Box, ...]

    @property
    def probabilities(self) -> dict[str, float]:
        return {name: witness.probability for name, witness in self.witnesses.items()}


def sample(image: Pixels, folder: Path) -> Sample:
    file = folder / "part.png"
    write_image(file, image)
    return sample_at(file, id="part")


def ask(expert: Expert, about: Sample) -> Seen:
    heard = (expert.fine(about), expert.aligned(about))
    return Seen(
        {witness.name: witness for witness in heard if witness is not None},
        tuple(laid.index for laid in expert.abreast(about)),
        expert.located(about),
    )


def expert_on(images: list[Pixels], folder: Path, cache: Path | None = None) -> Expert:
    files = [folder / f"{number}.png" for number in range(len(images))]
    for file, image in zip(files, images, strict=True):
        write_image(file, image)
    hashes = tuple(map(sha256_of, files))
    return Expert(ReferenceSet(ReferenceMode.GOLDEN, tuple(map(str, files)), hashes), cache)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("good")


@pytest.fixture(scope="module")
def expert(good: Path) -> Expert:
    return expert_on([part(seed) for seed in range(5)], good)


def test_both_witnesses_agree_on_a_planted_defect(expert: Expert, tmp_path: Path) -> None:
    heard = ask(expert, sample(damaged(part(20)), tmp_path)).probabilities
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
    expert: Expert, tmp_path: Path, change: Callable[[Pixels], Pixels]
) -> None:
    assert ask(expert, sample(change(part(21)), tmp_path)).probabilities[ALIGNED] < 0.5


def test_the_defect_is_boxed_and_shown_beside_a_good_part(expert: Expert, tmp_path: Path) -> None:
    about = sample(damaged(part(22)), tmp_path)
    (box,) = ask(expert, about).boxes
    assert box[0] < 104 / 176 < box[2]
    assert box[1] < 47 / 128 < box[3]
    assert (box[2] - box[0]) * (box[3] - box[1]) < 0.1
    laid = expert.abreast(about)
    assert len(laid) == 4
    assert laid[0].image.dtype == np.uint8


def test_references_are_laid_over_by_what_the_first_look_saw_of_the_part() -> None:
    fit = Fit.from_references([part(seed) for seed in range(5)])
    abreast = SecondFit.from_fit(fit).abreast
    image = damaged(part(23))
    own = fit.look(image).appearance
    np.testing.assert_array_equal(own, fit.bank.appearance(image))
    given, found = abreast.lay_over(image, own=own), abreast.lay_over(image)
    assert [other.index for other in given] == [other.index for other in found]


def test_textures_are_not_judged_by_laying_one_over_another(tmp_path: Path) -> None:
    textures = expert_on([texture(seed) for seed in range(5)], tmp_path / "good")
    seen = ask(textures, sample(texture(9), tmp_path))
    assert seen.witnesses.keys() == {HI_RES}
    assert len(seen.nearest) == 1


def test_a_reference_is_not_compared_with_itself(
    expert: Expert, good: Path, tmp_path: Path
) -> None:
    itself = ask(expert, sample_at(good / "2.png", id="part"))
    stranger = part(2)
    stranger[0, 0] += 1  # one grey level of one pixel: another picture, by its hash
    other = ask(expert, sample(stranger, tmp_path))
    assert len(itself.nearest) == len(other.nearest) == 4
    assert len({*other.nearest} - {*itself.nearest}) == 1
    assert other.probabilities[ALIGNED] < itself.probabilities[ALIGNED]


def test_a_saved_fit_sees_the_same_as_one_made_anew(expert: Expert, tmp_path: Path) -> None:
    about = sample(damaged(part(23)), tmp_path)
    images = [part(seed) for seed in range(5)]
    made = ask(expert_on(images, tmp_path / "good", tmp_path), about)
    assert sorted(file.suffix for file in (tmp_path / "fits").iterdir()).count(".npz") == 3
    saved = ask(expert_on(images, tmp_path / "good", tmp_path), about)
    anew = ask(expert, about)
    assert saved.probabilities == pytest.approx(made.probabilities)
    assert saved.boxes == made.boxes == anew.boxes
    assert made.probabilities == anew.probabilities


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    fit = Fit.from_references([part(seed) for seed in range(2)])
    fit.save(tmp_path / "first.npz")
    with pytest.raises(ValueError, match="second look"):
        SecondFit.load(tmp_path / "first.npz", fit)


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
    expert: Expert, image: Pixels, tmp_path: Path
) -> None:
    seen = ask(expert, sample(image, tmp_path))
    assert seen.witnesses
    assert all(0 <= probability <= 1 for probability in seen.probabilities.values())
    assert all(np.isfinite(witness.z) for witness in seen.witnesses.values())
    assert all(np.isfinite(witness.heat_map).all() for witness in seen.witnesses.values())


def test_one_reference_is_enough_for_cautious_witnesses(tmp_path: Path) -> None:
    seen = ask(expert_on([part(0)], tmp_path / "good"), sample(part(5), tmp_path))
    assert seen.witnesses
    assert all(0.1 < probability < 0.9 for probability in seen.probabilities.values())


def test_what_was_compared_with_a_template_is_left_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    boards = []
    for _ in range(3):
        board = np.zeros((256, 256, 3), np.uint8)
        for left, top in rng.integers(0, 220, (12, 2)):
            cv2.rectangle(
                board, (int(left), int(top)), (int(left) + 30, int(top) + 9), (255,) * 3, -1
            )
        boards.append(board)
    image = boards[1].copy()
    cv2.circle(image, (128, 128), 12, (255, 255, 255), -1)
    by_template, about = expert_on(boards, tmp_path / "good"), sample(image, tmp_path)
    first = by_template.look(about)
    assert first.signals["template"] > 0
    assert ask(by_template, about) == ({}, (), first.boxes)


def test_without_a_closer_look_the_first_boxes_stay() -> None:
    fit = Fit.from_references([part(seed) for seed in range(2)])
    image = damaged(part(25))
    first = fit.look(image)
    assert locate(image, first, SecondFit.from_fit(fit), []) == first.boxes
