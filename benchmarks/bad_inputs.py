"""Files that are not what a command needs, each given to each: nearly two thousand calls.

Each has to end with one line and exit 2, or, where pictures are at fault, with exit 1 and rows that
say so; within a minute, without a traceback, in 300 MB beyond the program itself. Ends with 1 if
one doesn't.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support.bad_inputs import COMMANDS, answers, bad_inputs


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="Take one in so many.")
    parser.add_argument("--skip", type=int, default=0, help="Begin after so many of them.")
    parser.add_argument("--only", action="append", choices=COMMANDS)
    asked = parser.parse_args()
    chosen = [one for one in bad_inputs() if one.command in (asked.only or COMMANDS)]
    start, count, wrong, longest, most = time.perf_counter(), 0, 0, 0.0, 0.0
    with tempfile.TemporaryDirectory() as name:
        os.environ["REINSPECT_CACHE_DIR"] = f"{name}/cache"
        for answer in answers(Path(name), chosen[asked.skip :: asked.every]):
            count += 1
            longest, most = max(longest, answer.seconds), max(most, answer.megabytes)
            if answer.faults:
                wrong += 1
                print(f"{answer.name}: {'; '.join(answer.faults)}", flush=True)
    print(
        f"{count} bad inputs, {wrong} not as promised; the longest took {longest:.1f} s, the "
        f"largest {most:.0f} MB beyond the program itself ({time.perf_counter() - start:.0f} s)"
    )
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
