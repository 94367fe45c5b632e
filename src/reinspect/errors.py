"""Errors that are raised to be read by the user, in one line."""

import difflib
import typing
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pydantic import BaseModel

_SHOWN = 5
"""So many faults of one value are told; a file of another kind altogether may have hundreds."""

_LENGTH = 60
"""The most characters of a wrong value that are shown."""


class ReinspectError(Exception):
    """What was asked for can't be done; the message is one line: what, where, what to do.

    Each error of this package is one of Python's own kinds as well (`ValueError`, `RuntimeError`),
    so that callers may catch it as either. Whatever else gets out is a fault of the program.
    """


class _Invalid(Protocol):
    """pydantic's `ValidationError`, or FastAPI's of a request."""

    def errors(self) -> Sequence[Any]: ...


def explain_invalid(
    failure: _Invalid, model: "type[BaseModel] | None" = None, *, name: str = ""
) -> str:
    """What is wrong with a value that a model refused, in one line.

    Args:
        failure: what the model raised.
        model: the model; with it, an unknown key is told which one was likely meant.
        name: what the value as a whole is called; a key in it is `name.key`.

    Returns:
        Each wrong place with what is wrong there and, cut short, the value: `"budgets.rounds:
        Input should be a valid integer (value 'x')"`; the first few, parted by semicolons.
    """
    errors = failure.errors()
    told = "; ".join(_explain(error, model, name) for error in errors[:_SHOWN])
    more = len(errors) - _SHOWN
    return f"{told}; and {more} more" if more > 0 else told


def did_you_mean(name: str, known: Collection[str], *, otherwise: str = "") -> str:
    """The likely meaning of an unknown name.

    Args:
        name: as it was given.
        known: all names that there are.
        otherwise: said where none of them is close; without it, all are listed.
    """
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return otherwise or f"known: {', '.join(known) or 'none'}"


def shorten(value: object) -> str:
    """The value as Python writes it, cut where it is long."""
    try:
        # Of a text no more than is shown: it may be that of a whole file.
        text = repr(value[: _LENGTH + 1] if isinstance(value, str) else value)
    except (RecursionError, ValueError):  # too deep, or a number of too many digits
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _LENGTH else f"{text[: _LENGTH - 3]}…"


def _explain(error: Any, model: "type[BaseModel] | None", name: str) -> str:
    place = ".".join([*([name] if name else []), *map(_key, error["loc"])])
    said = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "missing":  # its value is that of the whole, without the key
        return f"{place} is missing" if place else said
    if error["type"] == "extra_forbidden":
        known = _keys_beside(error["loc"], model)
        said = "unknown key"
        hint = f"; {did_you_mean(str(error['loc'][-1]), known)}" if known else ""
    else:
        hint = ""
    where = f"{place}: " if place else ""
    return f"{where}{said} (value {shorten(error['input'])}){hint}"


def _key(part: int | str) -> str:
    """A key as people know it: a file may have any, of many lines, or empty."""
    text = str(part)
    return text if text.isprintable() and 0 < len(text) <= _LENGTH else shorten(part)


def _keys_beside(location: Sequence[int | str], model: "type[BaseModel] | None") -> list[str]:
    """The keys that the innermost mapping of a place may have; none where that is not known."""
    for part in location[:-1]:
        field = model.model_fields.get(str(part)) if model else None
        if field is None:  # a place in a list, a key of a mapping, an alternative of a union
            continue
        inner = list(dict.fromkeys(_models_in(field.annotation)))
        model = inner[0] if len(inner) == 1 else None
    return list(model.model_fields) if model else []


def _models_in(annotation: Any) -> "Iterator[type[BaseModel]]":
    """The models that a field's type names, however deep."""
    if isinstance(annotation, type) and hasattr(annotation, "model_fields"):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _models_in(part)
