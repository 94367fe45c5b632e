"""What goes wrong in recordings of machines, drawn into their samples: clicks, tones, noise."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Sound = npt.NDArray[np.float64]
Rng = np.random.Generator


class Spell(NamedTuple):
    """Where in a recording something is to be heard."""

    begin: int
    """Sample at which it begins."""
    length: int
    """Samples that it lasts."""
    low: float
    """Hz."""
    high: float
    """Hz."""


def tone(_: Sound, spell: Spell, rate: float, rng: Rng) -> Sound:
    """A whistle: one pitch in the middle of the band, (length,)."""
    at = np.arange(spell.length) / rate
    pitch = (spell.low + spell.high) / 2
    return np.asarray(np.sin(2 * np.pi * (pitch * at + rng.random())))


def click(_: Sound, spell: Spell, rate: float, rng: Rng) -> Sound:
    """A blow: a burst of noise of the band that dies away, (length,)."""
    dying = np.exp(-np.arange(spell.length) / max(1.0, spell.length / 5))
    return np.asarray(dying * _noise(spell, rate, rng))


def rubbing(_: Sound, spell: Spell, rate: float, rng: Rng) -> Sound:
    """Noise of the band that swells and falls, five to forty times a second, (length,)."""
    at = np.arange(spell.length) / rate
    swelling = 1 + np.sin(2 * np.pi * (rng.uniform(5, 40) * at + rng.random()))
    return np.asarray(swelling * _noise(spell, rate, rng))


def knocking(_: Sound, spell: Spell, rate: float, rng: Rng) -> Sound:
    """Blows at even distances, twenty to two hundred a second, (length,)."""
    apart = max(8, round(rate / rng.uniform(20, 200)))
    one = np.exp(-np.arange(apart) / max(1.0, apart / 10))
    beat = np.tile(one, spell.length // apart + 1)[: spell.length]
    return np.asarray(beat * _noise(spell, rate, rng))


FAULTS: Mapping[str, Callable[[Sound, Spell, float, Rng], Sound]] = MappingProxyType(
    {"tone": tone, "click": click, "rubbing": rubbing, "knocking": knocking}
)
"""Kind of fault → what is added where it is heard."""

DROPOUT = "dropout"
"""A fault that adds nothing: the band is missing for a while."""

KINDS = (*FAULTS, DROPOUT)
"""All kinds of fault."""


def faulty(sound: Sound, kind: str, spell: Spell, rate: float, level: float, rng: Rng) -> Sound:
    """A recording with a fault.

    Args:
        sound: samples (n,).
        kind: of `KINDS`.
        spell: where the fault is.
        rate: samples a second, Hz.
        level: dB of its power above that of the recording there, in the same band; of a dropout,
            by which the band is weaker.
        rng: where chance comes from.
    """
    inside = slice(spell.begin, spell.begin + spell.length)
    there = sound[inside]
    edge = np.minimum(1, np.minimum(np.arange(len(there)), np.arange(len(there))[::-1]) / 8)
    spell = spell._replace(length=len(there))
    own = _in_band(there - there.mean(), spell, rate)
    if kind == DROPOUT:
        changed = there - edge * (1 - 10 ** (-level / 20)) * own
    else:
        added = FAULTS[kind](there, spell, rate, rng)
        power = float(np.mean(np.square(own))) or float(np.mean(np.square(there))) or 1e-12
        gain = np.sqrt(power * 10 ** (level / 10) / max(float(np.mean(np.square(added))), 1e-20))
        changed = there + edge * gain * added
    whole = sound.copy()
    whole[inside] = changed
    return whole


def _noise(spell: Spell, rate: float, rng: Rng) -> Sound:
    """Noise of the band, (length,)."""
    return _in_band(rng.standard_normal(spell.length), spell, rate)


def _in_band(sound: Sound, spell: Spell, rate: float) -> Sound:
    """What of a sound lies within the band."""
    heard = np.fft.rfft(sound)
    pitches = np.fft.rfftfreq(len(sound), 1 / rate)
    width = max(spell.high - spell.low, rate / len(sound))  # one bin at least
    middle = (spell.low + spell.high) / 2
    heard[np.abs(pitches - middle) > width / 2] = 0
    return np.asarray(np.fft.irfft(heard, len(sound)))
