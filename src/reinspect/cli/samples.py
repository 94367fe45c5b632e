"""`reinspect sample`, `dataset` and `graph`."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from reinspect.cli.run import LayoutName, Recipe, layout_of, say, say_understood
from reinspect.runs.defaults import UsageError, usage_errors

TargetName = Literal["mvtec", "coco", "yolo"]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(sample)
    app.command()(dataset)
    app.command()(graph)


def sample(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="New or empty folder.")],
    category: Annotated[
        list[str] | None,
        typer.Option("--category", help="A product to draw, or 'all'; may be repeated."),
    ] = None,
    references: Annotated[int, typer.Option("--references", help="Known-good parts each.")] = 8,
    good: Annotated[int, typer.Option("--good", help="Good parts to inspect each.")] = 6,
    defective: Annotated[int, typer.Option("--defective", help="Defective parts each.")] = 8,
    seed: Annotated[int, typer.Option("--seed", help="The same seed makes the same parts.")] = 0,
    drawn: Annotated[
        int, typer.Option("--drawn", min=0, help="This many more categories, drawn at random.")
    ] = 0,
    views: Annotated[
        bool, typer.Option("--views", help="Parts with two views each, front and back.")
    ] = False,
    thermal: Annotated[
        bool, typer.Option("--thermal", help="With --views: a thermal view as well.")
    ] = False,
    sound: Annotated[
        bool, typer.Option("--sound", help="Recordings of a motor instead, with faults.")
    ] = False,
) -> None:
    """Make sample parts: an MVTec-style set with masks, drawn by the project's own generator."""
    from reinspect.samples import (
        PRODUCTS,
        RECIPE,
        write_sample_set,
        write_sound_set,
        write_viewed_set,
    )

    names = PRODUCTS if category == ["all"] else category
    counts = {"seed": seed, "references": references, "good": good, "defective": defective}
    again = f"reinspect run {folder}"
    if thermal and not views:
        raise UsageError("--thermal: is a view beside others; add --views")
    if views and drawn:
        raise UsageError("--drawn: draws parts with one view; leave --views out")
    if sound and (views or drawn or category):
        raise UsageError("--sound: draws recordings of a motor; leave pictures of parts out")
    with usage_errors():
        if sound:
            write_sound_set(folder, **counts)
        elif views:
            write_viewed_set(folder, categories=names, thermal=thermal, **counts)
            again += f" --recipe {folder / RECIPE}"
        else:
            write_sample_set(folder, categories=names, drawn=drawn, **counts)
    typer.echo(f"Sample parts in {folder}; inspect them with: {again}")


def dataset(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="Folder of a data set, or of several.")
    ],
    out: Annotated[
        Path | None,
        typer.Argument(metavar="[OUT]", help="With --to: new or empty folder to write it into."),
    ] = None,
    layout: LayoutName = None,
    to: Annotated[
        TargetName | None, typer.Option("--to", help="Write it in this layout, too.")
    ] = None,
) -> None:
    """Say what is understood of a data set: its layout, references, parts, masks, oddities.

    With --to, write it anew in another layout.
    """
    from reinspect.dataset import Target, convert, discover

    if (to is None) != (out is None):
        raise typer.BadParameter("--to and OUT go together: reinspect dataset PATH --to mvtec OUT")
    console = Console()
    with usage_errors():
        listing = discover([path], layout=layout_of(layout), unsplit=True)
        items = list(listing)
        say(console, listing.census.line)
        if not say_understood(console, items, thoroughly=True):
            say(console, "No data set that is understood: its pictures are inspected as they are")
        if to is not None and out is not None:
            say(console, f"Wrote {convert(items, Target(to), out).line}, to {out}")


def graph(recipe: Recipe = None) -> None:
    """Print the graph of a recipe, as Mermaid text and as ASCII."""
    from reinspect.graph import build_graph, load_recipe

    chosen = load_recipe(recipe) if recipe else None
    with usage_errors():
        drawing = build_graph(chosen).get_graph()
    typer.echo(drawing.draw_mermaid())
    typer.echo(drawing.draw_ascii())
