"""Drawn damage in what sensors measure: in a recording's samples, in temperatures, in distances."""

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from reinspect.images import Pixels, UnreadableImage, address_of, sound_levels, window_of
from reinspect.images.measured import measured_in
from reinspect.images.scale import filled, to_8_bits
from reinspect.qualification.damage import Damaged, part_of, side_of
from reinspect.qualification.detection import extent_of
from reinspect.references import ReferenceSet
from reinspect.samples.readings import DISTANCE, TEMPERATURE, faulty_place
from reinspect.samples.sounds import KINDS, Spell, faulty
from reinspect.sensing import Spectrogram
from reinspect.vocabulary import Scale

_LEVELS = (6.0, 24.0)  # dB above what is heard in the same place
_SEEN = 3.0  # dB by which a place differs that belongs to the fault
_OVER = (0.08, 0.4)  # of the scale, in its unit: what differs in the middle of a fault
_PLAIN = 0.02  # of the scale: what differs so belongs to the fault
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
            mask = _apart(before, after, self._scale, _SEEN)
            if mask.sum() < _LEAST_PIXELS:
                continue
            longest = extent_of(mask).longest
            blurred = 2 * made.rules.frame / made.rules.step  # pixels that a transform spreads over
            if _SHORTEST * size <= longest <= max(_LONGEST * size, blurred):
                return Damaged(_picture(after, self._scale), mask, kind)
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
        again = sound_levels(np.roll(samples, later, axis=1) * gain, made)
        return _picture(again, self._scale)

    def _window(self, owner: int) -> tuple[npt.NDArray[np.float32], Spectrogram]:
        path = self._references.files[owner]
        data = Path(address_of(path).file).read_bytes()
        return window_of(data, path, self._references.rules)


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


class ReadingDamage:
    """Faults in the temperatures, or the distances, of a set of references.

    Args:
        references: pictures of values in a unit.
    """

    def __init__(self, references: ReferenceSet) -> None:
        measure = references.measure
        if references.scale is None or measure is None:
            raise ValueError("measured pictures have a scale in a unit")
        self._references, self._scale = references, references.scale
        self._faults = DISTANCE if measure.unit.is_distance else TEMPERATURE
        self.kinds: tuple[str, ...] = tuple(self._faults)
        self._read = lru_cache(maxsize=4)(self._values)

    def damaged(
        self, owner: int, image: Pixels, kind: str, share: float, rng: np.random.Generator
    ) -> Damaged | None:
        """A reference with a fault; None where nothing comes out that the scale shows.

        Args:
            owner: place of the reference.
            image: its values as a picture (H, W, 3).
            kind: of `kinds`.
            share: its size, of the picture's side, about.
            rng: where chance comes from.
        """
        values, fault = self._read(owner), self._faults[kind]
        size = max(float(_LEAST_PIXELS), share * side_of(image))
        part = part_of(image)
        places = np.argwhere(part)
        for _ in range(_TRIES):
            row, column = places[int(rng.integers(len(places)))] + rng.random(2)
            at = (row * image.shape[0] / part.shape[0], column * image.shape[1] / part.shape[1])
            strength = faulty_place(fault, values.shape, at, size, rng)
            changed = values + fault.sign * self._over(rng) * strength
            mask = _apart(values, changed, self._scale, _PLAIN * self._span)
            if mask.sum() < _LEAST_PIXELS:
                continue
            if _SHORTEST * size <= extent_of(mask).longest <= _LONGEST * size:
                return Damaged(_picture(changed, self._scale), mask, kind)
        return None

    def varied(self, owner: int, image: Pixels, rng: np.random.Generator) -> Pixels:
        """The same part measured again: by a few pixels, a degree, a little more or less all over.

        Args:
            owner: place of the reference.
            image: its values as a picture.
            rng: where chance comes from.
        """
        values = self._read(owner)
        height, width = values.shape
        moved = 0.003 * side_of(image)
        move = np.asarray(
            cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-1, 1), 1), np.float64
        )
        move[:, 2] += rng.uniform(-moved, moved, 2)
        turned = cv2.warpAffine(values, move, (width, height), borderMode=cv2.BORDER_REFLECT_101)
        again = np.asarray(turned, np.float32) + rng.uniform(-1, 1) * self._drift
        return _picture(again, self._scale)

    @property
    def _span(self) -> float:
        return self._scale.white - self._scale.black

    @property
    def _drift(self) -> np.float32:
        """By how much all of a part may differ from one time to the next, in its unit."""
        return np.float32(0.01 * self._span)

    def _over(self, rng: np.random.Generator) -> np.float32:
        """By how much a fault differs in its middle, in the unit."""
        return np.float32(rng.uniform(*_OVER) * self._span)

    def _values(self, owner: int) -> npt.NDArray[np.float32]:
        """What a reference measures, without its holes."""
        known = self._references
        path = known.files[owner]
        data = Path(address_of(path).file).read_bytes()
        found = measured_in(data, path, known.max_pixels, known.rules)
        if found is None:
            raise UnreadableImage(path, "a photograph among measured pictures", "keep them apart")
        return filled(found.values)


def _apart(
    before: npt.NDArray[np.float32], after: npt.NDArray[np.float32], scale: Scale, least: float
) -> npt.NDArray[np.bool_]:
    """Where a fault shows: within the scale, by so much at least."""
    low, high = scale.black, scale.white
    return np.asarray(np.abs(after.clip(low, high) - before.clip(low, high)) >= least)


def _picture(values: npt.NDArray[np.float32], scale: Scale) -> Pixels:
    """Values as the picture (H, W, 3) that is judged."""
    return np.repeat(to_8_bits(values, scale)[..., None], 3, axis=2)
