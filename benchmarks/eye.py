"""The eye beside the learned filters: AUROC, and what each way of hearing it changes.

python benchmarks/eye.py DATA --kept DIR [--weights eye.onnx] [--category NAME ...] [--draws 3]

References are 8 of train/good: the first by name, then random draws. Every test image is looked
at by every witness; looks are kept in DIR, so that policies can be compared without looking again.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reinspect.dataset import sample_at
from reinspect.images import read_image, sha256_of
from reinspect.metrics import auroc
from reinspect.policies import rules
from reinspect.references import ReferenceMode, ReferenceSet
from reinspect.tools.comparator.fit import EYE, ComparatorFit
from reinspect.tools.comparator.network import WEIGHTS, ComparatorNetwork, open_comparator
from reinspect.tools.embedded.fit import Fit
from reinspect.tools.expert import Expert

Looks = dict[str, dict[str, float]]
"""File below test/ → what a witness says of it."""

CATEGORIES = ("ball_screw", "cookie", "toy_alien", "magnetic_tile")
REFERENCES = 8


def references_of(category: Path, draw: int) -> list[Path]:
    files = sorted((category / "train" / "good").iterdir())
    if draw == 0:
        return files[:REFERENCES]
    order = np.random.default_rng(draw).permutation(len(files))
    return [files[i] for i in sorted(order[:REFERENCES])]


def by_the_filters(category: Path, draw: int) -> Looks:
    expert = expert_of(category, draw)
    found: Looks = {}
    for name, file in tested(category).items():
        sample = sample_at(file, id=name)
        first, again = expert.look(sample), (expert.fine(sample), expert.aligned(sample))
        witnesses = {own.name: own.probability for own in again if own is not None}
        found[name] = {"z": first.z, "p": first.probability, **witnesses}
    return found


def by_the_eye(category: Path, draw: int, network: ComparatorNetwork) -> Looks:
    fit = Fit.from_references([read_image(file) for file in references_of(category, draw)])
    eye = ComparatorFit.from_album(fit.album, network)
    found: Looks = {}
    for name, file in tested(category).items():
        image = read_image(file)
        started = time.process_time()
        seen = eye.look(image, network)
        seconds = time.process_time() - started
        found[name] = {"z": seen.z, "p": seen.probability, "seconds": seconds}
    return found


def expert_of(category: Path, draw: int) -> Expert:
    files = references_of(category, draw)
    hashes = tuple(map(sha256_of, files))
    return Expert(ReferenceSet(ReferenceMode.GOLDEN, tuple(map(str, files)), hashes), cache=None)


def tested(category: Path) -> dict[str, Path]:
    files = sorted(file for file in (category / "test").glob("*/*") if file.is_file())
    return {f"{file.parent.name}/{file.name}": file for file in files}


def kept(file: Path, look: Callable[[], Looks]) -> Looks:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(look()), encoding="utf-8")
    read: Looks = json.loads(file.read_text(encoding="utf-8"))
    return read


def decided(
    filters: Mapping[str, float], eye: float, way: str, *, always: bool
) -> tuple[float, float]:
    """P(anomalous) after the first look, and in the end; the label's side is kept with it."""
    first = filters["p"]
    witnesses = {name: p for name, p in filters.items() if name not in ("z", "p")}
    if way == "first":
        first = rules.fuse(first, {EYE: eye})
    elif way == "second":
        witnesses[EYE] = eye
    if not always and not rules.wants_second_look(rules.reliability(first)):
        return first, first
    fused = rules.fuse(first, witnesses, seconded=way != "none")
    anomalous = first >= 0.5
    if (fused >= 0.5) == anomalous or rules.flip_allowed(first, fused, witnesses):
        return first, fused
    return first, max(fused, 0.5) if anomalous else min(fused, 0.499)


def balanced(called: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return float((called[truth].mean() + (~called[~truth]).mean()) / 2)


def best_border(others: list[tuple[NDArray[np.float64], NDArray[np.bool_]]]) -> float:
    """What the control uses: the border that is best on the other categories."""
    grid = np.linspace(0.2, 0.85, 66)
    return float(max(grid, key=lambda t: np.mean([balanced(p >= t, y) for p, y in others])))


def report(
    name: str,
    draws: list[dict[str, tuple[Looks, Looks]]],
    way: str,
    always: bool = False,
) -> None:
    rows, fixed, broken, twice = [], 0, 0, 0
    for looks in draws:
        first, final, truth = {}, {}, {}
        for category, (filters, eyes) in looks.items():
            both = [decided(filters[k], eyes[k]["p"], way, always=always) for k in filters]
            first[category], final[category] = (np.array(p) for p in zip(*both, strict=True))
            truth[category] = np.array([not k.startswith("good/") for k in filters])
        for category, y in truth.items():
            before, after = first[category] >= 0.5, final[category] >= 0.5
            others = [(first[c], truth[c]) for c in truth if c != category]
            control = first[category] >= (best_border(others) if others else 0.5)
            fixed += int(((before != y) & (after == y)).sum())
            broken += int(((before == y) & (after != y)).sum())
            unsure = [rules.wants_second_look(rules.reliability(p)) for p in first[category]]
            twice += len(y) if always else sum(unsure)
            areas = [auroc(p[category], y) for p in (first, final)]
            rows.append([*areas, *(balanced(called, y) for called in (before, control, after))])
    mean = np.mean(np.array(rows, float), axis=0)
    print(
        f"{name:34} AUROC {mean[0]:.3f} > {mean[1]:.3f}   balanced accuracy {mean[2]:.3f} "
        f"(control {mean[3]:.3f}) > {mean[4]:.3f}   fixed {fixed}, broken {broken} of {twice}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--kept", type=Path, required=True)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--category", nargs="+", default=CATEGORIES)
    parser.add_argument("--draws", type=int, default=3)
    given = parser.parse_args()
    network = open_comparator(given.weights)
    draws: list[dict[str, tuple[Looks, Looks]]] = []
    for draw in range(given.draws):
        draws.append({})
        for name in given.category:
            folder = given.data / name
            filters = kept(
                given.kept / f"{name}-{draw}-filters.json",
                partial(by_the_filters, folder, draw),
            )
            eyes = kept(
                given.kept / f"{name}-{draw}-eye-{network.pair}.json",
                partial(by_the_eye, folder, draw, network),
            )
            draws[-1][name] = (filters, eyes)
    means = []
    for name in given.category:
        rows = []
        for looks in draws:
            filters, eyes = looks[name]
            y = [not k.startswith("good/") for k in filters]
            one, two = (np.array([own[k]["z"] for k in filters]) for own in (filters, eyes))
            rows.append([auroc(z, y) for z in (one, two, one + two)])
        means.append(np.mean(np.array(rows, float), axis=0))
        print("{:14} filters {:.3f}   eye {:.3f}   average {:.3f}".format(name, *means[-1]))
    print("{:14} filters {:.3f}   eye {:.3f}   average {:.3f}".format("mean", *np.mean(means, 0)))
    report("second look without the eye", draws, "none")
    report("eye in the second look", draws, "second")
    report("eye in the first look", draws, "first")
    report("every picture twice, without", draws, "none", always=True)
    report("every picture twice, eye second", draws, "second", always=True)
    report("every picture twice, eye first", draws, "first", always=True)
    seconds = [own["seconds"] for looks in draws for _, e in looks.values() for own in e.values()]
    print(f"the eye: {np.mean(seconds):.3f} s of one core a picture")


if __name__ == "__main__":
    main()
