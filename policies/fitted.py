"""A fitted monitor at work: load it, score cases and traces, decide to look again, settle.

All of it is arithmetic on a few saved numbers: numpy alone, no training library.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Protocol, Self

from pydantic import Field, FiniteFloat, model_validator

from reinspect.components import About, ComponentOptions
from reinspect.errors import ReinspectError
from reinspect.files import SavedKind, read_json
from reinspect.policies.case import FIRST, Case, Occasion, case_of
from reinspect.policies.heads import Head, Scored
from reinspect.trace import Trace
from reinspect.vocabulary import (
    Disposition,
    Estimate,
    Label,
    Move,
    Outcome,
    Probability,
    Value,
)

FORMAT = "reinspect monitor"
VERSION = 1

SHIPPED = Path(__file__).with_name("monitor.json")
"""Fitted on the project's own sample parts, see `docs/reliability.md`."""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class MonitorError(ReinspectError, ValueError):
    """A saved monitor that can't be used."""


class FittedOn(Value):
    """What a monitor was fitted on. Digests name parts, so that a test can keep away from them."""

    items: int = Field(ge=0)
    anomalous: int = Field(ge=0)
    looked_twice: int = Field(ge=0, description="Items that the second head was fitted on.")
    groups: Mapping[str, int] = Field(default_factory=dict, description="Group → items.")
    truth_sources: Mapping[str, int] = Field(default_factory=dict)
    seed: int = 0
    inner_split: str = Field(default="", description="How weights' sizes were chosen.")
    signal_spread: Mapping[str, float] = Field(
        default_factory=dict, description="Head → prior standard deviation of signal weights."
    )
    group_spread: Mapping[str, float] = Field(
        default_factory=dict, description="Head → prior standard deviation of groups' intercepts."
    )
    notes: tuple[str, ...] = ()
    sources: Mapping[str, str] = Field(default_factory=dict, description="Name → SHA-256.")
    fitted: tuple[Digest, ...] = ()
    calibrated: tuple[Digest, ...] = ()


class SecondLookGain(Value):
    """Expected gain of a second look, from the first head's probability p.

    gain = intercept + doubt · 4p(1 − p) + label · (± ½), in units of the Brier score (the mean
    square error of the probability); divided by `cost` it is held against `least`.
    """

    intercept: FiniteFloat
    doubt: FiniteFloat
    label: FiniteFloat
    cost: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    unit: Literal["look", "second"] = Field(default="look", description="Of `cost`.")
    least: FiniteFloat = Field(description="Gain per unit of cost that is worth a second look.")
    share: Probability = Field(description="Of the fit's parts that were worth one.")

    def gain(self, probability: float) -> float:
        """Expected gain per unit of cost."""
        side = 0.5 if probability >= 0.5 else -0.5
        raw = self.intercept + self.doubt * 4 * probability * (1 - probability) + self.label * side
        return raw / self.cost


class Guarantee(Value):
    """One target, and what became of it. `held` at `confidence`, if parts are exchangeable."""

    target: Probability
    held: bool
    bound: Probability | None = Field(
        description="Upper confidence bound of the rate at the threshold; null: none was found."
    )
    n: int = Field(ge=0, description="Parts that the bound rests on.")
    said: str


class Dispositions(Value):
    """PASS iff p < `pass_below`, FAIL iff p ≥ `fail_from`, else REVIEW."""

    pass_below: Probability
    fail_from: float = Field(ge=0, le=2, description="Above 1: nothing is failed.")
    confidence: Probability
    escape: Guarantee | None = None
    overkill: Guarantee | None = None
    review: Guarantee | None = None
    split: str = Field(default="", description="How the calibration parts were kept apart.")
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _in_order(self) -> "Dispositions":
        if self.pass_below > self.fail_from:
            raise ValueError(
                f"pass_below {self.pass_below!r} is above fail_from {self.fail_from!r}"
            )
        return self

    def __call__(self, probability: float) -> Outcome:
        if probability < self.pass_below:
            return Outcome.PASS
        return Outcome.FAIL if probability >= self.fail_from else Outcome.REVIEW


class Result(Value):
    """What a monitor makes of one case."""

    id: str
    group: str | None
    stage: Literal["first", "second"]
    probability: Probability = Field(description="Fused P(anomalous).")
    reliability: Probability = Field(description="P(the label is right).")
    label: Label
    move: Move = Field(description="After one look accept or revisit, after two keep or correct.")
    gain: FiniteFloat | None = Field(description="Expected of a second look, per unit of cost.")
    disposition: Outcome | None = Field(description="Null for a monitor without targets.")
    flags: tuple[str, ...] = ()


class FittedMonitor(Value):
    """Heads, the decision to look again, and dispositions, as saved."""

    format: Literal["reinspect monitor"] = "reinspect monitor"
    version: Literal[1] = 1
    first: Head
    second: Head | None = None
    again: SecondLookGain | None = None
    dispositions: Dispositions | None = None
    training: FittedOn

    def after_first(self, case: Case) -> Scored:
        """What can be said after the first look."""
        return self.first.score([case.first], first_signals(case.signals))

    def revisits(self, case: Case) -> bool:
        """Whether a second look is worth its cost."""
        if self.again is None:
            return False
        return self.again.gain(self.after_first(case).probability) >= self.again.least

    def score(self, case: Case) -> Result:
        """Fuse the looks of a case, as many as count.

        An explored second look counts where this monitor would have asked for it: that is how the
        part would have been judged.
        """
        first = self.after_first(case)
        scored, stage = first, "first"
        if case.second is not None and self._counts(case):
            if self.second is None:
                note = "the second look is left aside: this monitor was fitted on first looks"
                scored = first.model_copy(update={"flags": (*first.flags, note)})
            else:
                looks = [case.first, case.second]
                scored, stage = self.second.score(looks, case.signals), "second"
        settle = self.dispositions
        return Result(
            id=case.id,
            group=case.group,
            stage=stage,
            probability=scored.probability,
            reliability=scored.reliability,
            label=_label(scored.probability),
            move=self._move(case, scored, stage),
            gain=self.again.gain(first.probability) if self.again else None,
            disposition=settle(scored.probability) if settle else None,
            flags=scored.flags,
        )

    def estimate(self, case: Case) -> Estimate:
        """Fused probability and reliability, with the signals that they rest on."""
        result = self.score(case)
        gain = {} if result.gain is None else {"gain of a second look": result.gain}
        return Estimate(
            probability=result.probability,
            reliability=result.reliability,
            signals={**case.signals, **gain},
            notes=result.flags,
        )

    def first_move(self, case: Case) -> Move:
        """Accept or revisit, by the first look alone."""
        return Move.REVISIT if self.revisits(case) else Move.ACCEPT

    def second_move(self, case: Case) -> Move:
        """Keep or correct, by both looks."""
        return Move.KEEP if self.score(case).label is _label(case.first) else Move.CORRECT

    def _counts(self, case: Case) -> bool:
        explored = case.occasion is Occasion.EXPLORED and self.again is not None
        return not explored or self.revisits(case)

    def _move(self, case: Case, scored: Scored, stage: str) -> Move:
        if stage == "second":
            same = _label(scored.probability) is _label(case.first)
            return Move.KEEP if same else Move.CORRECT
        return self.first_move(case) if case.second is None else Move.ACCEPT


class FittedContext(Protocol):
    """What the policies of a fitted monitor are made from."""

    @property
    def fitted(self) -> FittedMonitor:
        """The recipe's monitor, else the one that ships."""


class WorthIt:
    """Look again where the expected gain is worth the cost; a rule fixed when it was fitted.

    Raises:
        MonitorError: the monitor has learned nothing of second looks.
    """

    about = About("worth_it")
    Options = ComponentOptions

    def __init__(self, monitor: FittedMonitor) -> None:
        if monitor.again is None:
            raise MonitorError(
                "this monitor can't say when to look again: it was not fitted on parts that were "
                "all looked at twice (`run --explore`)"
            )
        self._monitor = monitor

    @classmethod
    def from_recipe(cls, options: ComponentOptions, context: FittedContext) -> Self:
        """The policy of a recipe's monitor."""
        return cls(context.fitted)

    def __call__(self, trace: Trace) -> Move:
        if trace.first is None:
            return Move.ESCALATE
        if trace.rounds:
            return Move.ACCEPT
        return self._monitor.first_move(case_of(trace))


class Targets:
    """PASS, FAIL or REVIEW by thresholds that were held to targets.

    Errors, escalated parts and verdicts that contradict the fused probability go to REVIEW, which
    can only lower escape and overkill.

    Raises:
        MonitorError: the monitor was fitted without targets.
    """

    about = About("targets")
    Options = ComponentOptions

    def __init__(self, monitor: FittedMonitor) -> None:
        if monitor.dispositions is None:
            raise MonitorError(
                "this monitor has no thresholds: fit it with --max-escape or --max-overkill"
            )
        self._monitor, self._settle = monitor, monitor.dispositions

    @classmethod
    def from_recipe(cls, options: ComponentOptions, context: FittedContext) -> Self:
        """The policy of a recipe's monitor."""
        return cls(context.fitted)

    def __call__(self, trace: Trace) -> Disposition:
        if trace.error is not None:
            return Disposition(outcome=Outcome.REVIEW, reason=trace.error)
        if trace.verdict is None:
            return Disposition(outcome=Outcome.REVIEW, reason="there is no verdict")
        if trace.decision is not None and trace.decision.move is Move.ESCALATE:
            why = trace.decision.reason or "escalated by the policy"
            return Disposition(outcome=Outcome.REVIEW, reason=why)
        scored = self._monitor.score(case_of(trace))
        probability = scored.probability
        if scored.label is not trace.verdict.label:
            why = f"p = {probability:.3g} contradicts the verdict {trace.verdict.label.value!r}"
            return Disposition(outcome=Outcome.REVIEW, reason=why)
        outcome = self._settle(probability)
        limits = f"PASS below {self._settle.pass_below:.3g}, FAIL from {self._settle.fail_from:.3g}"
        return Disposition(outcome=outcome, reason=f"p = {probability:.3g}; {limits}")


def first_signals(signals: Mapping[str, float]) -> dict[str, float]:
    """Those that are known after the first look."""
    return {name: value for name, value in signals.items() if name.startswith(FIRST)}


def load_monitor(path: str | Path) -> FittedMonitor:
    """Read a saved monitor.

    Raises:
        MonitorError: the file can't be read, is no monitor, or one of another version.
    """
    kind = SavedKind("monitor", "reinspect monitor fit", "fit", MonitorError, VERSION, FORMAT)
    return read_json(path, FittedMonitor, kind)


def _label(probability: float) -> Label:
    return Label.of(probability >= 0.5)
