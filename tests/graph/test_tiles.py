"""Large pictures: each tile inspected at its own scale, one verdict of all."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from reinspect import build_graph, inspect_image
from reinspect.graph.pipeline import GraphError
from reinspect.graph.recipe import Recipe, RecipeError, parse_recipe
from reinspect.graph.references import MOST_TILES, reference_sets
from reinspect.images import read_image
from reinspect.pictures import read_map
from reinspect.vocabulary import Label, Outcome
from support.boxes import overlap

SIDE = 96
WIDTH, HEIGHT = 380, 200
SPOT = (300, 120, 9)
"""Middle and radius."""
PLACE = (
    (SPOT[0] - SPOT[2]) / WIDTH,
    (SPOT[1] - SPOT[2]) / HEIGHT,
    (SPOT[0] + SPOT[2]) / WIDTH,
    (SPOT[1] + SPOT[2]) / HEIGHT,
)


def scan(seed: int, *, spot: bool = False, size: tuple[int, int] = (WIDTH, HEIGHT)) -> npt.NDArray:
    """A stretch of brushed sheet, wider than it is high."""
    rng = np.random.default_rng(seed)
    width, height = size
    rows = rng.normal(0, 9, (height, 1)) + rng.normal(0, 4, (height, width)) + 130
    picture = np.repeat(np.clip(rows, 0, 255)[..., None], 3, axis=2).astype(np.uint8)
    if spot:
        cv2.circle(picture, SPOT[:2], SPOT[2], (20, 25, 30), -1)
    return picture


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scans")
    for seed in range(4):
        cv2.imwrite(str(folder / f"{seed}.png"), scan(seed))
    return folder


@pytest.fixture
def recipe() -> Recipe:
    return parse_recipe(f"pictures: {{tile: {SIDE}}}\n")


def put(folder: Path, picture: npt.NDArray) -> Path:
    path = folder / "part.png"
    cv2.imwrite(str(path), picture)
    return path


def test_a_spot_in_one_tile_fails_the_whole_where_it_is(
    good: Path, recipe: Recipe, fits: Path, tmp_path: Path
) -> None:
    path = put(tmp_path, scan(50, spot=True))
    kept = tmp_path / "run" / "pictures"
    trace = inspect_image(path, references=good, recipe=recipe, cache=fits, pictures=kept)
    assert trace.error is None
    verdict, seen = trace.verdict, trace.evidence[0]
    assert verdict is not None
    assert (verdict.label, trace.disposition and trace.disposition.outcome) == (
        Label.ANOMALOUS,
        Outcome.FAIL,
    )
    x, y, radius = SPOT
    assert max(overlap(defect.box, PLACE) for defect in verdict.defects) > 0.4
    assert trace.sample.visual.size == (WIDTH, HEIGHT)
    assert trace.seconds > 15 * 0.001
    assert seen.source == "tiles"
    assert " of 15 tiles stand out; the most suspicious, 96x96+" in seen.summary
    (heat,) = seen.pictures
    assert len(list(kept.rglob("*.heat-map.png"))) == 1  # of the whole, none of its tiles
    hottest = np.unravel_index(np.argmax(found := read_map(kept.parent / heat.path)), found.shape)
    assert np.hypot(hottest[1] - x, hottest[0] - y) < 2 * radius


def test_a_good_one_passes_and_many_tiles_are_no_alarm(
    good: Path, recipe: Recipe, fits: Path, tmp_path: Path
) -> None:
    trace = inspect_image(put(tmp_path, scan(60)), references=good, recipe=recipe, cache=fits)
    assert trace.verdict is not None
    assert (trace.verdict.label, trace.verdict.defects) == (Label.NORMAL, ())
    assert trace.verdict.rationale.startswith("nothing unusual in 15 tiles")


def test_a_picture_that_is_one_tile_is_inspected_as_ever(
    good: Path, recipe: Recipe, fits: Path, tmp_path: Path
) -> None:
    path = put(tmp_path, scan(50, size=(130, 100)))
    trace = inspect_image(path, references=good, recipe=recipe, cache=fits)
    assert "tiles" not in {piece.source for piece in trace.evidence}
    assert trace.steps[0].node == "detect"
    assert trace.disposition is not None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(None, "no such file", id="missing"),
        pytest.param(b"no picture", "not an image", id="no-picture"),
    ],
)
def test_what_cannot_be_read_is_for_review(
    content: bytes | None, said: str, good: Path, recipe: Recipe, fits: Path, tmp_path: Path
) -> None:
    path = tmp_path / "part.png"
    if content is not None:
        path.write_bytes(content)
    trace = inspect_image(path, references=good, recipe=recipe, cache=fits)
    assert trace.disposition is not None
    assert trace.disposition.outcome is Outcome.REVIEW
    assert said in str(trace.error)


def test_references_are_cut_and_only_so_many_are_taken(tmp_path: Path) -> None:
    for seed in range(2):
        cv2.imwrite(str(tmp_path / f"{seed}.png"), scan(seed, size=(1000, 520)))
    found = reference_sets([], parse_recipe("pictures: {tile: 64}\n"), given=tmp_path).default
    assert len(found.files) == MOST_TILES
    first, *_, last = (Path(file).name[:5] for file in found.files)
    assert first != last
    assert [Path(file).name[:5] for file in found.files] == [first] * 48 + [last] * 48
    whole = read_image(tmp_path / "0.png")
    tile = read_image(next(file for file in found.files if "0.png#64x64+" in file))
    assert tile.shape == (64, 64, 3)
    assert any(
        (whole[y : y + 64, x : x + 64] == tile).all()
        for file in found.files
        if "0.png" in file
        for x, y in [map(int, file.split("+")[1:])]
    )


def test_a_tile_of_a_file_that_has_changed_is_read_anew(tmp_path: Path) -> None:
    path = put(tmp_path, scan(1))
    before = read_image(f"{path}#64x64+10+20")
    put(tmp_path, scan(2, spot=True))
    after = read_image(f"{path}#64x64+10+20")
    np.testing.assert_array_equal(before, scan(1)[20:84, 10:74])
    np.testing.assert_array_equal(after, scan(2, spot=True)[20:84, 10:74])


def test_a_view_may_be_judged_by_tiles(good: Path, fits: Path, tmp_path: Path) -> None:
    sure = {"kind": "reinspect.testing:ScriptedDetector", "default": 0.02}
    scanned = {"files": "*_scan.*", "references": str(good), "pictures": {"tile": SIDE}}
    label = {"files": "*_label.*", "detector": sure, "tools": []}
    recipe = Recipe.model_validate({"views": {"scan": scanned, "label": label}})
    views: dict[str, str | Path] = {"label": good / "0.png"}
    found = {}
    for spot in (True, False):
        views["scan"] = put(tmp_path, scan(50 if spot else 60, spot=spot))
        found[spot] = inspect_image(views, recipe=recipe, cache=fits)
    trace = found[True]
    assert trace.disposition is not None
    assert trace.disposition.outcome is Outcome.FAIL
    assert trace.verdict is not None
    assert {defect.view for defect in trace.verdict.defects} == {"scan"}
    assert max(overlap(defect.box, PLACE) for defect in trace.verdict.defects) > 0.4
    assert trace.by_view["scan"].assessment is not None
    assert trace.by_view["scan"].assessment.signals["tiles"] > 4
    assert found[False].verdict is not None
    assert found[False].verdict.label is Label.NORMAL


def test_a_tile_has_a_side_to_be_inspected_at() -> None:
    with pytest.raises(RecipeError, match="tile"):
        parse_recipe("pictures: {tile: 10}\n")


@pytest.mark.parametrize("node", ["inspect_tiles", "settle"])
def test_nodes_of_ones_own_stand_beside_those_of_tiles(
    node: str, recipe: Recipe, good: Path, fits: Path, tmp_path: Path
) -> None:
    ran: list[str] = []
    graph = build_graph(
        recipe,
        references=good,
        cache=fits,
        before={node: {"mine": lambda state: ran.append("before")}},
        after={node: {"also mine": lambda state: ran.append("after")}},
    )
    updates = [
        next(iter(update)) for update in graph.stream({"image": str(put(tmp_path, scan(1)))})
    ]
    at = updates.index(node)
    assert updates[at - 1 : at + 2] == ["mine", node, "also mine"]
    assert ran == ["before", "after"]
    with pytest.raises(GraphError, match="no node 'detect'"):
        build_graph(recipe, references=good, cache=fits, before={"detect": lambda state: {}})
