"""What the graph costs beside a model server: against a plain asyncio loop over the bare client.

Both ask a scripted server in a process of its own, 1 s a call, 64 calls in flight, with the same
pictures and prompt. Prints a JSON object; ends with 1 where a goal is missed.

    python benchmarks/serving.py [--images 640] [--memory 5000]
"""

import argparse
import asyncio
import itertools
import json
import multiprocessing
import multiprocessing.connection
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import psutil
import yaml
from openai import AsyncOpenAI

from reinspect.agents.models.detector import ask_for_defects
from reinspect.agents.models.encoding import data_uri
from reinspect.agents.models.settings import Form
from reinspect.agents.product import ProductKnowledge
from reinspect.dataset import Item
from reinspect.engine.local import inspect_all
from reinspect.graph.build import BuildContext
from reinspect.graph.recipe import parse_recipe
from reinspect.images import load
from reinspect.testing import Reply, ScriptedServer

ANSWER = json.dumps(
    {"regions": "none", "examination": "clean", "defects": [], "answer": "no", "confidence": 0.9}
)
GOALS = {"share of the bare client's throughput": 0.95, "small": 0.004, "1 Mpx": 0.025}
BUDGET = 1280 * 28 * 28
FILES = 16


def serve(seconds: float, pipe: multiprocessing.connection.Connection) -> None:
    with ScriptedServer(Reply(ANSWER, yes=0.03), seconds=seconds, keep=False) as server:
        pipe.send(server.url)
        pipe.recv()


def pictures(folder: Path, side: int) -> list[str]:
    """Files that look like a grainy part: neither flat nor pure noise."""
    folder.mkdir()
    made = []
    for number in range(FILES):
        generator = np.random.default_rng(number)
        coarse = generator.integers(60, 200, (max(2, side // 16), max(2, side // 16), 3), np.uint8)
        image = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
        grain = generator.normal(0, 3, image.shape)
        path = folder / f"{number}.jpg"
        cv2.imwrite(str(path), np.clip(image + grain, 0, 255).astype(np.uint8))
        made.append(str(path))
    return made


def of_the_graph(url: str, files: list[str], count: int, in_flight: int) -> Iterator[float]:
    """Seconds since the start at which each trace arrived."""
    model = {"kind": "vlm", "model": "m", "base_url": url, "timeout": 60}
    content = {
        "detector": model,
        "tools": [],
        "policies": {"trigger": "never"},
        "budgets": {"in_flight": in_flight},
    }
    recipe = parse_recipe(yaml.safe_dump(content))
    works = (
        Item(path=file, id=str(n)) for n, file in zip(range(count), itertools.cycle(files))
    )  # fmt: skip
    start = time.perf_counter()
    for trace in inspect_all(works, BuildContext(recipe=recipe)):
        assert trace.error is None, trace.error
        yield time.perf_counter() - start


async def bare(url: str, files: list[str], count: int, in_flight: int) -> None:
    """The same requests, with nothing around them."""
    question = ask_for_defects(
        Form.JSON, "detect", pictures="One.", product=str(ProductKnowledge()), candidates="None."
    )
    schema = {"name": "answer", "schema": question.schema, "strict": True}
    queue = iter(range(count))
    async with AsyncOpenAI(base_url=url, api_key="none", timeout=60) as client:

        async def worker() -> None:
            for number in queue:
                picture = data_uri(load(files[number % len(files)]).pixels, BUDGET)
                await client.chat.completions.create(
                    model="m",
                    messages=[
                        {
                            "role": "user",
                            "content": [
                                {"type": "image_url", "image_url": {"url": picture}},
                                {"type": "text", "text": question.prompt.text},
                            ],
                        }
                    ],
                    response_format={"type": "json_schema", "json_schema": schema},
                    logprobs=True,
                    top_logprobs=5,
                    max_tokens=1024,
                    temperature=0,
                )

        await asyncio.gather(*(worker() for _ in range(in_flight)))


def measured(url: str, files: list[str], count: int, in_flight: int) -> dict[str, float]:
    for _ in of_the_graph(url, files, in_flight, in_flight):  # imports, connections
        pass
    start, cpu = time.perf_counter(), time.process_time()
    asyncio.run(bare(url, files, count, in_flight))
    plain, plain_cpu = time.perf_counter() - start, time.process_time() - cpu
    start, cpu = time.perf_counter(), time.process_time()
    for _ in of_the_graph(url, files, count, in_flight):
        pass
    ours, ours_cpu = time.perf_counter() - start, time.process_time() - cpu
    return {
        "bare images/s": count / plain,
        "graph images/s": count / ours,
        "share": plain / ours,
        "bare CPU s/image": plain_cpu / count,
        "graph CPU s/image": ours_cpu / count,
        "orchestration CPU s/image": max(0.0, ours_cpu - plain_cpu) / count,
    }


def memory(url: str, files: list[str], count: int, in_flight: int) -> dict[str, float]:
    """Resident MB after a fifth of the images, and at the end."""
    process, part = psutil.Process(os.getpid()), count // 5
    seen = [process.memory_info().rss / 1e6 for _ in of_the_graph(url, files, count, in_flight)]
    return {"MB after a fifth": max(seen[:part]), "MB at the end": max(seen[-part:])}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=640)
    parser.add_argument("--memory", type=int, default=5000)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=1.0)
    chosen = parser.parse_args()
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(
        target=serve, args=(chosen.seconds, there), daemon=True
    )
    server.start()
    url, found = here.recv(), {}
    with tempfile.TemporaryDirectory() as folder:
        sizes = {"small": pictures(Path(folder) / "small", 64)}
        sizes["1 Mpx"] = pictures(Path(folder) / "large", 1000)
        for name, files in sizes.items():
            found[name] = measured(url, files, chosen.images, chosen.in_flight)
        if chosen.memory:
            found["memory"] = memory(url, sizes["small"], chosen.memory, chosen.in_flight)
    here.send("done")
    server.join(10)
    json.dump(found, sys.stdout, indent=2)
    print()
    least = GOALS["share of the bare client's throughput"]
    missed = [
        name
        for name in sizes
        if found[name]["share"] < least or found[name]["orchestration CPU s/image"] > GOALS[name]
    ]
    if (
        chosen.memory
        and found["memory"]["MB at the end"] > 1.05 * found["memory"]["MB after a fifth"]
    ):
        missed.append("memory")
    print(f"missed: {', '.join(missed)}" if missed else "all goals are met", file=sys.stderr)
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
