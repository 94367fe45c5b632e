"""Weights that a recipe names and that are missing, or none: refused before a part is judged."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reinspect.graph.build import BuildContext, build_pipeline
from reinspect.graph.recipe import RecipeError, load_recipe

FILE = "weights.bin"

NAMED = [
    pytest.param({"tools": [{"kind": "eye", "weights": FILE}]}, id="eye"),
    pytest.param({"detector": {"kind": "embedded", "features": {"onnx": FILE}}}, id="onnx"),
    pytest.param({"tools": [{"kind": "network", "features": {"onnx": FILE}}]}, id="network"),
    pytest.param(
        {"detector": {"kind": "embedded", "features": {"timm": "resnet18", "weights": FILE}}},
        marks=pytest.mark.needs("torch", "torchvision", "timm"),
        id="timm",
    ),
    pytest.param(
        {"tools": [{"kind": "segmentation", "backend": "segment-anything", "weights": FILE}]},
        marks=pytest.mark.needs("torch", "segment_anything"),
        id="segment-anything",
    ),
    pytest.param(
        {"tools": [{"kind": "segmentation", "backend": "transformers", "weights": FILE}]},
        marks=pytest.mark.needs("torch", "transformers"),
        id="segmentation-port",
    ),
    pytest.param(
        {
            "tools": [
                {
                    "kind": "grounding",
                    "backend": "groundingdino",
                    "weights": FILE,
                    "text_encoder": FILE,
                }
            ]
        },
        marks=pytest.mark.needs("torch", "transformers", "groundingdino"),
        id="groundingdino",
    ),
    pytest.param(
        {"tools": [{"kind": "grounding", "backend": "transformers", "weights": FILE}]},
        marks=pytest.mark.needs("torch", "transformers"),
        id="grounding-port",
    ),
    pytest.param({"monitor": {"kind": "fitted", "file": FILE}}, id="monitor"),
    pytest.param({"monitor": {"kind": "critic", "file": FILE}}, id="critic"),
]


def missing(file: Path) -> None:
    """Nothing is there."""


def noise(file: Path) -> None:
    file.write_bytes(np.random.default_rng(0).bytes(5000))


def empty(file: Path) -> None:
    file.touch()


@pytest.mark.parametrize("put", [missing, noise, empty])
@pytest.mark.parametrize("recipe", NAMED)
def test_they_are_refused(
    recipe: dict[str, object], put: Callable[[Path], None], tmp_path: Path
) -> None:
    put(tmp_path / FILE)
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe))
    with pytest.raises(RecipeError) as failure:
        build_pipeline(BuildContext(recipe=load_recipe(tmp_path / "recipe.yaml")))
    said = str(failure.value)
    assert "weights" in said
    assert len(said.splitlines()) == 1
