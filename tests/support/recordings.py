"""Recordings of a machine that hums: tones, noise, and what is wrong with it."""

from pathlib import Path

import numpy as np
from scipy.io import wavfile

RATE = 8000


def hum(seed: int, *, rate: int = RATE, seconds: float = 1.0) -> np.ndarray:
    """A machine that runs well: three tones of any phase in noise, within [-1, 1]."""
    rng = np.random.default_rng(seed)
    at = np.arange(round(rate * seconds)) / rate
    tones = sum(
        level * np.sin(2 * np.pi * (pitch * at + rng.random()))
        for pitch, level in ((120, 0.1), (480, 0.05), (1500, 0.02))
    )
    return np.asarray(tones + 0.01 * rng.standard_normal(len(at)))


def with_clicks(sound: np.ndarray, *, every: int = 400) -> np.ndarray:
    """Short bursts, as a damaged bearing gives them."""
    clicked = sound.copy()
    rng = np.random.default_rng(7)
    for start in range(50, len(clicked) - 40, every):
        burst = np.exp(-np.arange(40) / 8) * rng.standard_normal(40)
        clicked[start : start + 40] += 0.4 * burst
    return clicked


def with_whistle(sound: np.ndarray, *, pitch: float, begin: int, end: int) -> np.ndarray:
    """A tone that isn't there when all is well, from one sample to another."""
    whistling = sound.copy()
    at = np.arange(begin, end) / RATE
    whistling[begin:end] += 0.1 * np.sin(2 * np.pi * pitch * at)
    return whistling


def write_wav(path: Path, sound: np.ndarray, *, rate: int = RATE) -> Path:
    """16 bits; (n,) or (n, channels) within [-1, 1]."""
    path.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(path, rate, np.rint(sound.clip(-1, 1) * 32767).astype(np.int16))
    return path
