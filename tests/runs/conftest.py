from pathlib import Path

import pytest

from support.command_line import put_greys, put_recipe


@pytest.fixture(autouse=True)
def settled(fits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One cache of fits for the session."""
    monkeypatch.setenv("REINSPECT_CACHE_DIR", str(fits))


@pytest.fixture
def greys(tmp_path: Path) -> Path:
    """A folder of twelve pictures, natural order differing from that of their names."""
    return put_greys(tmp_path / "greys", 12)


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    """A recipe that judges by brightness."""
    return put_recipe(tmp_path / "quick.yaml")
