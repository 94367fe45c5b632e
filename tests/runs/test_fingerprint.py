"""Weights that change under their name keep a run from going on with mixed verdicts."""

import platform
from collections.abc import Callable
from pathlib import Path

import pytest

from reinspect import RunPlan
from reinspect.graph.recipe import load_recipe
from reinspect.runs.resume import fingerprint, versions


def of_the_eye(folder: Path) -> Path:
    (folder / "eye.onnx").write_bytes(b"judges")
    (folder / "eye-sees.onnx").write_bytes(b"sees")
    return folder / "eye-sees.onnx"


def of_one_file(folder: Path) -> Path:
    (folder / "eye.onnx").write_bytes(b"judges")
    return folder / "eye.onnx"


def of_a_folder(folder: Path) -> Path:
    (folder / "eye.onnx").mkdir()
    (folder / "eye.onnx" / "model.safetensors").write_bytes(b"model")
    return folder / "eye.onnx" / "model.safetensors"


@pytest.mark.parametrize("put", [of_the_eye, of_one_file, of_a_folder])
@pytest.mark.parametrize("kind", ["eye", "segmentation", "grounding"])
def test_other_weights_are_another_fingerprint(
    greys: Path, tmp_path: Path, kind: str, put: Callable[[Path], Path]
) -> None:
    changing, file = put(tmp_path), tmp_path / "recipe.yaml"
    file.write_text(f"tools: [{{kind: {kind}, weights: eye.onnx}}]")

    def now() -> dict[str, str]:
        return fingerprint(RunPlan.of(greys, recipe=load_recipe(file)))

    before = now()
    assert "tools.0.weights" in before
    assert now() == before
    changing.write_bytes(b"others")
    after = now()
    assert [key for key in after if after[key] != before[key]] == ["tools.0.weights"]


def test_the_numeric_platform_is_on_record() -> None:
    said = versions()["platform"]
    assert said.startswith(platform.machine())
    assert "openblas" in said or "mkl" in said or "accelerate" in said
