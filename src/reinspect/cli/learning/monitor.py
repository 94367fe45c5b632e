"""`reinspect monitor`: fit, apply and examine a monitor."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from reinspect.errors import ReinspectError
from reinspect.runs.defaults import store_of

if TYPE_CHECKING:
    from reinspect.policies.case import Case
    from reinspect.policies.fitted import FittedMonitor
    from reinspect.training.cases import TrainingSet

app = typer.Typer(
    name="monitor", help="Fit, apply and examine what says when a verdict can be relied on."
)

Judgements = Annotated[
    Path | None, typer.Option("--judgements", help="Judgements, one JSON record a line.")
]
Store = Annotated[
    str | None,
    typer.Option("--store", help="URL or SQLite file. [default: reinspect.db beside the run]"),
]
LooksAlone = Annotated[
    bool,
    typer.Option(
        "--looks-alone",
        help="Weigh looks and no signals: signals need not carry over to another product.",
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of the splits.")]
Monitor = typer.Option("--monitor", help="A monitor that `fit` has written.")


class MonitorUsageError(ReinspectError, ValueError):
    """Options that can't be, or can't be together."""


def add_to(parent: typer.Typer) -> None:
    """Register the commands."""
    parent.add_typer(app)


@app.command()
def fit(
    out: Annotated[Path, typer.Option("--out", help="File for the monitor, JSON.")],
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Runs, by folder or name.")
    ] = None,
    judgements: Judgements = None,
    max_escape: Annotated[
        float | None, typer.Option(help="Of defective parts, the most that may pass.")
    ] = None,
    max_overkill: Annotated[
        float | None, typer.Option(help="Of good parts, the most that may fail.")
    ] = None,
    max_review: Annotated[
        float | None, typer.Option(help="Of all parts, the most that people may have to see.")
    ] = None,
    confidence: Annotated[float, typer.Option(help="With which each target is to hold.")] = 0.9,
    revisits: Annotated[
        float, typer.Option(help="Share of parts to look at twice, where most is to be gained.")
    ] = 0.3,
    looks_alone: LooksAlone = False,
    seed: Seed = 0,
    store: Store = None,
) -> None:
    """Fit a monitor on judgements whose truth is known."""
    from reinspect.files import write_json
    from reinspect.training.monitor.fit import fit_monitor
    from reinspect.training.monitor.targets import Goals

    goals = Goals(
        escape=None if max_escape is None else _share("--max-escape", max_escape),
        overkill=None if max_overkill is None else _share("--max-overkill", max_overkill),
        review=None if max_review is None else _share("--max-review", max_review),
        confidence=_share("--confidence", confidence),
    )
    training_set = _training_set(runs or [], judgements, store, looks_alone)
    monitor = fit_monitor(
        training_set.items,
        seed=seed,
        goals=goals,
        share=revisits,
        sources=training_set.sources,
        notes=training_set.notes,
    )
    write_json(out, monitor)
    _told(monitor)
    typer.echo(out)


@app.command()
def score(
    judgements: Annotated[
        Path, typer.Option("--judgements", help="Judgements, one JSON record a line.")
    ],
    monitor: Annotated[Path, Monitor],
    json_out: Annotated[Path, typer.Option("--json", help="File for the results.")],
) -> None:
    """Say how each judgement looks to a monitor: probability, reliability, move."""
    from reinspect.files import write_file
    from reinspect.policies.case import read_cases
    from reinspect.policies.fitted import load_monitor

    loaded = load_monitor(monitor)
    results = [loaded.score(judgement) for judgement in read_cases(judgements)]
    content = [result.model_dump(mode="json") for result in results]
    write_file(json_out, json.dumps(content, indent=1) + "\n")
    flagged = sum(bool(result.flags) for result in results)
    typer.echo(f"{len(results)} judgements, {flagged} flagged: {json_out}")


@app.command()
def report(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="A run's folder, or its name.")
    ] = None,
    judgements: Judgements = None,
    monitor: Annotated[Path | None, Monitor] = None,
    cross_validate: Annotated[
        str | None,
        typer.Option(
            metavar="group|random",
            help="Fit anew without each group, or each of five random parts. "
            "[default: random, unless --monitor is given]",
        ),
    ] = None,
    looks_alone: LooksAlone = False,
    seed: Seed = 0,
    json_out: Annotated[Path | None, typer.Option("--json", help="File for the figures.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="File for a page with plots.")] = None,
    store: Store = None,
) -> None:
    """Compare the first look, the blend of both looks, and the fitted monitor."""
    from reinspect.files import write_file
    from reinspect.policies.fitted import load_monitor
    from reinspect.training.monitor import report as made
    from reinspect.training.monitor.page import page, tables
    from reinspect.training.splits import Split

    if monitor is not None and cross_validate is not None:
        raise MonitorUsageError("--monitor and --cross-validate exclude each other")
    if cross_validate not in (None, *Split):
        raise MonitorUsageError(f"--cross-validate {cross_validate!r} is not 'group' or 'random'")
    if monitor is not None and looks_alone:
        raise MonitorUsageError("--looks-alone says how to fit: it can't change a --monitor")
    training_set = _training_set([run] if run else [], judgements, store, looks_alone)
    warnings: tuple[str, ...] = ()
    if monitor is not None:
        known, results, warnings = made.apply(training_set.items, load_monitor(monitor))
        how = f"monitor {monitor.name}"
        apart = () if warnings else (f"none of the {len(known)} parts is among those of the fit",)
    else:
        split = Split(cross_validate or Split.RANDOM)
        known, results = made.cross_validate(training_set.items, split, seed=seed)
        folds = "group left out in turn" if split is Split.GROUP else "one fifth left out in turn"
        how = f"cross-validated, {folds}, seed {seed}"
        apart = (made.kept_apart(split),)
    figures = made.report_of(
        known, results, how=how, apart=(*apart, *training_set.notes), seed=seed, warnings=warnings
    )
    if json_out is not None:
        write_file(json_out, made.dumped(figures))
    if html is not None:
        write_file(html, page(figures))
    console = Console()
    for table in tables(figures):
        console.print(table)
    for said in figures.apart:
        console.print(said, markup=False)
    for warning in figures.warnings:
        console.print(f"warning: {warning}", markup=False)


@app.command()
def schema() -> None:
    """Print the JSON schema of a judgement."""
    from reinspect.policies.case import Case

    typer.echo(json.dumps(Case.model_json_schema(), indent=2))


def _share(name: str, value: float) -> float:
    if not 0 < value < 1:
        raise MonitorUsageError(f"{name} {value!r} is not between 0 and 1")
    return value


def _training_set(
    runs: list[str], judgements: Path | None, store: str | None, looks_alone: bool
) -> "TrainingSet[Case]":
    from reinspect.training.cases import drop_signals

    found = _named(runs, judgements, store)
    return drop_signals(found) if looks_alone else found


def _named(runs: list[str], judgements: Path | None, store: str | None) -> "TrainingSet[Case]":
    from reinspect.store import Store as TraceStore
    from reinspect.training.cases import from_file, from_run, join

    if bool(runs) == (judgements is not None):
        raise MonitorUsageError("name either a RUN or --judgements FILE")
    if judgements is not None:
        return from_file(judgements)
    parts = []
    for run in runs:
        with TraceStore.open(store_of(run, store), create=False) as opened:
            parts.append(from_run(opened, run, prefix=len(runs) > 1))
    return join(parts)


def _told(monitor: "FittedMonitor") -> None:
    training, again, settle = monitor.training, monitor.again, monitor.dispositions
    lines = [
        f"fitted on {len(training.fitted)} parts"
        + (f", calibrated on {len(training.calibrated)} others" if training.calibrated else ""),
        *training.notes,
    ]
    if again is not None:
        lines.append(f"a second look is worth most, and taken, for {again.share:.0%} of the parts")
    if settle is not None:
        promises = (settle.escape, settle.overkill, settle.review)
        lines += [promise.said for promise in promises if promise is not None]
        lines += settle.notes
        lines.append("these hold for parts that are like draws from those calibrated on")
    for line in lines:
        typer.echo(line)
