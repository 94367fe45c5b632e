"""Parts of two views beside twice as many parts of one picture: throughput and memory.

    python benchmarks/views.py [--parts 10000] [--workers 2]

The same files, once as parts of two views and once as pictures of their own, by a scripted
detector: what is left is the engine, the fusion and the store. Parts a second are held against half
the pictures a second, by processor time of the whole process tree, too, since other programs may
have their share of the machine. Memory is resident, summed over the tree.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import psutil

GOALS = {"throughput": 0.9, "drift MB": 30.0}
DISTINCT, TRAY = 64, 1000
RECIPE = {"detector": "reinspect.testing:ScriptedDetector", "monitor": "embedded", "tools": []}
VIEWS = {"front": "*_front.*", "back": "*_back.*"}


class Measured(NamedTuple):
    seconds: float
    cpu: float  # s, of the whole process tree
    memory: list[float]  # MB, sampled


def put_parts(root: Path, count: int) -> None:
    """So many parts of two files each, of few contents, a thousand in a folder."""
    for number in range(DISTINCT):
        pixels = np.random.default_rng(number).integers(0, 255, (48, 48, 3), np.uint8)
        cv2.imwrite(str(root / f"{number}.png"), pixels)
    for number in range(count):
        folder = root / "parts" / f"{number // TRAY:04}"
        folder.mkdir(parents=True, exist_ok=True)
        for place, view in enumerate(VIEWS):
            source = root / f"{(2 * number + place) % DISTINCT}.png"
            os.link(source, folder / f"{number:06}_{view}.png")
    for place, view in enumerate(VIEWS):
        (root / "known").mkdir(exist_ok=True)
        os.link(root / f"{place}.png", root / "known" / f"a_{view}.png")


def run(root: Path, name: str, recipe: dict[str, object], workers: int) -> Measured:
    (root / f"{name}.yaml").write_text(json.dumps(recipe))
    command = [sys.executable, "-m", "reinspect", "run", str(root / "parts"), "--quiet"]
    command += ["--recipe", str(root / f"{name}.yaml"), "--references", str(root / "known")]
    command += ["--out", str(root / name), "--store", str(root / f"{name}.db")]
    start, before, memory = time.perf_counter(), os.times(), list[float]()
    with subprocess.Popen([*command, "--workers", str(workers)]) as process:
        family = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                members = [family, *family.children(recursive=True)]
                memory.append(sum(member.memory_info().rss for member in members) / 1e6)
            except psutil.Error:  # one ended meanwhile
                pass
            time.sleep(0.5)
    if process.returncode:
        raise SystemExit(f"{name}: exit {process.returncode}")
    after = os.times()
    cpu = sum(after[2:4]) - sum(before[2:4])
    return Measured(time.perf_counter() - start, cpu, memory)


def main() -> int:
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        put_parts(root, asked.parts)
        pictures = run(root, "pictures", dict(RECIPE), asked.workers)
        parts = run(root, "views", {**RECIPE, "views": VIEWS}, asked.workers)
    memory = parts.memory[len(parts.memory) // 5 :]
    quarter = max(1, len(memory) // 4)
    found = {
        "parts/s": round(asked.parts / parts.seconds, 1),
        "pictures/s": round(2 * asked.parts / pictures.seconds, 1),
        "throughput by wall time": round(pictures.seconds / parts.seconds, 3),
        "throughput": round(pictures.cpu / parts.cpu, 3),
        "peak MB": round(max(parts.memory), 1),
        "peak MB of pictures": round(max(pictures.memory), 1),
        "drift MB": round(sum(memory[-quarter:]) / quarter - sum(memory[:quarter]) / quarter, 1),
    }
    print(json.dumps(found, indent=2))
    missed = found["throughput"] < GOALS["throughput"] or found["drift MB"] > GOALS["drift MB"]
    print("missed" if missed else "all goals are met", file=sys.stderr)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
