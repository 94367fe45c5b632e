"""The command line: arguments in, calls of the other rooms, answers out.

It imports nothing until it runs: worker processes import this package, too.
"""

import contextlib
import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from types import FrameType
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
        with _interruptible():
            from reinspect.cli.commands import app

            app(args=arguments)
    except KeyboardInterrupt:
        _interrupted()
    except SystemExit as ended:
        left = ended.__context__
        if left is None or not isinstance(left.__cause__, KeyboardInterrupt):
            raise  # a command that was interrupted in its work has said how to go on
        _interrupted()
    except ReinspectError as failure:  # anything else is a bug, with its traceback
        _refuse(str(failure))
    except OSError as failure:
        if failure.errno != errno.ENAMETOOLONG:
            raise
        # Whoever asks whether there is such a file doesn't expect this answer.
        _refuse(f"{shorten(failure.filename)}: no file has a name that long; name another one")


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM is Ctrl-C from the first moment on, while all else is still being imported, too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupted() -> NoReturn:
    """The line of a command that had nothing to say of how to go on, and exit 130."""
    print("reinspect: interrupted", file=sys.stderr)  # noqa: T201
    sys.exit(130)


def _refuse(said: str) -> NoReturn:
    """The one line on the error stream, and exit 2."""
    line = visible(" ".join(said.split()))
    line = line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
    print(f"reinspect: {line}", file=sys.stderr)  # noqa: T201
    sys.exit(2)
