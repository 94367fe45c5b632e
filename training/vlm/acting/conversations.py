"""The conversations of a folder of episodes, checked, for a training.

Needs the extra `train`.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import Image

from reinspect.agents.models.encoding import fitted
from reinspect.images import UnreadableImage, read_image
from reinspect.training.episodes.episode import Side
from reinspect.training.episodes.folder import EpisodeCard, images_root, read_card
from reinspect.training.episodes.trajectories import Trajectory, read_trajectories
from reinspect.training.vlm.acting.chat import ChatMessage
from reinspect.training.vlm.dataset import DatasetError


class Conversations(NamedTuple):
    """Conversations to learn from, and what was left out, in words."""

    rows: tuple[Trajectory, ...]
    card: EpisodeCard
    root: Path
    left_out: tuple[str, ...]


def read_conversations(
    folder: Path, *, root: Path | None = None, least: float | None = None
) -> Conversations:
    """The training side of a folder's conversations.

    Args:
        folder: as `reinspect train episodes` writes it.
        root: of the pictures, where they have moved.
        least: reward below which one is not imitated; None: they are held anew, and only the
            part's own picture is needed.

    Raises:
        EpisodeError: the folder has no conversations, or they can't be read.
        DatasetError: none is left, or all are of good or of anomalous parts.
    """
    card = read_card(folder)
    root = images_root(folder, card, root)
    rows = [row for row in read_trajectories(folder) if row.split is Side.TRAIN]
    left_out = []
    for why, unfit in _faults(root, least):
        bad = [row for row in rows if unfit(row)]
        if bad:
            rows = [row for row in rows if not unfit(row)]
            left_out.append(f"{len(bad)} conversations left out: {why} (first: {bad[0].image})")
    because = f" ({'; '.join(left_out)})" if left_out else ""
    if len({row.truth for row in rows}) < 2:
        which = "no conversation" if not rows else "conversations of one class alone"
        raise DatasetError(
            f"{folder}: {which} to train on{because}; a critic learns from good and anomalous parts"
        )
    return Conversations(tuple(rows), card, root, tuple(left_out))


def messages_of(row: Trajectory, root: Path, max_pixels: int) -> list[ChatMessage]:
    """A recorded conversation with its pictures.

    Raises:
        DatasetError: a picture can't be read any more.
    """
    paths = iter(row.images)
    return [
        {
            **message,
            "content": [_part(part, paths, root, max_pixels) for part in message["content"]],
        }
        for message in row.messages
    ]


def _part(
    part: Mapping[str, Any], paths: Iterator[str | None], root: Path, max_pixels: int
) -> dict[str, Any]:
    if part["type"] != "image":
        return dict(part)
    path = next(paths)
    try:
        pixels = fitted(read_image(root / str(path)), max_pixels)
    except UnreadableImage as failure:
        raise DatasetError(
            f"a conversation's picture can't be read any more: {failure}"
        ) from failure
    return {
        "type": "image",
        "image": Image.fromarray(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))),
    }


def _faults(root: Path, least: float | None) -> Sequence[tuple[str, Any]]:
    if least is None:
        return [("the part's picture is gone", lambda row: not (root / row.part).is_file())]

    def gone(row: Trajectory) -> bool:
        return any(path is None or not (root / path).is_file() for path in row.images)

    return [
        ("a picture was not kept, or is gone", gone),
        (f"they earned less than {least:g}", lambda row: row.rewards.overall < least),
    ]
