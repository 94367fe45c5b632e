"""A tiny critic that acts is trained end to end by the command line: plumbing alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from support.hasty_critic import write_acted

pytestmark = [
    pytest.mark.process, pytest.mark.server, pytest.mark.model, pytest.mark.needs("trl"),
    pytest.mark.slow,
]  # fmt: skip

MEND = """
import importlib.util
from reinspect.tools.vision.torchvision_ops import mend_torchvision
if importlib.util.find_spec("torchvision"):
    mend_torchvision()
"""
MAKE = """
from pathlib import Path
from reinspect.testing.tiny_vlm import write_tiny_vlm
from support.hasty_critic import words_of
write_tiny_vlm("tiny", words=words_of(Path("episodes")))
"""
ALIKE = """
from pathlib import Path
from transformers import AutoProcessor
from reinspect.training.vlm.acting.conversations import messages_of, read_conversations
from reinspect.training.vlm.acting.tokens import after_an_answer, encoded, spoken
found = read_conversations(Path("episodes"))
processor = AutoProcessor.from_pretrained("tiny")
row = next(row for row in found.rows if row.looks)
messages = messages_of(row, found.root, 4096)
whole, own = spoken(processor, messages, row.tools)
ids = whole["input_ids"][0]
said = processor.tokenizer.decode(ids[own]).split("<|im_end|>")
assert [text.count("<tool_call>") for text in said] == [1, 1, 0], said
prompt = processor.apply_chat_template(
    messages[:1], tools=list(row.tools), add_generation_prompt=True, tokenize=True, return_dict=True
)["input_ids"]
prompt = list(prompt[0]) if not isinstance(prompt[0], int) else list(prompt)
assert ids[: len(prompt)].tolist() == prompt
first = int((~own[len(prompt) :]).nonzero()[0]) + len(prompt)
suffix = after_an_answer(processor, messages[2:4])["input_ids"][0].tolist()
assert ids[first : first + len(suffix)].tolist() == suffix
assert not own[first : first + len(suffix)].any() and bool(own[first + len(suffix) :].all())
"""
SCHEDULE = {"steps": 2, "log_every": 1, "save_every": 100, "learning_rate": 1e-3}
TUNING = {
    "lora": None,
    "report_to": [],
    "max_pixels": 4096,
    "warm_start": {**SCHEDULE, "batch": 4, "least": -10},
    "rcrl": {**SCHEDULE, "batch": 4, "group": 2, "max_tokens": 16, "kl": 0.1},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("acting")
    write_acted(folder, ["flange"])
    (folder / "small.yaml").write_text(yaml.safe_dump(TUNING))
    python(folder, "-c", MEND + MAKE)
    return folder


def python(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    known = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    environment = {**os.environ, **known, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=place, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def test_what_is_imitated_and_what_is_reinforced_have_the_same_tokens(place: Path) -> None:
    python(place, "-c", MEND + ALIKE)


def test_both_stages_train_on_conversations(place: Path) -> None:
    for stage, start, out in (("warm-start", "tiny", "warm"), ("rcrl", "warm", "acts")):
        python(
            place, "-m", "reinspect", "train", stage, "episodes", "--acting", "--model", start,
            "--out", out, "--config", "small.yaml", "--cpu",
        )  # fmt: skip
    assert not alike(place / "tiny", place / "warm")
    card = json.loads((place / "acts" / "training.json").read_text())
    assert (card["stage"], card["conversations used"]) == ("RCRL, acting", 26)
    rows = json.loads((place / "acts" / "curves.json").read_text())
    points = [row for row in rows if "reward" in row]
    assert [row["step"] for row in points] == [1, 2]
    # A model of random weights says nothing that can be read: it looks at nothing, and earns that.
    assert {(row["looks"], row["decided"]) for row in points} == {(0.0, 0.0)}
    assert all(-1 <= row["reward"] <= -0.5 for row in points)


def alike(one: Path, other: Path) -> bool:
    from safetensors.numpy import load_file

    first, second = (load_file(folder / "model.safetensors") for folder in (one, other))
    return all(np.array_equal(first[name], second[name]) for name in first)
