"""Tiles of large pictures: each a picture of its own, `scan.jpg#1024x1024+2048+0`."""

import os

import numpy as np

from reinspect.images.reading import Tile

OVERLAP = 1 / 8
"""Of a tile's side, at least: what lies on the border of one is inside another."""

_ENOUGH = 1.5
"""Tile's sides that a picture may have, and stays one."""


def tiles_of(size: tuple[int, int], side: int, *, overlap: float = OVERLAP) -> tuple[Tile, ...]:
    """The tiles that cover a picture of (width, height), row by row, evenly; one if it is small.

    Without overlap, what is left over at the right and below is left out.
    """
    width, height = size
    if width <= _ENOUGH * side and height <= _ENOUGH * side:
        return (Tile(0, 0, width, height),)
    (across, wide), (down, high) = (_starts(length, side, overlap) for length in (width, height))
    return tuple(Tile(x, y, wide, high) for y in down for x in across)


def _starts(length: int, side: int, overlap: float) -> tuple[list[int], int]:
    """Where tiles begin along one side of a picture, and how long they are."""
    if length <= _ENOUGH * side:
        return [0], length
    if not overlap:
        return list(range(0, length - side + 1, side)), side
    count = int(np.ceil((length - side * overlap) / (side * (1 - overlap))))
    return [round(place) for place in np.linspace(0, length - side, count)], side


def tile_path(path: str | os.PathLike[str], tile: Tile) -> str:
    """The address of a tile of the picture at a path."""
    return f"{os.fspath(path)}#{tile}"
