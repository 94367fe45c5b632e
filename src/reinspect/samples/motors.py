"""Recordings of motors, drawn: one product of one line, with faults that are known."""

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from scipy.io import wavfile

from reinspect.files import write_file
from reinspect.samples.sets import check_set
from reinspect.samples.sounds import KINDS, Rng, Sound, Spell, faulty

RATE = 16000
"""Hz, of all recordings."""

_LOUDNESS = 0.05  # RMS, of the full scale
_LEVEL = (14.0, 24.0)  # dB of a fault above what is heard in its band


@dataclass(frozen=True, slots=True)
class Motor:
    """A motor that runs evenly: harmonics of its speed, and noise that is the louder the lower."""

    speed: float
    """Turns a second."""
    harmonics: tuple[float, ...]
    """Loudness of each, relative."""
    colour: float
    """Hz from which on its noise falls."""

    @classmethod
    def draw(cls, rng: Rng) -> Self:
        """One at random."""
        harmonics = rng.uniform(0.2, 1.0, 12) / np.arange(1, 13) ** 0.7
        return cls(rng.uniform(25, 60), tuple(map(float, harmonics)), rng.uniform(300, 900))

    def recording(self, rng: Rng, seconds: float = 1.0) -> Sound:
        """A good one of its kind: samples (n,) within [-1, 1]."""
        count = round(seconds * RATE)
        at = np.arange(count) / RATE
        speed = self.speed * rng.uniform(0.995, 1.005)
        tones = sum(
            loud * np.sin(2 * np.pi * (speed * (place + 1) * at + rng.random()))
            for place, loud in enumerate(self.harmonics)
        )
        heard = np.fft.rfft(rng.standard_normal(count))
        heard /= 1 + np.fft.rfftfreq(count, 1 / RATE) / self.colour
        noise = np.fft.irfft(heard, count)
        sound = tones / np.std(tones) + noise / np.std(noise)
        return np.asarray(_LOUDNESS * rng.uniform(0.95, 1.05) * sound / np.std(sound))

    def faulty(self, rng: Rng, kind: str, seconds: float = 1.0) -> Sound:
        """One with a fault of a kind of `KINDS` somewhere in it."""
        sound = self.recording(rng, seconds)
        low = float(rng.uniform(800, 4000))
        length = round(rng.uniform(0.2, 0.5) * len(sound))
        begin = int(rng.integers(0, len(sound) - length))
        spell = Spell(begin, length, low, low * rng.uniform(1.3, 1.8))
        return faulty(sound, kind, spell, RATE, float(rng.uniform(*_LEVEL)), rng)


def write_recording(path: Path, sound: Sound) -> None:
    """Write samples as WAV of 16 bits, whole or not at all.

    Raises:
        WriteError: it can't be written.
    """
    buffer = io.BytesIO()
    wavfile.write(buffer, RATE, np.rint(sound.clip(-1, 1) * 32767).astype(np.int16))
    write_file(path, buffer.getvalue(), durable=False)


def write_sound_set(
    folder: str | os.PathLike[str],
    *,
    seed: int = 0,
    references: int = 8,
    good: int = 6,
    defective: int = 8,
) -> None:
    """Write recordings of a motor, laid out as MVTec AD lays out its categories.

    Raises:
        SampleSetError: the folder is not empty, or a number is too small.
        WriteError: it can't be written.
    """
    folder = Path(folder)
    check_set(
        folder,
        ("flange",),
        {"references": references, "good": good, "defective": defective},
        64,
    )
    rng = np.random.default_rng([seed, 1])
    motor = Motor.draw(rng)
    for where, count in (("train", references), ("test", good)):
        for number in range(count):
            place = folder / "motor" / where / "good" / f"{number:03}.wav"
            write_recording(place, motor.recording(rng))
    for number in range(defective):
        kind = KINDS[number % len(KINDS)]
        place = folder / "motor" / "test" / kind / f"{number // len(KINDS):03}.wav"
        write_recording(place, motor.faulty(rng, kind))
