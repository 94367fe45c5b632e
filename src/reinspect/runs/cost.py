"""What a run has asked of models: how often they could not be read, and what they cost."""

from collections.abc import Iterator, Mapping

from reinspect.agents.calls import calls_of
from reinspect.vocabulary import Call, Trace


class Account:
    """One model's calls."""

    def __init__(self) -> None:
        self.calls = self.failed = self.answers = self.unread = 0
        self.tokens_in = self.tokens_out = self.unpriced = 0
        self.usd = self.seconds = 0.0

    def add(self, call: Call) -> None:
        """Count one call."""
        self.calls += 1
        self.failed += call.error is not None and not call.unread
        self.answers += len(call.answers)
        self.unread += call.unread
        self.tokens_in += call.tokens_in or 0
        self.tokens_out += call.tokens_out or 0
        self.unpriced += call.usd is None
        self.usd += call.usd or 0.0
        self.seconds += call.seconds

    @property
    def unreadable(self) -> float:
        """Share of answers that could not be read, [0, 1]."""
        return self.unread / self.answers if self.answers else 0.0


class Bill:
    """Counts the calls of every trace that it is shown, by model; fits the role `Sink`."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}

    def __call__(self, trace: Trace, /) -> None:
        for call in calls_of(trace.all_steps):
            self.accounts.setdefault(call.model, Account()).add(call)

    @property
    def counters(self) -> dict[str, float]:
        """The sums of all models, as the store keeps them with the run; nothing without calls."""
        accounts = self.accounts.values()
        names = ("calls", "failed", "answers", "unread", "tokens_in", "tokens_out", "unpriced")
        sums = {f"model_{n}": float(sum(getattr(a, n) for a in accounts)) for n in names}
        return {**sums, "model_usd": sum(a.usd for a in accounts)} if self.accounts else {}

    def with_those_of(self, before: Mapping[str, float]) -> dict[str, float]:
        """The sums, those of a run that is resumed added: what was paid before stays paid."""
        earlier = {name: n for name, n in before.items() if name.startswith("model_")}
        own = self.counters
        return {n: own.get(n, 0.0) + earlier.get(n, 0.0) for n in {**earlier, **own}}

    def lines(self) -> Iterator[str]:
        """A line a model."""
        for name, account in sorted(self.accounts.items()):
            priced = account.calls - account.unpriced
            cost = f"{account.usd:.4f} USD" if priced else "cost unknown (no price in the recipe)"
            if priced and account.unpriced:
                cost += f" and {account.unpriced} calls of unknown cost"
            yield (
                f"Model {name}: {account.calls} calls, {account.failed} failed, "
                f"{account.unread} of {account.answers} answers unreadable "
                f"({account.unreadable:.1%}), {account.tokens_in} tokens in, "
                f"{account.tokens_out} out, {account.seconds / max(account.calls, 1):.2f} s a "
                f"call, {cost}"
            )
