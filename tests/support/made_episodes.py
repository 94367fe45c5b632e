"""Episodes of a few pictures, as a training takes them."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np


def row(**said: Any) -> dict[str, Any]:
    question = [{"type": "image", "text": None}, {"type": "text", "text": "Any defects?"}]
    answer = [{"type": "text", "text": "<think>Fine.</think><answer>no</answer>"}]
    return {
        "prompt": [{"role": "user", "content": question}],
        "completion": [{"role": "assistant", "content": answer}],
        "images": ["part.png"],
        "mode": "thinking",
        "truth": False,
        "types": [],
        "boxes": [],
        "initial": None,
        "split": "train",
        **said,
    }


def written(folder: Path, *rows: dict[str, Any]) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    cv2.imwrite(str(folder / "part.png"), np.full((100, 200, 3), (10, 20, 30), np.uint8))
    table = pa.Table.from_pylist(list(rows))
    parquet.write_table(table, folder / "train.parquet")
    return folder


def bright_and_dark(folder: Path, *, each: int = 8) -> Path:
    """Parts that are bright where they are anomalous, asked for in both modes."""
    from reinspect.training.episodes.episode import EpisodeMode, target

    folder.mkdir(parents=True, exist_ok=True)
    rng, rows = np.random.default_rng(0), list[dict[str, Any]]()
    for index in range(2 * each):
        anomalous, name = index % 2 == 1, f"{index}.png"
        picture = rng.integers(0, 60, (64, 64, 3), np.uint8) + (190 if anomalous else 0)
        cv2.imwrite(str(folder / name), picture.astype(np.uint8))
        for mode in EpisodeMode:
            answer = target(
                mode,
                "Too bright." if anomalous else "As it should be.",
                anomalous=anomalous,
                types=["glare"] if anomalous else [],
                boxes=[(0.1, 0.1, 0.9, 0.9)] if anomalous else [],  # type: ignore[list-item]
                original="yes" if index % 4 < 2 else "no",
            )
            rows.append(
                row(
                    completion=[message.model_dump() for message in answer],
                    images=[name],
                    mode=mode.value,
                    truth=anomalous,
                    types=["glare"] if anomalous else [],
                    boxes=[[0.1, 0.1, 0.9, 0.9]] if anomalous else [],
                    initial=index % 4 < 2 if mode is EpisodeMode.REFLECTIVE else None,
                )
            )
    return written(folder, *rows)
