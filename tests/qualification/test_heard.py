"""Faults that are drawn into recordings, and what a rehearsal makes of them."""

from pathlib import Path

import numpy as np
import pytest

from reinspect.graph.recipe import Recipe, parse_recipe
from reinspect.qualification import qualify
from reinspect.qualification.detection import extent_of
from reinspect.qualification.heard import RecordingDamage
from reinspect.qualification.references import references_of
from reinspect.samples.sounds import KINDS, Spell, faulty
from reinspect.tools.fits import PictureFiles
from support.recordings import RATE, hum, write_wav


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
