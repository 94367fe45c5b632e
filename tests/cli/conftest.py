from collections.abc import Iterator
from pathlib import Path

import pytest

from support.command_line import invoke, put_greys, put_recipe


@pytest.fixture(scope="session", autouse=True)
def settled(fits: Path) -> Iterator[None]:
    """One cache of fits, and tables that are wide enough to be searched for words."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("REINSPECT_CACHE_DIR", str(fits))
        environment.setenv("COLUMNS", "400")
        yield


@pytest.fixture
def greys(tmp_path: Path) -> Path:
    """A folder of twelve pictures, natural order differing from that of their names."""
    return put_greys(tmp_path / "greys", 12)


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    """A recipe that judges by brightness."""
    return put_recipe(tmp_path / "quick.yaml")


@pytest.fixture(scope="session")
def finished(sample_parts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the default recipe on the sample parts."""
    out = tmp_path_factory.mktemp("finished") / "first"
    assert invoke("run", sample_parts, "--out", out, "--workers", 1).code == 0
    return out
