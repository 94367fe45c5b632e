"""What the eye learns from: processes drawn at random, rendered once and kept in shards on disk.

Shard `i` of a seed is always the same, whoever renders it and when, so that training can wait for
it, be stopped and go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from reinspect.files import whole_file
from reinspect.samples import Process
from reinspect.samples.surfaces import Floats, Rng
from reinspect.samples.variety import Variety

SIDE = 192
"""Pixels a side at which processes are rendered; smaller steps cut or shrink them."""

PROCESSES = 16
"""Processes a shard."""

_PIECES = (5, 9, 5)  # of a process, shard by shard: many processes, and some with many references
_DAMAGED = 0.8  # share of the queries
_IMITATIONS = 0.2  # share of the processes that imitate a real product
_STRANGERS = 60  # pieces of other processes kept to paste from


@dataclass(frozen=True, slots=True)
class Shard:
    """Some processes with as many pieces each; every piece is seen sound and as a query."""

    sound: npt.NDArray[np.uint8]
    """(processes, pieces, SIDE, SIDE, 3), BGR."""
    seen: npt.NDArray[np.uint8]
    """The same pieces, most of them damaged."""
    masks: npt.NDArray[np.bool_]
    """(processes, pieces, SIDE, SIDE): defective pixels of `seen`."""


def render(seed: int, index: int) -> Shard:
    """Render a shard, about 0.02 s a piece and core."""
    rng = np.random.default_rng([seed, index])
    pieces = _PIECES[index % len(_PIECES)]
    strangers: list[Floats] = []
    sound: list[npt.NDArray[np.uint8]] = []
    seen: list[npt.NDArray[np.uint8]] = []
    masks: list[npt.NDArray[np.bool_]] = []
    while len(sound) < PROCESSES:
        pairs = _imitation(rng, pieces) if rng.random() < _IMITATIONS else None
        if pairs is None:
            pairs = _variety(rng, pieces, strangers)
        firsts, seconds, where = zip(*pairs, strict=True)
        if np.std(firsts[0]) < 1.5:  # nothing to see
            continue
        sound.append(np.stack(firsts))
        seen.append(np.stack(seconds))
        masks.append(np.stack(where))
    return Shard(np.stack(sound), np.stack(seen), np.stack(masks))


_Pictures = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.bool_]]


def _variety(rng: Rng, pieces: int, strangers: list[Floats]) -> list[_Pictures]:
    process = Variety.draw(rng)
    if len(strangers) < _STRANGERS:
        strangers.append(process.piece(rng, SIDE).image)
    pairs = [
        process.pair(rng, SIDE, damaged=bool(rng.random() < _DAMAGED), strangers=strangers[:-1])
        for _ in range(pieces)
    ]
    return [(pair.sound, pair.seen, pair.mask) for pair in pairs]


def _imitation(rng: Rng, pieces: int) -> list[_Pictures] | None:
    """None where a product had no place for one of its defects."""
    process = Process.draw(rng)
    pairs: list[_Pictures] = []
    for _ in range(pieces):
        sound = process.picture(rng, SIDE)
        try:
            if rng.random() < _DAMAGED:
                seen, mask, _ = process.defective(rng, SIDE)
            else:
                seen, mask = process.picture(rng, SIDE), np.zeros((SIDE, SIDE), bool)
        except ValueError:
            return None
        pairs.append((sound, seen, mask))
    return pairs


def write_shards(
    folder: Path, seed: int, indices: Iterator[int], *, ahead: int | None = None
) -> None:
    """Render shards that aren't there yet, one after the other, on one thread.

    Waits while `ahead` earlier shards lie there; `forget_before` makes room.
    """
    cv2.setNumThreads(1)
    folder.mkdir(parents=True, exist_ok=True)
    for index in indices:
        file = shard_file(folder, index)
        if file.exists():
            continue
        while ahead is not None and sum(own < index for own in _present(folder)) >= ahead:
            time.sleep(1)
        shard = render(seed, index)
        with whole_file(file, durable=False) as opened:  # whoever waits sees all of it or nothing
            np.savez(
                opened, sound=shard.sound, seen=shard.seen, masks=np.packbits(shard.masks, axis=-1)
            )


def forget_before(folder: Path, index: int) -> None:
    """Delete the shards that are needed no more once `index` is the first needed."""
    for own in _present(folder):
        if own < index:
            shard_file(folder, own).unlink(missing_ok=True)


def shard_file(folder: Path, index: int) -> Path:
    """Where a shard lies."""
    return folder / f"{index:06d}.npz"


def read_shard(
    folder: Path,
    index: int,
    *,
    patience: float = 600.0,
    waiting: Callable[[int], None] = lambda index: None,
) -> Shard:
    """Read a shard, waiting until it is rendered.

    Args:
        folder: where it lies.
        index: which.
        patience: seconds to wait.
        waiting: told which shard is waited for, several times a second.

    Raises:
        TimeoutError: it isn't there after `patience` seconds.
    """
    file = shard_file(folder, index)
    until = time.monotonic() + patience
    while not file.exists():
        if time.monotonic() > until:
            raise TimeoutError(f"{file}: not rendered within {patience:.0f} s")
        waiting(index)
        time.sleep(0.2)
    with np.load(file) as arrays:
        masks = np.unpackbits(arrays["masks"], axis=-1, count=SIDE).astype(bool)
        return Shard(arrays["sound"], arrays["seen"], masks)


def _present(folder: Path) -> list[int]:
    return [int(file.stem) for file in folder.glob("*.npz") if file.stem.isdecimal()]
