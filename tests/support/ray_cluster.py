"""A Ray that stands for as long as a test needs it, as a plant's would: runs come and go."""

import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping

from support.places import REPOSITORY

# Ended by the end of its input: `ray stop` would end every Ray of this machine.
_STAND = """
import logging, sys
import ray
node = ray.init(
    "local", num_cpus=2, object_store_memory=256 * 2**20, include_dashboard=False,
    log_to_driver=False, logging_level=logging.ERROR,
)
print(node.address_info["gcs_address"], flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def standing(env: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of a Ray of two processors, and what the environment must say to be let in.

    `env` is what its own environment says besides.
    """
    key = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
    own_parts = {"PYTHONPATH": str(REPOSITORY / "tests")}
    with subprocess.Popen(
        [sys.executable, "-c", _STAND],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **quiet, **own_parts, **key, **env},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            assert address, "Ray did not start"
            yield address, key
        finally:
            process.stdin.close()
