"""What tests share: where the real parts are, and when a skip is a failure."""

import contextlib
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from reinspect.tools.comparator.network import Sight
    from support.postgres import Server

REPOSITORY = Path(__file__).resolve().parents[1]
PARTS = Path(os.environ.get("REINSPECT_PARTS", REPOSITORY.parent / "shared" / "data"))


def unavailable(part: str, why: str) -> NoReturn:
    """Skip, saying why; or fail, where REINSPECT_REQUIRE says that the part must be there."""
    required = os.environ.get("REINSPECT_REQUIRE", "").split(",")
    if "all" in required or part in required:
        pytest.fail(f"REINSPECT_REQUIRE asks for {part}: {why}")
    pytest.skip(why)


@pytest.fixture(scope="session")
def real_parts() -> Path:
    """The folder of real parts, which are not in the repository."""
    if not PARTS.is_dir():
        unavailable("parts", f"no real parts at {PARTS} (set REINSPECT_PARTS)")
    return PARTS


@pytest.fixture(scope="session")
def sample_parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small MVTec-style set: two categories, known-good images, defects with masks."""
    from reinspect.samples import write_sample_set

    folder = tmp_path_factory.mktemp("sample") / "parts"
    write_sample_set(
        folder, categories=("flange", "fabric"), references=3, good=2, defective=4, size=128
    )
    return folder


@pytest.fixture(scope="session")
def sight() -> "Sight":
    """The eye that ships."""
    from reinspect.tools.comparator.network import EyeError, open_eye

    try:
        return open_eye()
    except EyeError as failure:
        unavailable("eye", str(failure))


@pytest.fixture(scope="session")
def postgres() -> Iterator["Server"]:
    """A PostgreSQL server of this session's own."""
    from support.postgres import NoPostgresError, running

    if importlib.util.find_spec("psycopg") is None:
        unavailable("postgres", "psycopg is not installed: pip install 'reinspect[postgres]'")
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(running())
        except NoPostgresError as why:
            unavailable("postgres", str(why))
        yield server


@pytest.fixture(scope="session")
def fits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that a whole session shares: making a fit takes seconds."""
    return tmp_path_factory.mktemp("fits")


@pytest.fixture
def mood(tmp_path: Path) -> Path:
    """While it is there, parts of `own_parts` are slow: no machine is so slow that it misses it."""
    file = tmp_path / "mood"
    file.touch()
    return file
