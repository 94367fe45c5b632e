"""Episodes as a trainer takes them: checked rows, pictures read and shrunk when they are needed.

Needs the extra `train`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from datasets import Dataset
from PIL import Image

from reinspect.agents.models.encoding import fitted
from reinspect.errors import ReinspectError
from reinspect.images import UnreadableImage, one_line, read_image
from reinspect.training.episodes.folder import images_root, read_card

NEEDED = (
    "prompt", "completion", "images", "mode", "truth", "types", "boxes", "initial", "split",
)  # fmt: skip
"""Columns that a training can't do without."""


class DatasetError(ReinspectError, ValueError):
    """Episodes that nothing can be learned from. One line: where, what, what to do."""


class EpisodeDataset(NamedTuple):
    """Rows to learn from and rows to check by, and what was left out, in words."""

    train: Dataset
    validation: Dataset
    left_out: tuple[str, ...]


def read_dataset(
    folder: str | Path, *, max_pixels: int, imitated: bool, root: Path | None = None
) -> EpisodeDataset:
    """The episodes of a folder, without those that can't be used.

    Args:
        folder: as `reinspect train episodes` writes it; or any Parquet files with those columns,
            pictures relative to the folder.
        max_pixels: a picture's budget, the one that it will be served with.
        imitated: whether answers are imitated (RAWS), so that a row needs one.
        root: of the pictures, where they have moved.

    Raises:
        EpisodeError: the folder's card can't be read, or the pictures are nowhere.
        DatasetError: no such folder, a column is missing, or what remains is empty or of one class.
    """
    folder = Path(folder)
    rows = _rows(folder)
    if (folder / "card.json").is_file():
        root = images_root(folder, read_card(folder), root)
    root = root or folder
    left_out = []
    for reason, unfit in _faults(root, imitated=imitated):
        bad = [row for row in rows if unfit(row)]
        if bad:
            rows = [row for row in rows if not unfit(row)]
            first = one_line(str(root / bad[0]["images"][-1])) if bad[0]["images"] else "no picture"
            left_out.append(f"{len(bad)} episodes left out: {reason} (first: {first})")
    parts = {name: [r for r in rows if r["split"] == name] for name in ("train", "validation")}
    _check(folder, parts["train"], left_out)
    show = RowTransform(root, max_pixels)
    train, validation = (_dataset(parts[name]).with_transform(show) for name in parts)
    return EpisodeDataset(train, validation, tuple(left_out))


class RowTransform:
    """Turns stored rows into what a processor takes: pictures for paths. May be pickled.

    Args:
        root: what pictures are relative to.
        max_pixels: a picture's budget; larger ones are shrunk as they are when served.
    """

    def __init__(self, root: Path, max_pixels: int) -> None:
        self._root, self._max_pixels = root, max_pixels

    def __call__(self, batch: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        """Columns as lists, as `datasets` hands them over.

        Raises:
            DatasetError: a picture can't be read any more.
        """
        shown = dict(batch)
        if "images" in shown:
            shown["images"] = [[self._picture(path) for path in row] for row in shown["images"]]
        for name in ("prompt", "completion"):
            if name in shown:
                shown[name] = [_messages(row) for row in shown[name]]
        return shown

    def _picture(self, path: str) -> Image.Image:
        try:
            pixels = fitted(read_image(self._root / path), self._max_pixels)
        except UnreadableImage as failure:
            raise DatasetError(
                f"an episode's picture can't be read any more: {failure}"
            ) from failure
        return Image.fromarray(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)))


def _messages(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Parquet gives every part all keys; processors take a key for a statement."""
    return [
        {
            "role": message["role"],
            "content": message["content"]
            if isinstance(message["content"], str)
            else [{k: v for k, v in part.items() if v is not None} for part in message["content"]],
        }
        for message in messages
    ]


def _dataset(rows: Sequence[dict[str, Any]]) -> Dataset:
    """Of what a training needs alone: TRL takes a column named `image` for the picture itself."""
    if not rows:
        return Dataset.from_dict({"prompt": []})
    return Dataset.from_list([{name: row[name] for name in NEEDED} for row in rows])


def _rows(folder: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet

    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; make it with `reinspect train episodes`")
    rows = list[dict[str, Any]]()
    for file in sorted(folder.rglob("*.parquet")):
        rows += pyarrow.parquet.read_table(file).to_pylist()
    if not rows:
        raise DatasetError(f"{folder}: no episodes (no Parquet file with rows)")
    missing = [name for name in NEEDED if name not in rows[0]]
    if missing:
        raise DatasetError(f"{folder}: the episodes lack the columns {', '.join(missing)}")
    return rows


def _faults(root: Path, *, imitated: bool) -> list[tuple[str, Any]]:
    """Why a row can't be used, and how to tell."""
    known = dict[str, bool]()

    def gone(row: Mapping[str, Any]) -> bool:
        for path in row["images"]:
            known.setdefault(path, (root / path).is_file())
        return not row["images"] or not all(known[path] for path in row["images"])

    faults = [("truth is not known", lambda row: row["truth"] is None), ("a picture is gone", gone)]
    if imitated:
        faults.append(("there is no answer to imitate", lambda row: not row["completion"]))
    return faults


def _check(folder: Path, rows: Sequence[Mapping[str, Any]], left_out: Sequence[str]) -> None:
    because = f" ({'; '.join(left_out)})" if left_out else ""
    if not rows:
        raise DatasetError(f"{folder}: no episode to train on{because}")
    classes = {bool(row["truth"]) for row in rows}
    if len(classes) < 2:
        only = "anomalous" if classes == {True} else "good"
        raise DatasetError(
            f"{folder}: all {len(rows)} training episodes are of {only} parts{because}: a model "
            "would learn to answer always the same; add episodes of the other class"
        )
