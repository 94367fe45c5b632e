"""`reinspect run`."""

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from reinspect.cli.places import critics_beside, default_out, default_store, plainly, runs_beside

if TYPE_CHECKING:
    from reinspect.cli.job import Job
    from reinspect.store import Store as TraceStore

Recipe = Annotated[
    Path | None, typer.Option("--recipe", help="Recipe file. \\[default: the embedded one]")
]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="Folder for the results. \\[default: runs/<time>-<name>]"),
]
Store = Annotated[
    str | None,
    typer.Option("--store", help="URL or SQLite file. \\[default: reinspect.db beside --out]"),
]
Category = Annotated[
    list[str] | None, typer.Option("--category", help="Only this category; may be repeated.")
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Processes. \\[default: one per core, 8 at most]"),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(run)


def run(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="Images, folders (searched recursively), MVTec-style roots (their test images).",
        ),
    ],
    references: Annotated[
        Path | None,
        typer.Option(
            "--references",
            help="Folder of known-good images, or of one such folder a category. "
            "\\[default: train/good of an MVTec-style category, else the folder itself]",
        ),
    ] = None,
    recipe: Recipe = None,
    out: Out = None,
    store: Store = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Finish the run in --out; failed images are retried.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Inspect the first N images only.")
    ] = None,
    explore: Annotated[
        bool,
        typer.Option(
            "--explore", help="Take the second look at every image, for training; same verdicts."
        ),
    ] = False,
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """Inspect images and write verdicts, traces and a report."""
    from reinspect.cli.job import Job, JobError, carry_out, items_of
    from reinspect.graph.recipe import Recipe as RecipeFile
    from reinspect.graph.recipe import load_recipe
    from reinspect.graph.references import golden_sets
    from reinspect.settings import Settings
    from reinspect.store import Store as TraceStore

    if resume and out is None:
        raise JobError("--resume needs --out: the folder of the run to finish")
    console = Console(quiet=quiet)
    folder = out or default_out(paths)
    registry = critics_beside(store or default_store(folder))
    chosen = load_recipe(recipe, critics=registry) if recipe else RecipeFile()
    with plainly():
        apart = [folder, *runs_beside(folder), *([references] if references else [])]
        items = items_of(paths, exclude=apart)
        golden = golden_sets(items, chosen, given=references)
    settings = Settings()
    job = Job(
        items=items[:limit],
        sources=tuple(paths),
        recipe=chosen,
        references=golden,
        out=folder,
        store=store or default_store(folder),
        resume=resume,
        explore=explore,
        workers=workers or default_workers(),
        cache=settings.cache_dir,
        weights=settings.weights_dir,
    )
    again = _resume_line(job, references, recipe, limit)
    try:
        finished = carry_out(job, console, quiet=quiet)
    except KeyboardInterrupt:
        _interrupted(again if (folder / "recipe.yaml").exists() else None)
    if not quiet:
        with TraceStore.open(job.store, create=False) as opened:
            _show(console, opened, finished.run_id)
        for line in finished.bill.lines():
            say(console, line)
    if finished.resumed == len(job.items):
        say(console, f"All {len(job.items)} images were inspected before; nothing was left to do.")
    where = [] if job.store == default_store(folder) else ["--store", job.store]
    story = shlex.join(["reinspect", "show", str(folder), *where])
    say(console, f"Report   {folder / 'report.html'}")
    say(console, f"Results  {folder / 'results.jsonl'}, {folder / 'results.csv'}")
    say(console, f"Pictures {folder / 'pictures'}")
    say(console, f"Traces   {job.store} ({story} IMAGE)")
    if finished.interrupted:
        _interrupted(again)
    if finished.tally.errors:
        raise typer.Exit(1)


def _show(console: Console, store: "TraceStore", run_id: int) -> None:
    from reinspect.cli.tables import against_truth, summary, verdicts

    tally = store.tally(run_id)
    rows = (found.row for found in store.inspections(run_id))
    console.print(verdicts(rows, tally.images, width=console.width))
    console.print(summary(tally))
    truth = store.truth(run_id)
    if truth:
        again = (found.row for found in store.inspections(run_id))
        console.print(against_truth(again, truth))


def say(console: Console, text: str) -> None:
    """Print a line as it is: no mark-up, no wrapping, no colours."""
    console.print(text, soft_wrap=True, markup=False, highlight=False)


def _interrupted(resume_line: str | None) -> NoReturn:
    said = f"to finish: {resume_line}" if resume_line else "nothing was inspected yet"
    print(f"Interrupted; {said}", file=sys.stderr)  # noqa: T201 - for people
    raise typer.Exit(130)


def _resume_line(
    job: "Job", references: Path | None, recipe: Path | None, limit: int | None
) -> str:
    options = {
        "--out": job.out,
        "--store": job.store,
        "--references": references,
        "--recipe": recipe,
        "--limit": limit,
    }
    words = ["reinspect", "run", *map(str, job.sources)]
    words += [str(w) for name, value in options.items() if value is not None for w in (name, value)]
    words += ["--explore"] if job.explore else []
    return shlex.join([*words, "--resume"])


def default_workers() -> int:
    """One per core that this process may use, 8 at most."""
    return min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
