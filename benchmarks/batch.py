"""Throughput and memory of a batch: images/s with 1 and 2 workers, and whether memory drifts.

    python benchmarks/batch.py [--stand-in N] [--embedded N] [--parts DIR]

The stand-in is a detector that takes no time: what is left is the graph, decoding and the queue.
Memory is resident memory summed over the process tree; its drift is the mean of the last quarter of
the run minus that of the first after every worker has started.
"""

import argparse
import shutil
import tempfile
import threading
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import psutil

from reinspect.dataset import discover
from reinspect.graph.batch import Work, inspect_all
from reinspect.graph.crew import Workshop
from reinspect.graph.recipe import Recipe
from reinspect.graph.references import golden_sets
from reinspect.pictures import Pictures
from reinspect.samples import write_sample_set

STAND_IN = Recipe.model_validate(
    {"detector": "reinspect.testing:ScriptedDetector", "monitor": "embedded", "tools": []}
)


class Measured(NamedTuple):
    rate: float  # images/s, the start of the workers left out
    peak: float  # MB
    drift: float  # MB
    errors: int


class Memory:
    """Resident memory of this process and its children in MB, sampled beside the work."""

    def __init__(self) -> None:
        self.samples: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        process = psutil.Process()
        while not self._over.wait(0.05):
            family = [process, *process.children(recursive=True)]
            self.samples.append(sum(resident(member) for member in family))


def resident(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss) / 1e6
    except psutil.Error:
        return 0.0


def measure(works: Sequence[Work], workshop: Workshop, workers: int) -> Measured:
    errors, warm = 0, 2 * workers  # by then every worker has started and has its fit
    with Memory() as memory:
        for number, trace in enumerate(inspect_all(works, workshop, workers=workers)):
            errors += trace.error is not None
            if number == warm:
                start, first = time.perf_counter(), len(memory.samples)
        took = time.perf_counter() - start
    settled = memory.samples[first:]
    quarter = max(1, len(settled) // 4)
    drift = sum(settled[-quarter:]) / quarter - sum(settled[:quarter]) / quarter
    return Measured((len(works) - warm - 1) / took, max(memory.samples), drift, errors)


def report(name: str, works: Sequence[Work], workshop: Workshop) -> None:
    rates = []
    for workers in (1, 2):
        found = measure(works, workshop, workers)
        rates.append(found.rate)
        print(
            f"{name:<10} {len(works):>6} images  {workers} worker{'s' if workers > 1 else ' '}  "
            f"{found.rate:8.1f} images/s  peak {found.peak:6.0f} MB  drift {found.drift:+6.1f} MB  "
            f"{found.errors} errors",
            flush=True,
        )
    print(f"{name:<10} 2 workers are {rates[1] / rates[0]:.2f} × 1 worker", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stand-in", type=int, default=2000, help="images (0: leave it out)")
    parser.add_argument("--embedded", type=int, default=200, help="images (0: leave it out)")
    parser.add_argument("--parts", type=Path, help="MVTec-style root instead of sample parts")
    asked = parser.parse_args()
    scratch = Path(tempfile.mkdtemp())
    try:
        root = asked.parts or scratch / "parts"
        if asked.parts is None:
            write_sample_set(root, references=8, good=10, defective=10)
        items = list(discover([root]))
        copies = [
            Work(item.path, f"{number}/{item.id}", item.category)
            for number, item in enumerate(islice(cycle(items), max(asked.stand_in, asked.embedded)))
        ]
        copies.sort(key=lambda work: work.category or "")  # as runs have them
        if asked.stand_in:
            report("stand-in", copies[: asked.stand_in], Workshop(recipe=STAND_IN))
        if asked.embedded:
            golden = golden_sets(items, Recipe())
            pictures = Pictures(scratch / "pictures")
            workshop = Workshop(references=golden, pictures=pictures, cache=scratch / "cache")
            step = max(1, len(copies) // asked.embedded)
            report("embedded", copies[::step][: asked.embedded], workshop)
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
