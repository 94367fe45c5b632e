"""What the qualification of one product found, as it is kept, shown on a page, read back."""

import os
from collections.abc import Mapping
from typing import Literal

from pydantic import AwareDatetime, Field

from reinspect.errors import ReinspectError
from reinspect.files import SavedKind, read_json
from reinspect.qualification.detection import Detection
from reinspect.vocabulary import Probability, Seconds, Value

FORMAT: Literal["reinspect-findings"] = "reinspect-findings"
VERSION: Literal[1] = 1


class FindingsError(ReinspectError, ValueError):
    """Findings can't be read; the message is one line: which file, why, what to do."""


class DamageExample(Value):
    """A picture of damage that was just found, or just missed."""

    picture: str = Field(description="Name under which the page is given the picture.")
    kind: str
    size: float = Field(gt=0, description="Longest extent, pixels of the original picture.")
    probability: Probability
    detected: bool


class LearningPoint(Value):
    """A figure reached with so many references; the interval's ends where there is one."""

    references: int = Field(gt=0)
    value: float
    low: float | None = None
    high: float | None = None


class LearningCurve(Value):
    """How a figure grows with the number of references."""

    figure: str = Field(description="What it is: its name.")
    points: tuple[LearningPoint, ...]
    advice: str = Field(default="", description="Whether more would help: one sentence.")


class OddReference(Value):
    """A reference that is unlike the others: perhaps defective, perhaps another product."""

    name: str
    why: str


class LookWorth(Value):
    """What one second look did in the rehearsal, behind the first look with its own threshold."""

    look: str
    fixed: int = Field(ge=0, description="Wrong labels that it put right.")
    broken: int = Field(ge=0, description="Right labels that it made wrong.")
    taken: bool = Field(description="Whether inspections of this product take it.")
    share: Probability | None = Field(default=None, description="Of parts that get it.")
    seconds: Seconds | None = Field(default=None, description="That it takes a part.")


class ThresholdInUse(Value):
    """A number that decides, and where it comes from."""

    name: str
    value: float
    source: str


class SetUpRange(Value):
    """How far a picture may be from what was learned."""

    what: str = Field(description="Place, angle, sharpness …")
    within: str = Field(description="What is put right, or makes no difference: up to where.")
    beyond: str = Field(default="", description="What happens beyond.")


class Findings(Value):
    """The qualification of one product. What was not looked into is empty, and not shown."""

    format: Literal["reinspect-findings"] = FORMAT
    version: Literal[1] = VERSION
    product: str = Field(description="Its name, or that of the references' folder.")
    recipe: str = Field(default="", description="Name of the recipe.")
    references: int = Field(ge=0, description="Known-good pictures.")
    mm_per_pixel: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    made: AwareDatetime | None = None
    program: str = Field(default="", description="Version of reinspect that made it.")
    detection: Detection
    advice: tuple[str, ...] = Field(default=(), description="One line each, the best first.")
    examples: tuple[DamageExample, ...] = ()
    learning: LearningCurve | None = None
    odd: tuple[OddReference, ...] = ()
    second_look: str = Field(default="", description="Whether it pays: one sentence.")
    looks: tuple[LookWorth, ...] = ()
    thresholds: tuple[ThresholdInUse, ...] = ()
    set_up: tuple[SetUpRange, ...] = ()
    details: Mapping[str, str] = Field(default={}, description="Whatever else is to be on record.")


_KIND = SavedKind("findings file", "reinspect qualify", "qualify", FindingsError, VERSION, FORMAT)


def read_findings(path: str | os.PathLike[str]) -> Findings:
    """What was kept by `reinspect.files.write_json`.

    Raises:
        FindingsError: it can't be read, is something else, or of another version.
    """
    return read_json(path, Findings, _KIND)
