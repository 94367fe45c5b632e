"""The base of all values: frozen, strict, with a path that can be told anew."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """Frozen, strict about unknown keys; change is `model_copy(update=…)`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def renamed(self, old: str, new: str) -> Self:
        """The value with another path in place of `old`, in every text that has it."""
        changed = {
            name: _renamed(getattr(self, name), old, new) for name in type(self).model_fields
        }
        return self.model_copy(update=changed)


def _renamed(part: Any, old: str, new: str) -> Any:
    match part:
        case Value():
            return part.renamed(old, new)
        case str() if not isinstance(part, StrEnum):
            return part.replace(old, new)
        case Mapping():
            return {key: _renamed(below, old, new) for key, below in part.items()}
        case tuple() if type(part) is tuple:
            return tuple(_renamed(below, old, new) for below in part)
    return part
