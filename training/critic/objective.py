"""What a critic's training maximises: rewards of moves, less their prices, less two pulls."""

from pydantic import Field

from reinspect.training.rewards import Weights
from reinspect.vocabulary import Value


class CriticObjective(Value):
    """Weights of RCRL's objective; prices are in units of one right label."""

    rewards: Weights = Weights()
    look: float = Field(default=0.5, ge=0, le=1, description="Price of a second look.")
    review: float = Field(default=1 / 3, ge=0, le=1, description="Price of a person's look.")
    kl: float = Field(default=0.1, ge=0, le=100, description="Weight of the KL.")
    trust: float = Field(default=0.1, ge=0, le=100, description="Pull towards the start.")

    @property
    def weights(self) -> dict[str, float]:
        """Of rewards and prices, as a critic's card has them."""
        return {
            **self.rewards.model_dump(exclude={"location_as"}),  # no locations, so no form of them
            "look": self.look,
            "review": round(self.review, 6),
        }
