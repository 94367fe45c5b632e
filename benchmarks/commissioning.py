"""What a person's answers gain: simulated from the truth of annotated parts.

python benchmarks/commissioning.py DATA --kept DIR [--category NAME ...] [--draws 3]

References are 8 of train/good. The parts of the first hours are 40, 8 of them defective: the rest
of train/good, and from test what is needed; of its good parts half at most, so that categories with
few parts have fewer. 20 answers in rounds of 5, the strangest first; then all other test pictures
are judged. Figures are kept in DIR, a file a draw.
"""

import argparse
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reinspect.images import read_image, sha256_of
from reinspect.metrics import auroc
from reinspect.qualification.answers import Answered, PartAnswer
from reinspect.qualification.commissioning import Commissioning, LearnedParts
from reinspect.settings import Settings
from reinspect.tools.features.calibration import THRESHOLD
from reinspect.tools.features.first import DEFAULT
from reinspect.tools.features.network import FeatureNetwork, open_features

CATEGORIES = (
    "ball_screw", "commutator", "cookie", "magnetic_tile", "sawn_timber", "solar_cell_mono",
    "toy_alien",
)  # fmt: skip
REFERENCES, PARTS, DEFECTIVE, ROUNDS, PER_ROUND = 8, 40, 8, 4, 5
Figures = dict[str, float]


def simulate(category: Path, draw: int, network: FeatureNetwork) -> Figures:
    rng = np.random.default_rng(draw)
    test = sorted(file for file in (category / "test").glob("*/*") if file.is_file())
    kinds = (
        sorted((category / "train" / "good").iterdir()),
        [file for file in test if file.parent.name == "good"],
        [file for file in test if file.parent.name != "good"],
    )
    train, good, bad = ([files[i] for i in rng.permutation(len(files))] for files in kinds)
    hours = train[REFERENCES:][: PARTS - DEFECTIVE]
    taken = min(PARTS - DEFECTIVE - len(hours), len(good) // 2)
    hours += good[:taken] + bad[:DEFECTIVE]
    defective = {sha256_of(file) for file in bad}
    parts = {sha256_of(file): str(file) for file in hours}
    references = {sha256_of(file): str(file) for file in train[:REFERENCES]}
    opened = Commissioning(references, parts, network)
    rest = [read_image(file) for file in (*good[taken:], *bad[DEFECTIVE:])]
    truth = np.arange(len(rest)) >= len(good) - taken

    def judged(learned: LearnedParts) -> NDArray[np.float64]:
        return np.array([opened.score(learned, image) for image in rest])

    standing: dict[str, Answered] = {}
    learned = opened.learn(standing, parts)
    before = judged(learned)
    for number in range(1, ROUNDS + 1):
        for question in opened.questions(learned, standing, PER_ROUND):
            bad_one = question.sha256 in defective
            standing[question.sha256] = Answered(
                sha256=question.sha256,
                path=question.path,
                answer=PartAnswer.DEFECTIVE if bad_one else PartAnswer.GOOD,
                who="truth",
                when=datetime.now(UTC),
                round=number,
            )
        learned = opened.learn(standing, parts)
    after = judged(learned)
    return {
        "parts": len(parts),
        "found": sum(sha256 in defective for sha256 in standing),
        "auroc before": auroc(before, truth) or 0.0,
        "auroc after": auroc(after, truth) or 0.0,
        "before": balanced(before >= THRESHOLD, truth),
        "references alone": balanced(after >= THRESHOLD, truth),
        "after": balanced(after >= learned.threshold, truth),
    }


def balanced(called: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return float((called[truth].mean() + (~called[~truth]).mean()) / 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--kept", type=Path, required=True)
    parser.add_argument("--category", nargs="+", default=CATEGORIES)
    parser.add_argument("--draws", type=int, default=3)
    given = parser.parse_args()
    network = open_features(DEFAULT, Settings().cache_dir)
    given.kept.mkdir(parents=True, exist_ok=True)
    means = []
    for name in given.category:
        draws = []
        for draw in range(given.draws):
            file = given.kept / f"{name}-{draw}.json"
            if not file.exists():
                started = time.perf_counter()
                figures = simulate(given.data / name, draw, network)
                figures["seconds"] = time.perf_counter() - started
                file.write_text(json.dumps(figures), encoding="utf-8")
            draws.append(json.loads(file.read_text(encoding="utf-8")))
        means.append({key: float(np.mean([own[key] for own in draws])) for key in draws[0]})
        say(name, means[-1])
    say("mean", {key: float(np.mean([own[key] for own in means])) for key in means[0]})


def say(name: str, figures: Figures) -> None:
    print(f"{name:16} " + "   ".join(f"{key} {value:.3f}" for key, value in figures.items()))


if __name__ == "__main__":
    main()
