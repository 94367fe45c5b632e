"""Coordinates are asked for, told and read in the numbers that a model's family was trained on."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from reinspect.agents.models.answers import box_on
from reinspect.agents.models.encoding import size_of
from reinspect.agents.models.places import THOUSANDTHS, Coordinates, Grid, grid_of, places_of
from reinspect.graph import build_graph
from reinspect.graph.recipe import RecipeError, parse_recipe
from reinspect.testing import ReceivedRequest, Reply, ScriptedServer
from reinspect.trace import Trace
from reinspect.vocabulary import Assessment, Box
from support.made_answers import said

SPOT = Box(0.2, 0.4, 0.3, 0.8)


@pytest.mark.parametrize(
    ("model", "how"),
    [
        ("Qwen/Qwen2.5-VL-7B-Instruct", Coordinates.PIXELS),
        ("qwen2.5vl:7b", Coordinates.PIXELS),
        ("Qwen/Qwen2-VL-7B-Instruct", Coordinates.THOUSANDTHS),
        ("Qwen/Qwen3-VL-8B-Instruct", Coordinates.THOUSANDTHS),
        ("OpenGVLab/InternVL3-8B", Coordinates.THOUSANDTHS),
        ("google/gemini-2.5-flash", Coordinates.DOWN_FIRST),
        ("gpt-4.1-mini", Coordinates.THOUSANDTHS),
        ("flanges", Coordinates.THOUSANDTHS),
    ],
)
def test_a_family_writes_places_as_it_was_trained_to(model: str, how: Coordinates) -> None:
    assert places_of(model) is how


@pytest.mark.parametrize(
    ("grid", "told", "words", "whole"),
    [
        pytest.param(THOUSANDTHS, "[200, 400, 300, 800]", "in thousandths of", "0, 0, 1000, 1000",
                     id="thousandths"),
        pytest.param(grid_of(Coordinates.DOWN_FIRST, (640, 480)), "[400, 200, 800, 300]",
                     "as y1, x1, y2, x2 in thousandths of", "0, 0, 1000, 1000", id="down first"),
        pytest.param(grid_of(Coordinates.PIXELS, (560, 280)), "[112, 112, 168, 224]",
                     "in pixels of the test image, which is 560 wide and 280 high",
                     "0, 0, 560, 280", id="pixels"),
        pytest.param(grid_of(Coordinates.PIXELS, (640, 480)), "[129, 190, 193, 381]",
                     "644 wide and 476 high", "0, 0, 644, 476", id="pixels of whole patches"),
    ],
)  # fmt: skip
def test_a_box_is_told_as_it_is_read(grid: Grid, told: str, words: str, whole: str) -> None:
    assert grid.told(SPOT) == told
    assert words in f"as {grid.words}"
    assert grid.whole == whole
    assert grid.corner["maximum"] == max(map(int, whole.split(", ")))
    notes: list[str] = []
    read = box_on(grid, json.loads(told), notes)
    assert notes == []
    assert read is not None
    assert tuple(read) == pytest.approx(tuple(SPOT), abs=0.003)


@pytest.mark.parametrize(
    ("corners", "note"),
    [
        pytest.param([1, 2, 3], "no box: [1, 2, 3]", id="three"),
        pytest.param("left", "no box: 'left'", id="a word"),
        pytest.param([0, 0, 561, 100], "no box: [0, 0, 561, 100]", id="outside"),
        pytest.param([9, 9, 9, 90], "no box: [9, 9, 9, 90]", id="no area"),
        pytest.param(None, "no box: None", id="nothing"),
    ],
)
def test_what_is_no_box_is_said_as_it_was_written(corners: Any, note: str) -> None:
    notes: list[str] = []
    assert box_on(Grid(560, 280, Coordinates.PIXELS), corners, notes) is None
    assert notes == [note]


@pytest.fixture
def part(tmp_path: Path) -> str:
    image = np.full((280, 560, 3), 90, np.uint8)
    image[112:224, 112:168] = 220
    cv2.imwrite(str(tmp_path / "part.png"), image)
    return str(tmp_path / "part.png")


def inspected(part: str, server: ScriptedServer, **options: Any) -> Trace:
    model = {"kind": "vlm", "base_url": server.url, "max_retries": 0, "timeout": 5, **options}
    content = {
        "detector": model,
        "monitor": model,
        "tools": ["zoom"],
        "policies": {"trigger": "always"},
    }
    graph = build_graph(parse_recipe(yaml.safe_dump(content)))
    trace: Trace = graph.invoke({"image": part})["trace"]
    return trace


@pytest.mark.server
@pytest.mark.parametrize(
    ("options", "written"),
    [
        pytest.param({"model": "Qwen/Qwen2.5-VL-7B-Instruct"}, [112, 112, 168, 224], id="family"),
        pytest.param({"model": "flanges", "places": "pixels"}, [112, 112, 168, 224], id="recipe"),
        pytest.param({"model": "gemini-2.5-flash"}, [400, 200, 800, 300], id="down first"),
        pytest.param({"model": "flanges"}, [200, 400, 300, 800], id="thousandths"),
        pytest.param({"model": "qwen2.5-vl", "places": "thousandths"}, [200, 400, 300, 800],
                     id="a family asked otherwise"),
    ],
)  # fmt: skip
def test_every_prompt_of_a_model_has_its_numbers(
    part: str, options: dict[str, Any], written: list[int]
) -> None:
    defects = [{"type": "spot", "box": written}]
    asked: list[str] = []

    def script(request: ReceivedRequest) -> Reply | str:
        asked.append(request.text)
        schema = request.body["response_format"]["json_schema"]["schema"]["properties"]
        if "holds" in schema:
            doubts = {"holds": "no", "doubts": "d", "look": "zoom", "box": written, "phrase": ""}
            return Reply(json.dumps(doubts), yes=0.4)
        if "final" in schema:
            return '{"first": "f", "final": "g"}'
        reflection = "again" if "reflection" in schema else None
        return Reply(said("yes", reflection=reflection, defects=defects), yes=0.7)

    with ScriptedServer(script) as server:
        trace = inspected(part, server, **options)
    assert trace.error is None
    assert trace.first is not None
    assert trace.verdict is not None
    for verdict in (trace.first, trace.verdict):
        assert [tuple(found.box) for found in verdict.defects] == [pytest.approx(tuple(SPOT))]
    wish = next(trace.products(Assessment)).wish
    assert wish is not None
    assert wish.box is not None
    assert tuple(wish.box) == pytest.approx(tuple(SPOT))
    detect, assess, reflect = asked[:3]
    assert str(written) in assess
    assert str(written) in reflect
    pixels = "in pixels of the test image, which is 560 wide and 280 high" in detect
    assert pixels is (written == [112, 112, 168, 224])
    assert {("in thousandths" in text) for text in (detect, assess, reflect)} == {not pixels}


@pytest.mark.server
def test_an_own_prompt_that_says_nothing_of_places_has_thousandths(
    part: str, tmp_path: Path
) -> None:
    own = "$pictures $product $candidates Boxes in thousandths: x1, y1, x2, y2."
    (tmp_path / "mine.md").write_text(own)
    defects = [{"type": "spot", "box": [200, 400, 300, 800]}]
    with ScriptedServer(Reply(said("yes", defects=defects), yes=0.97)) as server:
        prompts = {"detect": str(tmp_path / "mine.md")}
        model = {"kind": "vlm", "model": "qwen2.5-vl", "base_url": server.url, "prompts": prompts}
        content = {"detector": model, "tools": [], "policies": {"trigger": "never"}}
        graph = build_graph(parse_recipe(yaml.safe_dump(content)))
        trace = graph.invoke({"image": part})["trace"]
    assert [tuple(found.box) for found in trace.first.defects] == [pytest.approx(tuple(SPOT))]


def test_a_large_picture_is_counted_as_it_is_sent() -> None:
    size = size_of(4000, 2000, 560 * 280)
    assert size == (560, 280)
    assert grid_of(Coordinates.PIXELS, size)[:2] == (560, 280)


def test_other_numbers_are_refused() -> None:
    model = {"kind": "vlm", "model": "m", "base_url": "http://127.0.0.1:9", "places": "percent"}
    with pytest.raises(RecipeError, match=r"detector\.places: .*'thousandths'"):
        build_graph(parse_recipe(yaml.safe_dump({"detector": model})))
