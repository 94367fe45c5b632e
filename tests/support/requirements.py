"""What a test can't do without: skipped where it is missing, or failed where it must be there."""

import os
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NoReturn

import pytest

BROUGHT_BY: Mapping[str, str] = {
    "anomalib": "peers",
    "asyncua": "line",
    "datasets": "train",
    "groundingdino": "vision",
    "huggingface_hub": "vision",
    "label_studio_sdk": "labels",
    "langgraph.checkpoint.postgres": "checkpoints",
    "langgraph.checkpoint.sqlite": "checkpoints",
    "langgraph_api": "studio",
    "onnxscript": "train",
    "paho": "line",
    "playwright": "browser",
    "psycopg": "postgres",
    "pyarrow": "parquet",
    "rawpy": "raw",
    "ray": "ray",
    "segment_anything": "vision",
    "soundfile": "sound",
    "streamlit": "ui",
    "timm": "vision",
    "torch": "train",
    "torchvision": "train",
    "transformers": "vision",
    "trl": "train",
    "vllm": "vllm",
}
"""Package that a test may need → the part of `REINSPECT_REQUIRE` that it belongs to."""

INSTALL: Mapping[str, str] = {
    "browser": "pip install 'reinspect[dev]'",
    "checkpoints": "pip install 'reinspect[dev]'",
    "labels": "make extras",
    "peers": "make test-peers",
    "studio": "make test-studio",
    "vllm": "make test-serving",
}
"""Where it isn't the extra of the part's name."""


def unavailable(part: str, why: str) -> NoReturn:
    """Skip, saying why; or fail, where REINSPECT_REQUIRE says that the part must be there."""
    required = os.environ.get("REINSPECT_REQUIRE", "").split(",")
    if "all" in required or part in required:
        pytest.fail(f"REINSPECT_REQUIRE asks for {part}: {why}", pytrace=False)
    pytest.skip(why)


def need(*packages: str) -> None:
    """Skip (or fail) unless these packages are installed; none is imported."""
    for package in packages:
        if find_spec(package) is None:
            part = BROUGHT_BY[package]
            install = INSTALL.get(part, f"pip install 'reinspect[{part}]'")
            unavailable(part, f"{package} is not installed: {install}")


class Late:
    """A package that a test module names at its head, and that is imported when a test uses it."""

    def __init__(self, package: str) -> None:
        self._package = package

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self._package), name)
