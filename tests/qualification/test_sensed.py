"""Faults that are drawn into what sensors measure, and what a rehearsal makes of them."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from reinspect.graph.recipe import Recipe, parse_recipe
from reinspect.qualification import qualify
from reinspect.qualification.detection import extent_of
from reinspect.qualification.references import references_of
from reinspect.qualification.sensed import ReadingDamage, RecordingDamage
from reinspect.samples.readings import DISTANCE, TEMPERATURE
from reinspect.samples.sounds import KINDS, Spell, faulty
from reinspect.tools.fits import PictureFiles
from support.recordings import RATE, hum, write_wav
from support.thermal import warm


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hum")
    for seed in range(5):
        write_wav(folder / f"{seed}.wav", hum(seed))
    return folder


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.03, 0.25])
def test_a_fault_is_heard_about_as_large_as_it_was_asked_for(
    good: Path, kind: str, share: float
) -> None:
    known = references_of(good, Recipe()).set
    drawing, images = RecordingDamage(known), PictureFiles.of(known)
    side = float(np.sqrt(images[0].shape[0] * images[0].shape[1]))
    sizes = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        drawn = drawing.damaged(seed % len(images), images[seed % len(images)], kind, share, rng)
        if drawn is not None:
            sizes.append(extent_of(drawn.mask).longest / side)
            assert drawn.image.shape == images[0].shape
            assert (
                np.abs(drawn.image.astype(int) - images[seed % len(images)])[drawn.mask].min() > 0
            )
    assert len(sizes) >= 3
    assert share / 6 < np.median(sizes) < max(4 * share, 0.2)


def test_the_same_seed_draws_the_same(good: Path) -> None:
    known = references_of(good, Recipe()).set
    drawing, image = RecordingDamage(known), PictureFiles.of(known)[0]
    one, other = (
        drawing.damaged(0, image, "rubbing", 0.2, np.random.default_rng(3)) for _ in range(2)
    )
    assert one is not None
    assert other is not None
    assert np.array_equal(one.image, other.image)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_changes_its_spell_alone(kind: str) -> None:
    sound = hum(0)
    spell = Spell(begin=2000, length=1500, low=800, high=2200)
    changed = faulty(sound, kind, spell, RATE, 12.0, np.random.default_rng(0))
    same = changed == sound
    assert same[:2000].all()
    assert same[3500:].all()
    assert not same[2100:3400].all()


@pytest.mark.slow
def test_a_set_of_recordings_is_qualified(good: Path, fits: Path) -> None:
    made = qualify(good, parse_recipe("tools: []"), cache=fits, looks=3).qualification
    kinds = {limits.kind for limits in made.findings.detection.kinds}
    assert kinds <= set(KINDS)
    assert len(kinds) >= 3
    assert made.findings.detection.overall.found > 0
    assert all(look.setup == "" for look in made.looks)
    assert made.findings.examples


CELSIUS = parse_recipe("{tools: [], pictures: {unit: celsius}}")
MILLIMETRES = parse_recipe("{tools: [], pictures: {unit: mm}}")


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Measured pictures, in °C or mm, with a hole in each that a distance would have."""
    folder = tmp_path_factory.mktemp("boards")
    for seed in range(5):
        moved = np.roll(warm(seed), (3 * seed - 6, 6 - 4 * seed), (0, 1))
        board = (moved * (1 + 0.03 * seed)).astype(np.float32)
        board[5:9, 5:9] = np.nan
        tifffile.imwrite(folder / f"{seed}.tif", board)
    return folder


MEASURED = [
    *(pytest.param(CELSIUS, kind, fault.sign, id=kind) for kind, fault in TEMPERATURE.items()),
    *(pytest.param(MILLIMETRES, kind, fault.sign, id=kind) for kind, fault in DISTANCE.items()),
]


@pytest.mark.parametrize(("recipe", "kind", "sign"), MEASURED)
@pytest.mark.parametrize("share", [0.04, 0.25])
def test_a_fault_differs_in_the_unit_about_as_large_as_it_was_asked_for(
    boards: Path, recipe: Recipe, kind: str, sign: int, share: float
) -> None:
    known = references_of(boards, recipe).set
    drawing, images = ReadingDamage(known), PictureFiles.of(known)
    side = float(np.sqrt(images[0].shape[0] * images[0].shape[1]))
    assert kind in drawing.kinds
    sizes = []
    for seed in range(6):
        owner = seed % len(images)
        drawn = drawing.damaged(owner, images[owner], kind, share, np.random.default_rng(seed))
        if drawn is None:
            continue
        sizes.append(extent_of(drawn.mask).longest / side)
        apart = drawn.image.astype(int) - images[owner]
        assert (sign * apart[drawn.mask]).min() > 0
        assert np.abs(apart[~drawn.mask]).max() <= 0.02 * 255 + 1
    assert len(sizes) >= 5
    assert share / 2 < np.median(sizes) < 1.5 * share


def test_a_part_that_is_measured_again_is_much_the_same(boards: Path) -> None:
    known = references_of(boards, CELSIUS).set
    drawing, images = ReadingDamage(known), PictureFiles.of(known)
    again = drawing.varied(0, images[0], np.random.default_rng(0)).astype(int)
    assert 0 < np.abs(again - images[0]).mean() < 6


@pytest.mark.slow
def test_a_set_of_temperatures_is_qualified(boards: Path, fits: Path) -> None:
    made = qualify(boards, CELSIUS, cache=fits, looks=3).qualification
    assert {limits.kind for limits in made.findings.detection.kinds} <= set(TEMPERATURE)
    assert made.findings.detection.overall.found > 0
    assert made.findings.examples
