"""What runs a network keeps to itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reinspect.tools.comparator.network import ComparatorNetwork

CODE = """
from reinspect.tools.comparator.network import open_comparator
open_comparator()
"""


@pytest.mark.process
def test_nobody_is_told_that_a_network_was_loaded(
    comparator: ComparatorNetwork, tmp_path: Path
) -> None:
    """onnxruntime reports to its maker unless told otherwise, by a mark in the user's cache."""
    environment = {**os.environ, "HOME": str(tmp_path)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    environment.pop("XDG_CACHE_HOME", None)
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, check=True)
    assert done.returncode == 0
    assert list(tmp_path.rglob("*")) == []
