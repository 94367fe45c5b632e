"""Calls of models: how they get into the trace, and when it is enough.

Roles return verdicts and the like, not calls. A member's client notes each call where it is made;
the graph records what was noted while the member worked, whether it then succeeded or failed.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pydantic import BaseModel, ConfigDict, Field

from reinspect.cost import ModelCost
from reinspect.errors import ReinspectError
from reinspect.vocabulary import Call

_open: ContextVar[list[Call] | None] = ContextVar("calls", default=None)


@contextmanager
def recorded() -> Iterator[list[Call]]:
    """Collects the calls that are noted inside, in this thread."""
    calls: list[Call] = []
    token = _open.set(calls)
    try:
        yield calls
    finally:
        _open.reset(token)


def note(call: Call) -> None:
    """Put a call on record; outside `recorded` nobody wants to know."""
    calls = _open.get()
    if calls is not None:
        calls.append(call)


def spent_here() -> ModelCost:
    """What the calls cost that were noted since the recording began: no trace has them yet."""
    return ModelCost.of(_open.get() or ())


class Price(BaseModel):
    """USD for a million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)

    def of(self, tokens_in: int, tokens_out: int) -> float:
        """USD for so many tokens."""
        return (tokens_in * self.input + tokens_out * self.output) / 1e6


class ModelLimits(BaseModel):
    """What may be spent on models; null is no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calls: int | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=0, description="In and out together.")
    seconds: float | None = Field(
        default=None, ge=0, allow_inf_nan=False, description="Spent waiting for models."
    )
    usd: float | None = Field(default=None, ge=0, allow_inf_nan=False)

    def exceeded(self, spent: ModelCost) -> str | None:
        """The limit that is reached, in words; none while there is something left."""
        for name, least in (
            ("calls", self.calls),
            ("tokens", self.tokens),
            ("seconds", self.seconds),
            ("usd", self.usd),
        ):
            used = getattr(spent, name)
            if least is not None and used >= least:
                return f"{used:g} of {least:g} {name}"
        return None


class BudgetSpent(ReinspectError, RuntimeError):  # noqa: N818 - it names what happened, not a fault
    """There is nothing left to ask a model with."""


class RunBudget:
    """What a whole run may spend, shared by all threads that inspect."""

    def __init__(self, limits: ModelLimits | None = None) -> None:
        self._limits, self._spent = limits or ModelLimits(), ModelCost()
        self._lock = threading.Lock()
        self._closed = False

    def close(self) -> None:
        """Let no further call through: what is in hand when a run is stopped ends soon."""
        self._closed = True

    def open(self) -> None:
        """Count a call before it is made, so that threads can't make more of them than allowed.

        What a call costs is known when it is over: up to as many as are in flight go beyond
        the other limits.

        Raises:
            BudgetSpent: a limit is reached, or the run was stopped.
        """
        if self._closed:
            raise BudgetSpent("the run was stopped")
        with self._lock:
            reached = self._limits.exceeded(self._spent)
            if reached:
                raise BudgetSpent(f"budget: the run has spent {reached}")
            self._spent = self._spent + ModelCost(calls=1)

    def pay(self, call: Call) -> None:
        """Count what a call that was counted before has cost."""
        cost = ModelCost.of([call]).model_copy(update={"calls": 0})
        with self._lock:
            self._spent = self._spent + cost
