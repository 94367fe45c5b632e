"""The graph against a real vLLM, with a tiny Qwen3-VL of random weights: plumbing, no quality."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from reinspect.agents.models.serving import (
    ServingError,
    VllmServer,
    command,
    environment,
    installed_vllm,
    load_adapter,
)
from reinspect.cost import calls_of
from reinspect.dataset import Item
from reinspect.engine.local import inspect_all
from reinspect.graph.build import BuildContext
from reinspect.graph.recipe import Recipe, parse_recipe
from reinspect.trace import Trace
from reinspect.vocabulary import Call, Outcome
from support.local_server import free_port
from support.requirements import unavailable

pytestmark = [pytest.mark.process, pytest.mark.server, pytest.mark.model, pytest.mark.slow]

MAKE = """
from reinspect.testing.tiny_vlm import write_tiny_adapter, write_tiny_vlm
write_tiny_vlm("model")
write_tiny_adapter("tuned")
write_tiny_adapter("late", seed=2)
"""
START = 400.0  # seconds: 30 to 60 on an idle machine


@pytest.fixture(scope="session")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one server for the whole session, with an adapter named `tuned`."""
    try:
        version = installed_vllm()
    except ServingError as failure:
        unavailable("vllm", str(failure))
    root = tmp_path_factory.mktemp("vllm")
    model, tuned = root / "model", root / "tuned"
    variables = environment(str(root), version, {"OMP_NUM_THREADS": "1", **os.environ})
    # In a process of its own: where torchvision does not fit torch, it needs vLLM's environment.
    subprocess.run([sys.executable, "-c", MAKE], cwd=root, env=variables, check=True, timeout=300)
    port = free_port()
    words = command(
        str(model),
        version,
        port=port,
        name="tiny",
        adapters={"tuned": tuned},
        extra=["--max-model-len", "4096", "--dtype", "float32"],
    )
    address, log = f"http://127.0.0.1:{port}/v1", root / "vllm.log"
    with log.open("wb") as file:
        server = VllmServer(words, variables, address, file)
        with server:
            try:
                server.ready(START)
            except ServingError as failure:
                tail = log.read_text(errors="replace")[-3000:]
                pytest.fail(f"{failure}\n{tail}")
            load_adapter(address, "late", root / "late")
            yield address


@pytest.fixture
def part(tmp_path: Path) -> str:
    path = tmp_path / "part.png"
    image = np.full((240, 320, 3), 90, np.uint8)
    cv2.rectangle(image, (100, 80), (180, 130), (220, 220, 220), -1)
    cv2.imwrite(str(path), image)
    return str(path)


def recipe_at(address: str, **settings: Any) -> Recipe:
    model = {
        "kind": "vlm", "model": "tiny", "base_url": address, "max_tokens": 1500, "timeout": 300,
        "max_retries": 0, **settings,
    }  # fmt: skip
    content = {
        "detector": model,
        "monitor": {**model, "samples": 1, "temperature": None},
        "tools": [],
        "policies": {"trigger": "always"},
        "budgets": {"in_flight": 4, "prices": {"tiny": {"input": 1, "output": 2}}},
    }
    return parse_recipe(yaml.safe_dump(content))


def inspected(recipe: Recipe, *paths: str) -> list[Trace]:
    works = [Item(path=path, id=f"{n}.png") for n, path in enumerate(paths)]
    return list(inspect_all(works, BuildContext(recipe=recipe)))


def calls(trace: Trace) -> dict[str, Call]:
    return {call.prompt: call for call in calls_of(trace.steps)}


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="structured output and logprobs"),
        pytest.param({"samples": 3}, id="n = 3"),
        pytest.param({"stream": True}, id="streaming"),
        pytest.param({"model": "tuned"}, id="LoRA adapter"),
        pytest.param({"model": "late"}, id="LoRA adapter loaded while it runs"),
    ],
)
def test_the_whole_graph(vllm: str, part: str, settings: dict[str, object]) -> None:
    (trace,) = inspected(recipe_at(vllm, **settings), part)
    assert trace.error is None
    assert trace.disposition is not None
    made = calls(trace)
    assert {"detect.json.md", "assess.json.md", "reflect.json.md"} <= set(made)
    for name in ("detect.json.md", "assess.json.md", "reflect.json.md"):
        call = made[name]
        assert (call.unread, call.error) == (0, None)
        assert {"token probability", "stated confidence"} <= set(call.probabilities)
        assert 0.001 < call.probabilities["token probability"] < 0.999
        assert (call.tokens_in or 0) > 100
        assert (call.tokens_out or 0) > 5
    samples = settings.get("samples", 1)
    assert len(made["detect.json.md"].answers) == samples
    assert ("sample agreement" in made["detect.json.md"].probabilities) is (samples == 3)
    if "model" not in settings:
        assert made["detect.json.md"].usd is not None


def test_token_ids_and_logprobs_are_kept(vllm: str, part: str) -> None:
    asking = recipe_at(vllm, format="tags", max_tokens=32, extra={"return_token_ids": True})
    call = calls(inspected(asking, part)[0])["detect.tags.md"]
    assert len(call.token_ids) == len(call.logprobs) == 1
    assert len(call.token_ids[0]) == len(call.logprobs[0]) == call.tokens_out
    assert max(call.logprobs[0]) <= 0


def test_an_adapter_changes_the_answer(vllm: str, part: str) -> None:
    found = {
        name: calls(inspected(recipe_at(vllm, model=name), part)[0])["detect.json.md"]
        for name in ("tiny", "tuned", "late")
    }
    assert len({call.probabilities["token probability"] for call in found.values()}) == 3


def test_tags_that_a_random_model_does_not_write_are_for_review(vllm: str, part: str) -> None:
    (trace,) = inspected(recipe_at(vllm, format="tags", max_tokens=64), part)
    (call,) = calls_of(trace.steps)
    assert (call.prompt, call.unread) == ("detect.tags.md", 1)
    assert call.answers[0]
    assert trace.disposition is not None
    assert trace.disposition.outcome is Outcome.REVIEW


def test_a_batch_in_threads(vllm: str, tmp_path: Path) -> None:
    paths = []
    for number in range(6):
        paths.append(str(tmp_path / f"{number}.png"))
        cv2.imwrite(paths[-1], np.full((100, 100, 3), 40 * number, np.uint8))
    traces = inspected(recipe_at(vllm), *paths)
    assert [trace.error for trace in traces] == [None] * 6
    # They come as they are done.
    assert sorted(trace.sample.id for trace in traces) == [f"{n}.png" for n in range(6)]


def test_a_wrong_adapter_is_refused(vllm: str, tmp_path: Path) -> None:
    with pytest.raises(ServingError, match="'none' was refused"):
        load_adapter(vllm, "none", tmp_path)


def test_a_server_that_ends_says_so(vllm: str, tmp_path: Path) -> None:
    version = installed_vllm()
    words = command(str(tmp_path), version, port=9)
    variables = environment(str(tmp_path), version, os.environ)
    with (tmp_path / "log").open("wb") as log:
        server = VllmServer(words, variables, "http://127.0.0.1:9", log)
        with server, pytest.raises(ServingError, match="ended with exit code"):
            server.ready(START)
