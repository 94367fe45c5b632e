"""`reinspect bench`: figures of annotated parts."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from reinspect.cli.progress import run_with_progress
from reinspect.cli.run import (
    Category,
    LayoutName,
    Out,
    Quiet,
    Store,
    Workers,
    layout_of,
    say,
    say_understood,
)
from reinspect.runs.defaults import (
    critics_beside,
    default_out,
    default_store,
    store_of,
    usage_errors,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reinspect.bench.comparison import Contender
    from reinspect.bench.side_by_side import Benched, SideBySide
    from reinspect.roles import Sink
    from reinspect.runs.plan import RunPlan
    from reinspect.runs.session import RunResult


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(bench)


def bench(
    root: Annotated[
        Path, typer.Argument(metavar="ROOT", help="MVTec-style category, or a folder of such.")
    ],
    references: Annotated[
        str,
        typer.Option(
            metavar="K|all", help="How many images of train/good to use, the first by name."
        ),
    ] = "all",
    draw: Annotated[
        int,
        typer.Option(min=0, help="Draw these K at random: any number but 0 is a draw of its own."),
    ] = 0,
    recipe: Annotated[
        list[Path] | None,
        typer.Option(
            "--recipe",
            help="Recipe file; several are compared side by side. \\[default: the embedded one]",
        ),
    ] = None,
    critic: Annotated[
        list[str] | None,
        typer.Option(
            "--critic",
            help="In place of the recipe's monitor: a file, a name in the registry, `embedded` or "
            "`fitted`; several are compared. `{category}` in it stands for the category.",
        ),
    ] = None,
    category: Category = None,
    layout: LayoutName = None,
    json: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write them as one page that needs nothing else.")
    ] = None,
    out: Out = None,
    store: Store = None,
    scenarios: Annotated[
        Path | None, typer.Option("--scenarios", help="YAML file: category → scenario.")
    ] = None,
    looks: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="Look at nothing again: what monitors make of the looks of this explored run.",
        ),
    ] = None,
    explore: Annotated[
        bool, typer.Option("--explore", help="Take the second look at every image.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the intervals.")] = 0,
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """Measure recipes: accuracy, localisation, calibration, and what the second look changed.

    With several recipes or critics: all of them on the same images, and their differences.
    """
    from reinspect.bench.comparison import listed_by, load_contenders, replay_contender
    from reinspect.bench.scenarios import read_scenarios
    from reinspect.bench.side_by_side import compare
    from reinspect.engine.local import Local
    from reinspect.runs.plan import RunPlan
    from reinspect.runs.sources import Listed

    first = _count(references)
    folder = out or default_out(root.absolute().name)
    registry = critics_beside(store or default_store(folder))
    with usage_errors():
        chosen = listed_by(recipe or [], registry)
        source = Listed.below(
            [root],
            categories=category or (),
            categorised=True,
            layout=layout_of(layout),
            views=chosen.patterns,
            rules=chosen.listed,
        )
        kinds = read_scenarios(scenarios) if scenarios else {}
    found_in = sorted({item.category for item in source.items if item.category})
    every = load_contenders(recipe or [], critic or [], registry, found_in)
    plans = [
        RunPlan.of(
            source,
            recipe=next(iter(contender.recipes.values())),
            first=first,
            draw=draw,
            out=folder,
            store=store or (store_of(looks[0], None) if looks else None),
            explore=explore,
            engine=Local(workers),
        )
        for contender in every
    ]
    console, ends = Console(quiet=quiet), list["RunResult"]()
    say(console, source.census.line)
    for line in source.notes:
        say(console, line)
    say_understood(console, source.items)
    if looks:
        results = [replay_contender(*pair, looks) for pair in zip(every, plans, strict=True)]
    else:
        results, ends = _carry_out(every, plans, console)
    found = compare(results, scenarios=kinds, seed=seed)
    _write(found, json, html)
    _print(found, results, console)
    if len(every) == 1 and ends:
        for line in ends[0].cost.lines():
            say(console, line)
        say(console, f"Report   {folder / 'report.html'}")
    if any(end.tally.errors for end in ends):
        raise typer.Exit(1)


def _carry_out(
    every: "Sequence[Contender]", plans: "Sequence[RunPlan]", console: Console
) -> "tuple[list[Benched], list[RunResult]]":
    """Run each contender, one after the other."""
    from reinspect.bench.comparison import run_contender

    def run(plan: "RunPlan", sinks: "Sequence[Sink]") -> "RunResult":
        return run_with_progress(plan, console, sinks)

    def say_line(line: str) -> None:
        say(console, line)

    results, ends = [], []
    for contender, plan in zip(every, plans, strict=True):
        result, finished = run_contender(contender, plan, run, say_line, alone=len(every) == 1)
        ends += finished
        if result is None:
            said = f"Interrupted; what was inspected is in {plan.out}*; run it again for figures"
            print(said, file=sys.stderr)  # noqa: T201 - for people
            raise typer.Exit(130)
        results.append(result)
    return results, ends


def _print(found: "SideBySide", results: "Sequence[Benched]", console: Console) -> None:
    """One alone has a table of its figures; several have theirs side by side."""
    from reinspect.bench.table import compared, table

    alone = len(results) == 1
    for shown in [table(results[0].report, results[0].views)] if alone else compared(found):
        console.print(shown)
    for contestant in found.contestants:
        for warning in contestant.warnings:
            print(f"Warning: {warning}", file=sys.stderr)  # noqa: T201 - for people


def _write(found: "SideBySide", json: Path | None, html: Path | None) -> None:
    """The figures of one alone as they are; of several, all of them and their differences."""
    from reinspect.bench.page import page
    from reinspect.files import write_file

    content = found if len(found.contestants) > 1 else found.contestants[0]
    if json:
        write_file(json, content.model_dump_json(indent=2, by_alias=True) + "\n")
    if html:
        write_file(html, page(found))


def _count(references: str) -> int | None:
    if references == "all":
        return None
    if references.isdecimal() and int(references) > 0:
        return int(references)
    raise typer.BadParameter(f"--references takes a number or 'all', not {references!r}")
