"""`reinspect bench`: a run on annotated parts, and its figures."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from reinspect.cli.places import critics_beside, default_out, default_store, plainly
from reinspect.cli.run import (
    Category,
    Out,
    Quiet,
    Recipe,
    Store,
    Workers,
    default_workers,
    say,
)

if TYPE_CHECKING:
    from reinspect.cli.job import Finished, Job
    from reinspect.cli.meter import Meter
    from reinspect.training.bench import BenchReport
    from reinspect.vocabulary import Evidence


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
    recipe: Recipe = None,
    category: Category = None,
    json: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file.")
    ] = None,
    out: Out = None,
    store: Store = None,
    explore: Annotated[
        bool, typer.Option("--explore", help="Take the second look at every image.")
    ] = False,
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """Measure a recipe: accuracy, localisation, calibration, and what the second look changed."""
    from reinspect.cli.job import Job, carry_out, items_of
    from reinspect.cli.meter import Meter
    from reinspect.export.whole import whole_file
    from reinspect.graph.recipe import Recipe as RecipeFile
    from reinspect.graph.recipe import load_recipe
    from reinspect.graph.references import golden_sets
    from reinspect.settings import Settings
    from reinspect.training.bench_table import table

    first = _count(references)
    folder = out or default_out([root])
    registry = critics_beside(store or default_store(folder))
    chosen = load_recipe(recipe, critics=registry) if recipe else RecipeFile()
    with plainly():
        items = items_of([root], only=category, categorised=True)
        golden = golden_sets(items, chosen, first=first)
    settings = Settings()
    job = Job(
        items=items,
        sources=(root,),
        recipe=chosen,
        references=golden,
        out=folder,
        store=store or default_store(folder),
        explore=explore,
        workers=workers or default_workers(),
        cache=settings.cache_dir,
        weights=settings.weights_dir,
    )
    console = Console(quiet=quiet)
    with Meter() as meter:
        finished = carry_out(job, console, quiet=quiet, watcher=meter)
    if finished.interrupted:
        said = f"Interrupted; what was inspected is in {folder}; run it again for figures"
        print(said, file=sys.stderr)  # noqa: T201 - for people
        raise typer.Exit(130)
    report = _scored(job, finished, meter)
    if json:
        with whole_file(json) as file:
            file.write(report.model_dump_json(indent=2, by_alias=True).encode() + b"\n")
    console.print(table(report))
    for line in finished.bill.lines():
        console.print(line, markup=False, soft_wrap=True)
    say(console, f"Report   {folder / 'report.html'}")
    if finished.tally.errors:
        raise typer.Exit(1)


def _count(references: str) -> int | None:
    if references == "all":
        return None
    if references.isdecimal() and int(references) > 0:
        return int(references)
    raise typer.BadParameter(f"--references takes a number or 'all', not {references!r}")


def _scored(job: "Job", finished: "Finished", meter: "Meter") -> "BenchReport":
    from reinspect.store import Store as TraceStore
    from reinspect.training.bench import Judged, score

    with TraceStore.open(job.store, create=False) as store:
        truths = store.truth(finished.run_id)
        judged = [
            Judged.of(
                trace,
                truth=truth.label,
                types=truth.types,
                boxes=truth.boxes,
                mask=truth.mask,
                size=trace.sample.visual.size,
                first_map=_map(job.out, trace.first.evidence if trace.first else ()),
            )
            for trace in store.traces(finished.run_id)
            if (truth := truths.get(trace.sample.id))
        ]
    counts = {name: len(job.references.of(name).files) for name in {j.category for j in judged}}
    return score(judged, counts, peak_memory=meter.peak_memory).timed(meter.seconds)


def _map(folder: Path, evidence: "tuple[Evidence, ...]") -> str | None:
    from reinspect.pictures import HEAT_MAP

    shown = (p for piece in evidence for p in piece.pictures if p.shows == HEAT_MAP)
    return next((str(folder / picture.path) for picture in shown), None)
