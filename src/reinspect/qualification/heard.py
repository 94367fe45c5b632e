"""Drawn damage in recordings: faults put into their samples, heard by the same spectrograms."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reinspect.images import Pixels, address_of, sound_levels, window_of
from reinspect.images.scale import to_8_bits
from reinspect.qualification.damage import Damaged
from reinspect.qualification.detection import extent_of
from reinspect.references import ReferenceSet
from reinspect.samples.sounds import KINDS, Spell, faulty
from reinspect.sensing import Spectrogram
from reinspect.vocabulary import Scale

_LEVELS = (6.0, 24.0)  # dB above what is heard in the same place
_SEEN = 3.0  # dB by which a place differs that belongs to the fault
_LEAST_PIXELS = 3
_TRIES = 6
_SHORTEST, _LONGEST = 0.15, 4.0  # times the size that was asked for
_FRAME = 0.5  # of a transform: what is shorter is heard no shorter


class RecordingDamage:
    """Faults in the recordings of a set of references.

    Args:
        references: recordings.
    """

    kinds = KINDS

    def __init__(self, references: ReferenceSet) -> None:
        if references.scale is None:
            raise ValueError("recordings have a scale")
        self._references = references
        self._scale: Scale = references.scale
        self._read = lru_cache(maxsize=4)(self._window)

    def damaged(
        self, owner: int, image: Pixels, kind: str, share: float, rng: np.random.Generator
    ) -> Damaged | None:
        """A reference with a fault; None where nothing comes out that could be heard.

        Args:
            owner: place of the reference.
            image: its spectrogram as a picture (H, W, 3).
            kind: of `KINDS`.
            share: its size, of the picture's side, about.
            rng: where chance comes from.
        """
        samples, made = self._read(owner)
        size = share * float(np.sqrt(image.shape[0] * image.shape[1]))
        before = sound_levels(samples, made)
        for _ in range(_TRIES):
            spell = _placed(kind, size, image.shape[:2], made, rng)
            level = float(rng.uniform(*_LEVELS))
            changed = np.stack(
                [
                    faulty(channel.astype(np.float64), kind, spell, made.rate, level, rng)
                    for channel in samples
                ]
            ).astype(np.float32)
            after = sound_levels(changed, made)
            mask = self._differs(before, after)
            if mask.sum() < _LEAST_PIXELS:
                continue
            longest = extent_of(mask).longest
            blurred = 2 * made.rules.frame / made.rules.step  # pixels that a transform spreads over
            if _SHORTEST * size <= longest <= max(_LONGEST * size, blurred):
                return Damaged(self._picture(after), mask, kind)
        return None

    def varied(self, owner: int, image: Pixels, rng: np.random.Generator) -> Pixels:
        """The same machine recorded again: a little later, by half a dB louder or softer.

        Args:
            owner: place of the reference.
            image: its spectrogram as a picture.
            rng: where chance comes from.
        """
        samples, made = self._read(owner)
        later = round(rng.uniform(-0.003, 0.003) * samples.shape[1])
        gain = np.float32(10 ** (rng.uniform(-0.5, 0.5) / 20))
        return self._picture(sound_levels(np.roll(samples, later, axis=1) * gain, made))

    def _window(self, owner: int) -> tuple[npt.NDArray[np.float32], Spectrogram]:
        path = self._references.files[owner]
        data = Path(address_of(path).file).read_bytes()
        return window_of(data, path, self._references.rules)

    def _differs(
        self, before: npt.NDArray[np.float32], after: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.bool_]:
        """Where a fault can be heard: within the scale, by more than a little."""
        low, high = self._scale.black, self._scale.white
        apart = np.abs(after.clip(low, high) - before.clip(low, high))
        return np.asarray(apart >= _SEEN)

    def _picture(self, levels: npt.NDArray[np.float32]) -> Pixels:
        return np.repeat(to_8_bits(levels, self._scale)[..., None], 3, axis=2)


def _placed(
    kind: str,
    size: float,
    shape: tuple[int, ...],
    made: Spectrogram,
    rng: np.random.Generator,
) -> Spell:
    """A place of about a size in pixels: long for a tone, high for a click, both else."""
    height, width = shape
    step, frame = made.rules.step, made.rules.frame
    wide = 1.0 if kind == "click" else max(1.0, size * rng.uniform(0.7, 1.0))
    high = 1.0 if kind == "tone" else max(1.0, size * rng.uniform(0.3, 1.0))
    if kind == "click":
        high = max(1.0, size)
    wide, high = min(wide, width), min(high, height)
    left, top = rng.uniform(0, width - wide), rng.uniform(0, height - high)
    count = max(round(wide * step), round(_FRAME * frame) if kind != "click" else step)
    begin = round(frame / 2 + left * step)
    begin = max(0, min(begin, made.samples - count))
    low_hz, high_hz = made.hertz((top + high) / height), made.hertz(top / height)
    return Spell(begin, min(count, made.samples), low_hz, high_hz)
