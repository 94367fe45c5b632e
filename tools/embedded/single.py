"""One image and nothing to compare it with: where does it differ from the rest of itself?

Good for spots on an even texture; no basis for a verdict, so it gives none.
"""

from __future__ import annotations

import numpy as np

from reinspect.tools.embedded.features import Bank, Floats, Pixels, check_image, resize
from reinspect.tools.embedded.look import Look, heat_signals
from reinspect.tools.embedded.positional import learn_whitening, whiten

_SAMPLE = 1500  # cells that stand for the whole image
_APART = 4  # cells: nearer ones share pixels or the defect itself
_ALIKE = 0.02  # share of the sample that an ordinary cell resembles


def look_alone(image: Pixels, *, seed: int = 0) -> Look:
    """Look at one image, BGR uint8 (H, W, 3), against itself.

    The probability is 0.5 and there are no boxes: only the heat-map says something.

    Raises:
        ValueError: if the image is not a BGR uint8 image.
    """
    rng = np.random.default_rng(seed)
    small = resize(check_image(image))
    grid = Bank.learn([small], rng).describe(small)
    heat_map = _unlike_the_rest(grid, rng)
    return Look(
        z=0.0,
        threshold=0.0,
        probability=0.5,
        members={},
        heat_map=heat_map,
        boxes=(),
        signals={
            **heat_signals(heat_map, 3.0),
            "margin": 0.0,
            "disagreement": 0.0,
            "boxes": 0.0,
            "references": 0.0,
            "usual_spread": 0.0,
            "usual_most": 0.0,
            "colour_shift": 0.0,
            "template": 0.0,
        },
    )


def _unlike_the_rest(grid: Floats, rng: np.random.Generator) -> Floats:
    """Distance of each cell to the most similar distant cells, as a robust z: (rows, columns)."""
    rows, columns = grid.shape[:2]
    cells = whiten(
        grid, learn_whitening([grid, np.broadcast_to(grid.mean((0, 1)), grid.shape)], rng)
    )
    cells = cells.reshape(len(cells), -1).T
    picked = np.sort(rng.choice(len(cells), min(_SAMPLE, len(cells)), replace=False))
    square = np.einsum("ij,ij->i", cells, cells)
    table = square[:, None] + square[picked] - 2 * (cells @ cells[picked].T)
    down, right = np.divmod(np.arange(len(cells)), columns)
    near = np.abs(down[:, None] - down[picked]) <= _APART
    near &= np.abs(right[:, None] - right[picked]) <= _APART
    table[near] = np.inf
    count = max(1, int(len(picked) * _ALIKE))
    nearest = np.partition(table, count - 1, axis=1)[:, :count]
    distance = np.sqrt(np.maximum(nearest, 0)).mean(axis=1)
    known = np.isfinite(distance)
    if not known.any():  # too small to have a rest
        return np.zeros((rows, columns), np.float32)
    usual = np.median(distance[known])
    spread = np.median(np.abs(distance[known] - usual)) / 0.6745 + 0.05
    z = np.where(known, (distance - usual) / spread, 0)
    return np.asarray(z, np.float32).reshape(rows, columns)
