"""Which good part stands beside a part, and whether it lies over it."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from reinspect.dataset import NewReference, ReferenceVersions
from reinspect.export.good_parts import FAINT, good_part
from reinspect.images import Pixels
from reinspect.pictures import side_by_side, write_image
from support.made_traces import sample


def plate(shift: int = 0, *, bright: int = 0, seed: int = 0) -> Pixels:
    """A part with holes; another seed has them elsewhere."""
    rng = np.random.default_rng(seed)
    pixels = np.full((240, 320, 3), 90 + bright, np.uint8)
    for x, y in rng.integers(20, 220, (12, 2)):
        cv2.circle(pixels, (int(x) + 40 + shift, int(y)), 9, (200, 180, 160), -1)
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), 1), np.uint8)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    for number in range(3):
        write_image(tmp_path / f"plate/train/good/{number}.png", plate(seed=number))
    return tmp_path / "plate"


@pytest.mark.parametrize("recipe", ["references: {folder}", "references: {{bolt: {folder}}}"])
def test_the_most_alike_is_laid_over(good: Path, recipe: str) -> None:
    part = plate(6, bright=10, seed=1)
    part[100:130, 150:190] = 20
    shown = good_part(recipe.format(folder=good / "train/good"), sample("a.png"), part, None)
    assert shown is not None
    assert shown.words == "A good part, laid over"
    inner = (slice(20, 220), slice(60, 260))
    apart = np.abs(shown.pixels[inner].astype(int) - plate(6, seed=1)[inner]).mean()
    assert apart < 3  # its own light is kept
    assert shown.differs is not None
    changed = shown.differs > FAINT
    assert changed[105:125, 155:185].mean() > 0.9
    assert changed[inner].mean() < 0.15


def test_those_of_the_data_set_serve_a_recipe_that_names_none(good: Path) -> None:
    path = good / "test/dent/0.png"
    write_image(path, plate(seed=2))
    shown = good_part("detector: embedded", sample("a.png", path=str(path)), plate(seed=2), None)
    assert shown is not None
    assert np.abs(shown.pixels.astype(int) - plate(seed=2)).mean() < 3


@pytest.mark.parametrize("recipe", ["detector: embedded", "references: /nowhere"])
@pytest.mark.parametrize("named", ["{folder}", "version 1 of {folder}"])
def test_those_that_the_run_was_given_come_first(good: Path, recipe: str, named: str) -> None:
    folder = good / "train/good"
    if named != "{folder}":
        added = [NewReference(str(file), "here") for file in sorted(folder.iterdir())]
        folder = good / "plates"
        ReferenceVersions(folder).add(added, who="Ann")
    given = named.format(folder=folder)
    shown = good_part(recipe, sample("a.png"), plate(seed=2), None, given)
    assert shown is not None
    assert np.abs(shown.pixels.astype(int) - plate(seed=2)).mean() < 3


def test_what_lies_otherwise_is_shown_as_it_lies(good: Path) -> None:
    noise = np.random.default_rng(9).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    shown = good_part(f"references: {good}", sample("a.png"), noise, None)
    assert shown is not None
    assert (shown.words, shown.differs) == ("A good part, as it lies", None)
    assert shown.pixels.shape == noise.shape


def test_what_the_run_has_kept_serves_where_the_references_are_gone(tmp_path: Path) -> None:
    kept = tmp_path / "beside.png"
    write_image(kept, side_by_side(plate(6, seed=1), plate(seed=1)))
    shown = good_part("references: /nowhere", sample("a.png"), plate(6, seed=1), kept)
    assert shown is not None
    assert shown.words == "A good part, laid over"


@pytest.mark.parametrize("recipe", ["", "[", "references: 3", "references: {bolt: /nowhere}"])
def test_without_any_there_is_none(tmp_path: Path, recipe: str) -> None:
    write_image(tmp_path / "no.png", plate())
    (tmp_path / "no.png").write_bytes(b"none")
    assert good_part(recipe, sample("a.png"), plate(), tmp_path / "no.png") is None
