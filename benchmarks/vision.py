"""Segment Anything and GroundingDINO through the tools against plain calls of the same packages.

Both get the same pictures, boxes and phrases, on the same device in the same precision, in turns;
printed are the times of both and the ratio plain / tool, i.e. of their throughputs, as medians over
rounds. Beside other work on the same cores only processor seconds tell anything (of one thread:
OMP_NUM_THREADS=1). Weights are drawn at random: they take the same time as trained ones.

python benchmarks/vision.py [--size tiny|real] [--device cpu|cuda] [--pictures N] [--rounds N]

Real is SAM ViT-B and GroundingDINO Swin-T. It needs the extra vision, and groundingdino-py.
"""

import argparse
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from reinspect.images import Pixels
from reinspect.tools.vision.prompts import SegmentPrompt

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

BOXES = ((50, 60, 300, 280), (400, 100, 900, 700), (10, 700, 200, 990), (600, 600, 640, 650))
PHRASES = ("scratch", "dent", "crack", "hole", "stain", "dirt")
SIDE = 1000
GOAL = 0.95

Work = Callable[[Pixels], object]


class Pair(NamedTuple):
    """The same work twice."""

    name: str
    ours: Work
    plain: Work


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", choices=("tiny", "real"), default="tiny")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1")
    parser.add_argument("--pictures", type=int, default=0, help="a round; 8 tiny, 2 on a CPU, 16")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    for package in ("torch", "torchvision", "segment_anything", "groundingdino"):
        if find_spec(package) is None:
            print(f"{package} is not installed; see docs/grounding.md")
            return
    slow = asked.size == "real" and asked.device == "cpu"
    count = asked.pictures or (2 if slow else 8 if asked.size == "tiny" else 16)
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8) for _ in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        for makes in (segment_anything, grounding_dino):
            compare(makes(Path(folder), asked.size, asked.device), pictures, asked.rounds)


def compare(pair: Pair, pictures: list[Pixels], rounds: int) -> None:
    """The first round warms both up, and doesn't count; who begins changes from round to round."""
    spent: dict[Work, list[tuple[float, float]]] = {pair.ours: [], pair.plain: []}
    for turn in range(rounds + 1):
        for work in (pair.ours, pair.plain) if turn % 2 else (pair.plain, pair.ours):
            wall, own = time.perf_counter(), time.process_time()
            for picture in pictures:
                work(picture)  # ends with the results in this process's memory
            spent[work].append((time.perf_counter() - wall, time.process_time() - own))
    ours, plain = (np.array(spent[work][1:]) for work in (pair.ours, pair.plain))
    print(f"{pair.name}, {rounds} rounds of {len(pictures)}; goal: a ratio of {GOAL}")
    for place, what in enumerate(("seconds", "processor seconds")):
        ratios = plain[:, place] / ours[:, place]
        each = [statistics.median(times[:, place]) / len(pictures) for times in (plain, ours)]
        print(
            f"  {what} a picture: plain {each[0]:.3g}, through the tool {each[1]:.3g}; "
            f"ratio {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
        )


def segment_anything(folder: Path, size: str, device: str) -> Pair:
    from reinspect.tools.vision.sam import Sam
    from support import tiny_sam

    name = "vit_b" if size == "real" else "support.tiny_sam:build"
    weights = folder / "sam.pth"
    if size == "real":
        save_vit_b(weights)
    else:
        tiny_sam.save(weights)
    tool = Sam(name, weights, device=device)
    prompts = [SegmentPrompt(box=box) for box in BOXES]

    import torch
    from segment_anything import SamPredictor, sam_model_registry

    sam = sam_model_registry["vit_b"]() if size == "real" else tiny_sam.build()
    sam.load_state_dict(torch.load(weights, weights_only=True))
    predictor = SamPredictor(sam.eval().to(device))

    def plain(picture: Pixels) -> object:
        with precision(device):
            predictor.set_image(np.ascontiguousarray(picture[..., ::-1]))
            boxes = torch.tensor(BOXES, dtype=torch.float32, device=device)
            boxes = predictor.transform.apply_boxes_torch(boxes, picture.shape[:2])
            masks, _, _ = predictor.predict_torch(
                point_coords=None, point_labels=None, boxes=boxes, multimask_output=False
            )
            return masks.cpu().numpy()

    what = "SAM ViT-B" if size == "real" else "SAM tiny"
    return Pair(f"{what} on {device}", lambda picture: tool.masks(picture, prompts), plain)


def save_vit_b(file: Path) -> None:
    from reinspect.tools.vision.torchvision_ops import mend_torchvision

    mend_torchvision()
    import torch
    from segment_anything import sam_model_registry

    torch.manual_seed(0)
    torch.save(sam_model_registry["vit_b"]().state_dict(), file)


def grounding_dino(folder: Path, size: str, device: str) -> Pair:
    from reinspect.tools.vision.grounding_dino import (
        GroundingDino,
        _config_file,
        loading,
        with_text_encoder,
    )
    from support import tiny_grounding

    if size == "real":
        config, side = _config_file("swin_t"), 800
        weights, encoder = save_swin_t(folder, config)
    else:
        made = tiny_grounding.write_tiny_groundingdino(folder / "grounding")
        config, side, weights, encoder = made.config, 256, made.weights, made.text_encoder
    tool = GroundingDino(weights, config, encoder, side=side, device=device)

    import groundingdino.datasets.transforms as steps
    from groundingdino.util.inference import load_model, predict
    from PIL import Image

    with loading(), with_text_encoder(config, encoder) as settings:
        model = load_model(str(settings), str(weights), device=device)
    model = model.to(device)
    for module in model.modules():  # both without what saves memory in training
        for name in ("use_checkpoint", "use_transformer_ckpt"):
            if hasattr(module, name):
                setattr(module, name, False)
    prepare = steps.Compose(
        [
            steps.RandomResize([side], max_size=round(side * 1333 / 800)),
            steps.ToTensor(),
            steps.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )

    def plain(picture: Pixels) -> object:
        with precision(device):
            rgb = Image.fromarray(np.ascontiguousarray(picture[..., ::-1]))
            tensor, _ = prepare(rgb, None)
            caption = ". ".join(PHRASES) + "."
            boxes, scores, words = predict(model, tensor, caption, 0.35, 0.25, device)
            return boxes.tolist(), scores.tolist(), words

    what = "GroundingDINO Swin-T" if size == "real" else "GroundingDINO tiny"
    return Pair(f"{what} on {device}", lambda picture: tool(picture, [PHRASES], least=0.35), plain)


def save_swin_t(folder: Path, config: Path) -> tuple[Path, Path]:
    """Weights for the package's own config, and a text encoder of BERT's size."""
    from reinspect.tools.vision.torchvision_ops import mend_torchvision

    mend_torchvision()
    import torch
    from transformers import BertConfig, BertModel

    from reinspect.tools.vision.grounding_dino import loading, with_text_encoder
    from support import tiny_grounding

    torch.manual_seed(0)
    encoder = folder / "bert"
    BertModel(BertConfig()).save_pretrained(encoder)
    tiny_grounding.write_vocabulary(encoder)
    with loading(), with_text_encoder(config, encoder) as settings:
        from groundingdino.models import build_model
        from groundingdino.util.slconfig import SLConfig

        arguments = SLConfig.fromfile(str(settings))
        arguments.device = "cpu"
        model = build_model(arguments)
    file = folder / "swin_t.pth"
    torch.save({"model": model.state_dict()}, file)
    return file, encoder


def precision(device: str) -> Any:
    """As the tools: without gradients, in half precision on a GPU."""
    from reinspect.tools.vision.runtime import ComputeDevice

    return ComputeDevice(device, half=device != "cpu").working()


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of the packages
    main()
