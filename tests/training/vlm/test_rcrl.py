"""RAWS and RCRL end to end by the command line, on a tiny model: a few steps, plumbing alone."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import yaml

from support.made_episodes import bright_and_dark, row, written

pytestmark = [pytest.mark.process, pytest.mark.model, pytest.mark.needs("trl"), pytest.mark.slow]

MAKE = """
import importlib.util
from reinspect.tools.vision.torchvision_ops import mend_torchvision
if importlib.util.find_spec("torchvision"):
    mend_torchvision()
from reinspect.testing.tiny_vlm import write_tiny_vlm
write_tiny_vlm("tiny", words=["<think>As it should be.</think><reflection>Too bright.</reflection>"
    "<type>glare</type><location>(0.100,0.100)(0.900,0.900)</location><answer>yes</answer>"])
"""
SCHEDULE = {"steps": 4, "save_every": 2, "log_every": 1, "batch": 8, "learning_rate": 1e-3}
SMALL = {
    "lora": None,
    "report_to": [],
    "max_pixels": 4096,
    # Long enough that some answers have the form: where all earn nothing, nothing is learned.
    "warm_start": {**SCHEDULE, "steps": 60, "save_every": 30, "learning_rate": 5e-3},
    "rcrl": {
        **SCHEDULE,
        "group": 4,
        "max_tokens": 48,
        "kl": 0.1,
        "stages": [{"modes": ["thinking"], "share": 0.5}, {"modes": ["reflective"], "share": 0.5}],
    },
}
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}

Trained = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny model, episodes and a training recipe."""
    folder = tmp_path_factory.mktemp("rcrl")
    environment = {**os.environ, **ENVIRONMENT}
    subprocess.run(
        [sys.executable, "-c", MAKE], cwd=folder, env=environment, check=True, timeout=300
    )
    bright_and_dark(folder / "episodes")
    (folder / "small.yaml").write_text(yaml.safe_dump(SMALL))
    return folder


@pytest.fixture(scope="module")
def warm(place: Path) -> Path:
    done = train(place, "warm-start", model="tiny", out="warm")
    assert done.returncode == 0, done.stderr
    return place / "warm"


@pytest.fixture(scope="module")
def reinforced(place: Path, warm: Path) -> Path:
    done = train(place, "rcrl", model="warm", out="reinforced")
    assert done.returncode == 0, done.stderr
    return place / "reinforced"


def train(
    place: Path,
    stage: str,
    *more: str,
    model: str,
    out: str,
    config: str = "small.yaml",
    episodes: str = "episodes",
    file_size: int | None = None,
    launcher: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    words = ["train", stage, episodes, "--model", model, "--out", out, "--config", config]

    def no_room() -> None:
        if file_size is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))

    return subprocess.run(
        [sys.executable, *launcher, "-m", "reinspect", *words, "--cpu", *more],
        cwd=place,
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        timeout=300,
        preexec_fn=no_room,
    )


def weights(folder: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(next(folder.glob("*model.safetensors")))


def differ(one: Path, other: Path) -> bool:
    first, second = weights(one), weights(other)
    assert set(first) == set(second)
    return not all(np.array_equal(first[name], second[name]) for name in first)


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    return done.stderr.strip().splitlines()[-1]


def recipe(place: Path, name: str, *, stage: str = "rcrl", **said: object) -> str:
    key = stage.replace("-", "_")
    content = {**SMALL, key: {**SMALL[key], **said}}  # type: ignore[dict-item]
    (place / f"{name}.yaml").write_text(yaml.safe_dump(content))
    return f"{name}.yaml"


def test_both_stages_leave_weights_curves_and_a_card(reinforced: Path, warm: Path) -> None:
    assert differ(warm, warm.with_name("tiny"))
    assert differ(reinforced, warm)
    for folder, stage in ((warm, "RAWS"), (reinforced, "RCRL")):
        assert {"curves.json", "curves.svg", "tuning.yaml", "tokenizer.json"} <= {
            file.name for file in folder.iterdir()
        }
        assert json.loads((folder / "training.json").read_text())["stage"] == stage
    logged = [
        row for row in json.loads((reinforced / "curves.json").read_text()) if "reward" in row
    ]
    assert [row["step"] for row in logged] == [1, 2, 3, 4]
    assert {"uniform", "uniform at first", "kl", "rewards/accuracy/mean"} <= set(logged[0])
    assert all(row["rewards/reflection/mean"] == 0 for row in logged[:2])  # thinking alone
    assert any(row["rewards/reflection/mean"] != 0 for row in logged[2:])


@pytest.mark.parametrize("stage", ["warm-start", "rcrl"])
def test_what_goes_on_ends_with_the_same_weights(
    place: Path, warm: Path, reinforced: Path, stage: str
) -> None:
    raws = stage == "warm-start"
    whole, model, middle = (warm, "tiny", 30) if raws else (reinforced, "warm", 2)
    again, kept = place / f"{stage}-again", f"checkpoints/checkpoint-{middle}"
    shutil.copytree(whole / kept, again / kept)
    # One that was cut off while it was written: it has no state yet, and doesn't count.
    (again / "checkpoints" / f"checkpoint-{middle + 1}").mkdir()
    done = train(place, stage, "--resume", model=model, out=again.name)
    assert done.returncode == 0, done.stderr
    assert "step     1" not in done.stdout
    assert not (again / "checkpoints" / f"checkpoint-{middle + 1}").exists()
    assert not differ(whole, again)


def test_a_full_disk_costs_the_newest_checkpoint_alone(
    place: Path, warm: Path, reinforced: Path
) -> None:
    out = place / "full"
    before = out / "checkpoints" / "checkpoint-2"
    shutil.copytree(reinforced / "checkpoints" / "checkpoint-2", before)
    kept = {file.name: file.read_bytes() for file in before.iterdir()}
    done = train(place, "rcrl", "--resume", model="warm", out="full", file_size=200_000)
    assert done.returncode == 2
    assert "checkpoint of step 4 can't be written" in last_line(done)
    assert "checkpoint-2 is kept" in last_line(done)
    assert [path.name for path in (out / "checkpoints").glob("checkpoint-*")] == ["checkpoint-2"]
    assert {file.name: file.read_bytes() for file in before.iterdir()} == kept


@pytest.mark.parametrize("stage", ["warm-start", "rcrl"])
def test_nan_stops_with_a_reason_before_it_is_saved(place: Path, warm: Path, stage: str) -> None:
    hot = {"learning_rate": 1e30, "save_every": 1, "steps": 8, "warm_up": 0.0}
    config = recipe(place, "hot", stage=stage, **hot)
    done = train(place, stage, model="warm", out=f"hot-{stage}", config=config)
    assert done.returncode == 2
    assert "stopped at step" in last_line(done)
    assert "lower the learning rate" in last_line(done)
    assert "Traceback" not in done.stderr
    assert not (place / f"hot-{stage}" / "model.safetensors").exists()


def test_a_collapse_stops_with_a_reason(place: Path, warm: Path) -> None:
    guard = {"window": 1, "after": 1, "fall": 1e-6, "least": 10_000}
    config = recipe(place, "watched", guard=guard, steps=40, temperature=2.0)
    done = train(place, "rcrl", model="warm", out="watched", config=config)
    assert done.returncode == 2
    assert "reward collapse: mean reward" in last_line(done)


def test_two_processes_train_one_critic(place: Path, warm: Path) -> None:
    """As `accelerate launch` starts them for two GPUs: the stages last as long, files are one's."""
    config = recipe(place, "together", batch=4, uniform={"resample": 1})
    config_of_all = yaml.safe_load((place / config).read_text())
    (place / config).write_text(yaml.safe_dump({**config_of_all, "report_to": ["tensorboard"]}))
    done = train(
        place,
        "rcrl",
        model="warm",
        out="together",
        config=config,
        launcher=("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Card") == 1
    out = place / "together"
    assert differ(out, warm)
    logged = [row for row in json.loads((out / "curves.json").read_text()) if "reward" in row]
    assert [row["step"] for row in logged] == [1, 2, 3, 4]
    assert all(row["rewards/reflection/mean"] == 0 for row in logged[:2])  # thinking alone
    assert any(row["rewards/reflection/mean"] != 0 for row in logged[2:])
    assert list((out / "checkpoints" / "runs").rglob("events.out.tfevents.*"))


@pytest.mark.parametrize("model", ["warm", "adapter"])
def test_an_adapter_is_trained_on_weights_and_goes_on(place: Path, warm: Path, model: str) -> None:
    """A fresh adapter on the RAWS weights; then the adapter itself, its copy the reference."""
    if model == "adapter" and not (place / "adapter").is_dir():
        test_an_adapter_is_trained_on_weights_and_goes_on(place, warm, "warm")
    content = {**SMALL, "lora": {"rank": 4, "alpha": 8}}
    (place / "lora.yaml").write_text(yaml.safe_dump(content))
    out = place / ("adapter" if model == "warm" else "adapter-on")
    done = train(place, "rcrl", model=model, out=out.name, config="lora.yaml")
    assert done.returncode == 0, done.stderr
    assert "Adapter" in done.stdout
    assert (out / "adapter_config.json").is_file()
    assert not (out / "model.safetensors").exists()
    found = weights(out)
    assert all("lora_" in name for name in found)
    assert any(np.abs(found[name]).max() > 0 for name in found if "lora_B" in name)
    if model == "adapter":
        assert differ(place / "adapter", out)


@pytest.mark.parametrize("stage", ["warm-start", "rcrl"])
@pytest.mark.parametrize(
    ("rows", "said"),
    [
        pytest.param([row(), row()], "all 2 training episodes are of good parts", id="one class"),
        pytest.param([row(truth=None)], "truth is not known", id="no truth"),
        pytest.param(
            [row(images=["gone.png"]), row(images=["gone.png"], truth=True)],
            "no episode to train on (2 episodes left out: a picture is gone",
            id="pictures gone since the run",
        ),
    ],
)
def test_episodes_that_teach_nothing(
    place: Path, tmp_path: Path, stage: str, rows: list[dict[str, object]], said: str
) -> None:
    poor = written(tmp_path, *rows)
    done = train(place, stage, model="tiny", out="none", episodes=str(poor))
    assert done.returncode == 2
    assert said in last_line(done)
    assert "Traceback" not in done.stderr
    assert not (place / "none").exists()


@pytest.mark.parametrize(
    ("config", "model", "said"),
    [
        pytest.param("rcrl: {stepps: 3}", "tiny", "did you mean 'steps'", id="unknown key"),
        pytest.param(
            "parameters: 8.8e+9", "Qwen/Qwen3-VL-8B-Instruct", "needs a GPU with about", id="no GPU"
        ),
    ],
)
def test_refused_before_anything_is_loaded(place: Path, config: str, model: str, said: str) -> None:
    (place / "wrong.yaml").write_text(config)
    done = train(place, "rcrl", model=model, out="none", config="wrong.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert said in last_line(done)
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (place / "none").exists()
