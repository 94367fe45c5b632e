"""What a set-up check stops, puts right or leaves: right parts, changed ones, other products.

python benchmarks/setup.py DATA [CATEGORY ...]

DATA has categories laid out as MVTec AD's. Right parts are the whole test set behind 8 references,
three draws; changed ones are windows of 12 good test parts, behind the same window of 8 references.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from reinspect.images import SUFFIXES, read_image
from reinspect.metrics import auroc
from reinspect.tools.embedded.look import Look
from reinspect.tools.features.fit import FeatureFit
from reinspect.tools.features.network import NetworkFeatures, open_features
from reinspect.tools.setup.findings import SetupCheck
from reinspect.tools.setup.scene import LearnedScene

REFERENCES, DRAWS, PARTS, MARGIN, SURE = 8, 3, 12, 0.06, 0.7
Picture = np.ndarray
Change = Callable[[Picture], Picture]


def window(image: Picture, right: float = 0, down: float = 0, turn: float = 0, size: float = 1):
    """The middle of a picture; moved by shares of the root of its area, turned by degrees."""
    rows, columns = image.shape[:2]
    if right or down or turn or size != 1:
        warp = cv2.getRotationMatrix2D(((columns - 1) / 2, (rows - 1) / 2), turn, size)
        warp[:, 2] += np.array([right, down]) * np.sqrt(rows * columns)
        how = {"flags": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REFLECT_101}
        image = cv2.warpAffine(image, warp, (columns, rows), **how)
    margin = round(MARGIN * min(rows, columns))
    return np.ascontiguousarray(image[margin:-margin, margin:-margin])


def lit(gain: float) -> Change:
    return lambda image: np.clip(window(image) * gain, 0, 255).round().astype(np.uint8)


def blurred(share: float) -> Change:
    def change(image: Picture) -> Picture:
        seen = window(image)
        return cv2.GaussianBlur(seen, (0, 0), share * np.sqrt(seen.shape[0] * seen.shape[1]))

    return change


def scaled(across: float, down: float) -> Change:
    return lambda image: cv2.resize(window(image), None, None, across, down, cv2.INTER_AREA)


CHANGES: dict[str, Change] = {
    "as it is": window,
    "moved by 1 %": lambda image: window(image, 0.007, 0.007),
    "moved by 2 %": lambda image: window(image, -0.014, 0.014),
    "moved by 4 %": lambda image: window(image, 0.028, -0.028),
    "turned by 2°": lambda image: window(image, turn=2),
    "turned by 5°": lambda image: window(image, turn=-5),
    "turned by 10°": lambda image: window(image, turn=10),
    "turned by 90°": lambda image: cv2.rotate(window(image), cv2.ROTATE_90_CLOCKWISE),
    "turned by 180°": lambda image: cv2.rotate(window(image), cv2.ROTATE_180),
    "mirrored": lambda image: np.ascontiguousarray(window(image)[:, ::-1]),
    "6 % larger": lambda image: window(image, size=1.06),
    "12 % larger": lambda image: window(image, size=1.12),
    "squashed 4:3 → 1:1": scaled(0.75, 1),
    "at × 0.6": scaled(0.6, 0.6),
    "blurred, 0.23 %": blurred(0.0023),
    "blurred, 0.5 %": blurred(0.005),
    "light × 0.3": lit(0.3),
    "light × 0.6": lit(0.6),
    "light × 1.6": lit(1.6),
}


class Seen(NamedTuple):
    """A picture, looked at as it is and as the check has it."""

    check: SetupCheck
    before: Look
    after: Look
    stopped: bool


def pictures(folder: Path, count: int | None = None) -> list[Picture]:
    files = [file for file in sorted(folder.iterdir()) if file.suffix.lower() in SUFFIXES]
    return [read_image(file) for file in files[:count]]


def look(scene: LearnedScene, fit: FeatureFit, network: NetworkFeatures, image: Picture) -> Seen:
    """What the check and the first look make of a picture."""
    before = fit.look(image, network)
    prepared = scene.prepare(image, network.describe)
    after = fit.look(prepared.image, network) if prepared.check.correction else before
    stopped = prepared.check.stops(anomalous=after.probability >= 0.5)
    return Seen(prepared.check, before, after, stopped)


def right_parts(folder: Path, network: NetworkFeatures) -> None:
    references = pictures(folder / "train" / "good")
    groups = {f.name: pictures(f) for f in sorted((folder / "test").iterdir()) if f.is_dir()}
    found: Counter[str] = Counter()
    auc = []
    for draw in range(DRAWS):
        order = np.random.default_rng(draw).permutation(len(references))[:REFERENCES]
        chosen = [references[index] for index in order]
        scene = LearnedScene.learn(chosen, [network.describe(one) for one in chosen])
        fit = FeatureFit.from_references(chosen, network)
        scores, truth = [], []
        for name, images in groups.items():
            for image in images:
                seen = look(scene, fit, network, image)
                found[seen.check.findings[0].kind if seen.stopped else "ok"] += 1
                found["corrected"] += seen.check.correction is not None
                scores.append((seen.before.z, seen.after.z))
                truth.append(name != "good")
        if 0 < sum(truth) < len(truth):
            auc.append([auroc(column, truth) for column in np.array(scores).T])
    corrected, ok = found.pop("corrected"), found.pop("ok")
    total = ok + found.total()
    before, after = np.mean(auc, axis=0) if auc else (np.nan, np.nan)
    print(
        f"| {folder.name} | {total} | {1 - ok / total:.1%} | {corrected / total:.1%} "
        f"| {before:.3f} → {after:.3f} | {dict(found)} |",
        flush=True,
    )


def changed_parts(folder: Path, network: NetworkFeatures) -> dict[str, tuple[int, int, int, int]]:
    """For each change: parts, sure FAILs of the picture alone, sure FAILs in the end, stopped."""
    chosen = [window(one) for one in pictures(folder / "train" / "good", REFERENCES)]
    good = folder / "test" / "good"
    parts = pictures(good if good.is_dir() else folder / "train" / "good")[-PARTS:]
    scene = LearnedScene.learn(chosen, [network.describe(one) for one in chosen])
    fit = FeatureFit.from_references(chosen, network)
    rows = {}
    for name, change in CHANGES.items():
        seen = [change(part) for part in parts]
        looks = [look(scene, fit, network, image) for image in seen]
        alone = sum(one.before.probability > SURE for one in looks)
        judged = sum(one.after.probability > SURE for one in looks if not one.stopped)
        rows[name] = (len(parts), alone, judged, sum(one.stopped for one in looks))
    return rows


def other_products(folders: list[Path], network: NetworkFeatures) -> dict[str, tuple[int, int]]:
    """How many pictures of all other products are stopped, and how many there are."""
    one_each = {f: pictures(f / "train" / "good", REFERENCES) for f in folders}
    rows = {}
    for folder, chosen in one_each.items():
        scene = LearnedScene.learn(chosen, [network.describe(one) for one in chosen])
        fit = FeatureFit.from_references(chosen, network)
        stopped = [
            look(scene, fit, network, image).stopped
            for other, images in one_each.items()
            if other != folder
            for image in images
        ]
        rows[folder.name] = (sum(stopped), len(stopped))
    return rows


def main(root: Path, categories: list[str]) -> None:
    cv2.setNumThreads(1)
    every = [f.parents[1] for f in sorted(root.glob("*/train/good")) if pictures(f, 1)]
    folders = [f for f in every if f.name in categories or not categories]
    with tempfile.TemporaryDirectory() as cache:
        network = open_features("efficientnet-lite0", Path(cache))
    print("right parts: category, pictures, stopped, corrected, AUROC as it is → corrected, why")
    for folder in folders:
        right_parts(folder, network)
    print("changed parts: sure FAIL alone → with the check (stopped by it)")
    print("| |", " | ".join(f.name for f in folders), "|")
    rows = {folder: changed_parts(folder, network) for folder in folders}
    for name in CHANGES:
        cells = [f"{a} → {b} ({s})" for _, a, b, s in (rows[f][name] for f in folders)]
        print(f"| {name} |", " | ".join(cells), "|", flush=True)
    print("other products, stopped of all:", other_products(folders, network))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]), sys.argv[2:])
    else:
        print("python benchmarks/setup.py DATA: it takes real parts laid out as MVTec AD's")
