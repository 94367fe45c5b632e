"""What all tests share: what they are marked by, what is left out, and what is made once."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if "PYTEST_XDIST_WORKER" in os.environ:  # a thread a worker; read when numpy and torch are loaded
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import hypothesis
import pytest

from support.places import PARTS
from support.requirements import need, unavailable
from support.starting import Watch, mark_by_fixtures, marking

if TYPE_CHECKING:
    from reinspect.tools.comparator.network import ComparatorNetwork
    from support.postgres import Server

# No deadline: how long an example takes is the machine's business. CI has a profile of its own.
hypothesis.settings.register_profile("whole", hypothesis.settings.default, deadline=None)
hypothesis.settings.register_profile("quick", max_examples=10, deadline=None)
hypothesis.settings.load_profile("whole")

_watch = Watch()
_SKIPPED = "reinspect/skipped"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--last-skipped", action="store_true", help="run only what was skipped when last run"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    mark_by_fixtures(items)
    # Files with slow tests first: where workers share the files, none of them is begun last.
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
    if config.getoption("last_skipped"):
        skipped = set(config.cache.get(_SKIPPED, []))
        config.hook.pytest_deselected(items=[i for i in items if i.nodeid not in skipped])
        items[:] = [item for item in items if item.nodeid in skipped]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        need(*mark.args)
    _watch.begin()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    yield
    if unsaid := _watch.unsaid({mark.name for mark in item.iter_markers()}):
        pytest.fail(f"starts what its marks don't say: {', '.join(unsaid)}", pytrace=False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remember what was skipped, as pytest itself remembers what failed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(session.config, "workerinput"):
        return
    said = {
        kind: {report.nodeid for report in reporter.stats.get(kind, ())}
        for kind in ("skipped", "passed", "failed", "error")
    }
    before = set(session.config.cache.get(_SKIPPED, []))
    now = before - said["passed"] - said["failed"] - said["error"] | said["skipped"]
    session.config.cache.set(_SKIPPED, sorted(now))


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
def comparator() -> "ComparatorNetwork":
    """The eye that ships."""
    from reinspect.tools.comparator.network import ComparatorError, open_comparator

    try:
        return open_comparator()
    except ComparatorError as failure:
        unavailable("eye", str(failure))


@pytest.fixture(scope="session")
@marking(pytest.mark.database, pytest.mark.needs("psycopg"))
def postgres() -> Iterator["Server"]:
    """A PostgreSQL server of this session's own."""
    from support.postgres import NoPostgresError, running

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


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a store without runs: it takes a tenth of the time that making one takes."""
    from reinspect.store import Store

    path = tmp_path_factory.mktemp("blank") / "reinspect.db"
    Store.open(path).close()
    return path.read_bytes()


@pytest.fixture
def mood(tmp_path: Path) -> Path:
    """While it is there, parts of `own_parts` are slow: no machine is so slow that it misses it."""
    file = tmp_path / "mood"
    file.touch()
    return file
