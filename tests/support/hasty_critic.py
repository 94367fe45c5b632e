"""A scripted critic that acts: it looks and tells what it sees, or answers before it has looked."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import yaml

from reinspect.testing import ReceivedRequest, Reply, ScriptedServer
from support.circle_parts import write_parts
from support.command_line import invoke

MAX_PIXELS = 4096
PROMPT = "$pictures $product Verdict: $verdict $evidence Look, $bounds, then revise.\n"
"""Shorter than the one that ships: a tiny model reads it in a fraction of the time."""

CENTRE = [250, 250, 750, 750]
_IN_A_HURRY = 154  # of 256


def hasty(turn: int) -> Callable[[ReceivedRequest], Reply]:
    """Three of five parts it answers blindly, however often it is told; other ones at each turn."""

    def act(asked: ReceivedRequest) -> Reply:
        messages = asked.body["messages"]
        if len(messages) > 1 and asked.pictures:  # a close-up
            return Reply(tools=[("revise", decision(stained=_is_red(asked.pictures[0])))])
        opening = messages[0]["content"]
        urls = [part["image_url"]["url"] for part in opening if part["type"] == "image_url"]
        if hashlib.sha256(f"{turn} {urls[-1]}".encode()).digest()[0] < _IN_A_HURRY:
            return Reply(tools=[("revise", decision(stained=False))])
        return Reply(tools=[("zoom", {"box": CENTRE})])

    return act


def decision(*, stained: bool) -> dict[str, object]:
    """How it ends: in few words, which a tiny model is to write without a fault."""
    answer = {"answer": "yes", "type": "rust"} if stained else {"answer": "no"}
    return {**answer, "confidence": 0.95}


def _is_red(encoded: bytes) -> bool:
    """Whether a close-up shows a stain: much more red than blue in its midst."""
    picture = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    rows, columns = picture.shape[:2]
    midst = picture[rows // 4 : -rows // 4, columns // 4 : -columns // 4].reshape(-1, 3)
    blue, green, red = np.asarray(midst, float).mean(0)
    return bool(red > 2.2 * green and red > 3 * blue)


def write_acted(place: Path, products: Sequence[str], *, turns: int = 1, seed: int = 2) -> Path:
    """Parts, runs in which this critic acts on them, and a folder of episodes from these.

    Args:
        place: new folder; in it are `parts`, `runs`, `acting.yaml`, and `episodes`, which is
            returned.
        products: of `reinspect.samples`.
        turns: how often each part is inspected.
        seed: of the parts.
    """
    write_parts(place / "parts", products, each=16, seed=seed)
    (place / "act.md").write_text(PROMPT)
    runs = [place / "runs" / f"turn-{turn}" for turn in range(1, turns + 1)]
    for turn, run in enumerate(runs, start=1):
        with ScriptedServer(hasty(turn)) as server:
            (place / "acting.yaml").write_text(yaml.safe_dump(acting(server.url)))
            done = invoke("run", place / "parts", "--recipe", place / "acting.yaml", "--out", run)
        assert done.code == 1, done.err  # some parts came to no decision
    out = place / "episodes"
    done = invoke("train", "episodes", *runs, "--out", out, "--unreviewed", "--shown", "0")
    assert done.code == 0, done.err
    return out


def acting(address: str, model: str = "scripted", **settings: object) -> dict[str, object]:
    """A recipe: a poor first look, and behind it a critic that acts at an address."""
    monitor = {
        "kind": "agent", "model": model, "base_url": address, "encoding": "png",
        "max_pixels": MAX_PIXELS, "reference": False, "prompts": {"act": "act.md"}, **settings,
    }  # fmt: skip
    look = {"detector": "support.circle_parts:ColourLook", "monitor": monitor, "tools": ["zoom"]}
    return {**look, "policies": {"trigger": "always"}}


def words_of(episodes: Path) -> list[str]:
    """All texts of a folder's conversations, as a chat template writes them: for a tokenizer."""
    words = set[str]()
    for line in (episodes / "trajectories.jsonl").read_text().splitlines():
        row = json.loads(line)
        words |= {json.dumps(tool, ensure_ascii=False) for tool in row["tools"]}
        for message in row["messages"]:
            words |= {part["text"] for part in message["content"] if part["type"] == "text"}
            for called in message.get("tool_calls", ()):
                words.add(f"<tool_call>\n{json.dumps(called['function'])}\n</tool_call>")
    return sorted(words)
