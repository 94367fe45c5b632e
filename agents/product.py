"""What a recipe knows of the product, for prompts and for tools that search for defects."""

from collections.abc import Callable
from typing import Self

from pydantic import Field

from reinspect.vocabulary import NormalisedBox, Value


class DefectExample(Value):
    """A picture of another part with a known defect, to be shown beside the test image."""

    picture: str = Field(min_length=1, description="Its file, relative to the recipe.")
    type: str = Field(min_length=1, max_length=40)
    box: NormalisedBox | None = Field(
        default=None, description="Where it is, x1, y1, x2, y2 from 0 to 1; null: all is shown."
    )


class ProductKnowledge(Value):
    """What the recipe knows of the product. Its text is the user's own, and the only one."""

    normal: str = ""
    tolerated: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()
    examples: tuple[DefectExample, ...] = Field(
        default=(),
        max_length=16,
        exclude_if=lambda said: not said,  # older recipes are the same as before
        description="Of known defects, for models that are shown the part.",
    )
    mm_per_pixel: float | None = Field(
        default=None,
        gt=0,
        le=10_000,
        allow_inf_nan=False,
        description="Millimetres on the part that a pixel of its picture shows.",
    )

    def moved(self, place: Callable[[str], str]) -> Self:
        """With the file of each example elsewhere."""
        changed = (own.model_copy(update={"picture": place(own.picture)}) for own in self.examples)
        return self.model_copy(update={"examples": tuple(changed)})

    def __str__(self) -> str:
        said = [f"What is normal for this part: {self.normal}"] if self.normal else []
        if self.tolerated:
            said.append(f"Tolerated, not a defect: {'; '.join(self.tolerated)}")
        if self.defects:
            said.append(f"Names of known defects: {', '.join(self.defects)}")
        return "\n".join(said) or "Nothing more is known of this part."
