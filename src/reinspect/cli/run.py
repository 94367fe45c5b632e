"""`reinspect run`."""

import os
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from reinspect.cli.telemetry import Otel, telemetry
from reinspect.runs.defaults import critics_beside, default_out, default_store, plainly, runs_beside

if TYPE_CHECKING:
    from reinspect.runs.session import RunPlan, RunResult
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


class Engine(StrEnum):
    """Who hands out images: this program on its own machine, or Ray on many."""

    LOCAL = "local"
    RAY = "ray"


Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(run)


def run(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Images, folders (searched recursively), MVTec-style roots (their test images); "
            "with --engine ray also one URL: s3://…, gs://….",
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
    resume: Annotated[bool, typer.Option("--resume", help="Finish the run in --out.")] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="With --resume: try failed images again, too.")
    ] = False,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch", help="Inspect files as they arrive in the folder, until Ctrl-C or a limit."
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Check everything, try a few images, say what a run would take."
        ),
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
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", min=0.001, help="Seconds that an image may take; then REVIEW."),
    ] = None,
    max_seconds: Annotated[
        float | None,
        typer.Option("--max-seconds", min=0.001, help="Stop after so long; --resume goes on."),
    ] = None,
    max_failures: Annotated[
        int | None,
        typer.Option("--max-failures", min=1, help="Stop when so many images have failed."),
    ] = None,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Stop at the first failure: --max-failures 1.")
    ] = False,
    engine: Annotated[
        Engine, typer.Option("--engine", help="ray: actors on this machine or on a cluster.")
    ] = Engine.LOCAL,
    address: Annotated[
        str | None,
        typer.Option("--address", help="Ray's, as host:port or auto. \\[default: start one here]"),
    ] = None,
    otel: Otel = None,
    quiet: Quiet = False,
) -> None:
    """Inspect images and write verdicts, traces and a report."""
    from reinspect.engine.ray import Cluster
    from reinspect.graph.recipe import Recipe as RecipeFile
    from reinspect.graph.recipe import load_recipe
    from reinspect.graph.references import reference_sets
    from reinspect.runs.session import RunError, RunPlan, carry_out, items_of, stored_items
    from reinspect.settings import Settings
    from reinspect.storage import is_url, name_of

    for given, wanted, why in (
        (resume and out is None, "--resume needs --out", "the folder of the run to finish"),
        (retry_failed and not resume, "--retry-failed needs --resume", "what failed is in a run"),
        (dry_run and resume, "--dry-run", "tells of a new run; leave --resume out"),
        (watch and engine is Engine.RAY, "--engine ray", "can't follow a folder that fills"),
        (address and engine is Engine.LOCAL, "--address", "is Ray's; add --engine ray"),
        (dry_run and watch, "--dry-run", "can't tell what will arrive; leave --watch out"),
    ):
        if given:
            raise RunError(f"{wanted}: {why}")
    console = Console(quiet=quiet)
    far = any(map(is_url, sources))
    paths = [] if far else [Path(source) for source in sources]
    folder = out or default_out([Path(name_of(sources[0]))] if far else paths)
    registry = critics_beside(store or default_store(folder))
    chosen = load_recipe(recipe, critics=registry) if recipe else RecipeFile()
    if far:
        _refuse_storage(sources, engine, chosen.references or references, dry_run=dry_run)
    if watch:
        _refuse_to_watch(paths, chosen.references or references)
    with plainly():
        apart = [folder, *runs_beside(folder), *([references] if references else [])]
        if far:
            items = stored_items(sources[0])
        else:
            items = () if watch else items_of(paths, exclude=apart)
        golden = reference_sets(items, chosen, given=references)
    settings = Settings()
    job = RunPlan(
        items=items[:limit],
        sources=(sources[0],) if far else tuple(paths),
        recipe=chosen,
        references=golden,
        out=folder,
        store=store or default_store(folder),
        resume=resume,
        retry_failed=retry_failed,
        explore=explore,
        workers=workers or default_workers(),
        cache=settings.cache_dir,
        weights=settings.weights_dir,
        timeout=timeout,
        max_seconds=max_seconds,
        max_failures=1 if fail_fast else max_failures,
        watched=watch,
        apart=tuple(apart),
        limit=limit,
        cluster=Cluster(address, workers) if engine is Engine.RAY else None,
    )
    if dry_run:
        _say_what_it_takes(console, job)
        return
    again = _resume_line(job, references, recipe)
    if watch:
        say(console, f"Watching {', '.join(sources)}; Ctrl-C ends it")
    try:
        with telemetry(otel, folder.absolute().name, os.environ) as spans:
            finished = carry_out(job, console, quiet=quiet, watcher=spans)
    except KeyboardInterrupt:
        _stopped("Interrupted", again if (folder / "recipe.yaml").exists() else None)
    _tell(console, job, finished, again)


def _refuse_to_watch(paths: list[Path], references: object) -> None:
    from reinspect.runs.session import RunError

    for path in paths:
        if not path.is_dir():
            raise RunError(f"{path}: is no folder; --watch takes folders that files arrive in")
    if references is None:
        raise RunError(
            f"{paths[0]}: a folder that fills can't be its own reference; name known-good images "
            "with --references"
        )


def _refuse_storage(
    sources: list[str], engine: Engine, references: object, *, dry_run: bool
) -> None:
    from reinspect.runs.session import RunError
    from reinspect.storage import is_url

    url = next(filter(is_url, sources))
    for given, why in (
        (engine is Engine.LOCAL, "add --engine ray, which reads it; else copy or mount it here"),
        (len(sources) > 1, "is inspected alone: one URL a run, and no paths beside it"),
        (dry_run, "--dry-run reads folders of this machine; try some of it with --limit"),
        (
            references is None,
            "what lies in object storage can't be its own reference; name known-good images "
            "with --references",
        ),
    ):
        if given:
            raise RunError(f"{url}: {why}")


def _say_what_it_takes(console: Console, job: "RunPlan") -> None:
    from reinspect.runs.estimate import estimate

    lines, failed = estimate(job)
    for line in lines:
        say(console, line)
    if failed:
        raise typer.Exit(1)


def _tell(console: Console, job: "RunPlan", finished: "RunResult", again: str) -> None:
    """What came out, where it is, and how to go on."""
    from reinspect.runs.limits import Ending
    from reinspect.store import Store as TraceStore

    folder, nothing_new = job.out, bool(job.items) and finished.resumed == len(job.items)
    if not console.quiet:
        with TraceStore.open(job.store, create=False) as opened:
            _show(console, opened, finished, brief=nothing_new)
        for line in finished.bill.lines():
            say(console, line)
    if nothing_new:
        say(
            console,
            f"All {len(job.items)} images were inspected before; nothing was left to do.",
        )
    where = [] if job.store == default_store(folder) else ["--store", job.store]
    story = shlex.join(["reinspect", "show", str(folder), *where])
    say(console, f"Report   {folder / 'report.html'}")
    say(console, f"Results  {folder / 'results.jsonl'}, {folder / 'results.csv'}")
    say(console, f"Pictures {folder / 'pictures'}")
    say(console, f"Traces   {job.store} ({story} IMAGE)")
    said = {
        Ending.INTERRUPTED: "Interrupted",
        Ending.OUT_OF_TIME: f"Stopped after {job.max_seconds or 0:g} s (--max-seconds)",
        Ending.FAILURES: f"Stopped after {job.max_failures} failures (--max-failures)",
    }
    if finished.ending in said:
        code = 130 if finished.ending is Ending.INTERRUPTED else 3
        _stopped(said[finished.ending], again, code=code)
    if finished.tally.errors:
        if not job.watched:
            say(console, f"To try the failed ones again: {again} --retry-failed")
        raise typer.Exit(1)


def _show(
    console: Console, store: "TraceStore", finished: "RunResult", *, brief: bool = False
) -> None:
    from reinspect.cli.tables import against_truth, summary, verdicts
    from reinspect.export import FAILURES, causes

    run_id, tally = finished.run_id, finished.tally
    if not brief:
        rows = (found.row for found in store.inspections(run_id))
        console.print(verdicts(rows, tally.images, width=console.width))
    console.print(summary(tally))
    if tally.errors:
        known = causes(store, run_id)
        for cause, count in list(known.items())[:CAUSES]:
            say(console, f"  {count} × {cause}")
        rest = f"{len(known) - CAUSES} more causes, and " if len(known) > CAUSES else ""
        say(console, f"  {rest}each image: {FAILURES}")
    truth = {} if brief else store.truth(run_id)
    if truth:
        again = (found.row for found in store.inspections(run_id))
        console.print(against_truth(again, truth))


CAUSES = 5
"""Causes of failures that are printed; the file has all."""


def say(console: Console, text: str) -> None:
    """Print a line as it is: no mark-up, no wrapping, no colours."""
    console.print(text, soft_wrap=True, markup=False, highlight=False)


def _stopped(why: str, resume_line: str | None, *, code: int = 130) -> NoReturn:
    said = f"to finish: {resume_line}" if resume_line else "nothing was inspected yet"
    print(f"{why}; {said}", file=sys.stderr)  # noqa: T201 - for people
    raise typer.Exit(code)


def _resume_line(job: "RunPlan", references: Path | None, recipe: Path | None) -> str:
    options = {
        "--out": job.out,
        "--store": job.store,
        "--references": references,
        "--recipe": recipe,
        "--limit": job.limit,
        "--engine": "ray" if job.cluster else None,
        "--address": job.cluster and job.cluster.address,
    }
    words = ["reinspect", "run", *map(str, job.sources)]
    words += [str(w) for name, value in options.items() if value is not None for w in (name, value)]
    words += ["--explore"] if job.explore else []
    words += ["--watch"] if job.watched else []
    return shlex.join([*words, "--resume"])


def default_workers() -> int:
    """One per core that this process may use, 8 at most."""
    return min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
