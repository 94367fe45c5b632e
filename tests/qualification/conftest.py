from pathlib import Path

import pytest

from reinspect.graph.recipe import Recipe, parse_recipe
from support.plates import put_plates


@pytest.fixture(scope="session")
def quick_recipe() -> Recipe:
    """A first look by the small network, and no second."""
    return parse_recipe("{detector: {kind: embedded, features: efficientnet-lite0}, tools: []}")


@pytest.fixture(scope="session")
def plates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six good plates."""
    return put_plates(tmp_path_factory.mktemp("plates") / "plate" / "train" / "good", range(6))
