"""How a model segments everything: what all backends have in common."""

from pydantic import Field

from reinspect.vocabulary import Probability, Value


class Automatic(Value):
    """A grid of points is asked for masks, and the good ones are kept."""

    points: int = Field(default=32, ge=1, le=128, description="A side of the grid.")
    quality: float = Field(
        default=0.88, allow_inf_nan=False, description="Least IoU that the model expects of a mask."
    )
    stability: float = Field(
        default=0.95,
        allow_inf_nan=False,
        description="Least IoU of a mask with itself at a higher and a lower cut.",
    )
    overlap: Probability = Field(default=0.7, description="IoU above which the worse one goes.")
