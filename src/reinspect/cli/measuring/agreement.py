"""`reinspect agreement`: how far inspectors agree with themselves, each other, the truth."""

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from reinspect.cli.progress import run_with_progress
from reinspect.cli.run import Category, LayoutName, Out, Quiet, Store, Workers, layout_of, say
from reinspect.runs.defaults import critics_beside, default_out, default_store, usage_errors

if TYPE_CHECKING:
    from reinspect.bench.agreement.study import Appraiser
    from reinspect.bench.agreement.trials import By
    from reinspect.graph.recipe import Recipe
    from reinspect.runs.plan import RunPlan
    from reinspect.runs.session import RunResult
    from reinspect.runs.sources import Listed


class RatedBy(StrEnum):
    """What a rating is read off."""

    LABEL = "label"
    OUTCOME = "outcome"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(agreement)


def agreement(
    parts: Annotated[
        list[Path],
        typer.Argument(metavar="PARTS...", help="Images, folders, MVTec-style roots."),
    ],
    recipes: Annotated[
        list[Path] | None,
        typer.Option("--with", metavar="RECIPE", help="A recipe that rates; may be repeated."),
    ] = None,
    repeats: Annotated[
        int, typer.Option("--repeats", min=1, max=100, help="Trials of each recipe.")
    ] = 3,
    reviews: Annotated[
        bool,
        typer.Option("--reviews", help="The people, too, who reviewed these pictures in --store."),
    ] = False,
    by: Annotated[
        RatedBy,
        typer.Option("--by", help="The verdict's label, or what happens to the part."),
    ] = RatedBy.LABEL,
    references: Annotated[
        Path | None,
        typer.Option("--references", help="Known-good images. \\[default: as for `run`]"),
    ] = None,
    category: Category = None,
    layout: LayoutName = None,
    out: Out = None,
    store: Store = None,
    json: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file.")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="The page with the plot. \\[default: agreement.html in --out]"),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the intervals.")] = 0,
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """Attribute-agreement study (AIAG MSA): repeatability, reproducibility, kappa, misses.

    Each recipe rates all parts several times, each time in a run of its own beside --out; given
    again, the command goes on where it was.
    """
    from reinspect.bench.agreement.page import page
    from reinspect.bench.agreement.study import study
    from reinspect.bench.agreement.table import tables_of
    from reinspect.bench.agreement.trials import true_labels
    from reinspect.bench.comparison import listed_by
    from reinspect.files import write_file
    from reinspect.runs.sources import Listed

    if not recipes and not reviews:
        raise typer.BadParameter("nobody rates: name a recipe by --with, or add --reviews")
    folder = out or default_out(f"{parts[0].absolute().name}-agreement")
    where = store or default_store(folder)
    console = Console(quiet=quiet)
    with usage_errors():
        chosen = listed_by(recipes or [], critics_beside(where))
        source = Listed.below(
            parts,
            categories=category or (),
            layout=layout_of(layout),
            exclude=[folder],
            views=chosen.patterns,
            rules=chosen.listed,
        )
        truth = true_labels(source.items)
    for line in (source.census.line, *source.notes):
        say(console, line)
    plans = _plans(recipes or [], source, references, folder, where, workers)
    every = [_rated(*named, repeats, by.value, console) for named in plans.items()]
    if reviews:
        every += _people(source, where)
    found = study(every, truth, by=by.value, seed=seed)
    for shown in tables_of(found):
        console.print(shown)
    shown_at = html or folder / "agreement.html"
    write_file(shown_at, page(found))
    if json is not None:
        write_file(json, found.model_dump_json(indent=2) + "\n")
    say(console, f"Page     {shown_at}")


def _plans(
    files: Sequence[Path],
    source: "Listed",
    references: Path | None,
    out: Path,
    store: str,
    workers: int | None,
) -> "dict[str, RunPlan]":
    """Of each recipe, by its file's name; all are checked before the first one rates."""
    from reinspect.bench.agreement.study import AgreementError
    from reinspect.engine.local import Local
    from reinspect.graph.recipe import load_recipe
    from reinspect.runs.plan import RunPlan

    loaded: dict[str, Recipe] = {}
    for file in files:
        if file.stem in loaded:
            raise AgreementError(f"two recipes are called {file.stem!r}; name their files apart")
        loaded[file.stem] = load_recipe(file, critics=critics_beside(store))
    return {
        name: RunPlan.of(
            source,
            recipe=recipe,
            references=references,
            out=out,
            store=store,
            engine=Local(workers),
        )
        for name, recipe in loaded.items()
    }


def _rated(name: str, plan: "RunPlan", repeats: int, by: "By", console: Console) -> "Appraiser":
    from reinspect.bench.agreement.trials import rate

    def run(trial: "RunPlan") -> "RunResult":
        say(console, f"{name}: {trial.out}")
        return run_with_progress(trial, console)

    rated = rate(name, plan, repeats, run, by)
    if rated is None:
        said = "Interrupted; what was rated is kept: give the same command with --out to go on"
        print(f"{said} {plan.out}", file=sys.stderr)  # noqa: T201 - for people
        raise typer.Exit(130)
    return rated


def _people(source: "Listed", store: str) -> "list[Appraiser]":
    from reinspect.bench.agreement.trials import reviewers
    from reinspect.runs.remaining import hash_of

    pictures: dict[str, str] = {}
    for item in source.items:
        if content := hash_of(item):  # nobody could review what can't be read
            pictures.setdefault(content, item.id)
    return reviewers(store, pictures)
