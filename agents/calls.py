"""Calls of models: how they get into the trace, what they have cost, and when it is enough.

Roles return verdicts and the like, not calls. A member's client notes each call where it is made;
the graph records what was noted while the member worked, whether it then succeeded or failed.
"""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pydantic import BaseModel, ConfigDict, Field

from reinspect.errors import ReinspectError
from reinspect.vocabulary import Call, Step, Trace

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


class Spent(BaseModel):
    """What calls have cost. Unknown tokens and prices count as nothing and are counted."""

    model_config = ConfigDict(frozen=True)

    calls: int = 0
    tokens: int = 0
    seconds: float = 0.0
    usd: float = 0.0
    unpriced: int = Field(default=0, description="Calls whose price is not known.")

    @classmethod
    def on(cls, calls: Iterable[Call]) -> "Spent":
        """The sum of calls."""
        every = tuple(calls)
        return cls(
            calls=len(every),
            tokens=sum((c.tokens_in or 0) + (c.tokens_out or 0) for c in every),
            seconds=sum(c.seconds for c in every),
            usd=sum(c.usd or 0.0 for c in every),
            unpriced=sum(c.usd is None for c in every),
        )

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            calls=self.calls + other.calls,
            tokens=self.tokens + other.tokens,
            seconds=self.seconds + other.seconds,
            usd=self.usd + other.usd,
            unpriced=self.unpriced + other.unpriced,
        )


class ModelLimits(BaseModel):
    """What may be spent on models; null is no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calls: int | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=0, description="In and out together.")
    seconds: float | None = Field(
        default=None, ge=0, allow_inf_nan=False, description="Spent waiting for models."
    )
    usd: float | None = Field(default=None, ge=0, allow_inf_nan=False)

    def exceeded(self, spent: Spent) -> str | None:
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


def calls_of(steps: Iterable[Step]) -> Iterator[Call]:
    """All calls of some steps."""
    for step in steps:
        yield from (product for product in step.products if isinstance(product, Call))


def spent_on(trace: Trace) -> Spent:
    """What a trace has cost so far, an explored second look included: it was paid for, too."""
    return Spent.on(calls_of(trace.all_steps))


class BudgetSpent(ReinspectError, RuntimeError):  # noqa: N818 - it names what happened, not a fault
    """There is nothing left to ask a model with."""


class RunBudget:
    """What a whole run may spend, shared by all threads that inspect."""

    def __init__(self, limits: ModelLimits | None = None) -> None:
        self._limits, self._spent = limits or ModelLimits(), Spent()
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
            self._spent = self._spent + Spent(calls=1)

    def pay(self, call: Call) -> None:
        """Count what a call that was counted before has cost."""
        cost = Spent.on([call]).model_copy(update={"calls": 0})
        with self._lock:
            self._spent = self._spent + cost
