"""The command line: arguments in, calls of the other rooms, answers out.

It imports nothing until it runs: worker processes import this package, too.
"""

import io
import os
import sys
from collections.abc import Sequence

from reinspect.errors import ReinspectError


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
        said = " ".join(str(failure).split())
        print(f"reinspect: {said}", file=sys.stderr)  # noqa: T201 - the one error line
        sys.exit(2)
