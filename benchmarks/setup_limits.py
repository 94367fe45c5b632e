"""Which findings of a set-up check stop a picture, and from which amount on: each kind left out.

python benchmarks/setup_limits.py DATA DRAWN

DATA has real categories laid out as MVTec AD's, DRAWN those of `reinspect sample --category all
--references 24 --good 30 --defective 30`. An hour on one core. Right parts are test parts as they
are, strangers are parts of the other kinds, changed ones windows of test parts behind windows of
eight references. A right part that is stopped counts as five wrong verdicts, a stranger that is
judged as three, and a changed part that is stopped though its verdict is right as .15 of one.
"""

import itertools
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from setup import CHANGES as SOME
from setup import Picture, blurred, lit, pictures, scaled, window

from reinspect.tools.features.fit import FeatureFit
from reinspect.tools.features.network import NetworkFeatures, open_features
from reinspect.tools.setup.findings import SetupKind
from reinspect.tools.setup.scene import LearnedScene

COSTS = np.array([5, 3, 1, 0.15])
ALWAYS = {"mirrored": 0.0, "angle": 15.0, "exposure": np.log(3), "product": 0.0}
CHOICES: Mapping[str, Sequence[float]] = {
    "shape, always": (0.15, 0.3, 0.4),
    "exposure": (0.4, 0.6, 0.8),
    "colour": (10, 20),
    "shape": (0.1, np.inf),
    "blur": (0, 0.45),
    "angle": (0, 10, np.inf),
    "place": (0, 0.1, 0.15, np.inf),
    "scale": (0, 0.12, np.inf),
}
Limits = tuple[float, ...]
KINDS = [kind.value for kind in SetupKind]


def noisy(deviation: float) -> Callable[[Picture], Picture]:
    def change(image: Picture) -> Picture:
        seen = window(image)
        added = np.random.default_rng(0).normal(0, deviation, seen.shape)
        return np.clip(seen + added, 0, 255).round().astype(np.uint8)

    return change


def turned(angle: float) -> Callable[[Picture], Picture]:
    return lambda image: window(image, turn=angle)


CHANGES = {
    **{name: change for name, change in SOME.items() if name != "as it is"},
    "moved by 8 %": lambda image: window(image, 0.055, -0.055),
    **{f"turned by {angle}°": turned(angle) for angle in (8, 12, 20)},
    "20 % larger": lambda image: window(image, size=1.2),
    "6 % smaller": lambda image: window(image, size=0.94),
    "blurred, 0.1 %": blurred(0.001),
    **{f"light × {gain}": lit(gain) for gain in (0.25, 0.4, 0.8, 1.25, 2.5)},
    **{f"squashed to {share}": scaled(share, 1) for share in (0.97, 0.92, 0.85)},
    "at × 0.25": scaled(0.25, 0.25),
    **{f"noise of {deviation}": noisy(deviation) for deviation in (6, 14)},
    "another lamp": lambda image: np.ascontiguousarray(window(image)[..., ::-1]),
}


class Looks(NamedTuple):
    """Of some pictures: the amount of each finding (n, kinds), 0 without, and P(anomalous)."""

    amounts: np.ndarray
    probabilities: np.ndarray

    @property
    def anomalous(self) -> np.ndarray:
        return self.probabilities >= 0.5

    def stopped(self, limits: Limits) -> np.ndarray:
        given = dict(zip(CHOICES, limits, strict=True))
        amount = {kind: self.amounts[:, place] for place, kind in enumerate(KINDS)}
        hard = amount["shape"] > given["shape, always"]
        for kind, least in ALWAYS.items():
            hard = hard | (amount[kind] > least)
        soft = np.zeros_like(hard)
        for kind, least in itertools.islice(given.items(), 1, None):
            soft = soft | (amount[kind] > least)
        return hard | (soft & self.anomalous)


class KindLooks(NamedTuple):
    """Of one kind of part."""

    right: Looks
    strangers: Looks
    changed: Looks
    wrong: np.ndarray
    """Of the changed ones: whether the verdict is another than of the part as it is."""

    def figures(self, limits: Limits) -> np.ndarray:
        """Right parts stopped, strangers judged, wrong verdicts left, right ones stopped."""
        stopped = self.changed.stopped(limits)
        return np.array(
            [
                self.right.stopped(limits).mean(),
                1 - self.strangers.stopped(limits).mean(),
                (self.wrong & ~stopped).mean(),
                (~self.wrong & stopped).mean(),
            ]
        )


class Judge:
    """Check and first look behind some references."""

    def __init__(self, references: Sequence[Picture], network: NetworkFeatures) -> None:
        self._network = network
        self._scene = LearnedScene.learn(references, [network.describe(it) for it in references])
        self._fit = FeatureFit.from_references(references, network)

    def __call__(self, images: Sequence[Picture]) -> Looks:
        amounts, probabilities = np.zeros((len(images), len(KINDS))), np.zeros(len(images))
        for row, image in enumerate(images):
            seen = self._scene.prepare(image, self._network.describe)
            look = self._fit.look(seen.image, self._network, grid=seen.grid)
            probabilities[row] = look.probability
            for finding in seen.check.findings:
                amounts[row, KINDS.index(finding.kind)] = max(abs(finding.amount), 1e-9)
        return Looks(amounts, probabilities)


def joined(looks: Sequence[Looks]) -> Looks:
    return Looks(*map(np.concatenate, zip(*looks, strict=True)))


def looked_at(
    folder: Path, strangers: Sequence[Picture], network: NetworkFeatures, *, most: int, draws: int
) -> KindLooks:
    """Look at one kind: so many of its good and of its defective parts behind so many draws."""
    rng = np.random.default_rng(7)
    known = pictures(folder / "train" / "good")
    groups: dict[bool, list[Picture]] = {True: [], False: []}
    for group in sorted((folder / "test").iterdir()):
        groups[group.name == "good"] += pictures(group)
    good, bad = (
        [own[place] for place in sorted(rng.permutation(len(own))[:most])]
        for own in (groups[True], groups[False])
    )
    eight = [
        sorted(np.random.default_rng(draw).permutation(len(known))[:8]) for draw in range(draws)
    ]
    right, others = [], []
    for chosen in (*eight, range(8), range(len(known))):  # in a row as well, and all
        judge = Judge([known[place] for place in chosen], network)
        right += [judge(good), judge(bad)]
        if len(others) < 2:
            others.append(judge(strangers))
    judge = Judge([window(known[place]) for place in eight[0]], network)
    changed, wrong = [], []
    for parts, defective in (
        (good[:: max(1, most // 7)], False),
        (bad[:: max(1, most // 5)], True),
    ):
        was_right = judge([window(part) for part in parts]).anomalous == defective
        for change in CHANGES.values():
            looks = judge([change(part) for part in parts])
            changed.append(looks)
            wrong.append(was_right & (looks.anomalous != defective))
    return KindLooks(joined(right), joined(others), joined(changed), np.concatenate(wrong))


def choose(kinds: Mapping[str, KindLooks]) -> None:
    """Print what is chosen without each kind, and what that comes to on it."""
    every = list(itertools.product(*CHOICES.values()))
    figures = {
        name: np.array([kind.figures(limits) for limits in every]) for name, kind in kinds.items()
    }
    total = sum(own @ COSTS for own in figures.values())
    chosen: Counter[Limits] = Counter()
    left_out = []
    for name, own in figures.items():
        best = int(np.argmin(total - own @ COSTS))
        chosen[every[best]] += 1
        left_out.append(own[best])
        print(name, own[best].round(3), flush=True)
    print("mean of the kinds, each left out", np.mean(left_out, axis=0).round(4))
    for limits, count in chosen.most_common():
        print(count, dict(zip(CHOICES, limits, strict=True)))


def main(real: Path, drawn: Path) -> None:
    cv2.setNumThreads(1)
    folders = [
        folder.parents[1]
        for root in (real, drawn)
        for folder in sorted(root.glob("*/train/good"))
        if pictures(folder, 1) and (folder.parents[1] / "test" / "good").is_dir()
    ]
    with tempfile.TemporaryDirectory() as cache:
        network = open_features("efficientnet-lite0", Path(cache))
    two = {folder: pictures(folder / "train" / "good", 3)[1:] for folder in folders}
    kinds = {}
    for folder in folders:
        strangers = [image for other, some in two.items() if other != folder for image in some]
        most, draws = (40, 3) if folder.parent == real else (14, 1)
        kinds[folder.name] = looked_at(folder, strangers, network, most=most, draws=draws)
    choose(kinds)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        print("python benchmarks/setup_limits.py DATA DRAWN: it takes real and drawn parts")
