"""What both circles do: commands of the project in a folder, a real vLLM, the bench's figures."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from reinspect.agents.models.serving import ServingError, VllmServer, installed_vllm
from support.local_server import free_port
from support.requirements import unavailable

START = 400.0  # seconds: 30 to 60 on an idle machine
_TESTS = Path(__file__).parents[1]


def needed() -> None:
    """Skip where vLLM or TRL is missing."""
    try:
        installed_vllm()
    except ServingError as failure:
        unavailable("vllm", str(failure))
    if importlib.util.find_spec("trl") is None:
        unavailable("train", "the extra train is not installed")


def started(place: Path, words: list[str], *, codes: Sequence[int] = (0,)) -> str:
    """What a command prints; it must end with one of the exit codes."""
    done = subprocess.run(
        words, cwd=place, env=environment(), capture_output=True, text=True, timeout=900
    )
    assert done.returncode in codes, (
        f"{' '.join(words)}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    )
    return done.stdout


def reinspect(place: Path, *words: str, codes: Sequence[int] = (0,)) -> str:
    """What a command of the project prints."""
    return started(place, [sys.executable, "-m", "reinspect", *words], codes=codes)


def environment() -> dict[str, str]:
    """Of the commands: no hub, one thread, the tests' own modules at hand."""
    offline = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}
    places = filter(None, [str(_TESTS), os.environ.get("PYTHONPATH")])
    return {**os.environ, **offline, "PYTHONPATH": os.pathsep.join(places)}


@contextmanager
def served(place: Path, critic: str, *more: str, flags: Sequence[str] = ()) -> Iterator[str]:
    """`reinspect serve` with a critic of the registry; its address.

    Args:
        place: that has the registry.
        critic: its name.
        more: of the command.
        flags: of vLLM, that have the last word.
    """
    port = free_port()
    words = [sys.executable, "-m", "reinspect", "serve", critic, *more, "--port", str(port)]
    words += ["--critics", str(place / "runs" / "critics")]
    words += ["--", "--max-model-len", "1024", "--dtype", "float32", *flags]
    address, log = f"http://127.0.0.1:{port}/v1", place / f"serve-{critic}.log"
    with log.open("wb") as file:
        server = VllmServer(words, environment(), address, file)
        with server:
            try:
                server.ready(START)
            except ServingError as failure:
                pytest.fail(f"{failure}\n{log.read_text(errors='replace')[-3000:]}")
            yield address


def benched(
    place: Path,
    name: str,
    recipe: dict[str, Any],
    parts: str = "fresh",
    *,
    codes: Sequence[int] = (0,),
) -> dict[str, Any]:
    """The bench's figures of a recipe over a folder's parts; the run is `runs/asked-<name>`.

    Args:
        place: that has the parts.
        name: of the recipe's file, too.
        recipe: as YAML has it.
        parts: the folder.
        codes: that the bench may exit with: 1 where some parts failed.
    """
    (place / f"{name}.yaml").write_text(yaml.safe_dump(recipe))
    out, figures = f"runs/asked-{name}", place / f"{name}.json"
    words = ["bench", parts, "--recipe", f"{name}.yaml", "--out", out, "--json", str(figures)]
    reinspect(place, *words, codes=codes)
    overall: dict[str, Any] = json.loads(figures.read_text())["overall"]
    return overall


def right(figures: dict[str, Any], look: str) -> float:
    """Share of all pictures with the right answer: one that can't be read is wrong."""
    found = figures[look]
    return float(found["accuracy"] * (found["n"] - figures["errors"]) / found["n"])
