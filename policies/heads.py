"""A fitted head: looks and signals in, one probability and one reliability out.

Both are logistic models with few, small weights, so that a saved head can be read and checked by
hand. With logit(p) = ln(p / (1 − p)):

    logit P(anomalous)  = intercept + Σ looks (weight · logit(p) + standing · rank(p))
                                    + Σ signals weight · z
    logit P(label right) = trust.intercept + trust.confidence · |logit P(anomalous)|
                                    + trust.label · (± ½) + Σ signals trust · z

`rank` is where a look stands among those of the fit, [−1, 1]; weights of looks are never negative,
so the probability never falls when a look rises. z is a signal standardised by the fit's mean and
spread, held inside the range that the fit saw and within ± 3.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, Field, FiniteFloat, model_validator

from reinspect.policies.case import with_current_names
from reinspect.vocabulary import Probability, Value

Floats = npt.NDArray[np.float64]

EDGE = 0.03
"""Looks nearer to 0 or 1 count as this near: a model's last digits of certainty mean nothing."""

REACH = 3.0
"""Spreads from the mean within which a signal counts."""

_SURE = 0.001  # as EDGE, for a fused probability when its own reliability is asked for
_FAR = 1.0  # widths of the range beyond which a value is flagged


class Scored(Value):
    """What a head says of one part."""

    probability: Probability
    reliability: Probability
    flags: tuple[str, ...] = ()


class LookWeights(Value):
    """How one look counts."""

    weight: float = Field(ge=0, allow_inf_nan=False, description="Of its logit.")
    standing: float = Field(ge=0, allow_inf_nan=False, description="Of its rank.")
    values: tuple[Probability, ...] = Field(min_length=1, description="Rising.")
    ranks: tuple[FiniteFloat, ...] = Field(description="Of `values`, rising, [−1, 1].")

    @model_validator(mode="after")
    def _rising(self) -> "LookWeights":
        pairs = zip(self.values, self.values[1:], strict=False)
        if len(self.values) != len(self.ranks) or any(b <= a for a, b in pairs):
            raise ValueError(f"values {self.values!r} do not rise, or have not one rank each")
        if list(self.ranks) != sorted(self.ranks):
            raise ValueError(f"ranks {self.ranks!r} do not rise")
        return self


class SignalWeights(Value):
    """How one signal counts, and what the fit saw of it."""

    mean: FiniteFloat
    spread: float = Field(ge=0, allow_inf_nan=False, description="Standard deviation.")
    low: FiniteFloat
    high: FiniteFloat
    missing: Probability = Field(default=0.0, description="Share of the fit's parts without it.")
    weight: FiniteFloat
    trust: FiniteFloat

    def standardised(self, value: float) -> float:
        """Z of a value, [−3, 3]; 0 for a signal that never varied."""
        if not self.spread:
            return 0.0
        inside = min(max(value, self.low), self.high)
        return min(max((inside - self.mean) / self.spread, -REACH), REACH)

    def far(self, value: float) -> bool:
        """Whether the value lies outside the range by more than the range's own width."""
        slack = _FAR * (self.high - self.low)
        return not self.low - slack <= value <= self.high + slack


class Trust(Value):
    """What the reliability makes of the probability."""

    intercept: FiniteFloat = 0.0
    confidence: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    label: FiniteFloat = 0.0


class Head(Value):
    """One stage's model; `looks` are those it needs, in order."""

    intercept: FiniteFloat
    looks: tuple[LookWeights, ...] = Field(min_length=1, max_length=2)
    signals: Annotated[Mapping[str, SignalWeights], AfterValidator(with_current_names)] = Field(
        default_factory=dict
    )
    trust: Trust = Trust()

    def score(self, looks: Sequence[float], signals: Mapping[str, float]) -> Scored:
        """Fuse looks and signals.

        Args:
            looks: P(anomalous) of each look that the head needs.
            signals: by name; unknown ones are left aside, a missing one counts as its mean.
        """
        z, trust, flags = self.intercept, 0.0, []
        for look, weights in zip(looks, self.looks, strict=True):
            z += weights.weight * logit(look, EDGE)
            z += weights.standing * float(np.interp(look, weights.values, weights.ranks))
        for name, seen in self.signals.items():
            value = signals.get(name)
            if value is None:
                flags.append(f"signal {name!r} is missing: taken as its mean {seen.mean:.4g}")
                continue
            if seen.far(value):
                flags.append(
                    f"signal {name!r} = {value:.4g} is far outside the fit's range "
                    f"{seen.low:.4g} … {seen.high:.4g}"
                )
            place = seen.standardised(value)
            z += seen.weight * place
            trust += seen.trust * place
        probability = logistic(z)
        trust += self.trust.intercept + self.trust.confidence * sureness(probability)
        trust += self.trust.label * (0.5 if probability >= 0.5 else -0.5)
        return Scored(
            probability=probability,
            reliability=logistic(trust),
            flags=tuple(flags),
        )


def logit(probability: float, edge: float) -> float:
    """ln(p / (1 − p)) of a probability kept `edge` away from 0 and 1."""
    p = min(max(probability, edge), 1 - edge)
    return math.log(p / (1 - p))


def sureness(probability: float) -> float:
    """|logit p|: what a fused probability says of its own label."""
    return abs(logit(probability, _SURE))


def logistic(z: float) -> float:
    """1 / (1 + e^−z), without overflow."""
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))
