"""Speed of a batch, side by side: workers, and the bare detector.

    python benchmarks/batch.py [--images 120] [--rounds 5] [--parts DIR]

- `2 workers / 1`: the default recipe, one thread a worker on both sides; likewise for a detector
  that takes no time, where what is left is the graph, decoding and the pipes.
- `graph / bare`: the first look of every image by two workers, through the graph and into the
  store, beside the bare detector function in a pool of two processes.

Whatever is compared takes turns, round by round, so that other work on the machine hits both sides;
a rate is that of the second half, when every worker is warm, and a ratio is the median of those of
the rounds: it is what neighbours in time have in common that cancels out. Rounds differ by more
than the goal is missed or met by, so they are printed.
"""

import argparse
import functools
import itertools
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

import cv2
import psutil
from threadpoolctl import threadpool_limits

from reinspect.dataset import Item, discover, sample_at
from reinspect.engine.local import inspect_all
from reinspect.graph.build import BuildContext, build_pipeline
from reinspect.graph.recipe import Recipe, dump_recipe
from reinspect.graph.references import reference_sets
from reinspect.pictures import Pictures
from reinspect.roles import Detector
from reinspect.samples import write_sample_set
from reinspect.store import RunInfo, Store
from reinspect.trace import Trace
from reinspect.vocabulary import Verdict

GOALS = {"2 workers / 1": 1.8, "graph / bare": 0.9}
STAND_IN = Recipe.model_validate(
    {"detector": "reinspect.testing:ScriptedDetector", "monitor": "embedded", "tools": []}
)
FIRST_LOOK = Recipe.model_validate({"tools": [], "policies": {"trigger": "never"}})

_detector: Detector | None = None


def start_bare(context: BuildContext) -> None:
    """A process of the bare pool, on one thread as a worker is."""
    global _detector
    cv2.setNumThreads(1)
    _detector = build_pipeline(context).detector
    threadpool_limits(1)


def detect_bare(work: Item) -> Verdict:
    assert _detector is not None
    return _detector(sample_at(work.path, id=work.id, category=work.category))  # type: ignore[return-value]


class Rate(NamedTuple):
    wall: float  # images a second
    cpu: float  # images a second of processor time, of all processes together


def rate(arriving: Iterable[object], count: int) -> Rate:
    """Of the second half: by then every worker is warm."""
    warm = done = Rate(0.0, 0.0)
    number = 0
    for number, _ in enumerate(arriving, 1):
        if number == count // 2:
            warm = Rate(time.perf_counter(), processor_seconds())
        elif number == count:
            done = Rate(time.perf_counter(), processor_seconds())
    assert number == count, f"{number} of {count} came back"
    half = count - count // 2
    return Rate(half / (done.wall - warm.wall), half / (done.cpu - warm.cpu))


def processor_seconds() -> float:
    """Of this process and its children so far."""
    process = psutil.Process()
    family = [process, *process.children(recursive=True)]
    return sum(sum(member.cpu_times()[:2]) for member in family)


def bare(works: list[Item], context: BuildContext) -> Rate:
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, spawning, start_bare, (context,)) as pool:
        waiting = [pool.submit(detect_bare, work) for work in works]
        return rate((future.result() for future in as_completed(waiting)), len(works))


def through(works: list[Item], context: BuildContext, *, workers: int) -> Rate:
    """Through the graph and into a store."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Store.open(Path(folder) / "reinspect.db") as store,
        store.writer(begun(store)) as writer,
    ):

        def written() -> Iterable[Trace]:
            for trace in inspect_all(works, context, workers=workers):
                assert trace.error is None, trace.error
                writer(trace)
                yield trace

        return rate(written(), len(works))


def begun(store: Store) -> int:
    return store.begin_run(RunInfo(name="bench", folder=None, recipe=dump_recipe(Recipe())))


def in_turns(rounds: int, **sides: Callable[[], Rate]) -> dict[str, list[Rate]]:
    """Each side's rates, one a round, the sides taking turns."""
    found: dict[str, list[Rate]] = {name: [] for name in sides}
    for number in range(rounds):
        order = list(sides) if number % 2 == 0 else list(reversed(sides))
        for name in order:
            found[name].append(sides[name]())
    return found


def compared(name: str, rates: dict[str, list[Rate]]) -> float:
    """The second side over the first, by wall time, the median of the rounds; all is printed."""
    for side, each in rates.items():
        shown = ", ".join(f"{one.wall:.1f}" for one in each)
        middle = Rate(*map(statistics.median, zip(*each, strict=True)))
        print(
            f"  {side:<10} {middle.wall:7.1f} images/s  ({shown}); "
            f"{1000 / middle.cpu:6.2f} ms of processor time an image"
        )
    first, second = rates.values()
    walls = [theirs.wall / own.wall for own, theirs in zip(first, second, strict=True)]
    cpus = [theirs.cpu / own.cpu for own, theirs in zip(first, second, strict=True)]
    print(f"{name}: {_middle(walls)}; by processor time {_middle(cpus)}\n", flush=True)
    return statistics.median(walls)


def _middle(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.3f} ({min(ratios):.2f} to {max(ratios):.2f})"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--images",
        type=int,
        default=120,
        help="embedded, a side and round; twice that without a second look",
    )
    parser.add_argument("--stand-in", type=int, default=2000, help="likewise, without a detector")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parts", type=Path, help="MVTec-style root instead of sample parts")
    asked = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        root = asked.parts or scratch / "parts"
        if asked.parts is None:
            write_sample_set(root, categories=("flange",), references=8, good=10, defective=10)
        items = list(discover([root]))
        make = functools.partial(
            BuildContext,
            references=reference_sets(items, Recipe()),
            pictures=Pictures(scratch / "pictures"),
            cache=scratch / "cache",
        )

        def works(count: int) -> list[Item]:
            chosen = itertools.islice(itertools.cycle(items), count)
            return [item._replace(id=f"{n}/{item.id}") for n, item in enumerate(chosen)]

        def side(recipe: Recipe, count: int, **options: int) -> Callable[[], Rate]:
            return lambda: through(works(count), make(recipe), **options)

        list(inspect_all(works(1), make(Recipe())))  # learns the references, which are kept
        many, few = asked.stand_in, asked.images
        scripted = in_turns(
            asked.rounds,
            **{"1 worker": side(STAND_IN, many, workers=1)},
            **{"2 workers": side(STAND_IN, many, workers=2)},
        )
        compared("detector of no time, 2 workers / 1", scripted)
        embedded = in_turns(
            asked.rounds,
            **{"1 worker": side(Recipe(), few, workers=1)},
            **{"2 workers": side(Recipe(), few, workers=2)},
        )
        found = {"2 workers / 1": compared("embedded, 2 workers / 1", embedded)}
        first_look = in_turns(
            asked.rounds,
            bare=lambda: bare(works(2 * few), make(FIRST_LOOK)),
            graph=side(FIRST_LOOK, 2 * few, workers=2),
        )
        found["graph / bare"] = compared("first look by 2 processes, graph / bare", first_look)
    missed = [name for name, goal in GOALS.items() if found[name] < goal]
    print(f"load {os.getloadavg()[0]:.1f}", flush=True)
    print(f"missed: {', '.join(missed)}" if missed else "all goals are met", file=sys.stderr)
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
