"""Run, API, broker and database are killed at random points: how many parts are lost or doubled.

Needs the extras `api`, `line` and `postgres`, Debian's mosquitto and PostgreSQL. Small drawn parts
are inspected by the default recipe, and each verdict is published; SIGKILL is what kills. Ends with
1 if anything is lost, doubled, changed or out of order.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from reinspect.samples import write_sample_set
from support.kill_trials import KillToll, KillTrial


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=15, help="Of each.")
    parser.add_argument("--copies", type=int, default=20, help="Of each of twenty pictures.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=("run", "api", "broker", "database"))
    asked = parser.parse_args()
    print("\t".join(KillToll._fields))
    clean = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_sample_set(
            folder / "set", categories=("flange",), references=8, good=10, defective=10, size=128
        )
        pictures = sorted((folder / "set/flange/test").glob("*/*"))
        known = folder / "set/flange/train/good"
        (folder / "work").mkdir()
        trial = KillTrial(folder / "work", pictures, known, copies=asked.copies, seed=asked.seed)
        for what in ("run", "api", "broker", "database") if asked.only is None else (asked.only,):
            start = time.perf_counter()
            toll = getattr(trial, f"of_{what}")(asked.kills)
            clean = clean and toll.clean
            seconds = f"({time.perf_counter() - start:.0f} s)"
            print("\t".join(map(str, toll)), seconds, flush=True)
    return int(not clean)


if __name__ == "__main__":
    sys.exit(main())
