"""A server whose workers are gone ends, so that a supervisor starts it anew."""

from pathlib import Path

import pytest

from support.command_line import put_greys, put_recipe
from support.processes import PATIENCE, running

pytestmark = [pytest.mark.process, pytest.mark.server]


def test_workers_that_never_begin_end_the_server(tmp_path: Path) -> None:
    recipe = put_recipe(tmp_path / "stillborn.yaml", "support.own_parts:Stillborn")
    known = put_greys(tmp_path / "known", 3)
    paths = ("--recipe", recipe, "--references", known, "--out", tmp_path / "line")
    with running("api", *paths, "--port", 0, "--workers", 1) as process:
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    (line,) = err.splitlines()
    assert line.startswith("reinspect: the workers are gone (WorkersFailed: ")
