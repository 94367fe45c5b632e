"""What brings new evidence on a verdict."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reinspect.tools.for_agents import as_langchain as as_langchain

__all__ = ["as_langchain"]


def __getattr__(name: str) -> Any:
    if name != "as_langchain":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from reinspect.tools.for_agents import as_langchain

    return as_langchain
