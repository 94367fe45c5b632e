"""The command line: arguments in, calls of the other rooms, answers out.

It imports nothing until it runs: worker processes import this package, too.
"""

import errno
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from reinspect.errors import ReinspectError, shorten
from reinspect.texts import visible

LONGEST = 1000
"""Characters of an error line."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; exit code 0 done, 1 done with failed items, 2 wrong usage, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that it can't write is no reason to stop
            stream.reconfigure(errors="backslashreplace")
    # Worker processes, too, import nothing from the folder that they are started in, which may
    # hold anybody's files; graph/components.py searches it for what a recipe names.
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        from reinspect.cli.commands import app

        app(args=arguments)
    except KeyboardInterrupt:
        sys.exit(130)
    except ReinspectError as failure:  # anything else is a bug, with its traceback
        _refuse(str(failure))
    except OSError as failure:
        if failure.errno != errno.ENAMETOOLONG:
            raise
        # Whoever asks whether there is such a file doesn't expect this answer.
        _refuse(f"{shorten(failure.filename)}: no file has a name that long; name another one")


def _refuse(said: str) -> NoReturn:
    """The one line on the error stream, and exit 2."""
    line = visible(" ".join(said.split()))
    line = line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
    print(f"reinspect: {line}", file=sys.stderr)  # noqa: T201
    sys.exit(2)
