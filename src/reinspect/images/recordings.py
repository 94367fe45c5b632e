"""Recordings of sound and vibration: their samples, and spectrograms of them in dB."""

import functools
import io
import os
import warnings
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reinspect.images.arrays import TABLES, numbers_in
from reinspect.images.content import HEAD, RECORDINGS, is_sound
from reinspect.images.opening import warning_filters
from reinspect.images.reading import UnreadableImage, address_of
from reinspect.sensing import (
    FileRules,
    Measure,
    SignalRules,
    Spectrogram,
    SpectrogramKind,
    Unit,
    hertz_of_mel,
    mel,
)

Levels = npt.NDArray[np.float32]

_FLOOR = 1e-20  # power: below anything that is measured
_RUN, _CLIPPED = 3, 0.001  # samples at the full scale in a row, and their share from which it tells
_SAME = 1e-6  # by which two rates may differ, relatively
_CHANNELS = 64
_SAMPLES = 1 << 28  # of a compressed recording, by its header: an hour and a half at 48 kHz


class Recording(NamedTuple):
    """What a sensor gave, evenly in time."""

    samples: npt.NDArray[np.float32]
    """(channels, n); of integers as shares of the full scale."""
    rate: float
    """Hz."""
    full_scale: float | None
    """Value at which it is overdriven."""


DECIBELS = Measure(unit=Unit.DECIBEL)
"""What a spectrogram's values are."""


def is_recording(data: bytes, path: str | os.PathLike[str], rules: SignalRules) -> bool:
    """Whether a file is one, by its content; numbers are where a rate is given for them."""
    if is_sound(data[:HEAD]):
        return True
    ending = os.path.splitext(address_of(path).file)[1].lower()  # noqa: PTH122
    return ending in RECORDINGS or (rules.rate is not None and ending in TABLES)


def spectrogram_of(
    data: bytes, path: str | os.PathLike[str], given: FileRules, max_pixels: int
) -> tuple[Levels, Spectrogram]:
    """The levels of a window, float32 (H, W) in dB, the highest frequency on top.

    dB of a sine's amplitude, to the full scale; of CSV, NPY and MAT to 1 of whatever they hold.
    `rec.wav#2` is the second window. A short-time Fourier transform with a Hann window,
    of what is left without the mean.

    Args:
        data: the file's bytes.
        path: its path, with the window's number.
        given: how it is made, how long and of which rate the others are.
        max_pixels: that it may have.

    Raises:
        UnreadableImage: no recording, or none that could be judged: empty, constant, clipped, too
            short, of another rate.
    """
    samples, made = window_of(data, path, given)
    height = made.bands
    if height * made.frames > max_pixels:
        raise UnreadableImage(
            path,
            f"a spectrogram of {made.frames}×{height} pixels is over the limit of "
            f"{max_pixels / 1e6:g} megapixels",
            "judge it in windows: signals: {window_s: …} in the recipe",
        )
    return sound_levels(samples, made), made


def window_of(
    data: bytes, path: str | os.PathLike[str], given: FileRules
) -> tuple[npt.NDArray[np.float32], Spectrogram]:
    """The samples of a window (channels, n), and what is made of them.

    Args:
        data: the file's bytes.
        path: its path, with the window's number.
        given: as for `spectrogram_of`.

    Raises:
        UnreadableImage: as `spectrogram_of`.
    """
    rules = given.signals
    whole = _checked(read_recording(data, path, rules), path, rules)
    made = _window(whole, path, given)
    if made.frames < 1 or not made.bins:
        raise UnreadableImage(
            path,
            f"{made.samples} samples of {made.rate:g} Hz give no spectrogram: a transform takes "
            f"{rules.frame}, within {made.band[0]:g} to {made.band[1]:g} Hz",
            "record longer, or change frame or band of signals: in the recipe",
        )
    begin = round(made.start_s * whole.rate)
    samples = whole.samples[:, begin : begin + made.samples]
    _refuse_constant(samples, path)
    return samples, made


def windows_in(path: str | os.PathLike[str], rules: SignalRules) -> int:
    """How many windows a recording has; one where it can't be read, which reading will say."""
    if rules.window_s is None:
        return 1
    try:
        status = os.stat(path)  # noqa: PTH116
        return _windows_in(os.fspath(path), rules, status.st_mtime_ns, status.st_size)
    except (OSError, UnreadableImage):
        return 1


@functools.lru_cache(maxsize=1 << 14)  # a folder that fills is looked at twice a second
def _windows_in(path: str, rules: SignalRules, _mtime: int, _size: int) -> int:
    with open(path, "rb") as file:  # noqa: PTH123
        whole = read_recording(file.read(), path, rules)
    return rules.windows(whole.samples.shape[1], whole.rate)


def read_recording(data: bytes, path: str | os.PathLike[str], rules: SignalRules) -> Recording:
    """The samples of a file, as they are.

    Raises:
        UnreadableImage: it holds none, or can't be read.
    """
    ending = os.path.splitext(address_of(path).file)[1].lower()  # noqa: PTH122
    if ending in TABLES:
        return _of_numbers(numbers_in(data, address_of(path).file, rules.variable), path, rules)
    if data[:4] == b"fLaC":
        return _flac(data, path)
    return _wav(data, path)


def _wav(data: bytes, path: str | os.PathLike[str]) -> Recording:
    from scipy.io import wavfile

    with warning_filters, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            rate, samples = wavfile.read(io.BytesIO(data))
        except Exception as failure:
            said = " ".join(str(failure).split())
            raise UnreadableImage(
                path, f"no WAV that can be read ({said})", "save it as PCM of 16 or 24 bits"
            ) from failure
    if any("EOF" in str(warning.message) for warning in told):
        raise UnreadableImage(path, "truncated: it has fewer samples than it says", "copy it again")
    wide = samples[None] if samples.ndim == 1 else samples.T
    if samples.dtype == np.uint8:
        return Recording((wide.astype(np.float32) - 128) / 128, float(rate), 1.0)
    if samples.dtype.kind == "i":  # of 24 bits in the upper ones of 32
        full = np.float32(np.iinfo(samples.dtype).max)
        return Recording(wide.astype(np.float32) / full, float(rate), 1.0)
    with np.errstate(over="ignore"):
        floats = wide.astype(np.float32)
    return Recording(floats, float(rate), 1.0 if np.abs(floats).max(initial=0) <= 1 else None)


def _flac(data: bytes, path: str | os.PathLike[str]) -> Recording:
    try:
        import soundfile
    except (ImportError, OSError) as failure:  # OSError: without its library
        raise UnreadableImage(
            path, "FLAC needs soundfile", "pip install 'reinspect[sound]', or convert it to WAV"
        ) from failure
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            count, rate = file.frames * file.channels, file.samplerate
            if not 0 <= count <= _SAMPLES:
                raise ValueError(f"{count} samples; {_SAMPLES} at most")
            samples = file.read(dtype="float32", always_2d=True)
    except Exception as failure:
        said = " ".join(str(failure).split())
        raise UnreadableImage(
            path, f"truncated or damaged FLAC ({said})", "copy it again"
        ) from failure
    return Recording(np.ascontiguousarray(samples.T), float(rate), 1.0)


def _of_numbers(
    found: npt.NDArray[np.float64], path: str | os.PathLike[str], rules: SignalRules
) -> Recording:
    if rules.rate is None:
        raise UnreadableImage(
            path, "numbers without a rate", "give it with signals: {rate: …} in the recipe, in Hz"
        )
    wide = found[None] if found.ndim == 1 else found
    if wide.shape[0] > wide.shape[1]:
        wide = wide.T
    if wide.shape[0] > _CHANNELS:
        raise UnreadableImage(
            path,
            f"{wide.shape[0]}×{wide.shape[1]} numbers are no recording of {_CHANNELS} channels "
            "at most",
            "give pictures: {unit: …} where it is a picture",
        )
    if len(wide) > 1 and _is_time(wide[0], rules.rate):
        wide = wide[1:]
    with np.errstate(over="ignore"):  # what is beyond float32 is no number, which is told
        samples = np.ascontiguousarray(wide, np.float32)
    return Recording(samples, rules.rate, rules.full_scale)


def _is_time(column: npt.NDArray[np.float64], rate: float) -> bool:
    """Whether it counts samples, or seconds of this very rate."""
    steps = np.diff(column)
    return bool(np.allclose(steps, 1)) or bool(np.allclose(steps * rate, 1, atol=1e-2))


def _checked(whole: Recording, path: str | os.PathLike[str], rules: SignalRules) -> Recording:
    """The channels that are judged, if they can be."""
    channels, count = whole.samples.shape
    if count == 0 or channels == 0:
        raise UnreadableImage(path, "a recording without samples", "record it again")
    if rules.rate is not None and abs(whole.rate - rules.rate) > _SAME * rules.rate:
        raise UnreadableImage(
            path,
            f"sampled at {whole.rate:g} Hz, not at {rules.rate:g} Hz as the others",
            f"record or resample it at {rules.rate:g} Hz",
        )
    if rules.channel is not None:
        if rules.channel > channels:
            raise UnreadableImage(
                path, f"it has {channels} channels, not {rules.channel}", "name another channel"
            )
        whole = whole._replace(samples=whole.samples[rules.channel - 1 : rules.channel])
    missing = int(np.count_nonzero(~np.isfinite(whole.samples)))
    if missing:
        raise UnreadableImage(
            path, f"{missing} of its samples are no numbers", "record it again, or cut them out"
        )
    _refuse_constant(whole.samples, path)
    full_scale = rules.full_scale or whole.full_scale
    share = 0.0 if full_scale is None else _clipped(whole.samples, full_scale)
    if share >= _CLIPPED:
        raise UnreadableImage(
            path,
            f"clipped: {share:.1%} of its samples are at the full scale",
            "record it again with less gain",
        )
    return whole


def _refuse_constant(samples: npt.NDArray[np.float32], path: str | os.PathLike[str]) -> None:
    flat = np.ptp(samples, axis=1) == 0
    if flat.any():
        which = "" if len(samples) == 1 else f"channel {int(np.argmax(flat)) + 1} is "
        value = samples[int(np.argmax(flat)), 0]
        raise UnreadableImage(
            path, f"{which}constant ({value:g}): no signal", "see the sensor and its cable"
        )


def _clipped(samples: npt.NDArray[np.float32], full_scale: float) -> float:
    """The share of samples that stay at the full scale, three or more in a row."""
    at = np.abs(samples) >= full_scale * (1 - 1e-4)
    if not at.any():
        return 0.0
    inside = np.lib.stride_tricks.sliding_window_view(at, _RUN, axis=1).all(axis=2)
    held = np.zeros_like(at)
    for shift in range(_RUN):
        held[:, shift : shift + inside.shape[1]] |= inside
    return float(held.mean())


def _window(whole: Recording, path: str | os.PathLike[str], given: FileRules) -> Spectrogram:
    rules, count, number = given.signals, whole.samples.shape[1], address_of(path).page
    if rules.window_s is None:
        if number > 1:
            raise UnreadableImage(
                path, f"no window {number}: no window is given", "give signals: {window_s: …}"
            )
        begin, length = 0, count
        others = given.length_s
        if others is not None and abs(count - others * whole.rate) > rules.step:
            raise UnreadableImage(
                path,
                f"{count / whole.rate:.3g} s long, the others are {others:.3g} s",
                "say how much is judged at once: signals: {window_s: …} in the recipe",
            )
    else:
        length = rules.length(whole.rate)
        if count < length:
            raise UnreadableImage(
                path,
                f"{count / whole.rate:.3g} s is shorter than the window of {rules.window_s:g} s",
                "record longer, or give a shorter signals: {window_s: …}",
            )
        if number > rules.windows(count, whole.rate):
            raise UnreadableImage(path, f"the recording has no window {number}", "see how many")
        begin = min((number - 1) * length, count - length)  # the last ends where the recording does
    return Spectrogram(rules=rules, rate=whole.rate, start_s=begin / whole.rate, samples=length)


def sound_levels(samples: npt.NDArray[np.float32], made: Spectrogram) -> Levels:
    """Levels (H, W) in dB of a window's samples (channels, n), the highest frequency on top."""
    from scipy.signal import ShortTimeFFT, get_window  # takes most of a second

    rules = made.rules
    transform = ShortTimeFFT(
        get_window("hann", rules.frame),
        rules.step,
        made.rate,
        fft_mode="onesided2X",
        scale_to="magnitude",
    )
    # Whole frames alone: one that reaches beyond the ends would see an edge there.
    first = transform.lower_border_end[1]
    power = np.zeros((0, 0))
    for channel in samples:
        centred = channel.astype(np.float64) - channel.mean(dtype=np.float64)
        found = transform.stft(centred, p0=first, p1=first + made.frames)
        own = np.square(np.abs(found))
        power = own if not power.size else power + own
    power /= len(samples)
    bins = made.bins
    if rules.kind is SpectrogramKind.LOG_MEL:
        power = _mel_bank(made) @ power
    else:
        power = power[bins.start : bins.stop]
    levels: Levels = 10 * np.log10(power[::-1] + _FLOOR).astype(np.float32)
    return levels


@functools.lru_cache(maxsize=8)
def _mel_bank(made: Spectrogram) -> npt.NDArray[Any]:
    """(bands, bins): triangles, evenly spaced in mel, each at least as wide as a bin is apart."""
    rules, (low, high) = made.rules, made.band
    apart = made.rate / rules.frame
    edges = [hertz_of_mel(at) for at in np.linspace(mel(low), mel(high), rules.bands + 2)]
    left, middle, right = (np.array(edges[at : at + rules.bands])[:, None] for at in range(3))
    left, right = np.minimum(left, middle - apart), np.maximum(right, middle + apart)
    bins = np.arange(rules.frame // 2 + 1) * apart
    rising, falling = (bins - left) / (middle - left), (right - bins) / (right - middle)
    bank = np.clip(np.minimum(rising, falling), 0, None)
    return np.asarray(bank / bank.sum(axis=1, keepdims=True))
