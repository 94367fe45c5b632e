"""What a product's qualification found, as inspections say it of their verdicts.

`reinspect qualify` leaves a few numbers beside the fits; an inspection by the same references and
recipe finds them there and quotes them, so that a PASS says what it is worth on this product.
"""

import importlib.metadata
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import Field

from reinspect.errors import ReinspectError
from reinspect.files import SavedKind, read_json
from reinspect.vocabulary import Label, Sample, Value

FORMAT: Literal["reinspect-limits"] = "reinspect-limits"
VERSION: Literal[1] = 1

FOLDER = "qualifications"
"""In the cache, of all that is kept of qualifications."""

LIMITS = ".limits.json"
"""What the names of files with limits end with."""


class ProductLimitsError(ReinspectError, ValueError):
    """What is kept of a qualification can't be used."""


class ProductLimits(Value):
    """What an inspection finds on one product, and what it fails without a defect."""

    format: Literal["reinspect-limits"] = FORMAT
    version: Literal[1] = VERSION
    program: str = Field(default="", description="The version whose inspections it is of.")
    drawn: bool = Field(description="Whether it is of drawn damage; else of real defects.")
    half: float | None = Field(gt=0, description="Size found in half of the cases, pixels.")
    nine_of_ten: float | None = Field(gt=0, description="Size found in nine of ten, pixels.")
    found: int = Field(ge=0, description="Pieces of damage; of unknown size, defective parts.")
    tried: int = Field(ge=0, description="Of how many.")
    false_calls: int = Field(ge=0, description="References called defective, each left out.")
    references: int = Field(ge=0, description="Of how many.")

    def words(self, label: Label) -> str:
        """What they say of a verdict of that label; empty where they say nothing."""
        if label is Label.ANOMALOUS:
            if not self.references:
                return ""
            return f"on this product {self.false_calls} of {self.references} good parts are flagged"
        damage = "drawn damage" if self.drawn else "real damage"
        if self.half is None and self.nine_of_ten is None:
            if not self.tried:
                return ""
            return f"on this product {damage} was found in {self.found} of {self.tried} cases"
        shares = ((self.half, "half of the"), (self.nine_of_ten, "nine of ten"))
        said = [f"of {size:.0f} px in {share} cases" for size, share in shares if size is not None]
        return f"on this product {damage} is found: {', '.join(said)}"


LimitsOf = Callable[[Sample], ProductLimits | None]
"""What is known of the product that a sample is of; None where it was not qualified."""

_KIND = SavedKind(
    "qualification's limits", "reinspect qualify", "qualify", ProductLimitsError, VERSION, FORMAT
)


class KeptLimits:
    """The limits that qualifications have left, in one folder for all products.

    Args:
        cache: folder of fits; None where nothing is kept.
        recipe: digest of the recipe's looks.
    """

    def __init__(self, cache: Path | None, recipe: str) -> None:
        self._cache, self._recipe = cache, recipe
        self._known: dict[str, ProductLimits | None] = {}

    def place(self, references: str) -> Path | None:
        """The file of a set of references, by the set's key."""
        if self._cache is None:
            return None
        return self._cache / FOLDER / f"{references[:24]}.{self._recipe}{LIMITS}"

    def of(self, references: str) -> ProductLimits | None:
        """What is known; a file that is damaged or of another version counts as none."""
        if references not in self._known:
            self._known[references] = self._read(references)
        return self._known[references]

    def _read(self, references: str) -> ProductLimits | None:
        file = self.place(references)
        if file is None or not file.is_file():
            return None
        try:
            found = read_json(file, ProductLimits, _KIND)
        except ProductLimitsError:
            return None
        return found if found.program == program() else None


def program() -> str:
    """The version that qualifies, and inspects: what another one found says nothing of this one."""
    return importlib.metadata.version("reinspect")
