"""What a recipe knows of the product, for prompts and for tools that search for defects."""

from reinspect.vocabulary import Value


class ProductKnowledge(Value):
    """What the recipe knows of the product. It is the user's own text, and the only one."""

    normal: str = ""
    tolerated: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = [f"What is normal for this part: {self.normal}"] if self.normal else []
        if self.tolerated:
            said.append(f"Tolerated, not a defect: {'; '.join(self.tolerated)}")
        if self.defects:
            said.append(f"Names of known defects: {', '.join(self.defects)}")
        return "\n".join(said) or "Nothing more is known of this part."
