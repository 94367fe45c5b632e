"""Thermal pictures of a board that runs warm, and of one with a spot that is too hot."""

import numpy as np


def warm(seed: int) -> np.ndarray:
    """Temperatures in °C, float64 (96, 128): two warm parts on a cooler board."""
    rng = np.random.default_rng(seed)
    ys, xs = np.mgrid[:96, :128]
    board = 30 + 0.03 * xs
    for y, x, over, wide in ((30, 40, 12, 10), (60, 90, 20, 14)):
        board = board + over * np.exp(-((ys - y) ** 2 + (xs - x) ** 2) / (2 * wide**2))
    return np.asarray(board + rng.normal(0, 0.15, board.shape))


def with_spot(board: np.ndarray, *, over: float, y: int = 70, x: int = 30) -> np.ndarray:
    """The same with a small place that is so much hotter, or colder."""
    ys, xs = np.mgrid[: board.shape[0], : board.shape[1]]
    return np.asarray(board + over * np.exp(-((ys - y) ** 2 + (xs - x) ** 2) / (2 * 3.0**2)))
