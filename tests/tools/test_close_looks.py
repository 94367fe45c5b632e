"""Zoom and reference: crops at full resolution, tiles, and pictures beside good parts."""

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from reinspect.images import read_image, sha256_of, size_of
from reinspect.pictures import Pictures, write_image
from reinspect.references import ReferenceMode, ReferenceSet, ReferenceSets
from reinspect.samples import Process
from reinspect.tools.expert import Experts
from reinspect.tools.reference import AlignedReference
from reinspect.tools.zoom import MOST, Zoom, tiles
from reinspect.trace import Step, Trace
from reinspect.vocabulary import (
    Assessment,
    Box,
    Evidence,
    Region,
    Sample,
    View,
    Wish,
)


def looked_at(file: Path, *regions: Region) -> Trace:
    view = View(path=str(file), sha256=sha256_of(file), size=size_of(file))
    found = Evidence(source="segmentation", summary="", regions=regions)
    return Trace(
        sample=Sample(id="part", views=(view,)), steps=(Step(node="locate", products=(found,)),)
    )


@pytest.fixture
def alone() -> Experts:
    return Experts(ReferenceSets(), None)


@pytest.fixture(scope="module")
def flanges(sample_parts: Path, fits: Path) -> Experts:
    good = sorted((sample_parts / "flange" / "train" / "good").iterdir())
    golden = ReferenceSet(ReferenceMode.GOLDEN, tuple(map(str, good)), tuple(map(sha256_of, good)))
    return Experts(ReferenceSets(golden), fits)


def noisy(file: Path, height: int, width: int) -> Path:
    image = np.random.default_rng(0).integers(90, 160, (height, width, 3)).astype(np.uint8)
    write_image(file, image)
    return file


def test_the_strongest_region_is_cropped_with_context(alone: Experts, tmp_path: Path) -> None:
    file = noisy(tmp_path / "part.png", 400, 600)
    weak = Region(box=Box(0, 0, 0.1, 0.1), score=1)
    strong = Region(box=Box(0.4, 0.4, 0.6, 0.6), score=2)
    zoom = Zoom(alone, Pictures(tmp_path / "pictures"), margin=0.5)
    said = zoom(looked_at(file, weak, strong))
    assert (said.measurements["width"], said.measurements["height"]) == (120, 80)
    (picture,) = said.pictures
    assert picture.shows == "crop"
    assert read_image(tmp_path / picture.path).shape == (200, 240, 3)


def test_what_the_monitor_asked_for_comes_before_the_strongest(
    alone: Experts, tmp_path: Path
) -> None:
    file = noisy(tmp_path / "part.png", 400, 600)
    wish = Wish(look="zoom", box=Box(0, 0, 0.5, 0.1))
    asked = looked_at(file, Region(box=Box(0.4, 0.4, 0.6, 0.6), score=2)).then(
        Step(node="assess", products=(Assessment(confidence=0.6, reliability=0.5, wish=wish),))
    )
    assert Zoom(alone)(asked).measurements["width"] == 300


def test_a_large_region_is_cut_into_tiles_the_hottest_first(alone: Experts, tmp_path: Path) -> None:
    file = noisy(tmp_path / "part.png", 700, 900)
    image = read_image(file)
    cv2.circle(image, (820, 620), 25, (0, 0, 0), -1)
    write_image(file, image)
    zoom = Zoom(alone, Pictures(tmp_path / "pictures"), tile=256)
    said = zoom(looked_at(file, Region(box=Box(0, 0, 1, 1), score=1)))
    assert [picture.shows for picture in said.pictures] == [f"crop-{n + 1}" for n in range(MOST)]
    first = read_image(tmp_path / said.pictures[0].path)
    assert first.shape == (256, 256, 3)
    assert first.min() < 10  # the spot, at full resolution
    assert said.measurements["width"] == 900


def test_without_a_region_there_is_nothing_to_zoom_in_on(alone: Experts, tmp_path: Path) -> None:
    said = Zoom(alone)(looked_at(noisy(tmp_path / "part.png", 40, 60)))
    assert said.summary == "no region to zoom in on"


@pytest.mark.parametrize(
    ("width", "height", "side"),
    [
        pytest.param(100, 100, 100, id="just-one"),
        pytest.param(7, 5, 100, id="smaller"),
        pytest.param(101, 50, 100, id="one-pixel-more"),
        pytest.param(4000, 3000, 512, id="many"),
        pytest.param(9, 3, 2, id="tiny-tiles"),
        pytest.param(5, 5, 1, id="pixels"),
    ],
)
def test_tiles_cover_the_picture(width: int, height: int, side: int) -> None:
    seen = np.zeros((height, width), int)
    found = tiles(width, height, side)
    for x1, y1, x2, y2 in found:
        assert 0 <= x1 < x2 <= width
        assert 0 <= y1 < y2 <= height
        assert max(x2 - x1, y2 - y1) <= side
        seen[y1:y2, x1:x2] += 1
    assert seen.min() >= 1
    assert len(found) == len(set(found))
    for (_, y1, x2, _), (left, top, _, _) in pairwise(found):
        assert top != y1 or left <= x2 - side // 10  # neighbours of a row overlap


def test_no_tiles_of_nothing() -> None:
    with pytest.raises(ValueError, match="0 pixels"):
        tiles(10, 10, 0)


def test_a_reference_is_kept_beside_the_part_and_what_differs(
    flanges: Experts, sample_parts: Path, tmp_path: Path
) -> None:
    file = next(
        f
        for f in sorted((sample_parts / "flange").glob("test/*/*"))
        if "good" not in str(f.parent.name)
    )
    said = AlignedReference(flanges, Pictures(tmp_path / "pictures"))(looked_at(file))
    width, height = size_of(file)
    beside = read_image(tmp_path / said.pictures[0].path)
    assert said.pictures[0].shows == "beside-reference"
    assert beside.shape[0] == height
    assert beside.shape[1] > 2 * width
    assert -1 <= said.measurements["correlation"] <= 1
    assert said.probability is not None
    drawn = said.pictures[1]
    assert drawn.shows == "difference"
    assert read_image(tmp_path / drawn.path).shape == (height, width, 3)


class Brightness:
    """Says that what is as bright looks alike."""

    key = "brightness"

    def __init__(self) -> None:
        self.asked = 0

    def embedding(self, image: np.ndarray) -> np.ndarray:
        self.asked += 1
        return np.array([image.mean()], np.float32)


def test_a_models_embedding_says_which_references_look_alike(tmp_path: Path) -> None:
    process, rng = Process.draw(np.random.default_rng(1), "flange"), np.random.default_rng(2)
    files = [tmp_path / f"{place}.png" for place in range(7)]
    for place, file in enumerate(files):
        darker = np.clip(process.picture(rng, 160).astype(int) * 0.6 + 15 * place, 0, 255)
        write_image(file, darker.astype(np.uint8))
    *good, part = files
    golden = ReferenceSet(ReferenceMode.GOLDEN, tuple(map(str, good)), tuple(map(sha256_of, good)))
    alike, trace = Brightness(), looked_at(part)
    for run in range(2):  # the second from the cached fit
        expert = Experts(ReferenceSets(golden), tmp_path / "cache").of(trace.sample)
        laid = expert.abreast(trace.sample, alike)
        assert {other.index for other in laid} == {2, 3, 4, 5}
        itself = looked_at(good[0]).sample
        assert {other.index for other in expert.abreast(itself, alike)} == {1, 2, 3, 4}
        assert alike.asked == len(good) + 2 * (run + 1)
    tool = AlignedReference(Experts(ReferenceSets(golden), tmp_path / "cache"), alike=alike)
    best = max(other.correlation for other in laid)
    assert tool(trace).measurements["correlation"] == pytest.approx(best)


def test_without_references_none_is_shown(alone: Experts, tmp_path: Path) -> None:
    said = AlignedReference(alone, Pictures(tmp_path / "pictures"))(
        looked_at(noisy(tmp_path / "part.png", 40, 60))
    )
    assert (said.pictures, said.probability) == ((), None)
    assert "no references" in said.summary
