"""From the start of `reinspect run --bundle` to its first verdict in the store.

Makes drawn parts and a bundle of 8 references, unpacks it once, and starts a run of one picture
anew each time, on two cores. Ends with 1 if the fastest misses the goal.
"""

import argparse
import contextlib
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from reinspect.samples import write_sample_set

GOAL = 2.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_sample_set(
            folder / "parts", categories=("flange",), references=8, good=1, defective=1
        )
        parts = folder / "parts" / "flange"
        environment = {**os.environ, "REINSPECT_CACHE_DIR": str(folder / "cache")}
        reinspect = [sys.executable, "-m", "reinspect"]
        made = ["bundle", "--references", parts / "train" / "good", "--out", folder / "p.rib"]
        subprocess.run([*reinspect, *map(str, made)], env=environment, check=True)
        picture = next((parts / "test" / "good").iterdir())
        seconds, processor = [], []
        for number in range(asked.starts + 1):
            out = folder / "runs" / f"{number}"
            words = ["run", picture, "--bundle", folder / "p.rib", "--out", out, "--quiet"]
            words += ["--workers", asked.workers, "--accept-references"]
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            start = time.time()
            subprocess.run([*reinspect, *map(str, words)], env=environment, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            with contextlib.closing(sqlite3.connect(folder / "runs" / "reinspect.db")) as store:
                ((at,),) = store.execute(
                    "SELECT at FROM inspections ORDER BY id DESC LIMIT 1"
                ).fetchall()
            stored = datetime.fromisoformat(at).replace(tzinfo=UTC)
            if number:  # the first one unpacks
                seconds.append(stored.timestamp() - start)
                processor.append(
                    after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                )
    print(
        f"{asked.starts} starts, until the first verdict is stored: median "
        f"{np.median(seconds):.2f} s, fastest {min(seconds):.2f} s, slowest {max(seconds):.2f} s; "
        f"whole run {np.median(processor):.2f} s of processor time"
    )
    return int(min(seconds) > GOAL)


if __name__ == "__main__":
    sys.exit(main())
