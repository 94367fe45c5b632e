"""Temperatures and distances: pictures whose values are in a unit, from any container."""

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from reinspect import inspect_image
from reinspect.dataset import discover
from reinspect.export.units import drawn
from reinspect.graph.recipe import Recipe, parse_recipe
from reinspect.images import UnreadableImage, load, read_measured, reading_of
from reinspect.images.arrays import numbers_in
from reinspect.readings import Readings
from reinspect.sensing import FileRules, Measure, Unit
from reinspect.vocabulary import Label, Modality, Outcome, Scale, View
from support.thermal import warm, with_spot

CELSIUS = "pictures: {unit: celsius, range: [15, 90]}"
CENTIKELVIN = "pictures: {unit: celsius, gain: 0.01, offset: -273.15, range: [15, 90]}"


def tiff(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values)
    return buffer.getvalue()


def png(values: np.ndarray) -> bytes:
    return cv2.imencode(".png", values)[1].tobytes()


def centikelvin(board: np.ndarray) -> np.ndarray:
    return np.rint((board + 273.15) * 100).astype(np.uint16)


def table(board: np.ndarray, separator: str = ",", decimal: str = ".") -> str:
    rows = (separator.join(f"{v:.2f}" for v in row).replace(".", decimal) for row in board)
    return "\n".join(rows)


def npy(board: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, board)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "stored", "recipe"),
    [
        pytest.param("a.tif", lambda b: tiff(centikelvin(b)), CENTIKELVIN, id="tiff-centikelvin"),
        pytest.param("a.png", lambda b: png(centikelvin(b)), CENTIKELVIN, id="png-centikelvin"),
        pytest.param("a.tif", lambda b: tiff(b.astype(np.float32)), CELSIUS, id="float-tiff"),
        pytest.param("a.npy", npy, CELSIUS, id="npy"),
        pytest.param("a.csv", lambda b: table(b).encode(), CELSIUS, id="csv"),
        pytest.param("a.csv", lambda b: table(b, ";", ",").encode(), CELSIUS, id="csv-german"),
        pytest.param("a.csv", lambda b: table(b, "\t").encode("utf-16"), CELSIUS, id="csv-utf-16"),
        pytest.param(
            "a.csv",
            lambda b: ("Emissivity;0.95\n" + table(b, ";")).encode("latin-1"),
            CELSIUS,
            id="csv-with-a-header",
        ),
        pytest.param(
            "a.tif",
            lambda b: tiff((b + 273.15).astype(np.float32)),
            "pictures: {unit: celsius, offset: -273.15, range: [15, 90]}",
            id="kelvin",
        ),
    ],
)
def test_every_container_gives_the_same_temperatures(
    tmp_path: Path, name: str, stored: Callable[[np.ndarray], bytes], recipe: str
) -> None:
    board = warm(0)
    (tmp_path / name).write_bytes(stored(board))
    reading = parse_recipe(recipe).reading
    assert [item.id for item in discover([tmp_path], rules=reading.files)] == [name]
    loaded = load(tmp_path / name, scale=reading.scale, rules=reading.files)
    expected = np.rint((board.clip(15, 90) - 15) / 75 * 255)
    assert np.abs(loaded.pixels[..., 0] - expected).max() <= 1
    assert loaded.modality is Modality.THERMAL
    view = View(path=str(tmp_path / name), sha256=loaded.sha256, scale=loaded.scale)
    values = read_measured(view)
    assert values is not None
    assert np.abs(values - board).max() < 0.011


def test_a_scale_of_temperatures_is_told_from_all_references(tmp_path: Path) -> None:
    for seed in range(3):
        (tmp_path / f"{seed}.csv").write_text(table(warm(seed)))
    rules = parse_recipe("pictures: {unit: celsius}").reading.files
    scale = reading_of(sorted(tmp_path.iterdir()), rules=rules).scale
    assert scale is not None
    assert scale.black < 29
    assert 52 < scale.white < 62
    assert str(scale).endswith("°C")


DEPTH = FileRules(measure=Measure(unit=Unit.MILLIMETRE, gain=0.1))


def test_holes_of_a_depth_picture_are_left_out(tmp_path: Path) -> None:
    depth = np.full((60, 80), 1200, np.uint16)
    depth[:, 40:] = 1300
    holed = depth.copy()
    holed[10:14, 10:14] = 0
    scale = Scale(black=100, white=150, measure=DEPTH.measure)
    for name, values in (("whole", depth), ("holed", holed)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), values)
    whole, found = (
        load(tmp_path / f"{name}.png", scale=scale, rules=DEPTH) for name in ("whole", "holed")
    )
    assert np.array_equal(whole.pixels, found.pixels)  # as beside them, neither near nor far
    assert found.outside == pytest.approx(16 / 4800)
    assert found.modality is Modality.DEPTH
    told = reading_of([tmp_path / "holed.png"], rules=DEPTH).scale
    assert told is not None
    assert told.black > 100  # a hole is no distance


def with_nan(share: float) -> np.ndarray:
    board = warm(0)
    board[: round(share * len(board))] = np.nan
    return board


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        pytest.param("a.npy", npy(with_nan(0.7)), "70% of it holds no values", id="mostly-nan"),
        pytest.param("a.npy", npy(np.full((9, 9), "x")), "holds text", id="strings"),
        pytest.param("a.csv", b"a;b\nc;d\n", "a table of text", id="a-table-of-words"),
        pytest.param("a.csv", b"1;2\n3;x\n", "line 2 has 'x' among its numbers", id="a-word"),
        pytest.param("a.csv", b"1\n2\n3\n", "a row of 3 numbers", id="no-matrix"),
        pytest.param("a.npy", npy(np.zeros((4, 4, 4))), "it holds 4×4×4", id="three-directions"),
        pytest.param(
            "a.png",
            png(np.zeros((9, 9, 3), np.uint8)),
            "a photograph, without values in °C",
            id="a-photograph",
        ),
    ],
)
def test_what_measures_nothing_is_told_in_a_line(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    reading = parse_recipe(CELSIUS).reading
    with pytest.raises(UnreadableImage, match=says):
        load(tmp_path / name, scale=reading.scale, rules=reading.files)


def test_some_nan_is_filled_and_told(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(npy(with_nan(0.25)))
    reading = parse_recipe(CELSIUS).reading
    loaded = load(tmp_path / "a.npy", scale=reading.scale, rules=reading.files)
    assert loaded.outside == pytest.approx(0.25, abs=0.01)
    assert loaded.pixels.min() > 0


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        pytest.param("1,2,3\n4,,6\n", [[1, 2, 3], [4, None, 6]], id="within"),
        pytest.param("1,2,\n,5,6\n", [[1, 2, None], [None, 5, 6]], id="at-the-ends"),
        pytest.param("1,2,\n4,5,\n", [[1, 2], [4, 5]], id="a-separator-at-each-end"),
        pytest.param("1,2\n4,5,\n", [[1, 2], [4, 5]], id="at-some-ends"),
        pytest.param("1,2,\n4,,\n", [[1, 2], [4, None]], id="a-hole-before-it"),
        pytest.param("---,2\n4,-\n", [[None, 2], [4, None]], id="dashes"),
        pytest.param("1;#N/A\nNone;5\n", [[1, None], [None, 5]], id="words-for-nothing"),
        pytest.param("a,b\n-----\n1,2\n3,4\n", [[1, 2], [3, 4]], id="a-drawn-line"),
        pytest.param("-1,-2\n-3,-4\n", [[-1, -2], [-3, -4]], id="below-zero"),
    ],
)
def test_what_a_table_leaves_out_is_a_hole(text: str, rows: list[list[float | None]]) -> None:
    found = numbers_in(text.encode(), "a.csv")
    assert np.array_equal(found, np.array(rows, np.float64), equal_nan=True)


def test_what_is_infinite_holds_no_value(tmp_path: Path) -> None:
    board = with_nan(0.25)
    (tmp_path / "nan.npy").write_bytes(npy(board))
    (tmp_path / "inf.npy").write_bytes(npy(np.nan_to_num(board, nan=np.inf)))
    reading = parse_recipe(CELSIUS).reading
    nan, inf = (
        load(tmp_path / name, scale=reading.scale, rules=reading.files)
        for name in ("nan.npy", "inf.npy")
    )
    assert np.array_equal(nan.pixels, inf.pixels)
    assert nan.outside == inf.outside


def test_references_without_a_unit_are_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((20, 20), np.uint8))
    rules = parse_recipe("pictures: {unit: celsius}").reading.files
    with pytest.raises(UnreadableImage, match="a photograph, which holds nothing in °C"):
        reading_of([tmp_path / "a.png"], rules=rules)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    folder = tmp_path / "good"
    folder.mkdir()
    for seed in range(5):
        (folder / f"{seed}.tif").write_bytes(tiff(centikelvin(warm(seed))))
    return folder


@pytest.mark.parametrize(
    ("board", "label", "said"),
    [
        pytest.param(warm(11), Label.NORMAL, "", id="as-it-should-be"),
        pytest.param(with_spot(warm(12), over=25), Label.ANOMALOUS, "hot spot of 5", id="hot"),
        pytest.param(with_spot(warm(13), over=-20), Label.ANOMALOUS, "cold spot of 1", id="cold"),
    ],
)
def test_a_spot_is_measured_in_degrees(
    tmp_path: Path, good: Path, fits: Path, board: np.ndarray, label: Label, said: str
) -> None:
    path = tmp_path / "part.tif"
    path.write_bytes(tiff(centikelvin(board)))
    trace = inspect_image(path, recipe=thermal(), references=good, cache=fits)
    assert trace.first is not None, trace.error
    assert trace.first.label is label
    assert trace.sample.visual.modality is Modality.THERMAL
    assert said in trace.first.rationale
    measured = trace.first.evidence[0].measurements
    assert measured["highest_celsius"] == pytest.approx(board.max(), abs=0.01)
    if label is Label.ANOMALOUS:
        covers = (trace.first.defects[0].covers or {})["°C"]
        assert (
            board.max() in covers
            or board.min() == pytest.approx(covers[0], abs=0.01)
            or (covers[1] == pytest.approx(board[60:80, 20:40].max(), abs=0.01))
        )
        found = Readings.of(trace).verdict
        assert found is not None
        assert "°C" in (found.defects[0].covers or {})


def thermal() -> Recipe:
    return parse_recipe(CENTIKELVIN)


def test_a_part_that_is_hotter_all_over_is_no_other_light(
    tmp_path: Path, good: Path, fits: Path
) -> None:
    path = tmp_path / "part.tif"
    path.write_bytes(tiff(centikelvin(warm(14) + 25)))
    trace = inspect_image(path, recipe=thermal(), references=good, cache=fits)
    assert "too bright" not in (trace.disposition.reason if trace.disposition else "")
    assert trace.disposition is not None
    assert trace.disposition.outcome is not Outcome.PASS


@pytest.mark.parametrize("side", [200, 1600])
def test_people_see_colours_and_a_bar(tmp_path: Path, side: int) -> None:
    (tmp_path / "a.npy").write_bytes(npy(warm(0)))
    reading = parse_recipe(CELSIUS).reading
    loaded = load(tmp_path / "a.npy", scale=reading.scale, rules=reading.files)
    shown = drawn(loaded.pixels, loaded.scale, loaded.spectrogram, side)
    assert max(shown.shape) == min(side, 720)
    assert np.abs(shown[..., 0].astype(int) - shown[..., 2]).max() > 50
    plain = np.zeros((40, 60, 3), np.uint8)
    assert drawn(plain, None, None, side) is plain
