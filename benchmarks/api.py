"""What `reinspect api` costs beside the graph itself, side by side.

    python benchmarks/api.py [--images 400] [--rounds 3] [--clients 16] [--detector stand-in]

Both sides inspect the same pictures by two worker processes into a store of their own: the server
as a process of its own, asked over HTTP by threads of this one, each waiting for its verdict; and
the graph as `reinspect run` calls it. The detector takes no time (`stand-in`), or is the embedded
one, so that the share of the server in the whole is seen. Sides take turns, round by round; of the
rounds the median is taken. Processor time is that of server and workers, without the clients.

`answer` is how long a client waits for one verdict while nobody else asks.
"""

import argparse
import contextlib
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil
import yaml

from reinspect.dataset import Item, discover
from reinspect.engine.local import inspect_all
from reinspect.graph.build import BuildContext
from reinspect.graph.recipe import Recipe
from reinspect.graph.references import reference_sets
from reinspect.samples import write_sample_set
from reinspect.store import RunInfo, Store

WORKERS = 2
RECIPES = {
    "stand-in": Recipe.model_validate(
        {"detector": "reinspect.testing:ScriptedDetector", "monitor": "embedded", "tools": []}
    ),
    "embedded": Recipe(),
}
ALONE = 20  # requests, one after the other


class Speed(NamedTuple):
    a_second: float
    cpu_ms: float  # a picture


def spent(process: psutil.Process) -> float:
    """Processor seconds of a process and its children so far."""
    family = [process, *process.children(recursive=True)]
    return sum(sum(member.cpu_times()[:2]) for member in family)


class Server:
    """`reinspect api`, warm."""

    def __init__(self, address: str, process: psutil.Process, clients: int) -> None:
        self._client = httpx.Client(
            base_url=address, timeout=120, limits=httpx.Limits(max_connections=clients)
        )
        self._process, self._clients = process, clients

    def ready(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return self._client.get("/ready").is_success
        return False

    def send(self, picture: bytes) -> None:
        answer = self._client.post("/v1/inspections", files={"image": ("a.png", picture)})
        assert answer.status_code == 200, answer.text
        assert answer.json()["result"]["error"] is None, answer.text

    def speed(self, pictures: list[bytes]) -> Speed:
        before, start = spent(self._process), time.perf_counter()
        with ThreadPoolExecutor(self._clients) as pool:
            for _ in pool.map(self.send, pictures):
                pass
        took = time.perf_counter() - start
        return Speed(len(pictures) / took, 1000 * (spent(self._process) - before) / len(pictures))

    def answer_ms(self, pictures: list[bytes]) -> float:
        times = []
        for picture in pictures[:ALONE]:
            start = time.perf_counter()
            self.send(picture)
            times.append(1000 * (time.perf_counter() - start))
        return statistics.median(times)


@contextlib.contextmanager
def serving(folder: Path, recipe: Recipe, references: Path, clients: int) -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    file = folder / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe.model_dump(mode="json", exclude_unset=True)))
    words = ["--recipe", file, "--references", references, "--out", folder / "line", "--port", port]
    words += ["--workers", WORKERS, "--rate", 1e6]
    command = [sys.executable, "-m", "reinspect", "api", *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        server = Server(f"http://127.0.0.1:{port}", psutil.Process(process.pid), clients)
        while not server.ready():
            assert process.poll() is None, "the server ended"
            time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        process.wait(60)


def straight(works: list[Item], context: BuildContext, folder: Path) -> Speed:
    """Through the graph and into a store; of the second half, when every worker is warm."""
    own, count = psutil.Process(), len(works)
    warm = done = (0.0, 0.0)
    with (
        tempfile.TemporaryDirectory(dir=folder) as place,
        Store.open(Path(place) / "s.db") as store,
        store.writer(store.begin_run(RunInfo(name="straight"))) as writer,
    ):
        for number, trace in enumerate(inspect_all(works, context, workers=WORKERS), 1):
            assert trace.error is None, trace.error
            writer(trace)
            if number == count // 2:
                warm = (time.perf_counter(), spent(own))
            elif number == count:  # before the workers end, and their times with them
                done = (time.perf_counter(), spent(own))
    half = count - count // 2
    return Speed(half / (done[0] - warm[0]), 1000 * (done[1] - warm[1]) / half)


def compared(
    recipe: Recipe, asked: argparse.Namespace, count: int, folder: Path
) -> dict[str, float]:
    parts = folder / "parts"
    items = list(discover([parts]))
    paths = [items[index % len(items)].path for index in range(count)]
    # Every copy a content of its own, so that nothing is found to be there already.
    pictures = [Path(path).read_bytes() + b"\0" * (1 + n) for n, path in enumerate(paths)]
    copies = folder / "copies"
    copies.mkdir()
    works = []
    for number, picture in enumerate(pictures):
        file = copies / f"{number}.png"
        file.write_bytes(picture)
        works.append(Item(f"{number}.png", str(file)))
    golden = next(parts.glob("*/train/good"))
    context = BuildContext(recipe, reference_sets((), recipe, given=golden), cache=folder / "fits")
    with serving(folder, recipe, golden, asked.clients) as server:
        alone = server.answer_ms(pictures)
        server.speed(pictures[: count // 4])
        straight(works[:2], context, folder)  # its references are learned from now on
        rounds = [
            (straight(works, context, folder), server.speed(pictures)) for _ in range(asked.rounds)
        ]
    ways = list(zip(*rounds, strict=True))
    graph, api = (
        Speed(*(statistics.median(column) for column in zip(*way, strict=True))) for way in ways
    )
    return {
        "graph, pictures/s": graph.a_second,
        "api, requests/s": api.a_second,
        "api / graph": api.a_second / graph.a_second,
        "graph, CPU ms a picture": graph.cpu_ms,
        "api, CPU ms a picture": api.cpu_ms,
        "answer, ms": alone,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--detector", choices=RECIPES, action="append", help="default: both")
    asked = parser.parse_args()
    found = {}
    for name in asked.detector or RECIPES:
        recipe = RECIPES[name]
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            write_sample_set(
                folder / "parts",
                categories=("flange",),
                references=4,
                good=8,
                defective=8,
                size=asked.side,
            )
            count = asked.images if name == "stand-in" else max(16, asked.images // 8)
            speeds = compared(recipe, asked, count, folder)
            found[name] = {key: round(value, 2) for key, value in speeds.items()}
    print(json.dumps({**found, "load": psutil.getloadavg()[0]}, indent=2))


if __name__ == "__main__":
    main()
