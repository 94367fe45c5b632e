"""A large folder through `reinspect run`: memory, throughput from start to end, and `--resume`.

    python benchmarks/scale.py [--images 100000] [--workers 2]

Small pictures, few contents under many names, and a scripted detector: what is left is the engine.
Memory is resident, summed over the process tree, sampled while rows arrive and while the files are
written. Throughput is compared between the second and the last tenth of the rows, by wall time and,
since other programs may have had their share of the machine, by the run's own processor time.
"""

import argparse
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import psutil

GOALS = {"peak MB": 600.0, "end / start": 0.95, "resume s": 10.0}
DISTINCT, TRAY = 64, 1000
RECIPE = {"detector": "reinspect.testing:ScriptedDetector", "monitor": "embedded", "tools": []}


class Sample(NamedTuple):
    at: float  # s
    rows: int
    memory: float  # MB
    cpu: float  # s, of the whole process tree


def put_images(root: Path, count: int) -> Path:
    """So many names of few contents, a thousand in a folder."""
    sources = []
    for number in range(DISTINCT):
        generator = np.random.default_rng(number)
        path = root / f"{number}.png"
        cv2.imwrite(str(path), generator.integers(0, 255, (48, 48, 3), np.uint8))
        sources.append(path)
    for number in range(count):
        folder = root / "parts" / f"{number // TRAY:04}"
        if number % TRAY == 0:
            folder.mkdir(parents=True)
        os.link(sources[number % DISTINCT], folder / f"{number:06}.png")
    (root / "known").mkdir()
    for path in sources[:2]:
        os.link(path, root / "known" / path.name)
    return root / "parts"


def looked(process: psutil.Process, store: Path, start: float) -> Sample:
    memory = cpu = 0.0
    for member in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            memory += member.memory_info().rss / 1e6
            cpu += sum(member.cpu_times()[:2])
    rows = 0
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as db,
    ):
        rows = db.execute("SELECT max(id) FROM inspections").fetchone()[0] or 0
    return Sample(time.perf_counter() - start, rows, memory, cpu)


def watched(command: list[str], store: Path) -> tuple[list[Sample], int]:
    start = time.perf_counter()
    samples = []
    with subprocess.Popen(command) as process:
        family = psutil.Process(process.pid)
        while process.poll() is None:
            with contextlib.suppress(psutil.Error):
                samples.append(looked(family, store, start))
            time.sleep(0.5)
    return samples, process.returncode


def rates(samples: list[Sample], low: int, high: int) -> tuple[float, float]:
    """Images a second, of wall time and of processor time, between two counts of rows."""
    inside = [sample for sample in samples if low <= sample.rows < high]
    first, last = inside[0], inside[-1]
    count = last.rows - first.rows
    return count / (last.at - first.at), count / (last.cpu - first.cpu)


def main() -> int:
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        parts, store = put_images(root, asked.images), root / "reinspect.db"
        (root / "recipe.yaml").write_text(json.dumps(RECIPE))
        run = [sys.executable, "-m", "reinspect", "run", str(parts)]
        run += ["--recipe", str(root / "recipe.yaml"), "--references", str(root / "known")]
        run += ["--out", str(root / "out"), "--workers", str(asked.workers)]
        samples, code = watched([*run, "--quiet"], store)
        start = time.perf_counter()
        again = subprocess.run([*run, "--resume"], capture_output=True, text=True)
        resumed = time.perf_counter() - start
        counters = json.loads((root / "out" / "counters.json").read_text())
    tenth = asked.images // 10
    begun, ended = (rates(samples, *span) for span in ((tenth, 2 * tenth), (9 * tenth, 10 * tenth)))
    working = [s.memory for s in samples if tenth <= s.rows < asked.images]
    quarter = max(1, len(working) // 4)
    drift = sum(working[-quarter:]) / quarter - sum(working[:quarter]) / quarter
    found = {
        "images": counters["images"],
        "failed": counters["failed"],
        "exit codes": [code, again.returncode],
        "seconds": round(samples[-1].at, 1),
        "images/s": round(counters["images_per_second"], 1),
        "peak MB": round(max(s.memory for s in samples), 1),
        "peak MB while rows arrive": round(max(working), 1),
        "drift MB, last quarter - first": round(drift, 1),
        "images/s of wall time, second and last tenth": [round(begun[0], 1), round(ended[0], 1)],
        "images/s of processor time, likewise": [round(begun[1], 1), round(ended[1], 1)],
        "end / start": round(ended[1] / begun[1], 3),
        "resume s": round(resumed, 2),
        "resume says": next(
            (line for line in again.stdout.splitlines() if line.startswith("All")), again.stderr
        ),
    }
    print(json.dumps(found, indent=2))
    missed = [
        name
        for name, goal in GOALS.items()
        if (found[name] < goal if name == "end / start" else found[name] > goal)
    ]
    print(f"missed: {', '.join(missed)}" if missed else "all goals are met", file=sys.stderr)
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
