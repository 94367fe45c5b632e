"""`reinspect run`."""

import os
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from reinspect.cli.line.asking import OpcUa, Requested, controller, source_of
from reinspect.cli.line.bundle import BundleFile, unpacked
from reinspect.cli.line.publishing import Publish, in_the_console, outlet_to
from reinspect.cli.progress import run_with_progress
from reinspect.cli.telemetry import Otel, telemetry
from reinspect.runs.defaults import UsageError, default_store, shown_store, usage_errors
from reinspect.texts import visible

if TYPE_CHECKING:
    from reinspect.dataset import Item, Layout
    from reinspect.engine.roles import Engine
    from reinspect.runs.plan import RunPlan
    from reinspect.runs.session import RunResult
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


class EngineName(StrEnum):
    """Who hands out images: this program on its own machine, or Ray on many."""

    LOCAL = "local"
    RAY = "ray"


AcceptReferences = Annotated[
    bool,
    typer.Option(
        "--accept-references", help="The references are as they should be: say nothing of them."
    ),
]
LayoutName = Annotated[
    str | None,
    typer.Option(
        "--layout",
        help="Of data sets: visa, coco …; plain for none. \\[default: told by what is there]",
    ),
]
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
    bundle: BundleFile = None,
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
    settled: Annotated[
        float | None,
        typer.Option(
            "--settled",
            min=0.01,
            help="With --watch: seconds that a file must rest to be taken. \\[default: 1]",
        ),
    ] = None,
    view_timeout: Annotated[
        float | None,
        typer.Option(
            "--view-timeout",
            min=0.01,
            help="With --watch: seconds that a part waits for its other views. \\[default: 60]",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Check everything, try a few images, say what a run would take."
        ),
    ] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Inspect the first N images only.")
    ] = None,
    layout: LayoutName = None,
    max_pixels: Annotated[
        int | None,
        typer.Option("--max-pixels", min=1, help="An image may have; larger ones are REVIEW."),
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
        EngineName, typer.Option("--engine", help="ray: actors on this machine or on a cluster.")
    ] = EngineName.LOCAL,
    address: Annotated[
        str | None,
        typer.Option("--address", help="Ray's, as host:port or auto. \\[default: start one here]"),
    ] = None,
    line: Annotated[
        str | None, typer.Option("--line", help="Which line the parts are of: --tag line=NAME.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="NAME=VALUE", help="To find the run by; may be repeated."),
    ] = None,
    on_request: Requested = False,
    opcua: OpcUa = None,
    publish: Publish = None,
    otel: Otel = None,
    accept_references: AcceptReferences = False,
    quiet: Quiet = False,
) -> None:
    """Inspect images and write verdicts, traces and a report."""
    from reinspect.runs.plan import RunPlan

    console = Console(quiet=quiet)
    if on_request and watch:
        raise UsageError("--on-request: goes with no --watch")
    requested = source_of(on_request, sources, limit, opcua, publish)
    outlet = outlet_to(publish, in_the_console, requested)
    packed = unpacked(bundle, ("--recipe", recipe), ("--references", references))
    if packed is not None:
        say(console, packed.line)
    plan = RunPlan.of(
        requested or sources,
        recipe=packed.recipe if packed else recipe,
        references=packed.references if packed else references,
        cache=packed.cache if packed else None,
        weights=packed.weights if packed else None,
        out=out,
        store=store,
        limit=limit,
        layout=layout_of(layout),
        max_pixels=max_pixels,
        watch=watch,
        settled=settled,
        view_timeout=view_timeout,
        engine=_engine(engine, address, workers),
        resume=resume,
        retry_failed=retry_failed,
        dry_run=dry_run,
        explore=explore,
        timeout=timeout,
        max_seconds=max_seconds,
        max_failures=1 if fail_fast else max_failures,
        tags=tags_of(line, tag or ()),
    )
    if not watch and requested is None:
        say_census(console, plan)
    if dry_run:
        _say_what_it_takes(console, plan)
        return
    options = {
        "--out": plan.out,
        "--store": shown_store(plan.store),
        "--references": references,
        "--recipe": recipe,
        "--bundle": bundle,
        "--limit": limit,
        "--layout": layout,
        "--max-pixels": max_pixels,
        "--engine": None if engine is EngineName.LOCAL else engine.value,
        "--address": address,
        "--explore": explore or None,
        "--watch": watch or None,
        "--settled": settled,
        "--view-timeout": view_timeout,
        "--on-request": on_request or None,
        "--opcua": opcua,
        "--publish": publish,
        "--accept-references": accept_references or None,
    }
    if requested is not None:
        say(console, f"Waiting to be asked for files below {', '.join(sources)}; Ctrl-C ends it")
    if watch:
        say(console, f"Watching {', '.join(sources)}; Ctrl-C ends it")
    noted = None if accept_references or quiet else partial(_say_all, console)

    def carry_out(plan: RunPlan) -> "RunResult":
        with (
            telemetry(otel, plan.out.absolute().name, os.environ) as spans,
            controller(opcua, plan, requested) as told,
        ):
            sinks = [spans] if spans else []
            return run_with_progress(plan, console, sinks, noted=noted, outlet=outlet, told=told)

    last, result, again = _to_the_end(console, plan, options, carry_out)
    _tell(console, last, result, again, retry=not watch and requested is None)


def _to_the_end(
    console: Console,
    plan: "RunPlan",
    options: Mapping[str, object],
    carry_out: "Callable[[RunPlan], RunResult]",
) -> "tuple[RunPlan, RunResult, str]":
    """The last run and how it ended, where others go on by newer references.

    The command that resumes it goes with it.
    """
    while True:
        again = _resume_line(plan, {**options, "--out": plan.out})
        try:
            result = carry_out(plan)
        except KeyboardInterrupt:
            _stopped("Interrupted", again if (plan.out / "recipe.yaml").exists() else None)
        going_on = _renewed(console, plan, result)
        if going_on is None:
            return plan, result, again
        plan = going_on


def tags_of(line: str | None, tags: Sequence[str]) -> dict[str, str]:
    """The tags of a run.

    Raises:
        UsageError: one is no NAME=VALUE, or a name has two values.
    """
    found: dict[str, str] = {}
    for text in ([f"line={line}"] if line is not None else []) + list(tags):
        name, mark, value = (word.strip() for word in text.partition("="))
        if not (name and mark and value):
            raise UsageError(f"--tag: {text!r} is no NAME=VALUE")
        if found.get(name, value) != value:
            raise UsageError(f"--tag: {name} is {found[name]!r} already, not {value!r}")
        found[name] = value
    return found


def _renewed(console: Console, plan: "RunPlan", result: "RunResult") -> "RunPlan | None":
    """The plan of the run that goes on by a new version of the references, if one counts now."""
    from reinspect.runs.limits import Ending

    if result.ending is not Ending.SUPERSEDED:
        return None
    going_on = plan.renewed(result.inspected)
    if going_on is not None:
        say(console, f"References: {going_on.references.origin} counts now")
        say(console, f"{plan.out} has {result.tally.images} images; going on in {going_on.out}")
    return going_on


def _engine(name: EngineName, address: str | None, workers: int | None) -> "Engine":
    """Who inspects.

    Raises:
        UsageError: an address without Ray.
    """
    if name is EngineName.RAY:
        from reinspect.engine.ray import Ray

        return Ray(address, workers)
    if address:
        raise UsageError("--address: is Ray's; add --engine ray")
    from reinspect.engine.local import Local

    return Local(workers)


def _say_what_it_takes(console: Console, plan: "RunPlan") -> None:
    from reinspect.runs.estimate import estimate

    lines, failed = estimate(plan)
    for line in lines:
        say(console, line)
    if failed:
        raise typer.Exit(1)


def _tell(
    console: Console, plan: "RunPlan", result: "RunResult", again: str, *, retry: bool
) -> None:
    """What came out, where it is, and how to go on."""
    from reinspect.runs.limits import Ending
    from reinspect.store import Store as TraceStore

    folder = plan.out
    if not console.quiet:
        with TraceStore.open(plan.store, create=False) as opened:
            _show(console, opened, result, brief=result.nothing_new)
        for line in result.cost.lines():
            say(console, line)
    for line in filter(None, (result.setup_alarm, *result.unread_masks)):
        say(console, line)
    if result.nothing_new:
        count = result.resumed
        say(console, f"All {count} images were inspected before; nothing was left to do.")
    where = [] if plan.store == default_store(folder) else ["--store", shown_store(plan.store)]
    story = shlex.join(["reinspect", "show", str(folder), *where])
    say(console, f"Report   {folder / 'report.html'}")
    say(console, f"Results  {folder / 'results.jsonl'}, {folder / 'results.csv'}")
    say(console, f"Pictures {folder / 'pictures'}")
    say(console, f"Traces   {shown_store(plan.store)} ({story} IMAGE)")
    said = {
        Ending.INTERRUPTED: "Interrupted",
        Ending.OUT_OF_TIME: f"Stopped after {plan.max_seconds or 0:g} s (--max-seconds)",
        Ending.FAILURES: f"Stopped after {plan.max_failures} failures (--max-failures)",
    }
    if result.ending in said:
        code = 130 if result.ending is Ending.INTERRUPTED else 3
        _stopped(said[result.ending], again, code=code)
    if result.tally.errors:
        if retry:
            say(console, f"To try the failed ones again: {again} --retry-failed")
        raise typer.Exit(1)


def _show(
    console: Console, store: "TraceStore", result: "RunResult", *, brief: bool = False
) -> None:
    from reinspect.cli.tables import against_truth, summary, verdicts
    from reinspect.export import FAILURES, causes

    run_id, tally = result.run_id, result.tally
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
    console.print(visible(text), soft_wrap=True, markup=False, highlight=False)


def _say_all(console: Console, lines: Sequence[str]) -> None:
    for line in lines:
        say(console, line)


def say_census(console: Console, plan: "RunPlan") -> None:
    """Print how many files were looked at, what was left out, what was understood of the rest."""
    from reinspect.runs.sources import census_of

    census = census_of(plan.source)
    if census is not None:
        say(console, census.line)
    _say_all(console, getattr(plan.source, "notes", ()))
    say_understood(console, plan.source.found)


def layout_of(name: str | None) -> "Layout | None":
    """The layout of a name.

    Raises:
        UsageError: there is none of this name.
    """
    from reinspect.dataset import Layout

    try:
        return None if name is None else Layout(name)
    except ValueError as failure:
        raise UsageError(f"--layout: {name!r} is none of {', '.join(Layout)}") from failure


def say_understood(console: Console, items: "Iterable[Item]", *, thoroughly: bool = False) -> bool:
    """Print what was understood of each data set, before its figures; whether there is any.

    Raises:
        UsageError: annotations are not what they should be.
    """
    from reinspect.dataset import understood

    if console.quiet:
        return True
    with usage_errors():
        lines = list(understood(items, thoroughly=thoroughly))
    for line in lines:
        say(console, line)
    return bool(lines)


def _stopped(why: str, resume_line: str | None, *, code: int = 130) -> NoReturn:
    said = f"to finish: {resume_line}" if resume_line else "nothing was inspected yet"
    print(f"{why}; {said}", file=sys.stderr)  # noqa: T201 - for people
    raise typer.Exit(code)


def _resume_line(plan: "RunPlan", options: Mapping[str, object]) -> str:
    """The command that finishes the run; an option that is True stands alone."""
    words = ["reinspect", "run", *plan.source.paths]
    for name, value in options.items():
        if value is not None:
            words += [name] if value is True else [name, str(value)]
    return shlex.join([*words, "--resume"])
