"""Where results go unless told otherwise."""

import contextlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from reinspect.errors import ReinspectError


class AskedFor(ReinspectError, ValueError):  # noqa: N818 - it names what was asked for, not a fault of ours
    """What was asked for can't be had; the message is one line: where, what, what to do."""


@contextlib.contextmanager
def plainly() -> Iterator[None]:
    """What was asked for can't be had: one line for the user instead of a traceback."""
    try:
        yield
    except (ValueError, OSError) as failure:
        raise AskedFor(str(failure)) from failure


RUNS = Path("runs")
STORE = "reinspect.db"
CRITICS = "critics"


def default_out(sources: Sequence[Path]) -> Path:
    """`runs/<time>-<name>`, named after the first source."""
    name = sources[0].absolute().name
    return RUNS / f"{datetime.now():%Y%m%d-%H%M%S}-{name or 'root'}"


def default_store(out: Path) -> str:
    """The store that a run's folder belongs to: `reinspect.db` beside it."""
    return str(out.parent / STORE)


def critics_beside(store: str) -> Path:
    """The registry of critics that a store has beside it; that of the default place for a URL."""
    return RUNS / CRITICS if "://" in store else Path(store).parent / CRITICS


def runs_beside(out: Path) -> list[Path]:
    """The folders of runs beside a run's folder, whose pictures are not to be inspected."""
    beside = out.parent.glob("*/recipe.yaml")
    return [file.parent for file in beside if (file.parent / "pictures").is_dir()]


def store_of(run: str, store: str | None) -> str:
    """The store to look for a run in: the one named, else the one beside its folder."""
    if store is not None:
        return store
    folder = Path(run)
    return default_store(folder) if folder.is_dir() else str(RUNS / STORE)
