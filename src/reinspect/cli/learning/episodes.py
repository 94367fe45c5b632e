"""`reinspect train episodes`: from runs, or from an annotated data set, to training data."""

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from reinspect.cli.progress import run_with_progress
from reinspect.cli.run import Category, Recipe, Workers, say
from reinspect.runs.defaults import (
    UsageError,
    default_out,
    default_store,
    store_of,
)

if TYPE_CHECKING:
    from reinspect.cost import ModelCost
    from reinspect.training.episodes.folder import EpisodeCard

_SHOWN = 5  # of a teacher's failures

Given = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN...|DATASET_ROOT",
        help="Runs, by folder or name; or an MVTec-style root, which is inspected first.",
    ),
]


def add_to(parent: typer.Typer) -> None:
    """Register the command."""
    parent.command()(episodes)


def episodes(
    given: Given,
    out: Annotated[Path, typer.Option("--out", help="New folder for the data set.")],
    store: Annotated[
        str | None,
        typer.Option("--store", help="URL or SQLite file. [default: reinspect.db beside the run]"),
    ] = None,
    recipe: Recipe = None,
    references: Annotated[
        Path | None,
        typer.Option(
            "--references",
            help="Folder of known-good images. \\[default: the recipe's, else the category's]",
        ),
    ] = None,
    shown: Annotated[
        int, typer.Option("--shown", min=0, max=8, help="KnownReferences shown with each question.")
    ] = 1,
    teacher: Annotated[
        Path | None,
        typer.Option(
            "--teacher", help="Recipe whose model writes captions. \\[default: templates do]"
        ),
    ] = None,
    unreviewed: Annotated[
        bool, typer.Option("--unreviewed", help="Take captions that nobody has accepted, too.")
    ] = False,
    category: Category = None,
    held_out: Annotated[
        list[Path] | None,
        typer.Option("--held-out", help="Images to leave out, by content; may be repeated."),
    ] = None,
    scenarios: Annotated[
        Path | None, typer.Option("--scenarios", help="YAML file: category → scenario.")
    ] = None,
    group_by: Annotated[
        str | None,
        typer.Option("--group-by", metavar="REGEX", help="What in an image's name groups it."),
    ] = None,
    validation: Annotated[
        float, typer.Option("--validation", min=0, max=0.5, help="Share that validates.")
    ] = 0.2,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of split and references.")] = 0,
    workers: Workers = None,
) -> None:
    """Make training data (M3-AD-FT): questions with their true answers, for a critic to learn."""
    from reinspect.bench.scenarios import read_scenarios
    from reinspect.graph.recipe import load_recipe
    from reinspect.store import Store as TraceStore
    from reinspect.training.episodes.build import EpisodeOptions, make_episodes
    from reinspect.training.episodes.captioning import Captions
    from reinspect.training.episodes.folder import refuse_used
    from reinspect.training.episodes.prompts import Grouping
    from reinspect.training.episodes.teacher import Teacher
    from reinspect.training.references import KnownReferences

    refuse_used(out)
    options = EpisodeOptions(
        references=references,
        shown=shown,
        held_out=tuple(held_out or ()),
        categories=tuple(category or ()),
        scenarios=read_scenarios(scenarios) if scenarios else {},
        grouping=Grouping.by(group_by),
        validation=validation,
        unreviewed=unreviewed,
        seed=seed,
    )
    console, known_references = Console(), KnownReferences(references)
    chosen = load_recipe(teacher) if teacher else None
    asked = Teacher.of(chosen, known_references, shown=shown, seed=seed) if chosen else None
    if _is_run(given):
        if recipe is not None:
            raise UsageError("--recipe is for a data set; a run has its own")
        runs, url = given, store_of(given[0], store)
    else:
        folder = default_out(Path(given[0]).absolute().name)
        url = store or default_store(folder)
        runs = [str(_inspect(given, folder, url, recipe, references, category, workers))]
    with TraceStore.open(url, create=False) as opened:
        captions = Captions(opened)
        if asked is not None and chosen is not None:
            at_once = chosen.budgets.in_flight
            captions = Captions(opened, asked, asked.name, at_once=at_once)
        try:
            card = make_episodes(opened, runs, out, options, captions, known_references)
        finally:
            if asked is not None:
                _print_cost(console, asked.spent)
    _print_card(console, card, captions.failures)
    say(console, f"Card     {out / 'README.md'}")


def _print_card(console: Console, card: "EpisodeCard", failures: Iterable[str]) -> None:
    modes = ", ".join(f"{count} {mode}" for mode, count in card.counts["mode"].items())
    sides = ", ".join(f"{count} {side}" for side, count in card.counts["split"].items())
    say(console, f"Episodes {modes} ({sides})")
    if card.trajectories:
        say(console, f"Acted    {card.trajectories} conversations with tools")
    for reason, images in card.left_out.items():
        say(console, f"Left out {len(images)}: {reason}")
    for warning in card.warnings:
        say(console, f"Warning  {warning}")
    for failure, count in Counter(failures).most_common(_SHOWN):
        say(console, f"Teacher  {count} times: {failure}")


def _print_cost(console: Console, spent: "ModelCost") -> None:
    usd = "cost unknown" if spent.unpriced else f"{spent.usd:.4f} USD"
    say(console, f"Teacher  {spent.calls} calls, {spent.tokens:,} tokens, {usd}")


def _is_run(given: list[str]) -> bool:
    """Whether runs are named: a folder without a recipe in it is a data set."""
    folder = Path(given[0])
    return not folder.is_dir() or (folder / "recipe.yaml").exists()


def _inspect(
    given: list[str],
    folder: Path,
    store: str,
    recipe: Path | None,
    references: Path | None,
    category: list[str] | None,
    workers: int | None,
) -> Path:
    """Stage 2: the first answers, and second looks at all, by a run on the data set."""
    from reinspect.engine.local import Local
    from reinspect.runs.plan import RunPlan

    if len(given) > 1:
        raise UsageError(f"{given[0]}: is a data set; name it alone, or runs alone")
    console = Console()
    plan = RunPlan.of(
        given[0],
        recipe=recipe,
        references=references,
        out=folder,
        store=store,
        categories=category or (),
        categorised=True,
        explore=True,
        engine=Local(workers),
    )
    if run_with_progress(plan, console).interrupted:
        print(f"Interrupted; what was inspected is in {folder}", file=sys.stderr)  # noqa: T201
        raise typer.Exit(130)
    say(console, f"Run      {folder}")
    return folder
