"""Tiny models, made once a session: see `tiny_grounding`."""

import importlib.util
from pathlib import Path

import pytest

from reinspect.tools.vision.grounding_dino import INSTALL
from reinspect.tools.vision.runtime import INSTALL as EXTRA
from support.requirements import unavailable
from support.tiny_grounding import (
    TinyGroundingDino,
    write_tiny_grounding_port,
    write_tiny_groundingdino,
)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyGroundingDino:
    """A model of groundingdino-py."""
    for package, install in (("transformers", EXTRA), ("groundingdino", INSTALL)):
        if importlib.util.find_spec(package) is None:
            unavailable("vision", f"{package} is not installed: {install}")
    return write_tiny_groundingdino(tmp_path_factory.mktemp("groundingdino"))


@pytest.fixture(scope="session")
def tiny_port(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of transformers' GroundingDINO."""
    if importlib.util.find_spec("transformers") is None:
        unavailable("vision", f"transformers is not installed: {EXTRA}")
    return write_tiny_grounding_port(tmp_path_factory.mktemp("port"))
