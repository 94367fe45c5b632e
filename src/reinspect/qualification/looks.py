"""What one look at one picture found: a reference with drawn damage, or a real part."""

from pydantic import Field

from reinspect.qualification.detection import Trial
from reinspect.vocabulary import Probability, Value


class PartLook(Value):
    """One look at one picture whose truth is known."""

    part: str = Field(description="Name of the picture's file; of the reference it is drawn on.")
    kind: str | None = Field(default=None, description="Of damage; null: a good part.")
    varied: bool = Field(default=False, description="Whether it was moved, turned, lit otherwise.")
    size: float | None = Field(default=None, gt=0, description="Longest extent, pixels.")
    area: float | None = Field(default=None, gt=0, description="Pixels.")
    z: float = Field(description="Of the first look.")
    first: Probability
    second: Probability | None = Field(default=None, description="Null: it was not taken.")
    final: Probability
    setup: str = Field(default="", description="Why it is not judged; empty: it is.")

    @property
    def detected(self) -> bool:
        """Whether the inspection calls it anomalous, or holds it back unjudged."""
        return self.final >= 0.5 or bool(self.setup)

    @property
    def trial(self) -> Trial | None:
        """As a trial; none of a good part, and of damage whose size is not known."""
        if self.kind is None or self.size is None or self.area is None:
            return None
        return Trial(
            part=self.part,
            kind=self.kind,
            size=self.size,
            area=self.area,
            probability=self.final,
            detected=self.detected,
        )
