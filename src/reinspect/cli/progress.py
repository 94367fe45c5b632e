"""Progress on a terminal, and nothing elsewhere."""

from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from reinspect.vocabulary import Outcome, Trace

COLOURS = {Outcome.PASS: "blue", Outcome.FAIL: "yellow", Outcome.REVIEW: "magenta"}
"""Told apart by colour-blind people too."""


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:.1f}/s")


class Counter:
    """Counts dispositions, and shows them beside a progress bar if the console is a terminal."""

    def __init__(self, console: Console, total: int | None, *, quiet: bool) -> None:
        self.outcomes = dict.fromkeys(Outcome, 0)
        self.errors = 0
        self._bar = Progress(
            SpinnerColumn(),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
            console=console,
            disable=quiet or not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task(self._words(), total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def __call__(self, trace: Trace) -> None:
        disposition = trace.disposition
        self.outcomes[disposition.outcome if disposition else Outcome.REVIEW] += 1
        self.errors += trace.error is not None
        self._bar.update(self._task, advance=1, description=self._words())

    def _words(self) -> str:
        return "  ".join(
            f"[{COLOURS[outcome]}]{outcome} {count}[/]" for outcome, count in self.outcomes.items()
        )
