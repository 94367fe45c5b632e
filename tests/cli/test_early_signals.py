"""A signal in the first seconds, while packages are still being imported: one line and 130."""

import os
import signal
import time
from pathlib import Path

import pytest

from support.command_line import put_greys
from support.places import REPOSITORY
from support.processes import PATIENCE, running

pytestmark = pytest.mark.process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("package", ["typer", "cv2", "numpy", "sqlalchemy"])
def test_a_signal_during_an_import(package: str, number: signal.Signals, tmp_path: Path) -> None:
    marker = tmp_path / "begun"
    (tmp_path / "stubs").mkdir()
    (tmp_path / "stubs" / f"{package}.py").write_text(
        f"import time\nopen({str(marker)!r}, 'w').close()\ntime.sleep({PATIENCE})\n"
    )
    parts = put_greys(tmp_path / "parts", 2)
    paths = os.pathsep.join([str(tmp_path / "stubs"), str(REPOSITORY / "tests")])
    run = ("run", parts, "--out", tmp_path / "out")
    with running(*run, env={"PYTHONPATH": paths}) as process:
        end = time.monotonic() + PATIENCE
        while not marker.exists() and time.monotonic() < end:
            time.sleep(0.02)
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (130, "reinspect: interrupted\n")
    assert not (tmp_path / "out").exists()
