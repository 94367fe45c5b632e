"""Ray beside the local engine: the same pictures, two workers each, into a store.

    python benchmarks/engines.py [--images 320] [--rounds 2]

Both inspect with the embedded parts and write to a store of their own, in turns, so that other work
on the machine hits both sides. A rate is that of the second half: from when half of the pictures
were judged, as their traces say, until the last row is here. Ray hands back blocks of 32, so when
rows arrive tells little of when the work was done. It starts more slowly, which is said apart.
"""

import argparse
import functools
import itertools
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from reinspect.dataset import discover
from reinspect.engine.local import attend
from reinspect.engine.ray import Ray
from reinspect.graph.build import BuildContext
from reinspect.graph.recipe import Recipe
from reinspect.graph.references import reference_sets
from reinspect.pictures import Pictures
from reinspect.samples import write_sample_set
from reinspect.store import RunInfo, Store
from reinspect.trace import Trace

GOAL = 0.8  # of the local engine's rate
FIRST_LOOK = Recipe.model_validate({"tools": [], "policies": {"trigger": "never"}})

Arriving = Iterator[Trace | None]


class Pace(NamedTuple):
    rate: float  # images a second
    start: float  # seconds until the first was judged


def pace(arriving: Arriving, count: int) -> Pace:
    """Of the second half: by then every worker is warm."""
    begun = datetime.now(UTC)
    judged = []
    with (
        tempfile.TemporaryDirectory() as folder,
        Store.open(f"{folder}/s.db") as store,
        store.writer(store.begin_run(RunInfo(name="bench"))) as writer,
    ):
        for trace in arriving:
            if trace is not None:
                assert trace.error is None, trace.error
                writer(trace)
                judged.append(trace.steps[-1].started)
                here = datetime.now(UTC)
    assert len(judged) == count, f"{len(judged)} of {count} came back"
    judged.sort()
    half = (here - judged[count // 2 - 1]).total_seconds()
    return Pace((count - count // 2) / half, (judged[0] - begun).total_seconds())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=320, help="a side and round")
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        write_sample_set(
            scratch / "parts", categories=("flange",), references=8, good=10, defective=10
        )
        items = list(discover([scratch / "parts"]))
        context = BuildContext(
            recipe=FIRST_LOOK,
            references=reference_sets(items, FIRST_LOOK),
            pictures=Pictures(scratch / "pictures"),
            cache=scratch / "cache",
        )
        chosen = itertools.islice(itertools.cycle(items), asked.images)
        works = [item._replace(id=f"{n}/{item.id}") for n, item in enumerate(chosen)]
        next(attend(works[:1], context, workers=1))  # learns the references, which are kept
        sides: dict[str, Callable[[], Arriving]] = {
            "local": functools.partial(attend, works, context, workers=2),
            "ray": functools.partial(Ray(workers=2).inspect, works, context),
        }
        paces: dict[str, list[Pace]] = {name: [] for name in sides}
        for number in range(asked.rounds):
            for name in list(sides) if number % 2 == 0 else list(reversed(sides)):
                paces[name].append(pace(sides[name](), asked.images))
    found = {}
    for name, each in paces.items():
        found[name] = statistics.median(one.rate for one in each)
        rounds = ", ".join(f"{one.rate:.1f}" for one in each)
        start = statistics.median(one.start for one in each)
        print(f"{name:<6} {found[name]:6.1f} images/s ({rounds}); first judged after {start:.1f} s")
    ratio = found["ray"] / found["local"]
    print(f"ray / local: {ratio:.2f} (goal {GOAL})\nload {os.getloadavg()[0]:.1f}", flush=True)
    print("the goal is met" if ratio >= GOAL else "missed", file=sys.stderr)
    return ratio < GOAL


if __name__ == "__main__":
    sys.exit(main())
