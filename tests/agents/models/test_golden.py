"""What is sent to a model, word for word and picture by picture, as files beside this one.

A file that is not there, or that is to be written anew, is written by WRITE_GOLDEN=1: read the
difference before it is committed.
"""

import base64
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from reinspect.graph.build import BuildContext, build_pipeline
from reinspect.graph.inspection import build
from reinspect.graph.recipe import parse_recipe
from reinspect.graph.references import reference_sets
from reinspect.references import ReferenceSets
from reinspect.testing import ReceivedRequest, Reply, ScriptedServer
from support.made_answers import said

pytestmark = pytest.mark.server

GOLDEN = Path(__file__).with_name("golden")
PRODUCT = {
    "normal": "One round hole in a grey plate.",
    "tolerated": ["dust"],
    "defects": ["scratch", "dent"],
}
BOX = [400, 400, 600, 600]


@pytest.fixture
def home(tmp_path: Path, sample_parts: Path) -> Path:
    """Drawn flanges, small: good ones, a part, and one with a known scratch."""
    flange = sample_parts / "flange"
    (tmp_path / "good").mkdir()
    for number, file in enumerate(sorted((flange / "train" / "good").iterdir())):
        put_small(file, tmp_path / "good" / f"{number}.png")
    put_small(flange / "test" / "good" / "000.jpg", tmp_path / "part.png")
    put_small(flange / "test" / "good" / "001.jpg", tmp_path / "scratch.png")
    return tmp_path


def put_small(source: Path, goal: Path) -> None:
    cv2.imwrite(str(goal), cv2.resize(cv2.imread(str(source)), (240, 200)))


def told(body: Mapping[str, Any]) -> str:
    """A request as text: what a model is told, pictures by their sizes, and what it may answer."""
    lines = []
    for message in body["messages"]:
        lines.append(f"[{message['role']}]")
        content = message["content"] or ""
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for part in parts:
            if part["type"] == "text":
                lines.append(part["text"])
                continue
            data = base64.b64decode(part["image_url"]["url"].partition(",")[2])
            height, width = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape[:2]
            lines.append(f"<picture {width}×{height}>")
        calls = (call["function"] for call in message.get("tool_calls") or ())
        lines += [f"<call {call['name']} {call['arguments']}>" for call in calls]
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    if schema:
        lines.append(f"[answer: {', '.join(schema['properties'])}]")
    for tool in body.get("tools", ()):
        own = tool["function"]
        lines.append(f"[tool {own['name']}({', '.join(own['parameters']['properties'])})]")
        lines.append(own["description"])
    rest = {k: body[k] for k in ("temperature", "max_completion_tokens", "n", "seed") if k in body}
    lines.append(f"[{', '.join(f'{name} {value}' for name, value in rest.items())}]")
    # A decoder's last digit is no matter of what is asked.
    return re.sub(r"contrast [\d.]+", "contrast …", "\n".join(lines)) + "\n"


def answers(asked: ReceivedRequest) -> Reply | str:
    if "tools" in asked.body:
        if asked.body["messages"][-1]["role"] == "user" and len(asked.body["messages"]) == 1:
            return Reply(tools=[("zoom", {"box": BOX})])
        decision = {"process": "p", "answer": "no", "confidence": 0.9}
        return Reply(tools=[("revise", decision)])
    keys = asked.body.get("response_format", {}).get("json_schema", {}).get("schema", {})
    if "holds" in keys.get("properties", ()):
        return Reply('{"holds": "no", "doubts": "d", "look": "none"}', yes=0.4)
    if "final" in keys.get("properties", ()):
        return '{"first": "f", "final": "g"}'
    return Reply(said("yes"), yes=0.6) if "<think>" not in asked.text else (
        "<think>a</think><answer>no</answer>"
    )  # fmt: skip


CASES = {
    "detect-alone": ({}, "embedded"),
    "detect-beside": (
        {"reference": 3, "picture_tokens": 400},
        "embedded",
    ),
    "detect-tags": ({"format": "tags", "reference": 2}, "embedded"),
    "monitor": ({}, {"kind": "vlm"}),
    "monitor-tags": ({}, {"kind": "vlm", "format": "tags"}),
    "monitor-beside": ({}, {"kind": "vlm", "reference": 3, "picture_tokens": 600}),
    "agent": ({}, {"kind": "agent"}),
    "agent-beside": ({}, {"kind": "agent", "reference": 2, "pictures": 8}),
}
"""Name of the file → options of detector and monitor."""


@pytest.mark.parametrize("name", CASES)
def test_what_is_sent_is_what_was_pinned(name: str, home: Path) -> None:
    detector, monitor = CASES[name]
    with ScriptedServer(answers) as server:
        model = {"model": "m", "base_url": server.url, "max_retries": 0, "timeout": 10}
        acting = {**model, **monitor} if isinstance(monitor, dict) else monitor
        beside = name.endswith("-beside")
        examples = [{"picture": str(home / "scratch.png"), "type": "scratch"}] if beside else []
        content = {
            "detector": {"kind": "vlm", **model, **detector},
            "monitor": acting,
            "tools": ["zoom"],
            "policies": {"trigger": "never" if monitor == "embedded" else "always"},
            "product": {**PRODUCT, "examples": examples},
        }
        recipe = parse_recipe(yaml.safe_dump(content))
        sets: ReferenceSets = reference_sets((), recipe, given=home / "good")
        graph = build(build_pipeline(BuildContext(recipe=recipe, references=sets)))
        trace = graph.invoke({"image": str(home / "part.png"), "id": "7"})["trace"]
        assert trace.error is None
        sent = "\n".join(told(asked.body) for asked in server.requests)
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("WRITE_GOLDEN"):
        file.write_text(sent, encoding="utf-8")
    assert sent == file.read_text(encoding="utf-8")
    assert str(home) not in sent
