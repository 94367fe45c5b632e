"""How a recipe has files read: which values are black and white, in which unit, how large, cut."""

from dataclasses import dataclass, replace
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from reinspect.references import ReferenceSet
from reinspect.sensing import FileRules, Measure, Unit
from reinspect.vocabulary import MAX_PIXELS, Scale


class RecipeSection(BaseModel):
    """A part of a recipe: frozen, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class PictureRules(RecipeSection):
    """How files become pictures."""

    bits: int | None = Field(
        default=None,
        ge=1,
        le=32,
        description="Of the camera, where files have more than 8 a channel; else from their tags, "
        "else from the references.",
    )
    range: tuple[FiniteFloat, FiniteFloat] | None = Field(
        default=None, description="Instead: the values that are black and white."
    )
    unit: Unit | None = Field(
        default=None,
        exclude_if=lambda said: said is None,  # older recipes are the same as before
        description="Of what is measured: celsius, kelvin, fahrenheit, mm, m; of none by default.",
    )
    gain: FiniteFloat = Field(
        default=1.0,
        exclude_if=lambda said: said == 1,
        description="Units that a step of the stored values is: 0.01 of hundredths.",
    )
    offset: FiniteFloat = Field(
        default=0.0,
        exclude_if=lambda said: said == 0,
        description="What a stored 0 is, in the unit: -273.15 where kelvin are stored.",
    )
    max_pixels: int = Field(
        default=MAX_PIXELS, ge=1, description="Of a picture, by its header; larger ones are REVIEW."
    )
    tile: int | None = Field(
        default=None,
        ge=64,
        exclude_if=lambda said: said is None,
        description="Side in pixels: larger pictures, and references, are judged tile by tile.",
    )

    @model_validator(mode="after")
    def _says_one_scale(self) -> Self:
        if self.bits is not None and self.range is not None:
            raise ValueError("bits and range are two ways to say one thing: give one")
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError(f"range {list(self.range)} is empty: [black, white]")
        if self.unit is None and (self.gain != 1 or self.offset != 0):
            raise ValueError("gain and offset turn values into a unit: name it with unit")
        if self.unit is not None and self.bits is not None:
            raise ValueError("bits are of a camera without a unit: give range, in the unit")
        if self.unit is Unit.DECIBEL or not self.gain:
            raise ValueError("unit is of a temperature or a distance, and gain is not 0")
        return self

    @property
    def measure(self) -> Measure | None:
        """What values mean that are in a unit."""
        if self.unit is None:
            return None
        return Measure(unit=self.unit, gain=self.gain, offset=self.offset)

    @property
    def scale(self) -> Scale | None:
        """What they say of pictures with more than 8 bits a channel."""
        if self.range is not None:
            return Scale(black=self.range[0], white=self.range[1], measure=self.measure)
        return None if self.bits is None else Scale(white=2.0**self.bits - 1)


@dataclass(frozen=True, slots=True)
class ReadingRules:
    """How a recipe has files read."""

    files: FileRules
    scale: Scale | None
    """Of pictures, where the recipe says it."""
    max_pixels: int
    tile: int | None = None
    """Side of tiles, in pixels, where large pictures are judged by tiles."""

    def applied_to(self, references: ReferenceSet) -> ReferenceSet:
        """A set without pictures, for pictures that are read by these rules."""
        return replace(references, scale=self.scale, max_pixels=self.max_pixels, rules=self.files)
