"""What a row costs: the trace of a second look, written as a run writes it, on both databases.

    python benchmarks/store.py [--rows 5000] [--rounds 3]

SQLite and PostgreSQL (Debian's own, started here in a temporary folder, its commits on disk before
they count) take turns, so that other work on the machine hits both. Of the rounds the median is
taken. The client's own processor time says how much of it is this program's.
"""

import argparse
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from reinspect.dataset import discover
from reinspect.engine.local import inspect_all
from reinspect.graph.build import BuildContext
from reinspect.graph.recipe import Recipe
from reinspect.graph.references import reference_sets
from reinspect.pictures import Pictures
from reinspect.samples import write_sample_set
from reinspect.store import RunInfo, Store
from reinspect.trace import Trace
from support.postgres import NoPostgresError, running

GOAL = 3.0  # ms a row
_names = itertools.count()


class Cost(NamedTuple):
    wall: float  # ms a row
    cpu: float  # ms of this process a row


def second_look(scratch: Path) -> Trace:
    """A real one, with all its steps and pictures."""
    write_sample_set(scratch / "parts", categories=("flange",), references=8, good=1, defective=1)
    items = list(discover([scratch / "parts"]))
    context = BuildContext(
        recipe=Recipe(),
        references=reference_sets(items, Recipe()),
        pictures=Pictures(scratch / "pictures"),
        cache=scratch / "cache",
    )
    item = items[0]
    (trace,) = inspect_all([item], context, explore=True)
    return trace


def copies(trace: Trace, count: int) -> Iterator[Trace]:
    for number in range(count):
        sample = trace.sample.model_copy(update={"id": f"{number:06}.png"})
        yield trace.model_copy(update={"sample": sample})


def written(url: str, trace: Trace, rows: int) -> Cost:
    """Another run in the same store: one that has rows already."""
    traces = list(copies(trace, rows))
    with Store.open(url) as store:
        run = store.begin_run(RunInfo(name=f"bench {next(_names)}"))
        start, used = time.perf_counter(), time.process_time()
        with store.writer(run) as writer:
            for made in traces:
                writer(made)
        wall, cpu = time.perf_counter() - start, time.process_time() - used
        assert store.tally(run).images == rows
    return Cost(1000 * wall / rows, 1000 * cpu / rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=5000, help="a database and round")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        trace = second_look(Path(folder))
        size = len(json.dumps(trace.model_dump(mode="json"))) / 1000
        steps = len(trace.all_steps)
        print(f"a trace of {steps} steps, {size:.1f} kB of JSON; {asked.rows} rows each")
        try:
            with running({"fsync": "on"}) as server:
                places = {"SQLite": f"{folder}/reinspect.db", "PostgreSQL": server.new()}
                costs: dict[str, list[Cost]] = {name: [] for name in places}
                for number in range(asked.rounds):
                    order = list(places) if number % 2 == 0 else list(reversed(places))
                    for name in order:
                        costs[name].append(written(places[name], trace, asked.rows))
        except NoPostgresError as why:
            print(why, file=sys.stderr)
            return 1
    missed = []
    for name, found in costs.items():
        wall, cpu = (statistics.median(side) for side in zip(*found, strict=True))
        rounds = ", ".join(f"{cost.wall:.2f}" for cost in found)
        print(f"{name:<11} {wall:.2f} ms a row ({rounds}); {cpu:.2f} ms of processor time here")
        print(f"{'':<11} {wall / GOAL:.2f} × the {GOAL:g} ms that it may be")
        missed += [name] if wall > GOAL else []
    print(f"load {os.getloadavg()[0]:.1f}", flush=True)
    print(f"missed: {', '.join(missed)}" if missed else "all goals are met", file=sys.stderr)
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
