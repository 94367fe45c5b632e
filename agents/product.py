"""What a recipe knows of the product, for prompts and for tools that search for defects."""

from pydantic import Field

from reinspect.vocabulary import Value


class ProductKnowledge(Value):
    """What the recipe knows of the product. Its text is the user's own, and the only one."""

    normal: str = ""
    tolerated: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()
    mm_per_pixel: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Millimetres on the part that a pixel of its picture shows.",
    )

    def __str__(self) -> str:
        said = [f"What is normal for this part: {self.normal}"] if self.normal else []
        if self.tolerated:
            said.append(f"Tolerated, not a defect: {'; '.join(self.tolerated)}")
        if self.defects:
            said.append(f"Names of known defects: {', '.join(self.defects)}")
        return "\n".join(said) or "Nothing more is known of this part."
