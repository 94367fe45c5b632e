"""Progress on a terminal, and nothing elsewhere."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

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

from reinspect.roles import Sink
from reinspect.trace import Trace
from reinspect.vocabulary import Outcome

if TYPE_CHECKING:
    from reinspect.runs.plan import RunPlan
    from reinspect.runs.session import Outlet, RunResult

COLOURS = {Outcome.PASS: "blue", Outcome.FAIL: "yellow", Outcome.REVIEW: "magenta"}
"""Told apart by colour-blind people too."""


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:.1f}/s")


class ProgressBar:
    """Counts dispositions beside a progress bar, if the console is a terminal and not quiet."""

    def __init__(self, console: Console) -> None:
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
            disable=console.quiet or not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task(self._words(), total=None, start=False)

    def begin(self, total: int | None) -> None:
        """Show the bar, for so many images; None where nobody knows."""
        self._bar.update(self._task, total=total)
        self._bar.start_task(self._task)
        self._bar.start()

    def __enter__(self) -> Self:
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


@contextmanager
def counting(console: Console, words: str) -> Iterator[Callable[[int, int], None]]:
    """Something to be told how much is done, and of how much: a bar, as `ProgressBar` has one."""
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=console.quiet or not console.is_terminal,
        transient=True,
    )
    with bar:
        task = bar.add_task(words, total=None)

        def told(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield told


def run_with_progress(
    plan: "RunPlan",
    console: Console,
    sinks: Sequence[Sink] = (),
    noted: Callable[[Sequence[str]], object] | None = None,
    outlet: "Outlet | None" = None,
    told: Callable[[Sequence[Trace]], object] | None = None,
) -> "RunResult":
    """Carry out a plan, its progress shown on the console; see `reinspect.run`."""
    from reinspect.runs.session import run

    with ProgressBar(console) as bar:
        return run(plan, [bar, *sinks], started=bar.begin, noted=noted, outlet=outlet, told=told)
