"""What asking models has cost: money, tokens, time, answers that nobody could read."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Self

from pydantic import Field

from reinspect.trace import Step, Trace
from reinspect.vocabulary import Call, Value

_COUNTER = "model_"
_COUNTED = ("calls", "failed", "answers", "unread", "tokens_in", "tokens_out", "unpriced", "usd")


def calls_of(steps: Iterable[Step]) -> Iterator[Call]:
    """All calls of some steps."""
    for step in steps:
        yield from (product for product in step.products if isinstance(product, Call))


class ModelCost(Value):
    """The sum of some calls. Unknown tokens and prices count as nothing, and are counted."""

    calls: int = 0
    failed: int = Field(default=0, description="Calls that brought no answer.")
    answers: int = 0
    unread: int = Field(default=0, description="Answers that could not be read.")
    tokens_in: int = 0
    tokens_out: int = 0
    unpriced: int = Field(default=0, description="Calls whose price is not known.")
    usd: float = 0.0
    seconds: float = Field(default=0.0, description="Spent waiting.")

    @classmethod
    def of(cls, calls: Iterable[Call]) -> Self:
        """The sum of calls."""
        every = tuple(calls)
        return cls(
            calls=len(every),
            failed=sum(c.error is not None and not c.unread for c in every),
            answers=sum(len(c.answers) for c in every),
            unread=sum(c.unread for c in every),
            tokens_in=sum(c.tokens_in or 0 for c in every),
            tokens_out=sum(c.tokens_out or 0 for c in every),
            unpriced=sum(c.usd is None for c in every),
            usd=sum(c.usd or 0.0 for c in every),
            seconds=sum(c.seconds for c in every),
        )

    @classmethod
    def of_trace(cls, trace: Trace) -> Self:
        """What a trace has cost so far, an explored second look included: it was paid for, too."""
        return cls.of(calls_of(trace.all_steps))

    @classmethod
    def of_counters(cls, counters: Mapping[str, float]) -> Self | None:
        """What a run has cost, as the store keeps it; none where no model was asked.

        Seconds are not among the counters.
        """
        known = {name: counters.get(_COUNTER + name) for name in _COUNTED}
        if not any(value is not None for value in known.values()):
            return None
        return cls.model_validate({name: value or 0 for name, value in known.items()})

    @property
    def counters(self) -> dict[str, float]:
        """As the store keeps it with a run."""
        return {_COUNTER + name: float(getattr(self, name)) for name in _COUNTED}

    @property
    def tokens(self) -> int:
        """In and out together."""
        return self.tokens_in + self.tokens_out

    @property
    def known_usd(self) -> float | None:
        """USD; none where the price of a call is not known, for that is not nothing."""
        return None if self.unpriced else self.usd

    @property
    def unreadable(self) -> float:
        """Share of answers that could not be read, [0, 1]."""
        return self.unread / self.answers if self.answers else 0.0

    def __add__(self, other: "ModelCost") -> "ModelCost":
        return ModelCost.model_construct(
            **{name: getattr(self, name) + getattr(other, name) for name in type(self).model_fields}
        )


class RunCost:
    """Counts the calls of every trace that it is shown, by model; fits the role `Sink`."""

    def __init__(self) -> None:
        self.models: dict[str, ModelCost] = {}

    def __call__(self, trace: Trace, /) -> None:
        for call in calls_of(trace.all_steps):
            before = self.models.get(call.model, ModelCost())
            self.models[call.model] = before + ModelCost.of([call])

    @property
    def total(self) -> ModelCost:
        """Of all models."""
        return sum(self.models.values(), start=ModelCost())

    def add_to(self, before: Mapping[str, float]) -> dict[str, float]:
        """Counters of a run, the earlier ones of one that is resumed added: paid stays paid.

        Nothing where no model was asked, then or now.
        """
        earlier = ModelCost.of_counters(before)
        if earlier is None:
            return self.total.counters if self.models else {}
        return (self.total + earlier).counters

    def lines(self) -> Iterator[str]:
        """A line a model."""
        for name, cost in sorted(self.models.items()):
            priced = cost.calls - cost.unpriced
            money = f"{cost.usd:.4f} USD" if priced else "cost unknown (no price in the recipe)"
            if priced and cost.unpriced:
                money += f" and {cost.unpriced} calls of unknown cost"
            yield (
                f"Model {name}: {cost.calls} calls, {cost.failed} failed, "
                f"{cost.unread} of {cost.answers} answers unreadable "
                f"({cost.unreadable:.1%}), {cost.tokens_in} tokens in, "
                f"{cost.tokens_out} out, {cost.seconds / max(cost.calls, 1):.2f} s a "
                f"call, {money}"
            )
