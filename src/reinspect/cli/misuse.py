"""Commands that are called wrongly: one line, as for every other error, instead of Typer's box."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from reinspect.runs.defaults import UsageError

_Misuse: type[Exception] = typer.BadParameter.__mro__[1]
"""Click's `UsageError`, or Typer's own copy of it, which has no public name."""


class Commands(TyperGroup):
    """All commands; what the parser refuses ends as our own error."""

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Read what is said before the command."""
        with _in_one_line():
            return super().make_context(*args, **options)

    def invoke(self, ctx: Any) -> Any:
        """Read what is said to the command, and carry it out."""
        with _in_one_line():
            return super().invoke(ctx)


@contextmanager
def _in_one_line() -> Iterator[None]:
    try:
        yield
    except _Misuse as failure:
        if type(failure).__name__ == "NoArgsIsHelpError":  # no error: its help has been printed
            raise
        raise UsageError(_line(failure)) from failure


def _line(failure: Any) -> str:
    """What is wrong, in which command, and where its options stand."""
    from pydantic import ValidationError  # which `--help` doesn't need

    said, cause = failure.format_message(), failure.__cause__
    if isinstance(cause, ValidationError):
        fault = cause.errors(include_url=False)[0]
        told = fault["msg"].removeprefix("Value error, ")
        if repr(fault["input"]) not in told:
            told = f"{told[:1].lower()}{told[1:]}, not {fault['input']!r}"
        said = f"{failure.param.get_error_hint().strip(chr(39))}: {told}"
    said = re.sub(r"^Invalid value(?: for |: )", "", said).rstrip(".")
    if failure.ctx is None:
        return said
    root, own = failure.ctx.find_root().command_path, failure.ctx.command_path
    command = own.removeprefix(root).strip()
    where = f"{command}: " if command else ""
    said += "" if said.endswith("?") else ";"
    return f"{where}{said} see: {' '.join(filter(None, ('reinspect', command)))} --help"
