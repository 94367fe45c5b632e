"""The whole circle on a CPU, by the project's own commands and through a real vLLM.

Parts are inspected and become episodes; a tiny Qwen3-VL learns the form of answers by RAWS, from
truth told in a hurry, after which it takes every part for a good one; RCRL, from true episodes with
pictures, makes it look; and as the critic of a graph it mends what a poor first look has missed.
Of the product that is asked about, no part was in an episode. An adapter on the warm-started
weights, trained on the true episodes, mends other parts of a product that it knows, by its name in
the registry.
"""

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml

from reinspect.images import sha256_of
from reinspect.testing.server import ReceivedRequest, ScriptedServer
from support.circle import benched, needed, reinspect, right, served, started
from support.circle_parts import write_parts

pytestmark = [pytest.mark.process, pytest.mark.server, pytest.mark.model, pytest.mark.slow]

LEARNED, UNSEEN = ("flange", "capsule", "bracket"), "gear"
MAX_PIXELS = 16384  # of the training recipe `tiny`
ANSWERS = {"encoding": "png", "max_tokens": 64, "max_pixels": MAX_PIXELS, "timeout": 300}
ADAPTER = {
    "lora": {"rank": 16, "alpha": 32},
    "report_to": [],
    "max_pixels": MAX_PIXELS,
    "warm_start": {"steps": 40, "learning_rate": 5e-3, "batch": 16, "save_every": 1000},
}
MODEL = """
import importlib.util, json, sys
from reinspect.tools.vision.torchvision_ops import mend_torchvision
if importlib.util.find_spec("torchvision"):
    mend_torchvision()
import pyarrow.parquet
from reinspect.testing.tiny_vlm import write_tiny_vlm
words = set()
for file in sys.argv[1:]:
    for row in pyarrow.parquet.read_table(file, columns=["prompt", "completion"]).to_pylist():
        messages = row["prompt"] + row["completion"]
        words |= {part["text"] for m in messages for part in m["content"] if part["text"]}
# Weights as large as its width asks for: with the usual small ones it takes minutes to see a thing.
sizes = {"initializer_range": 0.1}
write_tiny_vlm("tiny", words=sorted(words), text=sizes, vision=sizes)
"""


class Circle(NamedTuple):
    """What came of it."""

    place: Path
    before: dict[str, Any]
    """Bench of the warm-started model on parts that were in no episode."""
    after: dict[str, Any]
    """Bench of the same parts after RCRL."""
    mended: dict[str, Any]
    """Bench of the same parts: the poor first look, and the critic behind it."""
    adapted: dict[str, Any]
    """Bench of other parts of a known product: the poor first look, and an adapter behind it."""


@pytest.fixture(scope="module")
def circle(tmp_path_factory: pytest.TempPathFactory) -> Circle:
    needed()
    place = tmp_path_factory.mktemp("circle")
    write_parts(place / "hasty", LEARNED, each=16, seed=1, hasty=True)
    write_parts(place / "true", LEARNED, each=16, seed=2)
    write_parts(place / "fresh", (UNSEEN,), each=16, seed=3)
    write_parts(place / "known", LEARNED[:1], each=16, seed=4)
    (place / "first.yaml").write_text("{detector: support.circle_parts:ColourLook, tools: []}")
    with ScriptedServer(teach) as server:
        teacher = {"monitor": {"kind": "vlm", "model": "teacher", "base_url": server.url}}
        (place / "teacher.yaml").write_text(yaml.safe_dump(teacher))
        for parts in ("hasty", "true"):
            run = f"runs/{parts}"
            reinspect(place, "run", parts, "--explore", "--recipe", "first.yaml", "--out", run)
            reinspect(
                place, "train", "episodes", run, "--out", f"episodes/{parts}", "--unreviewed",
                "--teacher", "teacher.yaml", "--shown", "0", "--held-out", "fresh",
                "--held-out", "known",
            )  # fmt: skip
    files = [str(file) for file in sorted(place.glob("episodes/*/data/*.parquet"))]
    started(place, [sys.executable, "-c", MODEL, *files])
    (place / "adapter.yaml").write_text(yaml.safe_dump(ADAPTER))
    for stage, on, start, name, config in (
        ("warm-start", "hasty", "tiny", "warm", "tiny"),
        ("rcrl", "true", "warm", "critic", "tiny"),
        ("warm-start", "true", "warm", "tuned", "adapter.yaml"),
    ):
        reinspect(
            place, "train", stage, f"episodes/{on}", "--model", start, "--out", name,
            "--config", config, "--cpu", "--name", name,
        )  # fmt: skip
    with served(place, "warm", "--adapter", "tuned") as address:
        before = benched(place, "warm", {"detector": model_at(address, "warm"), "tools": []})
        called = {"kind": "critic", "name": "tuned", **ANSWERS, "base_url": address}
        adapted = benched(place, "adapted", behind_a_poor_look(called), "known")
    with served(place, "critic") as address:
        critic = model_at(address, "critic")
        after = benched(place, "critic", {"detector": critic, "tools": []})
        mended = benched(place, "mended", behind_a_poor_look(critic))
    return Circle(place, before, after, mended, adapted)


def teach(asked: ReceivedRequest) -> str:
    """Captions that say one thing; a real teacher would say more."""
    told = "yes: rust" in asked.text
    return json.dumps({"caption": "A mark stands out." if told else "It is as it should be."})


def model_at(address: str, name: str) -> dict[str, Any]:
    return {"kind": "vlm", "model": name, "base_url": address, "format": "tags", **ANSWERS}


def behind_a_poor_look(monitor: dict[str, Any]) -> dict[str, Any]:
    look = {"detector": "support.circle_parts:ColourLook", "monitor": monitor, "tools": []}
    return {**look, "policies": {"trigger": "always"}}


def test_nothing_that_is_asked_about_was_learned_from(circle: Circle) -> None:
    import pyarrow.parquet

    asked = [*circle.place.glob("fresh/*/test/*/*.png"), *circle.place.glob("known/*/test/*/*.png")]
    fresh = {sha256_of(file) for file in asked}
    assert len(fresh) == 64
    for file in circle.place.glob("episodes/*/data/*.parquet"):
        rows = pyarrow.parquet.read_table(file, columns=["sha256", "category"]).to_pylist()
        assert not fresh & {row["sha256"] for row in rows}
        assert {row["category"] for row in rows} == set(LEARNED)


def test_the_mean_reward_rises(circle: Circle) -> None:
    rows = json.loads((circle.place / "critic" / "curves.json").read_text())
    rewards = [row["reward"] for row in rows if "reward" in row]
    assert np.mean(rewards[-3:]) >= rewards[0] + 0.3  # the first five steps: it has hardly moved


def test_answers_through_vllm_get_right(circle: Circle) -> None:
    assert right(circle.before, "first") <= 0.6
    assert right(circle.after, "first") >= 0.85


def test_the_served_critic_mends_what_a_first_look_missed(circle: Circle) -> None:
    assert right(circle.mended, "first") == 0.75  # every dark stain is missed
    assert right(circle.mended, "final") >= 0.85
    ledger = circle.mended["ledger"]
    assert ledger["fixed"] >= 3 * max(ledger["broken"], 1)


def test_an_adapter_of_the_registry_mends_it_too(circle: Circle) -> None:
    assert right(circle.adapted, "first") == 0.75
    assert right(circle.adapted, "final") >= 0.85


def test_its_reflection_is_in_the_trace(circle: Circle) -> None:
    missed_at_first = f"{UNSEEN}/test/rust/000.png"  # dark
    reinspect(circle.place, "show", "runs/asked-mended", missed_at_first, "--html", "story.html")
    story = (circle.place / "story.html").read_text()
    assert "reflect.tags.md" in story
    assert "A mark stands out." in story
