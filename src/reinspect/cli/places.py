"""Where results go unless told otherwise."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

RUNS = Path("runs")
STORE = "reinspect.db"


def default_out(sources: Sequence[Path]) -> Path:
    """`runs/<time>-<name>`, named after the first source."""
    name = sources[0].absolute().name
    return RUNS / f"{datetime.now():%Y%m%d-%H%M%S}-{name or 'root'}"


def default_store(out: Path) -> str:
    """The store that a run's folder belongs to: `reinspect.db` beside it."""
    return str(out.parent / STORE)


def store_of(run: str, store: str | None) -> str:
    """The store to look for a run in: the one named, else the one beside its folder."""
    if store is not None:
        return store
    folder = Path(run)
    return default_store(folder) if folder.is_dir() else str(RUNS / STORE)
