"""Made-up critics, as their trainings leave them."""

import json
from pathlib import Path


def put_embedded(folder: Path) -> Path:
    """What stands for an embedded critic: the registry reads no further than its bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "trained.json"
    file.write_text(json.dumps({"weights": [1, 2]}))
    return file


def put_adapter(folder: Path) -> Path:
    """What stands for an adapter, with a checkpoint that need not be kept."""
    (folder / "checkpoint-5").mkdir(parents=True)
    (folder / "checkpoint-5" / "optimizer.pt").write_bytes(b"large")
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    settings = {"base_model_name_or_path": "Qwen/Qwen3-VL-4B-Instruct"}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    return folder


def put_weights(folder: Path) -> Path:
    """What stands for the weights of a whole model."""
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_text("{}")
    return folder
