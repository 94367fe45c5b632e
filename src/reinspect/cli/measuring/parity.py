"""`reinspect parity`: whether two recipes, say two servers of one model, say the same."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from reinspect.cli.progress import run_with_progress
from reinspect.cli.run import Category, LayoutName, Out, Quiet, Store, Workers, layout_of, say
from reinspect.runs.defaults import critics_beside, default_out, default_store, usage_errors
from reinspect.texts import two_digits, visible

if TYPE_CHECKING:
    from reinspect.bench.parity import Parity, RatedParts, SideVerdict
    from reinspect.runs.plan import RunPlan
    from reinspect.runs.session import RunResult

SHOWN = 40
"""Differences that are printed; `--json` has all."""


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(parity)


def parity(
    one: Annotated[Path, typer.Argument(metavar="A", help="A recipe.")],
    other: Annotated[Path, typer.Argument(metavar="B", help="The other recipe.")],
    parts: Annotated[
        list[Path],
        typer.Option("--parts", help="Images, folders, MVTec-style roots; may be repeated."),
    ],
    references: Annotated[
        Path | None,
        typer.Option("--references", help="Known-good images. \\[default: as for `run`]"),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option("--tolerance", min=0, max=1, help="Gap of probabilities that is none."),
    ] = 0.05,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="The first N images only.")
    ] = None,
    category: Category = None,
    layout: LayoutName = None,
    out: Out = None,
    store: Store = None,
    json: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file.")
    ] = None,
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """Ask two recipes the same, and tell where their verdicts differ; exit code 1 if they do.

    Two servers, two formats of answers, two precisions of one model: each has a run of its own
    beside --out. A difference of probabilities or types alone is told, and no failure.
    """
    from reinspect.bench.comparison import listed_by
    from reinspect.bench.parity import ParityError, compare_sides
    from reinspect.engine.local import Local
    from reinspect.files import write_file
    from reinspect.graph.recipe import load_recipe
    from reinspect.runs.plan import RunPlan
    from reinspect.runs.sources import Listed

    names = [file.stem for file in (one, other)]
    if names[0] == names[1]:
        raise ParityError(f"both recipes are called {names[0]!r}; name their files apart")
    folder = out or default_out(f"{parts[0].absolute().name}-parity")
    where = store or default_store(folder)
    console = Console(quiet=quiet)
    loaded = [load_recipe(file, critics=critics_beside(where)) for file in (one, other)]
    with usage_errors():
        chosen = listed_by((one, other), critics_beside(where))
        source = Listed.below(
            parts,
            categories=category or (),
            layout=layout_of(layout),
            limit=limit,
            exclude=[folder],
            views=chosen.patterns,
            rules=chosen.listed,
        )
    for line in (source.census.line, *source.notes):
        say(console, line)
    plans = [
        RunPlan.of(
            source, recipe=recipe, references=references, out=folder, store=where,
            engine=Local(workers),
        )
        for recipe in loaded
    ]  # fmt: skip
    sides = [_rated(*pair, console) for pair in zip(names, plans, strict=True)]
    found = compare_sides(sides[0], sides[1], tolerance=tolerance)
    _print(found, console)
    if json is not None:
        write_file(json, found.model_dump_json(indent=2) + "\n")
    if not found.alike:
        raise typer.Exit(1)


def _rated(name: str, plan: "RunPlan", console: Console) -> "RatedParts":
    from reinspect.bench.parity import rated

    def run(own: "RunPlan") -> "RunResult":
        say(console, f"{name}: {own.out}")
        return run_with_progress(own, console)

    made = rated(name, plan, run)
    if made is None:
        said = "Interrupted; what was judged is kept: give the same command with --out to go on"
        print(f"{said} {plan.out}", file=sys.stderr)  # noqa: T201 - for people
        raise typer.Exit(130)
    return made


def _print(found: "Parity", console: Console) -> None:
    table = Table(box=box.SIMPLE, padding=0, pad_edge=False)
    table.add_column("part", overflow="fold")
    table.add_column("differs")
    for side in (found.one, found.other):
        table.add_column(Text(visible(side.name)), overflow="fold")
    for part in found.differences[:SHOWN]:
        both = (_in_words(part.one), _in_words(part.other))
        table.add_row(Text(visible(part.part)), ", ".join(part.what), *both)
    more = len(found.differences) - SHOWN
    if more > 0:
        table.caption = f"… and {more} more: --json has all"
    if found.differences:
        console.print(table)
    gap = (
        "–"
        if found.largest_gap is None
        else f"{found.mean_gap:.3f}, at most {found.largest_gap:.3f}"
    )
    kappa = "" if found.kappa is None else f", kappa {found.kappa:.2f}"
    say(
        console,
        f"{found.labels_alike} of {found.judged} labels alike{kappa}; probabilities apart by {gap}",
    )
    for side in (found.one, found.other):
        say(
            console,
            f"{side.name}: {side.failed} failed, {side.calls} calls, {side.unread} answers "
            f"unreadable, {side.tokens:,} tokens, {side.seconds:.1f} s",
        )


def _in_words(side: "SideVerdict") -> Text:
    if side.error:
        return Text(visible(side.error))
    if side.label is None or side.probability is None:
        return Text(side.outcome.value)
    types = f" ({', '.join(side.types)})" if side.types else ""
    return Text(
        visible(f"{side.label.value} {two_digits(side.probability)}{types}, {side.outcome.value}")
    )
