"""Tiny models, made once a session: see `tiny_grounding`."""

from pathlib import Path

import pytest

from support.starting import marking
from support.tiny_grounding import (
    TinyGroundingDino,
    write_tiny_grounding_port,
    write_tiny_groundingdino,
)


@pytest.fixture(scope="session")
@marking(pytest.mark.model, pytest.mark.needs("torch", "transformers", "groundingdino"))
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyGroundingDino:
    """A model of groundingdino-py."""
    return write_tiny_groundingdino(tmp_path_factory.mktemp("groundingdino"))


@pytest.fixture(scope="session")
@marking(pytest.mark.model, pytest.mark.needs("torch", "transformers"))
def tiny_port(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of transformers' GroundingDINO."""
    return write_tiny_grounding_port(tmp_path_factory.mktemp("port"))
