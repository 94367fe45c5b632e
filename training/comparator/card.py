"""The card of a trained eye: how it was made, what it reaches on drawn parts, and pictures."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch

from reinspect import metrics
from reinspect.images import Pixels
from reinspect.pictures import heat_map_picture, side_by_side, write_image
from reinspect.tools.embedded.features import Floats
from reinspect.training.comparator.network import VERSION
from reinspect.training.comparator.parts import Shard, render
from reinspect.training.comparator.train import QueryBatch, TrainingState, judged, standardise

_UNSEEN = 10**6
"""Shards from here on are never trained on."""

_SHARDS = 2
_ROWS = 12


class DrawnPart(NamedTuple):
    """A drawn query beside its references, and what the eye says of it."""

    references: tuple[Pixels, ...]
    query: Pixels
    mask: npt.NDArray[np.bool_]
    chance: Floats
    """That a pixel is defective: (rows, columns), two pixels a place."""


def judge_drawn_parts(training: TrainingState, *, shards: int = _SHARDS) -> list[DrawnPart]:
    """Judge drawn parts that were never trained on."""
    found = []
    for index in range(shards):
        shard = render(training.plan.seed, _UNSEEN + index)
        for process in range(len(shard.sound)):
            found += _process(training, shard, process)
    return found


def figures(parts: list[DrawnPart]) -> dict[str, float]:
    """Image AUROC of the strongest pixels, and the AUROC of all pixels together."""
    scores = [float(np.sort(part.chance, axis=None)[-40:].mean()) for part in parts]
    labels = [bool(part.mask.any()) for part in parts]
    small = [cv2.resize(p.mask.astype(np.uint8), p.chance.shape[::-1]) > 0 for p in parts]
    pixels = np.concatenate([p.chance.ravel() for p in parts])
    return {
        "queries": float(len(parts)),
        "image_auroc": _auroc(scores, labels),
        "pixel_auroc": _auroc(pixels, np.concatenate([m.ravel() for m in small])),
    }


def card(training: TrainingState, pair: str, parts: list[DrawnPart]) -> dict[str, Any]:
    """How the weights were made, as JSON."""
    return {
        "version": VERSION,
        "pair": pair,
        "parameters": sum(p.numel() for p in training.eye.parameters()),
        "seed": training.plan.seed,
        "steps": training.step,
        "minutes": round(training.seconds / 60, 1),
        "sittings": training.sittings,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {training.plan.device}",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "real_images": 0,
        "drawn_parts": {name: round(value, 4) for name, value in figures(parts).items()},
    }


def write_pictures(parts: list[DrawnPart], file: Path) -> None:
    """Rows of: two references, the query, its true defects, what the eye sees."""
    chosen = [part for part in parts if len(part.references) > 1][:: max(1, len(parts) // _ROWS)]
    rows = []
    for part in chosen[:_ROWS]:
        truth = np.repeat(part.mask[..., None] * np.uint8(255), 3, axis=2)
        seen = heat_map_picture(part.query, part.chance, low=0.05, high=0.9)
        rows.append(side_by_side(*part.references[:2], part.query, truth, seen))
    write_image(file, np.concatenate(rows))


def _process(training: TrainingState, shard: Shard, process: int) -> list[DrawnPart]:
    sound, queries = shard.sound[process], shard.seen[process]
    pieces = len(sound)
    others = np.array([[j for j in range(pieces) if j != i] for i in range(pieces)])
    device = training.plan.device
    planes = [
        torch.from_numpy(plane[None]).to(device)
        for plane in (sound, queries, shard.masks[process], others)
    ]
    batch: QueryBatch = standardise(*planes)
    with torch.no_grad():
        fine, _ = judged(training.average, batch)
    chances = torch.sigmoid(fine.float())[:, 0].cpu().numpy()
    return [
        DrawnPart(tuple(sound[others[i]]), queries[i], shard.masks[process][i], chances[i])
        for i in range(pieces)
    ]


def _auroc(score: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    value = metrics.auroc(score, truth)
    return float("nan") if value is None else value
