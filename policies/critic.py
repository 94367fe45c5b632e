"""The embedded critic at work: a small policy network says what next, stage by stage.

After the first look it chooses among accept, revisit and REVIEW; after the second among keep,
correct and REVIEW. It is arithmetic on a few saved numbers: no training library is needed.

Stage one, with s = |logit p| of the first look:

    accept 0,   revisit u(s, label, …),   REVIEW e(s, label, …)

Stage two, with what each witness says *against* the first label, in log-odds:

    keep −m/2,   correct m/2,   REVIEW e        m and e of (s, label, against₁, against₂, …)

u, m and e are networks: a linear part and a hidden layer of tanh. The chosen move is the likeliest;
a label is corrected only where a witness stands against it, so no flip without new evidence.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Protocol, Self

from pydantic import AfterValidator, Field, FiniteFloat, model_validator

from reinspect.components import About, ComponentOptions
from reinspect.errors import ReinspectError
from reinspect.files import SavedKind, read_json
from reinspect.policies import rules
from reinspect.policies.case import Case, case_of
from reinspect.policies.heads import logistic, logit
from reinspect.trace import Trace
from reinspect.vocabulary import Estimate, Move, Probability, Value, current_source

FORMAT = "reinspect critic"
VERSION = 1

LOUDEST = 1.5
"""Log-odds beyond which a witness gets no louder, as in `rules`."""

SUREST = 3.5
"""Log-odds beyond which a first look gets no surer: beyond 0.97 it is accepted anyway."""


class CriticFileError(ReinspectError, ValueError):
    """A saved critic that can't be used."""


def _current(weights: Mapping[str, float]) -> Mapping[str, float]:
    return {current_source(name): weight for name, weight in weights.items()}


_Weights = Annotated[Mapping[str, FiniteFloat], AfterValidator(_current)]


class Network(Value):
    """One logit of named inputs: bias + linear · x + out · tanh(hidden · x + shift)."""

    bias: FiniteFloat = 0.0
    linear: _Weights = Field(default_factory=dict, description="Input → weight.")
    hidden: tuple[_Weights, ...] = ()
    shift: tuple[FiniteFloat, ...] = ()
    out: tuple[FiniteFloat, ...] = ()

    @model_validator(mode="after")
    def _in_step(self) -> "Network":
        if not len(self.hidden) == len(self.shift) == len(self.out):
            sizes = (len(self.hidden), len(self.shift), len(self.out))
            raise ValueError(f"hidden, shift and out have {sizes} units, not as many each")
        return self

    def __call__(self, inputs: Mapping[str, float]) -> float:
        """The logit; inputs without a weight are left aside, a missing one counts as 0."""
        logit = self.bias + _dot(self.linear, inputs)
        for weights, shift, out in zip(self.hidden, self.shift, self.out, strict=True):
            logit += out * math.tanh(shift + _dot(weights, inputs))
        return logit


class PlattScaling(Value):
    """logit P(the label is right) = intercept + slope · margin, fitted on parts left out."""

    intercept: FiniteFloat = 0.0
    slope: float = Field(default=1.0, ge=0, allow_inf_nan=False)

    def __call__(self, margin: float) -> float:
        return logistic(self.intercept + self.slope * margin)


class TrainedOn(Value):
    """What a critic was trained on, and how."""

    items: int = Field(ge=0)
    anomalous: int = Field(ge=0)
    groups: Mapping[str, int] = Field(default_factory=dict, description="Group → items.")
    sources: Mapping[str, str] = Field(default_factory=dict, description="Name → SHA-256.")
    truth_sources: Mapping[str, int] = Field(default_factory=dict)
    pictures: tuple[str, ...] = Field(
        default=(), description="First 16 digits of the SHA-256 of each picture trained on."
    )
    seed: int = 0
    weights: Mapping[str, float] = Field(default_factory=dict, description="Of the rewards.")
    kl: float = Field(default=0.0, ge=0, description="Weight of the KL to the reference.")
    trust: float = Field(default=0.0, ge=0, description="Pull towards the starting weights.")
    reference: str = Field(default="", description="What the KL is held to.")
    uniform: Probability = Field(
        default=0.0, description="Share of parts whose label can't change: they teach REVIEW alone."
    )
    curve: tuple[Mapping[str, float], ...] = Field(
        default=(), description="Step by step: reward, KL, shares of second looks and reviews."
    )
    notes: tuple[str, ...] = ()


class Critic(Value):
    """The policy of both stages, as saved."""

    format: Literal["reinspect critic"] = "reinspect critic"
    version: Literal[1] = 1
    revisit: Network
    review_first: Network
    margin: Network
    review_second: Network
    sure_first: PlattScaling = PlattScaling()
    sure_second: PlattScaling = PlattScaling()
    lesson: TrainedOn

    def first_move(self, case: Case) -> Move:
        """Accept, revisit or escalate, by the first look alone."""
        inputs = first_inputs(case)
        revisit, review = self.revisit(inputs), self.review_first(inputs)
        if max(revisit, review) <= 0:
            return Move.ACCEPT
        return Move.REVISIT if revisit >= review else Move.ESCALATE

    def second_move(self, case: Case) -> Move:
        """Keep, correct or escalate, by both looks."""
        inputs = second_inputs(case)
        if self.review_second(inputs) > abs(self.margin(inputs)) / 2:
            return Move.ESCALATE
        return Move.CORRECT if self.flips(case) else Move.KEEP

    def flips(self, case: Case) -> bool:
        """Whether the label in force after the second look is another, REVIEW or not."""
        return self.margin(second_inputs(case)) > 0 and may_flip(case)

    def estimate(self, case: Case) -> Estimate:
        """Probability that the part is anomalous, and reliability of the label in force."""
        first, second = first_inputs(case), second_inputs(case)
        if case.second is None:
            probability, reliability = case.first, self.sure_first(first["sureness"])
        else:
            margin = self.margin(second)
            if margin > 0 and not may_flip(case):
                margin = -_BORDER
            probability = logistic(-margin if case.first >= 0.5 else margin)
            reliability = self.sure_second(abs(margin))
        return Estimate(
            probability=probability,
            reliability=reliability,
            signals={"critic's logit for a second look": self.revisit(first), **second},
        )


class CriticContext(Protocol):
    """What the policies of a critic are made from."""

    @property
    def critic(self) -> Critic:
        """The recipe's.

        Raises:
            ValueError: it has none.
        """


class CriticTrigger:
    """Accept, revisit or escalate, as the critic's policy says."""

    about = About("critic")
    Options = ComponentOptions

    def __init__(self, critic: Critic) -> None:
        self._critic = critic

    @classmethod
    def from_recipe(cls, options: ComponentOptions, context: CriticContext) -> Self:
        """The policy of a recipe's monitor."""
        return cls(context.critic)

    def __call__(self, trace: Trace) -> Move:
        if trace.first is None:
            return Move.ESCALATE
        case = case_of(trace)
        if not trace.rounds:
            return self._critic.first_move(case)
        if case.second is None:
            return Move.ACCEPT
        second = self._critic.second_move(case)
        return Move.ESCALATE if second is Move.ESCALATE else Move.ACCEPT


def first_inputs(case: Case) -> dict[str, float]:
    """What the policy knows after the first look."""
    return {
        "sureness": min(abs(logit(case.first, _EDGE)), SUREST),
        "label": 0.5 if case.first >= 0.5 else -0.5,
    }


def second_inputs(case: Case) -> dict[str, float]:
    """What it knows after the second: each witness's log-odds against the first label."""
    witnesses = case.witnesses
    against = {
        input_of(name, witnesses): against_label(probability, case.first)
        for name, probability in witnesses.items()
    }
    return {**first_inputs(case), **against}


def input_of(name: str, witnesses: Mapping[str, float]) -> str:
    """What a witness's input is called: one that a better witness outranks counts separately."""
    return f"{name}, outranked" if rules.outranked(name, witnesses) else name


def against_label(probability: float, first: float) -> float:
    """Log-odds of a witness against the label of the first look, within ± `LOUDEST`."""
    loud = max(-LOUDEST, min(LOUDEST, logit(probability, _EDGE)))
    return -loud if first >= 0.5 else loud


def may_flip(case: Case) -> bool:
    """Whether new evidence stands against the first label, so that it may be corrected."""
    witnesses = case.witnesses
    other = 0.0 if case.first >= 0.5 else 1.0
    return rules.flip_allowed(case.first, other, witnesses)


def load_critic(path: str | Path) -> Critic:
    """Read a saved critic.

    Raises:
        CriticFileError: the file can't be read, is no critic, or one of another version.
    """
    kind = SavedKind("critic", "reinspect train critic", "train", CriticFileError, VERSION, FORMAT)
    return read_json(path, Critic, kind)


_EDGE = 1e-3
_BORDER = 0.004  # log-odds of a label that is kept although the network would have flipped it


def _dot(weights: Mapping[str, float], inputs: Mapping[str, float]) -> float:
    return sum(weight * inputs.get(name, 0.0) for name, weight in weights.items())
