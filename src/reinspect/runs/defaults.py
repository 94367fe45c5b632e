"""Where results go unless told otherwise."""

import contextlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from reinspect.errors import ReinspectError


class UsageError(ReinspectError, ValueError):
    """What was asked for can't be had; the message is one line: where, what, what to do."""


@contextlib.contextmanager
def usage_errors() -> Iterator[None]:
    """What is not there, or not as it should be, becomes one line for whoever asked for it.

    Raises:
        UsageError: in place of another ValueError or OSError.
    """
    try:
        yield
    except ReinspectError:
        raise
    except (ValueError, OSError) as failure:
        raise UsageError(str(failure)) from failure


RUNS = Path("runs")
STORE = "reinspect.db"
CRITICS = "critics"


def default_out(name: str) -> Path:
    """`runs/<time>-<name>`, for a run over what has this name."""
    return RUNS / f"{datetime.now():%Y%m%d-%H%M%S}-{name or 'root'}"


def default_store(out: Path) -> str:
    """The store that a run's folder belongs to: `reinspect.db` beside it."""
    return str(out.parent / STORE)


def shown_store(store: str) -> str:
    """A store as a line may show it: without its password, which whoever copies it puts back."""
    if "://" not in store:
        return store
    from reinspect.store.database import masked, parse

    return masked(parse(store))


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
