"""What each component must be able to do: one synchronous call a role.

Anything callable with the right signature fits: a function, or an object with `__call__`. It may be
called from several threads at once when the pipeline asks a model server. One that is asynchronous
(`async def`) is waited for.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from reinspect.trace import Step, Trace
from reinspect.vocabulary import (
    Assessment,
    Disposition,
    Estimate,
    Evidence,
    Explanation,
    Move,
    Product,
    Revision,
    Sample,
    Verdict,
)


class Detector(Protocol):
    """Takes the first look.

    Evidence alone is the answer where nothing allows a verdict; the part then goes to REVIEW.
    """

    def __call__(self, sample: Sample, /) -> Verdict | Evidence: ...


class Monitor(Protocol):
    """Says whether the verdict in force can be relied on."""

    def __call__(self, trace: Trace, /) -> Assessment: ...


class Estimator(Protocol):
    """Fuses the looks and signals of a trace into one probability and one reliability."""

    def __call__(self, trace: Trace, /) -> Estimate: ...


class Tool(Protocol):
    """Brings new evidence on the verdict in force: one piece, or several, by their sources."""

    def __call__(self, trace: Trace, /) -> Evidence | Sequence[Evidence]: ...


class StepAttempt(Protocol):
    """Does a piece of work as a step: timed, its calls on record, its failure the step's error."""

    def __call__(
        self, work: Callable[[], Iterable[Product]], /, tool: str | None = None
    ) -> Step: ...


class Actor(Protocol):
    """Takes the second look by tools of its own choice, instead of all in the recipe's order.

    A monitor that has a method `act` is one.
    """

    def __call__(
        self, trace: Trace, tools: Mapping[str, Tool], attempt: StepAttempt, /
    ) -> Iterable[Step]: ...


class Reviser(Protocol):
    """Reflects on the evidence and proposes a fused verdict.

    The proposal's `move` says what its own label would mean; the revision policy has the last word.
    """

    def __call__(self, trace: Trace, /) -> Revision: ...


class Explainer(Protocol):
    """Puts the first and the final verdict into words."""

    def __call__(self, trace: Trace, /) -> Explanation: ...


class Policy(Protocol):
    """Answers "given the trace so far, what next"."""

    def __call__(self, trace: Trace, /) -> Move: ...


class Settler(Protocol):
    """Turns a finished trace into PASS, FAIL or REVIEW."""

    def __call__(self, trace: Trace, /) -> Disposition: ...


class Sink(Protocol):
    """Takes each finished trace, in the order in which they finish."""

    def __call__(self, trace: Trace, /) -> None: ...
