"""How the files of a set are read: one scale, one rate, one length for all of them."""

import os
from collections.abc import Iterable
from typing import NamedTuple

from reinspect.images.arrays import TABLES
from reinspect.images.content import RECORDINGS
from reinspect.images.decoding import levels_of
from reinspect.images.opening import Pages, pages_of
from reinspect.images.reading import UnreadableImage, bytes_of
from reinspect.images.recordings import DECIBELS, is_recording, read_recording, windows_in
from reinspect.images.scale import SAMPLE, common_scale
from reinspect.sensing import PLAIN, FileRules
from reinspect.vocabulary import MAX_PIXELS, Scale


class Reading(NamedTuple):
    """How files that belong together become pictures."""

    rules: FileRules
    scale: Scale | None
    """None where all have 8 bits a channel."""


def reading_of(
    files: Iterable[str | os.PathLike[str]],
    *,
    rules: FileRules = PLAIN,
    given: Scale | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Reading:
    """How a set is read, told from all of it.

    Args:
        files: that belong together.
        rules: what is said of them.
        given: the scale of pictures, where it is said.
        max_pixels: of each.

    Raises:
        UnreadableImage: as `load`; one is of another rate, another length or another kind than the
            first; none has values in the unit that is said.
    """
    every = list(files)
    if not every:
        return Reading(rules, given)
    first = bytes_of(every[0], max_pixels)
    recordings = is_recording(first, every[0], rules.signals)
    rules = rules.model_copy(update={"recordings": recordings})
    if recordings:
        whole = read_recording(first, every[0], rules.signals)
        signals = rules.signals.model_copy(update={"rate": rules.signals.rate or whole.rate})
        length = None if signals.window_s else whole.samples.shape[1] / whole.rate
        rules = rules.model_copy(update={"signals": signals, "length_s": length or None})
        if signals.range is not None:
            low, high = signals.range
            return Reading(rules, Scale(black=low, white=high, measure=DECIBELS))
    elif given is not None:
        return Reading(rules, given)
    most = max(SAMPLE // len(every), 1024)
    found = [levels_of(file, most=most, max_pixels=max_pixels, rules=rules) for file in every]
    for file, own in zip(every, found, strict=True):
        if rules.measure is not None and own is None:
            raise UnreadableImage(
                file,
                f"a photograph, which holds nothing in {rules.measure.unit.sign}",
                "export measured values, or leave pictures: {unit: …} out of the recipe",
            )
    return Reading(rules, common_scale(own for own in found if own is not None))


def pictures_in(path: str | os.PathLike[str], rules: FileRules = PLAIN) -> Pages:
    """The pictures that a file gives: pages of a TIFF, windows of a recording, else one.

    One, too, where it can't be read: reading says why.
    """
    signals = rules.signals
    if signals.window_s is None:
        return pages_of(path)
    ending = os.path.splitext(path)[1].lower()  # noqa: PTH122
    if ending in RECORDINGS or (ending in TABLES and signals.rate is not None):
        return Pages(tuple(range(1, windows_in(path, signals) + 1)), 0)
    return pages_of(path)


def scale_of(
    files: Iterable[str | os.PathLike[str]],
    *,
    max_pixels: int = MAX_PIXELS,
    rules: FileRules = PLAIN,
) -> Scale | None:
    """The scale of pictures that belong together; none where all have 8 bits a channel.

    Raises:
        UnreadableImage: as `load`.
    """
    return reading_of(files, rules=rules, max_pixels=max_pixels).scale
