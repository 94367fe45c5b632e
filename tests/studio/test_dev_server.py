"""LangGraph's own development server serves the graph of `langgraph.json`, without a connection."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.local_server import free_port
from support.places import REPOSITORY

pytestmark = [
    pytest.mark.slow,
    pytest.mark.process,
    pytest.mark.server,
    pytest.mark.needs("langgraph_api"),
]

PATIENCE = 180.0
"""Seconds that a start may take."""


class DevServer:
    """It, over HTTP."""

    def __init__(self, address: str) -> None:
        self._address = address

    def asked(self, path: str, body: Any = None) -> str:
        data = None if body is None else json.dumps(body).encode()
        kinds = "application/json, text/event-stream"
        headers = {"Content-Type": "application/json", "Accept": kinds}
        request = urllib.request.Request(f"{self._address}{path}", data, headers)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            text: str = answer.read().decode()
        return text

    def ready(self) -> bool:
        try:
            return bool(self.asked("/ok"))
        except (urllib.error.URLError, OSError):
            return False

    def thread(self) -> str:
        return str(json.loads(self.asked("/threads", {}))["thread_id"])

    def run(self, thread: str, **body: Any) -> Any:
        told = {"assistant_id": "inspection", **body}
        return json.loads(self.asked(f"/threads/{thread}/runs/wait", told))

    def inspect(self, thread: str, **given: Any) -> Any:
        return self.run(thread, input=given)["trace"]


@pytest.fixture(scope="module")
def server(
    sample_parts: Path, fits: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DevServer]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "langgraph.json").write_bytes((REPOSITORY / "langgraph.json").read_bytes())
    recipe = folder / "recipe.yaml"
    tools = ["segmentation", *({"kind": k, "parallel": True} for k in ("network", "reference"))]
    content = {
        "references": str(sample_parts / "flange/train/good"),
        "tools": [*tools, "zoom"],
        "policies": {"escalate": "interrupt"},
    }
    recipe.write_text(json.dumps(content))
    port = free_port()
    command = Path(sys.executable).with_name("langgraph")
    told = ("--no-browser", "--no-reload", "--host", "127.0.0.1", "--port", str(port))
    quiet = {"LANGSMITH_TRACING": "false", "LANGGRAPH_CLI_NO_ANALYTICS": "1"}
    ours = {"REINSPECT_RECIPE": str(recipe), "REINSPECT_CACHE_DIR": str(fits)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(command), "dev", *told],
            cwd=folder,
            env={**os.environ, **quiet, **ours},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            served = DevServer(f"http://127.0.0.1:{port}")
            end = time.monotonic() + PATIENCE
            while not served.ready():
                if process.poll() is not None or time.monotonic() > end:
                    pytest.fail((folder / "log").read_text(errors="replace")[-2000:])
                time.sleep(0.5)
            yield served
        finally:
            process.terminate()
            process.wait(60)


@pytest.fixture
def parts(sample_parts: Path) -> list[str]:
    return [str(path) for path in sorted((sample_parts / "flange" / "test").glob("*/*"))]


def test_a_thread_that_is_used_again_begins_anew(server: DevServer, parts: list[str]) -> None:
    thread = server.thread()
    one = server.inspect(thread, image=parts[0], id="one", category="flange", explore=True)
    two = server.inspect(thread, image=parts[-1])
    assert (one["sample"]["id"], one["sample"]["category"]) == ("one", "flange")
    assert (two["sample"]["id"], two["sample"]["category"]) == (parts[-1], None)
    assert sum(step["node"] == "settle" for step in two["steps"]) == 1


def test_updates_have_their_content(server: DevServer, parts: list[str]) -> None:
    body = {
        "assistant_id": "inspection",
        "input": {"image": parts[0]},
        "stream_mode": ["updates"],
    }
    streamed = server.asked(f"/threads/{server.thread()}/runs/stream", body)
    data = [line.removeprefix("data: ") for line in streamed.splitlines() if "data: " in line]
    updates = [json.loads(line) for line in data if '"trace"' in line]
    assert [next(iter(update)) for update in updates][:2] == ["detect", "assess"]
    for update in updates:
        (changed,) = update.values()
        assert changed["trace"]["steps"]


def test_an_operator_answers_and_the_part_ends(server: DevServer, tmp_path: Path) -> None:
    (tmp_path / "no.png").write_bytes(b"no picture")
    thread = server.thread()
    (asked,) = server.run(thread, input={"image": str(tmp_path / "no.png")})["__interrupt__"]
    assert "no.png" in asked["value"]["reason"]
    answer = {"outcome": "FAIL", "by": "Kim", "note": "no light"}
    trace = server.run(thread, command={"resume": answer})["trace"]
    assert trace["steps"][-1]["node"] == "ask"
    assert trace["steps"][-1]["products"][-1]["outcome"] == "FAIL"


def test_it_knows_what_goes_in(server: DevServer) -> None:
    (assistant,) = json.loads(server.asked("/assistants/search", {}))
    schemas = json.loads(server.asked(f"/assistants/{assistant['assistant_id']}/schemas"))
    fields = schemas["input_schema"]
    assert set(fields["properties"]) == {"image", "category", "id", "explore"}
    assert fields["required"] == ["image"]


def test_it_is_an_mcp_server(server: DevServer, parts: list[str]) -> None:
    def called(method: str, **params: Any) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return json.loads(server.asked("/mcp", body))["result"]

    (tool,) = called("tools/list")["tools"]
    assert tool["name"] == "inspection"
    assert tool["inputSchema"]["required"] == ["image"]
    answer = called("tools/call", name="inspection", arguments={"image": parts[0]})
    (content,) = answer["content"]
    assert not answer.get("isError")
    assert "'disposition'" in content["text"]
    assert parts[0] in content["text"]
