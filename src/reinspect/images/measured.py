"""What sensors measured: files whose values are in a unit, as pictures of them."""

import os
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reinspect.images.arrays import TABLES, numbers_in
from reinspect.images.opening import header, orientation_of, quiet_pillow, warning_filters
from reinspect.images.reading import Pixels, UnreadableImage
from reinspect.images.recordings import DECIBELS, is_recording, spectrogram_of
from reinspect.images.scale import Raw, common_scale, filled, levels, outside, physical, to_8_bits
from reinspect.images.stored import UPRIGHT, as_it_is, deep, has_depth, told
from reinspect.sensing import FileRules, Measure, Spectrogram
from reinspect.vocabulary import Scale


class Measured(NamedTuple):
    """What a sensor measured, in its unit: float32 (H, W), NaN where it measured nothing."""

    values: npt.NDArray[np.float32]
    measure: Measure
    spectrogram: Spectrogram | None = None


def measured_in(
    data: bytes,
    path: str | os.PathLike[str],
    max_pixels: int,
    rules: FileRules,
    *,
    decode: bool = True,
) -> Measured | None:
    """The values of a recording, a table, a picture in a unit; None of a photograph.

    Args:
        data: the file's bytes.
        path: its path.
        max_pixels: at most.
        rules: of its set.
        decode: whether a picture is decoded whose size is in its header.
    """
    if is_recording(data, path, rules.signals):
        if rules.recordings is False:
            raise UnreadableImage(path, "a recording among pictures", "keep them apart")
        shown, made = spectrogram_of(data, path, rules, max_pixels)
        return Measured(shown, DECIBELS, made)
    if rules.recordings:
        raise UnreadableImage(path, "no recording, as the others are", "keep them apart")
    is_table = os.path.splitext(path)[1].lower() in TABLES  # noqa: PTH122
    if rules.measure is None and is_table:
        raise UnreadableImage(
            path,
            "numbers, of which nobody says what they are",
            "say it in the recipe: signals: {rate: …} or pictures: {unit: …}",
        )
    if rules.measure is None:
        return None
    if is_table:
        found = numbers_in(data, path)
        if found.ndim != 2:
            raise UnreadableImage(path, f"a row of {found.size} numbers", "give a matrix")
        return Measured(_sound(physical(found, rules.measure), path, max_pixels), rules.measure)
    if not decode:
        return None
    with told(path), warning_filters, quiet_pillow():
        image = header(data, path, max_pixels)
        raw = deep(image, data, path) if has_depth(image, data) else None
        orientation = 1 if image.format == "TIFF" else orientation_of(image)
    if raw is None or raw.values.ndim != 2:
        return None
    upright = UPRIGHT.get(orientation, as_it_is)(raw.values[..., None])[..., 0]
    return Measured(_sound(physical(upright, rules.measure), path, max_pixels), rules.measure)


_HOLES = 0.5  # share of a picture without values from which it isn't judged


def _sound(
    values: npt.NDArray[np.float32], path: str | os.PathLike[str], max_pixels: int
) -> npt.NDArray[np.float32]:
    if values.size > max_pixels:
        megapixels = f"{round(values.size / 1e6, 2):g} megapixels"
        raise UnreadableImage(
            path, f"{megapixels} is over the limit of {max_pixels / 1e6:g}", "cut it into tiles"
        )
    missing = float(np.mean(~np.isfinite(values)))
    if missing > _HOLES:
        raise UnreadableImage(
            path, f"{missing:.0%} of it holds no values", "see the sensor, and export it again"
        )
    return values


def shown(measured: Measured, scale: Scale | None) -> tuple[Pixels, Scale, float]:
    """Values in a unit as a picture, by which scale, and the share that lies beyond it.

    Holes look like what is beside them.
    """
    used = scale or common_scale([levels(Raw(measured.values), measure=measured.measure)])
    used = used or Scale(white=1.0, measure=measured.measure)
    pixels = np.repeat(to_8_bits(filled(measured.values), used)[..., None], 3, axis=2)
    return pixels, used, outside(measured.values, used)
