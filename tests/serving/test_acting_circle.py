"""The circle of a critic that acts: it learns to look before it revises, through a real vLLM.

A scripted critic acts on parts of three products; three of five it answers blindly. A tiny Qwen3-VL
imitates it, and so answers mostly before it looks, which nobody lets through; RCRL, over whole
conversations with real looks, teaches it to look, and what it then says of what it sees is right.
Both act behind a poor first look on parts of a product that no episode had, with calls of tools
that vLLM's own parser reads.
"""

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml

from reinspect.images import sha256_of
from reinspect.store import Store
from reinspect.trace import Trace
from reinspect.vocabulary import Call
from support.circle import benched, needed, reinspect, served, started
from support.circle_parts import write_parts
from support.hasty_critic import CENTRE, MAX_PIXELS, acting, write_acted

pytestmark = [pytest.mark.process, pytest.mark.server, pytest.mark.model, pytest.mark.slow]

LEARNED, UNSEEN = ("flange", "capsule", "bracket"), "gear"
SCHEDULE = {"warm_up": 0.1, "save_every": 1000}
TUNING = {
    "lora": None,
    "report_to": [],
    "max_pixels": MAX_PIXELS,
    # All that the scripted critic has done is imitated, its blind answers, too.
    "warm_start": {**SCHEDULE, "steps": 90, "learning_rate": 5e-3, "batch": 16, "least": -10},
    "rcrl": {
        **SCHEDULE, "steps": 20, "log_every": 2, "learning_rate": 1e-3, "batch": 32, "group": 4,
        "kl": 0.0, "temperature": 0.8, "max_tokens": 40,
    },
}  # fmt: skip
MEND = """
import importlib.util
from reinspect.tools.vision.torchvision_ops import mend_torchvision
if importlib.util.find_spec("torchvision"):
    mend_torchvision()
"""
MODEL = """
from pathlib import Path
from reinspect.testing.tiny_vlm import write_tiny_vlm
from support.hasty_critic import words_of
sizes = {"initializer_range": 0.1}
write_tiny_vlm("tiny", words=words_of(Path("episodes")), phrases=True, text=sizes, vision=sizes)
"""
OPENINGS = """
import json
from pathlib import Path
from transformers import AutoProcessor
from reinspect.training.episodes.folder import images_root, read_card
from reinspect.training.episodes.trajectories import read_trajectories
from reinspect.training.vlm.acting.conversations import messages_of
processor, folder = AutoProcessor.from_pretrained("critic"), Path("asked/critic")
root, counts = images_root(folder, read_card(folder)), {}
for row in read_trajectories(folder):
    opening = messages_of(row, root, MAX_PIXELS)[:1]
    made = processor.apply_chat_template(
        opening, tools=list(row.tools), add_generation_prompt=True, tokenize=True,
        return_dict=True, return_tensors="pt",
    )
    counts[row.image] = made["input_ids"].shape[1]
print(json.dumps(counts))
"""
TOOLS = ("--max-model-len", "2048", "--enable-auto-tool-choice", "--tool-call-parser", "hermes")


class Acted(NamedTuple):
    """How a critic has done on parts that were in no episode."""

    figures: dict[str, Any]
    """Of the bench."""
    talks: list[dict[str, Any]]
    """Its conversations, as episodes have them."""

    @property
    def reward(self) -> float:
        """Of a conversation, on average."""
        return float(np.mean([talk["rewards"]["overall"] for talk in self.talks]))

    @property
    def decided(self) -> float:
        """Share of the parts; the others go to REVIEW with the first look's label."""
        return float(np.mean([talk["ended"] for talk in self.talks]))

    @property
    def looks(self) -> float:
        """A part."""
        return float(np.mean([talk["looks"] for talk in self.talks]))


class Circle(NamedTuple):
    """What came of it."""

    place: Path
    before: Acted
    """Imitation alone."""
    after: Acted
    """RCRL after it."""


@pytest.fixture(scope="module")
def circle(tmp_path_factory: pytest.TempPathFactory) -> Circle:
    needed()
    place = tmp_path_factory.mktemp("acting-circle")
    write_acted(place, LEARNED, turns=2)
    write_parts(place / "fresh", (UNSEEN,), each=16, seed=3)
    (place / "tiny.yaml").write_text(yaml.safe_dump(TUNING))
    started(place, [sys.executable, "-c", MEND + MODEL])
    for stage, start, name in (("warm-start", "tiny", "warm"), ("rcrl", "warm", "critic")):
        reinspect(
            place, "train", stage, "episodes", "--acting", "--model", start, "--out", name,
            "--config", "tiny.yaml", "--cpu", "--name", name,
        )  # fmt: skip
    before, after = (acted(place, name) for name in ("warm", "critic"))
    told = {
        name: {
            "reward": round(one.reward, 2),
            "looks": round(one.looks, 2),
            "decided": round(one.decided, 2),
            "right at first": one.figures["first"]["accuracy"],
            "right": one.figures["final"]["accuracy"],
            "ledger": one.figures["ledger"],
        }
        for name, one in (("before", before), ("after", after))
    }
    print(json.dumps(told, indent=1))  # noqa: T201 - the figures of docs/training.md, with -s
    return Circle(place, before, after)


def acted(place: Path, name: str) -> Acted:
    """What a critic of the registry comes to behind a first look that misses every dark stain."""
    with served(place, name, flags=TOOLS) as address:
        recipe = acting(address, name, max_tokens=64, timeout=300)
        figures = benched(place, name, recipe, codes=(0, 1))  # it may decide on none
    out = f"asked/{name}"
    run = f"runs/asked-{name}"
    reinspect(place, "train", "episodes", run, "--out", out, "--unreviewed", "--shown", "0")
    lines = (place / out / "trajectories.jsonl").read_text().splitlines()
    return Acted(figures, [json.loads(line) for line in lines])


def test_nothing_that_is_asked_about_was_learned_from(circle: Circle) -> None:
    fresh = {sha256_of(file) for file in circle.place.glob("fresh/*/test/*/*.png")}
    assert len(fresh) == 32
    for line in (circle.place / "episodes" / "trajectories.jsonl").read_text().splitlines():
        row = json.loads(line)
        assert row["sha256"] not in fresh
        assert row["category"] in LEARNED


def test_vllm_reads_the_calls_that_the_critic_writes(circle: Circle) -> None:
    asked = [
        call
        for talk in circle.after.talks
        for message in talk["messages"]
        for call in message.get("tool_calls", ())
    ]
    assert len({call["id"] for call in asked}) == len(asked) >= 32  # a name of the server's each
    zooms = [call["function"] for call in asked if call["function"]["name"] == "zoom"]
    assert {"name": "zoom", "arguments": {"box": CENTRE}} in zooms


def test_a_served_critic_reads_the_tokens_that_it_was_trained_on(circle: Circle) -> None:
    script = OPENINGS.replace("MAX_PIXELS", str(MAX_PIXELS))
    said = started(circle.place, [sys.executable, "-c", MEND + script])
    served_as = {}
    with Store.open(circle.place / "runs" / "reinspect.db", create=False) as store:
        for _, trace in store.recorded(store.run("asked-critic").id):
            assert isinstance(trace, Trace)
            served_as[trace.sample.id] = next(trace.products(Call)).tokens_in
    assert json.loads(said.splitlines()[-1]) == served_as


def test_it_learns_to_look_before_it_revises(circle: Circle) -> None:
    assert circle.before.looks <= 0.6
    assert circle.after.looks >= 0.9


def test_the_reward_of_its_conversations_rises(circle: Circle) -> None:
    assert circle.after.reward >= circle.before.reward + 1.0


def test_its_accuracy_rises_on_a_product_in_no_episode(circle: Circle) -> None:
    before, after = circle.before.figures, circle.after.figures
    assert before["first"]["accuracy"] == after["first"]["accuracy"] == 0.75  # no dark stain found
    assert after["final"]["accuracy"] >= max(0.85, before["final"]["accuracy"] + 0.1)
    assert after["ledger"]["fixed"] >= 6  # of 8
    assert after["ledger"]["fixed"] >= 2 * after["ledger"]["broken"]


def test_it_comes_to_decisions(circle: Circle) -> None:
    assert circle.before.decided <= 0.6
    assert circle.after.decided >= 0.85
