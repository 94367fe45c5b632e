"""Parts with several views on the bench: all together, and each view alone."""

import json
from pathlib import Path

import cv2
import numpy as np

from support.command_line import invoke, said

VIEWS = {"front": "*_front.*", "back": "*_back.*"}


def put(file: Path, grey: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), np.full((8, 9, 3), grey, np.uint8))


def recipe_of(folder: Path, name: str, views: dict[str, str] = VIEWS) -> Path:
    file = folder / name
    spec = {"detector": "support.own_parts:Brightness", "tools": [], "views": views}
    file.write_text(json.dumps(spec), encoding="utf-8")
    return file


def test_parts_and_each_view_alone(tmp_path: Path) -> None:
    root = tmp_path / "bolt"
    for number in range(4):
        put(root / "train" / "good" / f"{number}_front.png", 20 + number)
        put(root / "train" / "good" / f"{number}_back.png", 30 + number)
        put(root / "test" / "good" / f"{number}_front.png", 24 + number)
        put(root / "test" / "good" / f"{number}_back.png", 34 + number)
        put(root / "test" / "dent" / f"{number}_front.png", 240 - number)
        put(root / "test" / "dent" / f"{number}_back.png", 44 + number)
    figures, recipe = tmp_path / "figures.json", recipe_of(tmp_path, "a.yaml")
    answer = invoke(
        "bench", root, "--recipe", recipe, "--out", tmp_path / "out", "--json", figures
    )  # fmt: skip
    assert answer.code == 0
    assert "front alone" in answer.out
    told = json.loads(figures.read_text())

    def right(report: dict[str, dict[str, dict[str, dict[str, float]]]]) -> float:
        return report["categories"]["bolt"]["final"]["balanced_accuracy"]

    alone = {name: right(report) for name, report in told["views"].items()}
    assert (right(told), alone) == (1.0, {"front": 1.0, "back": 0.5})
    assert told["categories"]["bolt"]["references"] == 4
    other = recipe_of(tmp_path, "b.yaml", {"front": "*_front.*"})
    line = said(invoke("bench", root, "--recipe", recipe, "--recipe", other))
    assert "b.yaml has other views than a.yaml" in line
