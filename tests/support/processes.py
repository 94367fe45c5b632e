"""`reinspect` in a process of its own, as a terminal or a service manager starts it."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from support.places import REPOSITORY

PATIENCE = 120.0  # seconds; reached only where something hangs


@contextlib.contextmanager
def running(
    *arguments: object, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """`reinspect` in a process group of its own, as a terminal starts it.

    That is with Ctrl-C heard, though these tests may run where it is ignored, in the background.
    `env` is what the environment says besides.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "reinspect", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "tests"), **(env or {})},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_for_rows(store: Path, least: int) -> None:
    """Until so many rows are on disk."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(store)) as db:
            if db.execute("SELECT count(*) FROM inspections").fetchone()[0] >= least:
                return
        time.sleep(0.05)
    pytest.fail(f"{store} never had {least} rows")


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Its child processes, of any generation."""
    return psutil.Process(process.pid).children(recursive=True)
