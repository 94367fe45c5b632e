"""The benchmark beside anomalib: what it takes no anomalib for, and all of it on drawn parts."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from reinspect.tools.features.network import open_features
from support.places import REPOSITORY

PROGRAM = REPOSITORY / "benchmarks" / "peers.py"
TEN = [Path(f"{number}.png") for number in range(10)]


@pytest.fixture(scope="module")
def peers() -> ModuleType:
    spec = importlib.util.spec_from_file_location("peers", PROGRAM)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("count", "draw", "names"),
    [
        pytest.param(3, 0, [0, 1, 2], id="first by name"),
        pytest.param(3, 1, [1, 2, 4], id="at random, sorted"),
        pytest.param(None, 1, range(10), id="all"),
        pytest.param(12, 1, range(10), id="more than there are"),
    ],
)
def test_references_drawn(
    peers: ModuleType, count: int | None, draw: int, names: list[int]
) -> None:
    assert peers.drawn(TEN, count, draw) == [TEN[number] for number in names]


def test_thresholds_are_those_of_the_model_that_they_were_found_with_or_of_the_full_one(
    peers: ModuleType,
) -> None:
    row = {
        "defective": [False, False, True, True],
        "scores": [1.0, 2.0, 3.0, 4.0],
        "held_out": [2.0, 3.0, 4.0, 5.0],
        "thresholds": {"highest": 3.0},
    }
    peers.decide(row)
    assert row["decisions"] == {
        "highest, fitted on half": {"balanced": 1.0, "escape": 0.0, "overkill": 0.0},
        "highest": {"balanced": 0.75, "escape": 0.5, "overkill": 0.0},
    }


def test_a_probability_of_a_half_is_called_defective(peers: ModuleType) -> None:
    row = {"defective": [False, True], "scores": [0.49, 0.5]}
    peers.decide(row)
    assert row["decisions"]["each left out"]["balanced"] == 1.0


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    given = [sys.executable, str(PROGRAM), *map(str, arguments)]
    return subprocess.run(given, capture_output=True, text=True, check=False, timeout=600)


@pytest.mark.process
@pytest.mark.skipif(importlib.util.find_spec("anomalib") is not None, reason="anomalib is there")
def test_without_anomalib_it_says_what_to_install(tmp_path: Path) -> None:
    done = command(tmp_path)
    assert done.returncode == 2
    assert done.stderr == "anomalib is not installed: pip install 'reinspect[peers]'\n"


@pytest.mark.model
@pytest.mark.needs("anomalib")
def test_both_sides_have_the_same_features(peers: ModuleType) -> None:
    peers.settle()
    import torch
    from anomalib.models import Patchcore

    model = Patchcore(
        backbone=peers.backbone(), layers=["blocks.4", "blocks.5"], pre_trained=False
    ).model
    picture = np.random.default_rng(0).integers(0, 256, (320, 320, 3)).astype(np.uint8)
    rgb = (picture[..., ::-1].astype(np.float32) - 127) / 128
    with torch.inference_mode():
        given = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)[None]))
        taps = model.feature_extractor(given)
        found = model.generate_embedding({tap: model.feature_pooler(taps[tap]) for tap in taps})
    own = open_features("efficientnet-lite0").describe(picture)
    np.testing.assert_allclose(found[0].permute(1, 2, 0).numpy(), own, atol=1e-3)


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.needs("anomalib")
def test_all_of_it_on_drawn_parts(sample_parts: Path, tmp_path: Path) -> None:
    methods = ("reinspect", "patchcore:blocks.4+blocks.5", "padim:blocks.4+blocks.5")
    given = ("--references", "all", "--category", "flange", "--method", *methods)
    done = command(sample_parts, *given, "--out", tmp_path / "found.json")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text("utf-8"))
    assert [each["method"] for each in found] == list(methods)
    for each in found:
        (row,) = each["rows"]
        assert len(row["scores"]) == len(row["defective"]) == 6
        assert min(row["auroc"], row["pixel_auroc"]) >= 0.5
    assert all(f"| {method} | all |" in done.stdout for method in methods)
