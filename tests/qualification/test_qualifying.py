"""A product's references rehearsed: what is found, what is kept, and what is refused."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from reinspect import Inspector
from reinspect.errors import ReinspectError
from reinspect.graph.recipe import Recipe, parse_recipe
from reinspect.qualification import DamageOrigin, Qualified, page, qualify
from reinspect.qualification.assembling import said_of_second_look, second_look_worth
from reinspect.qualification.damage import KINDS
from reinspect.qualification.judging import RehearsalJudge
from reinspect.qualification.keeping import kept_qualifications, read_qualification
from reinspect.qualification.looks import PartLook
from reinspect.qualification.references import references_of
from reinspect.qualification.rehearsal import (
    REHEARSED,
    falsely_called,
    plan,
    trials_of,
)
from reinspect.references import evenly_spaced
from reinspect.vocabulary import Explanation
from support.plates import plate

pytestmark = pytest.mark.model
LOOKS = 4


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def qualified(plates: Path, quick_recipe: Recipe, cache: Path) -> Qualified:
    return qualify(plates, quick_recipe, cache=cache, looks=LOOKS)


@pytest.fixture
def fits(cache: Path, qualified: Qualified, tmp_path: Path) -> Path:
    """A cache of its own, with the fits that were made before."""
    own = tmp_path / "own"
    own.mkdir()
    for name in ("features", "fits"):
        (own / name).symlink_to(cache / name)
    return own


def refused(folder: Path, recipe: Recipe, **options: object) -> str:
    with pytest.raises(ReinspectError) as caught:
        qualify(folder, recipe, looks=1, **options)  # type: ignore[arg-type]
    (line,) = str(caught.value).splitlines()
    return line


def put_defects(folder: Path, seeds: range) -> Path:
    """A category of spotted plates with masks, and good ones."""
    for place in ("test/spot", "test/good", "ground_truth/spot"):
        (folder / place).mkdir(parents=True)
    for seed in seeds:
        spot = 6 + 4 * (seed % 8)
        cv2.imwrite(str(folder / f"test/spot/{seed}.png"), plate(seed, spot=spot))
        mask = (plate(seed, spot=spot) != plate(seed)).any(axis=2)
        cv2.imwrite(str(folder / f"ground_truth/spot/{seed}_mask.png"), mask * np.uint8(255))
    cv2.imwrite(str(folder / "test/good/0.png"), plate(70))
    return folder


def test_large_damage_is_found_more_often_than_small(qualified: Qualified) -> None:
    found = qualified.qualification.findings
    looks = qualified.qualification.looks
    assert found.product == "plate"
    assert found.references == 6
    assert found.detection.origin is DamageOrigin.DRAWN
    assert {limits.kind for limits in found.detection.kinds} == set(KINDS)
    assert found.detection.false_calls is not None
    assert found.detection.false_calls.n == 6
    strange = falsely_called(looks)
    assert not {trial.part for trial in trials_of(looks)} & strange
    assert found.detection.overall.n == sum(
        it.kind is not None and it.part not in strange for it in looks
    )
    damaged = sorted((it.size, it.detected) for it in looks if it.size is not None)
    small, large = damaged[: len(damaged) // 2], damaged[len(damaged) // 2 :]
    assert sum(hit for _, hit in large) > sum(hit for _, hit in small)
    assert {it.varied for it in looks if it.kind is None} == {False, True}


def test_its_page_has_pictures_and_a_learning_curve(qualified: Qualified) -> None:
    made = qualified.qualification
    assert made.findings.learning is not None
    assert [point.references for point in made.findings.learning.points] == [2, 4, 5]
    assert {it.picture for it in made.findings.examples} == set(made.images)
    html = page(made.findings, made.images)
    assert "Where the limit is" in html
    assert "no picture" not in html


def test_it_is_kept_for_the_same_and_made_anew_for_another(
    qualified: Qualified, plates: Path, quick_recipe: Recipe, cache: Path
) -> None:
    again = qualify(plates, quick_recipe, cache=cache, looks=LOOKS)
    assert again.qualification == qualified.qualification
    assert again.notice.startswith("As qualified on")
    scaled = parse_recipe(
        "{detector: {kind: embedded, features: efficientnet-lite0}, tools: [], "
        "product: {mm_per_pixel: 0.1}}"
    )
    in_mm = qualify(plates, scaled, cache=cache, looks=LOOKS)
    assert in_mm.notice == again.notice
    assert in_mm.qualification.findings.mm_per_pixel == 0.1
    assert qualified.notice == ""


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        pytest.param({}, "of another looks", id="looks"),
        pytest.param({"version": 0}, "damaged, or of another version", id="version"),
        pytest.param(None, "damaged, or of another version", id="no-json"),
    ],
)
def test_what_is_kept_of_another_version_is_made_anew(
    spoil: dict[str, object] | None,
    told: str,
    qualified: Qualified,
    plates: Path,
    quick_recipe: Recipe,
    cache: Path,
    fits: Path,
) -> None:
    (kept,) = (file for file in kept_qualifications(cache) if "defects" not in file.name)
    (fits / "qualifications").mkdir()
    file = fits / "qualifications" / kept.name
    file.write_text("{" if spoil is None else json.dumps(json.loads(kept.read_text()) | spoil))
    again = qualify(plates, quick_recipe, cache=fits, looks=1)
    assert told in again.notice
    assert json.loads(file.read_text())["made_of"] == again.qualification.made_of


def test_a_cache_that_cannot_be_written_is_only_slower(
    plates: Path, quick_recipe: Recipe, fits: Path
) -> None:
    (fits / "qualifications").write_text("a file where a folder should be")
    made = qualify(plates, quick_recipe, cache=fits, looks=1)
    assert made.qualification.findings.references == 6


def test_nothing_half_is_left_after_an_interruption(
    plates: Path, quick_recipe: Recipe, fits: Path
) -> None:
    def interrupted(done: int, total: int) -> None:
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        qualify(plates, quick_recipe, cache=fits, looks=1, progress=interrupted)
    assert not (fits / "qualifications").exists()
    assert qualify(plates, quick_recipe, cache=fits, looks=1).notice == ""


@pytest.mark.parametrize(
    ("pictures", "told"),
    [
        pytest.param([plate(0)], "one reference: left out", id="one"),
        pytest.param([plate(0)] * 4, "one reference: left out", id="identical"),
        pytest.param([plate(0), plate(0) + np.uint8(1)], "2 copies of one", id="near-copies"),
        pytest.param([plate(0, (12, 90)), plate(1)], "too few to draw damage on", id="tiny"),
    ],
)
def test_references_that_say_nothing_are_refused(
    pictures: list[np.ndarray], told: str, quick_recipe: Recipe, tmp_path: Path
) -> None:
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
    assert told in refused(tmp_path, quick_recipe)


def test_another_detector_is_refused(plates: Path) -> None:
    recipe = parse_recipe("{detector: {kind: support.own_parts:Brightness}, tools: []}")
    assert "only the embedded one can be rehearsed" in refused(plates, recipe)


def test_near_copies_count_once_and_an_odd_one_is_named(
    plates: Path, quick_recipe: Recipe, fits: Path, tmp_path: Path
) -> None:
    (tmp_path / "parts").mkdir()
    for file in plates.iterdir():
        (tmp_path / "parts" / file.name).write_bytes(file.read_bytes())
    cv2.imwrite(str(tmp_path / "parts" / "again.png"), plate(0) + np.uint8(1))
    cv2.imwrite(str(tmp_path / "parts" / "spotted.png"), plate(9, spot=36))
    found = qualify(tmp_path / "parts", quick_recipe, cache=fits, looks=1).qualification.findings
    assert found.references == 7
    assert "1 of 8 references repeat another" in found.details["copies"]
    assert [odd.name for odd in found.odd] == ["spotted.png"]
    assert "without any: spotted.png" in found.details["left out"]


def test_inspections_quote_what_was_found(
    plates: Path, quick_recipe: Recipe, fits: Path, tmp_path: Path
) -> None:
    def explained() -> str:
        with Inspector(quick_recipe, plates, cache=fits) as inspector:
            said = inspector.one(plates / "0.png").last(Explanation)
        assert said is not None
        return said.final

    assert "on this product" not in explained()
    qualify(plates, quick_recipe, cache=fits, looks=LOOKS)
    assert "drawn damage " in explained()
    defects = put_defects(tmp_path / "real", range(20, 28))
    qualify(plates, quick_recipe, defects=defects, cache=fits)
    assert "real damage " in explained()
    qualify(plates, quick_recipe, cache=fits, looks=1)  # drawn anew: real defects say more
    assert "real damage " in explained()
    kept = [read_qualification(file) for file in kept_qualifications(fits)]
    assert {one.findings.detection.origin for one in kept} == set(DamageOrigin)


@pytest.mark.parametrize(
    ("light", "judged"), [pytest.param(0.7, True, id="dim"), pytest.param(0.2, False, id="dark")]
)
def test_what_an_inspection_judges_is_judged_in_the_rehearsal(
    light: float, judged: bool, plates: Path, fits: Path
) -> None:
    recipe = parse_recipe(
        "{detector: {kind: embedded, features: efficientnet-lite0}, policies: {trigger: always}}"
    )
    judge = RehearsalJudge(recipe, references_of(plates, recipe).set, fits, None)
    opinion = judge((plate(60) * light).astype(np.uint8), None)
    assert opinion.check.findings
    assert (not opinion.held_back) is judged
    assert (opinion.second is not None) is judged
    assert (not opinion.as_look("part").setup) is judged


def test_many_references_are_sampled() -> None:
    owners = evenly_spaced(500, REHEARSED)
    assert len(owners) == 40
    attempts = plan(owners)
    assert {it.owner for it in attempts} == set(owners)
    assert len(attempts) == 40 + 40 + 24 * len(KINDS)
    assert plan(owners) == attempts


def test_learned_filters_are_rehearsed_too(plates: Path, fits: Path) -> None:
    recipe = parse_recipe("{detector: {kind: embedded, features: filters}}")
    found = qualify(plates, recipe, cache=fits, looks=1).qualification.findings
    assert found.detection.overall.n >= len(KINDS) - 1
    assert "tool hi_res" in found.details["not rehearsed"]


def test_real_defects_with_masks_have_sizes(
    plates: Path, quick_recipe: Recipe, cache: Path, tmp_path: Path
) -> None:
    defects = put_defects(tmp_path / "real", range(20, 36))
    made = qualify(plates, quick_recipe, defects=defects, cache=cache)
    found = made.qualification.findings
    assert found.detection.origin is DamageOrigin.REAL
    assert found.detection.overall.n == 16
    assert found.detection.overall.curve
    assert found.detection.false_calls is not None
    assert found.detection.false_calls.n == 7
    assert "1 are of good parts" in found.details["defects"]
    assert found.examples
    assert "This is drawn damage" not in page(found, made.qualification.images)


def test_whole_pictures_of_defects_are_counted(
    plates: Path, quick_recipe: Recipe, cache: Path, tmp_path: Path
) -> None:
    for seed in range(40, 44):
        cv2.imwrite(str(tmp_path / f"{seed}.png"), plate(seed, spot=30))
    cv2.imwrite(str(tmp_path / "reference.png"), plate(0))
    cv2.imwrite(str(tmp_path / "sound.png"), cv2.GaussianBlur(plate(0), (3, 3), 0.3))
    found = qualify(plates, quick_recipe, defects=tmp_path, cache=cache).qualification.findings
    assert found.detection.pictures is not None
    assert found.detection.pictures.n == 5
    assert "5 defects have no mask" in found.details["defects"]
    assert "1 look no stranger than references (sound.png)" in found.details["defects"]
    assert "1 are references, and left out" in found.details["defects"]
    assert f"It found {found.detection.pictures.k} of 5 defective parts" in page(found)


@pytest.mark.parametrize(
    ("picture", "told"),
    [
        pytest.param(None, "no picture of a defect in it", id="none"),
        pytest.param(plate(0), "but 1 of the references themselves", id="reference"),
        pytest.param(
            np.random.default_rng(0).integers(0, 255, (120, 200, 3)).astype(np.uint8),
            "1 of 1 pictures are not of the product",
            id="another-product",
        ),
    ],
)
def test_pictures_that_are_no_defects_are_refused(
    picture: np.ndarray | None,
    told: str,
    plates: Path,
    quick_recipe: Recipe,
    cache: Path,
    tmp_path: Path,
) -> None:
    (tmp_path / "defects").mkdir()
    if picture is not None:
        cv2.imwrite(str(tmp_path / "defects" / "0.png"), picture)
    assert told in refused(plates, quick_recipe, defects=tmp_path / "defects", cache=cache)


@pytest.mark.parametrize(
    ("fixed", "broken", "told"),
    [
        pytest.param(0, 0, "changed no label", id="nothing"),
        pytest.param(4, 1, "It pays", id="pays"),
        pytest.param(3, 2, "hardly pays", id="hardly"),
        pytest.param(1, 2, "doesn't pay", id="harms"),
    ],
)
def test_whether_a_second_look_pays(fixed: int, broken: int, told: str) -> None:
    base = PartLook(part="a", kind="stain", size=5, area=9, z=1, first=0.4, final=0.4)
    looks = [base] * 3
    looks += [base.model_copy(update={"second": 0.8, "final": 0.6})] * fixed
    looks += [base.model_copy(update={"first": 0.6, "second": 0.2, "final": 0.4})] * broken
    worth = second_look_worth("network", looks)
    assert (worth.fixed, worth.broken) == (fixed, broken)
    assert told in said_of_second_look(worth)


def test_real_defects_of_a_view_are_those_that_it_shows(
    plates: Path, quick_recipe: Recipe, cache: Path, tmp_path: Path
) -> None:
    drawn = put_defects(tmp_path / "drawn", range(20, 28))
    folder = tmp_path / "real"
    for file in drawn.rglob("*.png"):
        stem, mark, _ = file.stem.partition("_mask")
        goal = folder / file.parent.relative_to(drawn)
        goal.mkdir(parents=True, exist_ok=True)
        (goal / f"{stem}_front{mark and '_mask'}.png").write_bytes(file.read_bytes())
        if not mark:
            cv2.imwrite(str(goal / f"{stem}_back.png"), plate(80))
    view = {"files": "*_front.*", "references": str(plates)}
    views = {"front": view, "back": {**view, "files": "*_back.*"}}
    recipe = Recipe.model_validate({**quick_recipe.model_dump(mode="json"), "views": views})
    made = qualify(plates, recipe, view="front", defects=folder, cache=cache)
    found = made.qualification.findings
    assert found.detection.overall.n == 8
    assert found.detection.false_calls is not None
    assert found.detection.false_calls.n == 7
    said = refused(plates, recipe, view="back", defects=folder, cache=cache)
    assert "no picture of a defect in it, but 9 of good parts" in said
    for file in (folder / "ground_truth").rglob("*.png"):
        file.unlink()
    (folder / "test" / "good" / "0_front.png").unlink()
    assert "no picture of a defect" in refused(
        plates, recipe, view="front", defects=folder, cache=cache
    )
    alone = put_defects(tmp_path / "kept", range(20, 22))  # of one view, by other names
    found = qualify(plates, recipe, view="back", defects=alone, cache=cache).qualification.findings
    assert found.detection.overall.n == 2
