"""LangGraph's checkpointers, of each kind, opened again as another process would."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver

from support.postgres import ON_POSTGRES, Server
from support.requirements import Late

sqlite = Late("langgraph.checkpoint.sqlite")
on_postgres = Late("langgraph.checkpoint.postgres")

Saver = BaseCheckpointSaver[Any]
Opened = Callable[[], AbstractContextManager[Saver]]
"""Opens the same checkpoints again, as another process would."""

SQLITE = pytest.mark.needs("langgraph.checkpoint.sqlite")
SAVERS = [
    pytest.param("memory", id="memory"),
    pytest.param("sqlite", id="sqlite", marks=SQLITE),
    pytest.param(
        "postgres",
        id="postgres",
        marks=[*ON_POSTGRES, pytest.mark.needs("langgraph.checkpoint.postgres")],
    ),
]

every_saver = pytest.mark.parametrize("opened", SAVERS, indirect=True)
lasting_saver = pytest.mark.parametrize("opened", SAVERS[1:], indirect=True)
"""Those that outlive their process."""


def opening(kind: str, folder: Path, server: Callable[[], Server]) -> Opened:
    """Checkpoints of a kind.

    Args:
        kind: of `SAVERS`.
        folder: for a file.
        server: the database server, where one is needed.
    """
    match kind:
        case "memory":
            kept = InMemorySaver()

            @contextmanager
            def memory() -> Iterator[Saver]:
                yield kept

            return memory
        case "sqlite":
            return lambda: sqlite.SqliteSaver.from_conn_string(str(folder / "checkpoints.db"))
        case _:
            url = server().new()

            @contextmanager
            def made() -> Iterator[Saver]:
                with on_postgres.PostgresSaver.from_conn_string(url) as saver:
                    saver.setup()
                    yield saver

            return made
