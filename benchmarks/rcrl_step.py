"""A step of RCRL with a random Qwen3-VL: tokens a second and peak memory, plumbing without quality.

Generation, rewards and update are those of `reinspect train rcrl`. Prints a JSON object, with the
time beside that of the same number of tokens in a plain forward pass of the same model.

    python benchmarks/rcrl_step.py [--size tiny|4b] [--steps 3]

`4b` has the sizes of Qwen3-VL-4B (LoRA of the packaged training recipe) and wants a GPU; 9 GB of
weights are written to a temporary folder.
"""

import argparse
import importlib.util
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from reinspect.tools.vision.torchvision_ops import mend_torchvision
from reinspect.training.vlm.tuning import Tuning, load_tuning

SIZES: dict[str, dict[str, Any]] = {
    "tiny": {},
    "4b": {
        "half": True,
        "text": {
            "vocab_size": 151_936, "hidden_size": 2560, "intermediate_size": 9728,
            "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8,
            "head_dim": 128,
            "rope_parameters": {
                "rope_type": "default", "rope_theta": 5e6, "mrope_section": [24, 20, 20],
                "mrope_interleaved": True,
            },
        },
        "vision": {
            "depth": 24, "hidden_size": 1024, "out_hidden_size": 2560, "intermediate_size": 4096,
            "num_heads": 16, "num_position_embeddings": 2304,
            "deepstack_visual_indexes": [5, 11, 17],
        },
    },
}  # fmt: skip


def write_episodes(folder: Path, side: int) -> None:
    from pyarrow import Table, parquet

    rng, rows = np.random.default_rng(0), []
    for index in range(16):
        cv2.imwrite(str(folder / f"{index}.png"), rng.integers(0, 256, (side, side, 3), np.uint8))
        parts = [{"type": "image", "text": None}, {"type": "text", "text": "Are there defects?"}]
        rows.append(
            {
                "prompt": [{"role": "user", "content": parts}],
                "completion": [{"role": "assistant", "content": parts[1:]}],
                "images": [f"{index}.png"], "mode": "thinking", "truth": index % 2 == 1,
                "types": ["rust"], "boxes": [[0.1, 0.1, 0.5, 0.5]], "initial": None,
                "split": "train",
            }
        )  # fmt: skip
    parquet.write_table(Table.from_pylist(rows), folder / "train.parquet")


def chosen(size: str, steps: int) -> Tuning:
    tuning = load_tuning("tiny" if size == "tiny" else f"qwen3-vl-{size}").model_dump()
    tuning |= {"report_to": ()}
    tuning["rcrl"] |= {"steps": steps, "save_every": 10_000, "log_every": 1, "guard": None}
    tuning["rcrl"] |= {"stages": [{"modes": ["thinking"], "share": 1.0}]}
    tuning["rcrl"]["uniform"] = {"resample": 0, "drop": True}
    return Tuning.model_validate(tuning)


def forward_seconds(model: str, tokens: int, cuda: bool) -> float:
    """One forward pass over as many tokens, in sequences of at most 1,024."""
    import torch
    from transformers import AutoModelForImageTextToText

    dtype = torch.bfloat16 if cuda else torch.float32
    net = AutoModelForImageTextToText.from_pretrained(model, dtype=dtype)
    net = net.to("cuda" if cuda else "cpu").eval()
    wide = min(1024, tokens)
    ids = torch.randint(10, 200, (1, wide), device=net.device)
    with torch.inference_mode():
        net(input_ids=ids)
        start = time.perf_counter()
        for _ in range(-(-tokens // wide)):
            net(input_ids=ids)
        if cuda:
            torch.cuda.synchronize()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="tiny")
    parser.add_argument("--steps", type=int, default=3)
    given = parser.parse_args()
    if importlib.util.find_spec("torchvision") is not None:
        mend_torchvision()
    import torch

    from reinspect.testing.tiny_vlm import write_tiny_vlm
    from reinspect.training.vlm.rcrl import rcrl
    from reinspect.training.vlm.trainer import TrainingPlan

    cuda, points = torch.cuda.is_available(), list[dict[str, Any]]()
    if given.size != "tiny" and not cuda:
        parser.error(f"--size {given.size} wants a GPU, and there is none here")
    with tempfile.TemporaryDirectory() as place:
        model = str(write_tiny_vlm(Path(place) / "model", **SIZES[given.size]))
        episodes = Path(place) / "episodes"
        episodes.mkdir()
        write_episodes(episodes, 128 if given.size == "tiny" else 1000)
        plan = TrainingPlan(episodes, model, Path(place) / "out", chosen(given.size, given.steps))
        rcrl(plan, lambda row: points.append(dict(row)))
        steps = [point for point in points if "step_time" in point]
        first = steps[0]["num_tokens"]
        later = steps[1:] or steps  # the first one warms up
        seconds = sum(point["step_time"] for point in later)
        tokens = (steps[-1]["num_tokens"] - first) if steps[1:] else first
        plain = forward_seconds(model, round(tokens), cuda)
    memory = torch.cuda.max_memory_allocated() if cuda else 0
    print(
        json.dumps(
            {
                "model": given.size,
                "device": torch.cuda.get_device_name() if cuda else "cpu",
                "seconds a step": round(seconds / len(later), 3),
                "tokens a second": round(tokens / seconds, 1),
                "times a plain forward pass": round(seconds / plain, 1),
                "peak GPU memory, GB": round(memory / 1e9, 2) if cuda else None,
                "peak memory, GB": round(
                    resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2
                ),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
