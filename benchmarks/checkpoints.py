"""What a checkpointed graph keeps: many parts through one graph with LangGraph's SQLite saver.

Every part is a thread of its own, is looked at twice, and its states are kept after each node. The
members are scripted, with as much to say as the embedded ones: what is measured is the graph.
Prints a JSON object: how the memory grew after the first tenth of the parts, the largest state of a
part, and the file for each part; ends with 1 where a goal is missed.

    python benchmarks/checkpoints.py [--parts 5000]
"""

import argparse
import gc
import json
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import psutil
from langgraph.checkpoint.sqlite import SqliteSaver

from reinspect import build_graph
from reinspect.graph.recipe import Recipe
from reinspect.trace import Trace
from reinspect.vocabulary import Box, Defect, Evidence, Region, Sample, Verdict

GOALS = {"MB more": 32, "kB of a state": 20}
FILES = 16
SPOTS = tuple(Box(n / 10, 0.1, n / 10 + 0.08, 0.3) for n in range(8))
NUMBERS = {f"measurement {number}": number / 3 for number in range(12)}


def detect(sample: Sample) -> Verdict:  # noqa: ARG001 - scripted
    """A first look with eight places and a dozen numbers."""
    regions = tuple(Region(box=box, score=1.0) for box in SPOTS)
    seen = Evidence(source="first", summary="eight spots", regions=regions, measurements=NUMBERS)
    defects = tuple(Defect(box=box, score=1.0, type="spot") for box in SPOTS)
    return Verdict.of(0.62, defects=defects, rationale="eight spots " * 8, evidence=(seen,))


def probe(trace: Trace) -> Evidence:  # noqa: ARG001 - scripted
    """A second look that agrees."""
    regions = tuple(Region(box=box, score=2.0) for box in SPOTS)
    return Evidence(
        source="probe",
        summary="the same eight spots",
        probability=0.8,
        regions=regions,
        measurements=NUMBERS,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", type=int, default=5000)
    parts = parser.parse_args().parts
    here = Path(__file__).stem
    recipe = Recipe.model_validate(
        {
            "detector": f"{here}:detect",
            "tools": [f"{here}:probe"],
            "policies": {"trigger": "always"},
        }
    )
    process = psutil.Process()
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder, f"{number}.png")) for number in range(FILES)]
        for number, file in enumerate(files):
            cv2.imwrite(file, np.full((64, 64, 3), 10 * number, np.uint8))
        database = Path(folder, "states.db")
        with SqliteSaver.from_conn_string(str(database)) as saver:
            graph = build_graph(recipe, checkpointer=saver)
            memory, start = [], time.perf_counter()
            for number in range(parts):
                thread = {"configurable": {"thread_id": f"part {number}"}}
                graph.invoke({"image": files[number % FILES], "id": f"{number}"}, thread)
                if number % max(1, parts // 100) == 0:
                    gc.collect()
                    memory.append(process.memory_info().rss / 1e6)
            seconds = time.perf_counter() - start
        with sqlite3.connect(database) as kept:
            ((largest, threads),) = kept.execute(
                "SELECT max(length(checkpoint)), count(DISTINCT thread_id) FROM checkpoints"
            )
        whole = database.stat().st_size
    settled = memory[len(memory) // 10 :]
    found = {
        "parts": threads,
        "ms a part": round(1000 * seconds / parts, 1),
        "MB after a tenth": round(settled[0]),
        "MB more": round(max(settled) - settled[0], 1),
        "kB of a state": round(largest / 1000, 1),
        "kB of the file, all states of a part": round(whole / parts / 1000, 1),
    }
    print(json.dumps(found, indent=1))
    missed = [name for name, most in GOALS.items() if found[name] > most]
    for name in missed:
        print(f"missed: {name} {found[name]}, goal {GOALS[name]}", file=sys.stderr)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
