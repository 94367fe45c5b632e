"""The verdict on a part doesn't depend on the container that its picture lies in."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from reinspect import inspect_image
from reinspect.graph.recipe import RecipeError, parse_recipe
from reinspect.trace import Trace
from reinspect.vocabulary import Outcome, Scale
from support.plates import plate

Container = Callable[[np.ndarray], np.ndarray]


def of_bits(bits: int) -> Container:
    def stored(grey: np.ndarray) -> np.ndarray:
        return np.rint(grey.astype(float) * (2**bits - 1) / 255).astype(np.uint16)

    return stored


def dim(grey: np.ndarray) -> np.ndarray:
    """A scene of 16 bits whose brightest pixel lies a little below 12 of them."""
    return np.rint(grey.astype(float) * 4000 / 255).astype(np.uint16)


def with_a_hot_pixel(grey: np.ndarray) -> np.ndarray:
    stored = of_bits(12)(grey)
    stored[3, 5] = 65535
    return stored


def greys(count: int, first: int = 0) -> list[np.ndarray]:
    made = [cv2.cvtColor(plate(first + seed), cv2.COLOR_BGR2GRAY) for seed in range(count)]
    for grey in made:
        grey[:4] = 255  # something is white in every picture
    return made


@pytest.fixture
def judged(tmp_path: Path, fits: Path) -> Callable[[Container, Container, str], Trace]:
    """The trace of one part whose references lie in one container, and itself in another."""

    def judge(references: Container, part: Container, suffix: str) -> Trace:
        folder = tmp_path / "good"
        folder.mkdir(exist_ok=True)
        for number, grey in enumerate(greys(4)):
            cv2.imwrite(str(folder / f"{number}{suffix}"), references(grey))
        cv2.imwrite(str(tmp_path / f"part{suffix}"), part(greys(1, 9)[0]))
        return inspect_image(tmp_path / f"part{suffix}", references=folder, cache=fits)

    return judge


@pytest.mark.parametrize(
    ("references", "part", "white"),
    [
        pytest.param(of_bits(10), of_bits(10), 1023, id="10-bit"),
        pytest.param(of_bits(12), of_bits(12), 4095, id="12-bit"),
        pytest.param(of_bits(12), with_a_hot_pixel, 4095, id="a-hot-pixel"),
        pytest.param(dim, dim, 4095, id="a-dim-scene"),
        pytest.param(of_bits(16), of_bits(16), 65535, id="16-bit"),
    ],
)
def test_containers_agree(
    judged: Callable[[Container, Container, str], Trace],
    tmp_path: Path,
    references: Container,
    part: Container,
    white: int,
) -> None:
    deep = judged(references, part, ".tif")
    for file in (tmp_path / "good").iterdir():
        file.unlink()
    plain = judged(np.asarray, np.asarray, ".png")
    assert deep.sample.visual.scale == Scale(white=white)
    assert plain.sample.visual.scale is None
    assert deep.disposition is not None
    assert plain.disposition is not None
    assert deep.disposition.outcome == plain.disposition.outcome
    assert deep.verdict is not None
    assert plain.verdict is not None
    assert deep.verdict.probability == pytest.approx(plain.verdict.probability, abs=0.02)


def test_a_picture_beyond_the_scale_is_told(
    judged: Callable[[Container, Container, str], Trace],
) -> None:
    trace = judged(of_bits(10), lambda grey: of_bits(10)(grey) * np.uint16(3), ".png")
    assert trace.sample.visual.outside > 0.01
    said = trace.model_dump_json()
    assert "of its pixels are beyond the scale of the set (0 to 1023)" in said


def test_the_recipe_decides_on_scale_and_size(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "part.png"), of_bits(12)(greys(1)[0]))
    own = "detector: {kind: 'support.own_parts:Brightness'}\ntools: []\n"
    bits = parse_recipe(own + "pictures: {bits: 14}")
    assert inspect_image(tmp_path / "part.png", recipe=bits).sample.visual.scale == Scale(
        white=16383
    )
    small = parse_recipe(own + "pictures: {max_pixels: 99}")
    trace = inspect_image(tmp_path / "part.png", recipe=small)
    assert "over the limit of 9.9e-05 megapixels" in (trace.error or "")
    assert trace.disposition is not None
    assert trace.disposition.outcome is Outcome.REVIEW


@pytest.mark.parametrize(
    ("given", "says"),
    [
        pytest.param("{bits: 12, range: [0, 1]}", "two ways to say one thing", id="both"),
        pytest.param("{range: [5, 5]}", r"range \[5.0, 5.0\] is empty", id="empty"),
        pytest.param("{bits: 0}", "bits", id="no-bits"),
    ],
)
def test_wrong_rules_are_refused(given: str, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        parse_recipe(f"pictures: {given}")
