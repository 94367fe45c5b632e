"""A user's own graph: what it is given, what is taken from it, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from reinspect.tools.features.cells import FeaturesError
from reinspect.tools.features.fit import FeatureFit
from reinspect.tools.features.onnx_file import OnnxFeatures, OnnxNetwork, open_onnx
from support.made_onnx import FREE, put_onnx
from support.plates import plate


def network(file: Path, **options: Any) -> OnnxNetwork:
    return open_onnx(OnnxFeatures.model_validate({"onnx": str(file), **options}))


@pytest.mark.parametrize(
    ("made", "options", "channels", "grid"),
    [
        pytest.param({}, {}, (5,), (16, 26), id="a-map"),
        pytest.param({"strides": {"a": 16, "b": 32}}, {}, (5, 5), (16, 26), id="two-maps"),
        pytest.param(
            {"strides": {"a": 16, "b": 32}}, {"outputs": ["b"]}, (5,), (8, 13), id="one-of-two"
        ),
        pytest.param({}, {"input": {"side": 448}}, (5,), (22, 36), id="another-side"),
        pytest.param({"takes": (1, 3, 96, 64)}, {}, (5,), (6, 4), id="one-size"),
        pytest.param(
            {"strides": {"t": 14}, "tokens": 5},
            {"input": {"multiple": 14}},
            (5,),
            (18, 30),
            id="tokens",
        ),
        pytest.param({"strides": {"t": 32}, "tokens": 0}, {}, (5,), (8, 13), id="patches-alone"),
    ],
)
def test_whatever_it_gives_is_a_grid(
    made: dict[str, Any],
    options: dict[str, Any],
    channels: tuple[int, ...],
    grid: tuple[int, int],
    tmp_path: Path,
) -> None:
    opened = network(put_onnx(tmp_path / "own.onnx", **made), **options)
    assert opened.channels == channels
    described = opened.describe(plate(0))
    assert described.shape == (*grid, sum(channels))
    assert described.dtype == np.float32


def test_the_side_is_asked_for_anew_unless_there_is_one_size(tmp_path: Path) -> None:
    free = network(put_onnx(tmp_path / "free.onnx"))
    fixed = network(put_onnx(tmp_path / "fixed.onnx", takes=(1, 3, 64, 64)))
    assert (free.side, fixed.side) == (320, 64)
    assert free.describe(plate(0), side=640).shape[:2] == (30, 52)
    assert fixed.describe(plate(0), side=640).shape[:2] == (4, 4)


@pytest.mark.parametrize(
    ("scaling", "white"),
    [
        pytest.param("imagenet", [(1 - 0.485) / 0.229, (1 - 0.406) / 0.225], id="imagenet"),
        pytest.param("-1..1", [1, 1], id="about-zero"),
        pytest.param("0..1", [1, 1], id="from-zero"),
        pytest.param({"mean": [0, 0.5, 0.2], "std": [1, 1, 0.1]}, [1, 8], id="own"),
    ],
)
def test_pictures_are_scaled_as_the_recipe_says(scaling: Any, white: list[float]) -> None:
    options = OnnxFeatures.model_validate({"onnx": "x", "input": {"scaling": scaling}})
    given = options.input.prepared(np.full((32, 64, 3), 255, np.uint8))
    assert given.shape == (1, 3, 32, 64)
    assert given[0, [0, 2], 0, 0] == pytest.approx(white, abs=1e-5)
    blue = options.input.prepared(np.array([[[255, 0, 0]]], np.uint8))
    assert blue[0, 2] == pytest.approx(given[0, 2, 0, 0])  # red, green, blue


def test_maps_are_averaged_and_tokens_are_not(tmp_path: Path) -> None:
    file = put_onnx(tmp_path / "own.onnx")
    smooth, sharp = (network(file, average=own).describe(plate(0)) for own in (True, False))
    assert smooth[3, 3] == pytest.approx(sharp[2:5, 2:5].mean(axis=(0, 1)), abs=1e-5)
    tokens = put_onnx(tmp_path / "t.onnx", strides={"t": 32}, tokens=1)
    described = [network(tokens, average=own).describe(plate(0)) for own in (True, False)]
    assert np.array_equal(*described)


def test_tokens_are_those_of_the_patches_in_their_place(tmp_path: Path) -> None:
    maps = network(put_onnx(tmp_path / "m.onnx", strides={"t": 32}), average=False)
    tokens = network(put_onnx(tmp_path / "t.onnx", strides={"t": 32}, tokens=5))
    assert np.array_equal(maps.describe(plate(0)), tokens.describe(plate(0)))


def test_the_key_is_another_where_features_are(tmp_path: Path) -> None:
    file = put_onnx(tmp_path / "own.onnx")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "own.onnx").write_bytes(file.read_bytes())
    assert network(file).key == network(tmp_path / "elsewhere" / "own.onnx").key
    others = [
        network(file, average=False),
        network(file, input={"side": 448}),
        network(file, input={"scaling": "0..1"}),
        network(put_onnx(tmp_path / "other.onnx", seed=1)),
    ]
    (tmp_path / "own.onnx.data").write_bytes(b"weights that lie outside")
    others.append(network(file))
    keys = [one.key for one in others]
    assert len({network(tmp_path / "elsewhere" / "own.onnx").key, *keys}) == 6


def test_a_first_look_is_fitted_over_it(tmp_path: Path) -> None:
    own = network(put_onnx(tmp_path / "own.onnx"))
    fit = FeatureFit.from_references([plate(seed) for seed in range(5)], own)
    assert fit.look(plate(20, spot=24), own).z > fit.look(plate(20), own).z


@pytest.mark.parametrize(
    ("made", "options", "said"),
    [
        pytest.param({"takes": ("n", "h", "w")}, {}, r"\('n', 'h', 'w'\).*not float32", id="rank"),
        pytest.param({"kind": "UINT8"}, {}, r"tensor\(uint8\).*not float32 \(n, 3", id="uint8"),
        pytest.param({"takes": ("n", 1, "h", "w")}, {}, "three colours", id="grey"),
        pytest.param({"takes": (8, *FREE[1:])}, {}, "one picture", id="a-batch-of-eight"),
        pytest.param({"takes": (1, 3, 64, "w")}, {}, "both fixed, or both free", id="half-free"),
        pytest.param({"second": True}, {}, r"2 inputs \(image, text\)", id="two-inputs"),
        pytest.param({}, {"outputs": ["map"]}, "did you mean 'maps'", id="no-such-output"),
        pytest.param(
            {"strides": {"t": 14}, "tokens": 1}, {}, "set input.multiple to the patch", id="patch"
        ),
        pytest.param({"strides": {"a": 128}}, {}, "no map", id="hardly-a-cell"),
        pytest.param(
            {"strides": {"a": 96}}, {"input": {"multiple": 8}}, "can't take a picture", id="large"
        ),
    ],
)
def test_another_graph_is_refused_in_one_line(
    made: dict[str, Any], options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    file = put_onnx(tmp_path / "own.onnx", **made)
    with pytest.raises(FeaturesError, match=said) as refused:
        network(file, **options)
    assert "\n" not in str(refused.value)
    assert "own.onnx" in str(refused.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(None, "no such file", id="missing"),
        pytest.param(b"", "is no graph", id="empty"),
        pytest.param(b"<html>", "is no graph", id="a-web-page"),
    ],
)
def test_a_file_that_is_no_graph_is_refused(
    content: bytes | None, said: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "own.onnx").write_bytes(content)
    with pytest.raises(FeaturesError, match=said) as refused:
        network(tmp_path / "own.onnx")
    assert "\n" not in str(refused.value)


def test_a_cut_graph_is_refused(tmp_path: Path) -> None:
    file = put_onnx(tmp_path / "own.onnx")
    file.write_bytes(file.read_bytes()[:-2000])
    with pytest.raises(FeaturesError, match="is no graph"):
        network(file)


@pytest.mark.parametrize(
    "own",
    [
        pytest.param({"scaling": {"mean": [0, 0, 0], "std": [1, 0, 1]}}, id="no-spread"),
        pytest.param({"scaling": {"mean": [0, 0], "std": [1, 1, 1]}}, id="two-colours"),
        pytest.param({"scaling": "torch"}, id="unknown"),
        pytest.param({"side": 0}, id="no-side"),
        pytest.param({"multiple": 0}, id="no-multiple"),
    ],
)
def test_an_input_that_can_t_be_is_refused(own: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OnnxFeatures.model_validate({"onnx": "x", "input": own})
