import json
import struct
from pathlib import Path
from typing import Any

import pytest

from reinspect.training.vlm.preflight import (
    Machine,
    PreflightError,
    check,
    estimate_memory,
    shape_of,
)
from reinspect.training.vlm.tuning import Tuning, load_tuning

NO_GPU = Machine(gpu=None, memory=64.0)
QWEN_8B: dict[str, Any] = {
    "dtype": "bfloat16",
    "text_config": {"hidden_size": 4096, "num_hidden_layers": 36, "vocab_size": 151_936},
}


@pytest.fixture
def big(tmp_path: Path) -> str:
    """The files that say how large a model of 8.77 billion parameters is, without its weights."""
    folder = tmp_path / "qwen3-vl-8b"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(QWEN_8B))
    index = {"metadata": {"total_size": 17_534_000_000}, "weight_map": {}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return str(folder)


def refusal(*given: Any) -> str:
    with pytest.raises(PreflightError) as failure:
        check(*given)
    assert "\n" not in str(failure.value)
    return str(failure.value)


def test_8b_without_a_gpu_says_what_is_needed(big: str, tmp_path: Path) -> None:
    said = refusal(big, load_tuning("qwen3-vl-8b"), "RAWS", tmp_path, NO_GPU)
    assert "8.8 billion parameters: RAWS needs a GPU with about" in said
    assert "this machine has none" in said


def test_by_name_alone_the_recipe_says_how_large(tmp_path: Path) -> None:
    tuning = load_tuning("qwen3-vl-8b")
    said = refusal("Qwen/Qwen3-VL-8B-Instruct", tuning, "RCRL", tmp_path / "new", NO_GPU)
    assert "8.8 billion parameters" in said
    assert "vLLM" in said


def test_too_small_a_gpu(big: str, tmp_path: Path) -> None:
    there = Machine(gpu=16.0, memory=64.0)
    said = refusal(big, load_tuning("qwen3-vl-8b"), "RCRL", tmp_path, there)
    assert "of GPU memory; there are 16 GiB" in said


def test_a_large_gpu_will_do(big: str, tmp_path: Path) -> None:
    there = Machine(gpu=80.0, memory=64.0)
    need = check(big, load_tuning("qwen3-vl-8b"), "RAWS", tmp_path, there)
    assert need is not None
    assert 16 < need.weights < 17
    assert need.weights < need.memory < 80


def test_too_little_disk(big: str, tmp_path: Path) -> None:
    everything = Tuning.model_validate({"lora": None, "warm_start": {"keep": 10_000}})
    said = refusal(big, everything, "RAWS", tmp_path, Machine(gpu=1e6, memory=64.0))
    assert "of disk at" in said


def test_a_model_that_nothing_is_known_of_is_not_refused(tmp_path: Path) -> None:
    assert check("someone/model", Tuning(), "RAWS", tmp_path, NO_GPU) is None


def test_more_is_needed_for_all_weights_than_for_an_adapter(big: str) -> None:
    adapter, everything = Tuning(), Tuning.model_validate({"lora": None})
    shape = shape_of(big, adapter)
    assert shape is not None
    less = estimate_memory(shape, adapter, "RCRL", on_gpu=True)
    more = estimate_memory(shape, everything, "RCRL", on_gpu=True)
    assert more.memory > 3 * less.memory
    assert more.disk > 10 * less.disk


def test_parameters_are_counted_from_the_header_alone(tmp_path: Path) -> None:
    header = json.dumps({"a": {"dtype": "BF16", "shape": [1000, 2000], "data_offsets": [0, 0]}})
    content = struct.pack("<Q", len(header)) + header.encode()
    (tmp_path / "model.safetensors").write_bytes(content)
    shape = shape_of(str(tmp_path), Tuning())
    assert shape is not None
    assert shape.parameters == 2_000_000


@pytest.mark.parametrize("content", [b"", b"\x05\x00", b"\x08\x00\x00\x00\x00\x00\x00\x00not json"])
def test_weights_without_a_header(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(PreflightError, match="no safetensors file"):
        shape_of(str(tmp_path), Tuning())


def test_an_adapter_is_as_large_as_its_base(big: str, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": big}))
    shape = shape_of(str(tmp_path), Tuning())
    assert shape is not None
    assert shape.hidden == 4096
