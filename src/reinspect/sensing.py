"""What the values of a sensor mean: units, scales, the axes of a spectrogram."""

from enum import StrEnum
from math import ceil, log10
from typing import NamedTuple, Self

from pydantic import Field, FiniteFloat, model_validator

from reinspect.values import Value


class Modality(StrEnum):
    """The kind of sensor that a view comes from."""

    VISUAL = "visual"
    THERMAL = "thermal"
    DEPTH = "depth"
    ACOUSTIC = "acoustic"
    XRAY = "xray"


class Unit(StrEnum):
    """What the values of a picture are measured in."""

    CELSIUS = "celsius"
    KELVIN = "kelvin"
    FAHRENHEIT = "fahrenheit"
    MILLIMETRE = "mm"
    METRE = "m"
    DECIBEL = "dB"

    @property
    def sign(self) -> str:
        """As it stands after a number."""
        return _SIGNS.get(self, self.value)

    @property
    def is_temperature(self) -> bool:
        return self in _SIGNS

    @property
    def is_distance(self) -> bool:
        return self in (Unit.MILLIMETRE, Unit.METRE)


COVERED = ("s", "Hz", "°C", "K", "°F", "mm", "m")
"""Units in which it is said what a box covers."""

_SIGNS = {Unit.CELSIUS: "°C", Unit.KELVIN: "K", Unit.FAHRENHEIT: "°F"}


class Measure(Value):
    """What stored values mean: gain × value + offset, in a unit."""

    unit: Unit
    gain: FiniteFloat = 1.0
    offset: FiniteFloat = 0.0

    def __str__(self) -> str:
        plain = self.gain == 1 and self.offset == 0
        return self.unit.sign if plain else f"{self.unit.sign} ({self.gain:g} × + {self.offset:g})"


class Scale(Value):
    """Which values of a picture with more than 8 bits a channel are black and white."""

    black: FiniteFloat = 0.0
    white: FiniteFloat
    measure: Measure | None = Field(
        default=None,
        exclude_if=lambda said: said is None,  # as it was before
        description="What stored values mean; black and white are in its unit.",
    )

    @model_validator(mode="after")
    def _is_some(self) -> Self:
        if not self.black < self.white:
            raise ValueError(f"a scale from {self.black:g} to {self.white:g} is empty")
        return self

    def __str__(self) -> str:
        unit = f" {self.measure}" if self.measure else ""
        return f"{self.black:g} to {self.white:g}{unit}"

    @property
    def modality(self) -> Modality:
        """The kind of sensor whose values it scales."""
        unit = self.measure.unit if self.measure else None
        if unit is None:
            return Modality.VISUAL
        if unit is Unit.DECIBEL:
            return Modality.ACOUSTIC
        return Modality.THERMAL if unit.is_temperature else Modality.DEPTH


class SpectrogramKind(StrEnum):
    """How frequencies are spaced."""

    LOG_MEL = "log-mel"
    LINEAR = "linear"


FRAME = 1024
"""Samples of a Fourier transform: what audio monitoring of machines usually takes."""


class SignalRules(Value):
    """How recordings of sound or vibration become spectrograms."""

    kind: SpectrogramKind = Field(
        default=SpectrogramKind.LOG_MEL, description="`log-mel` or `linear` frequencies."
    )
    rate: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Samples a second, in Hz; of CSV, NPY and MAT, which don't say it.",
    )
    window_s: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Seconds that are judged at once; the whole recording by default.",
    )
    frame: int = Field(default=FRAME, ge=16, le=65536, description="Samples of a transform.")
    hop: int | None = Field(
        default=None, ge=1, description="Samples from one to the next; an eighth of them."
    )
    bands: int = Field(default=128, ge=8, le=1024, description="Of `log-mel`.")
    band: tuple[FiniteFloat, FiniteFloat] | None = Field(
        default=None, description="Lowest and highest frequency in Hz; all that there is."
    )
    range: tuple[FiniteFloat, FiniteFloat] | None = Field(
        default=None, description="Levels in dB that are black and white; from the references."
    )
    channel: int | None = Field(
        default=None, ge=1, description="The one to take; the mean power of all by default."
    )
    full_scale: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Value at which the sensor is overdriven; of WAV and FLAC it is known.",
    )
    variable: str | None = Field(default=None, description="Of a MAT file with several.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.hop is not None and self.hop > self.frame:
            raise ValueError(f"hop {self.hop} leaves samples out: at most frame, {self.frame}")
        for name in ("band", "range"):
            pair = getattr(self, name)
            if pair is not None and not pair[0] < pair[1]:
                raise ValueError(f"{name} {list(pair)} is empty: [low, high]")
        if self.band is not None and self.band[0] < 0:
            raise ValueError(f"band {list(self.band)}: a frequency is 0 or more")
        return self

    @property
    def step(self) -> int:
        """Samples from one transform to the next."""
        return self.hop or max(1, self.frame // 8)

    def windows(self, samples: int, rate: float) -> int:
        """How many windows a recording of so many samples has; the last may overlap."""
        if self.window_s is None:
            return 1
        return max(1, ceil(samples / self.length(rate)))

    def length(self, rate: float) -> int:
        """Samples of a window.

        Raises:
            ValueError: there is no window of a given length.
        """
        if self.window_s is None:
            raise ValueError("a window of the recording's own length")
        return max(1, round(self.window_s * rate))


class SoundSpan(NamedTuple):
    """A place in a spectrogram."""

    start_s: float
    end_s: float
    low_hz: float
    high_hz: float

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Unit → from, to, to four digits."""
        ranges = {"s": (self.start_s, self.end_s), "Hz": (self.low_hz, self.high_hz)}
        return {
            unit: (float(f"{low:.4g}"), float(f"{high:.4g}"))
            for unit, (low, high) in ranges.items()
        }

    def __str__(self) -> str:
        low, high, unit = self.low_hz, self.high_hz, "Hz"
        if high >= 1000:
            low, high, unit = low / 1000, high / 1000, "kHz"
        return f"{self.start_s:.3g}–{self.end_s:.3g} s, {low:.3g}–{high:.3g} {unit}"


class Spectrogram(Value):
    """How one picture was made of a recording: what its two directions measure.

    Time goes to the right, frequency upwards, what is louder is brighter.
    """

    rules: SignalRules
    rate: float = Field(gt=0, description="Samples a second, in Hz.")
    start_s: float = Field(ge=0, description="Where its window begins in the recording.")
    samples: int = Field(ge=1, description="Of its window.")

    @property
    def band(self) -> tuple[float, float]:
        """Lowest and highest frequency, Hz."""
        low, high = self.rules.band or (0.0, self.rate / 2)
        return low, min(high, self.rate / 2)

    @property
    def frames(self) -> int:
        """Transforms side by side: its width in pixels."""
        return (self.samples - self.rules.frame) // self.rules.step + 1

    @property
    def bins(self) -> range:
        """Of a transform, those within the band."""
        width = self.rate / self.rules.frame
        low, high = self.band
        return range(ceil(low / width - 1e-9), int(high / width + 1e-9) + 1)

    @property
    def bands(self) -> int:
        """Its height in pixels."""
        return self.rules.bands if self.rules.kind is SpectrogramKind.LOG_MEL else len(self.bins)

    def seconds(self, x: float) -> float:
        """Time in the recording at a share of the width."""
        rules = self.rules
        first = (rules.frame - rules.step) / 2  # a transform speaks for the samples in its middle
        return self.start_s + (first + x * self.frames * rules.step) / self.rate

    def hertz(self, y: float) -> float:
        """Frequency at a share of the height; 0 is the top."""
        up = 1 - y
        if self.rules.kind is SpectrogramKind.LINEAR:
            bins = self.bins
            return max(0.0, (bins.start - 0.5 + up * len(bins)) * self.rate / self.rules.frame)
        low, high = map(mel, self.band)
        apart = (high - low) / (self.rules.bands + 1)
        return hertz_of_mel(low + apart / 2 + up * apart * self.rules.bands)

    def span(self, box: tuple[float, float, float, float]) -> SoundSpan:
        """What a normalised box (x1, y1, x2, y2) covers."""
        x1, y1, x2, y2 = box
        return SoundSpan(self.seconds(x1), self.seconds(x2), self.hertz(y2), self.hertz(y1))


def mel(hertz: float) -> float:
    """A frequency by how high it sounds, as HTK has it (O'Shaughnessy, 1987)."""
    return 2595 * log10(1 + hertz / 700)


def hertz_of_mel(value: float) -> float:
    """What `mel` gives, back."""
    return float(700 * (10 ** (value / 2595) - 1))


class FileRules(Value):
    """What files hold besides photographs, as a recipe says it."""

    signals: SignalRules = SignalRules()
    measure: Measure | None = Field(
        default=None, description="What the values of pictures with more than 8 bits mean."
    )
    recordings: bool | None = Field(
        default=None, description="What a set holds: recordings, or pictures; null: not yet known."
    )
    length_s: float | None = Field(
        default=None, description="Of a set's recordings, where no window is given."
    )

    @property
    def tables(self) -> bool:
        """Whether CSV, NPY and MAT files are parts: it is known what their numbers are."""
        return self.measure is not None or self.signals.rate is not None


PLAIN = FileRules()
"""Where nobody says anything of the files."""
