"""Commands that read what runs have left: `show`, `runs`, `export`."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from reinspect.runs.defaults import RUNS, STORE, store_of

FormatName = Literal["jsonl", "csv", "parquet", "coco", "label-studio"]
StoreUrl = Annotated[
    str | None,
    typer.Option(
        "--store",
        help="URL or SQLite file of the store. "
        "\\[default: reinspect.db beside the run's folder, else runs/reinspect.db]",
        show_default=False,
    ),
]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, or its name.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(show)
    app.command()(runs)
    app.command()(export)


def show(
    run: RunName,
    image: Annotated[
        str | None,
        typer.Argument(metavar="[IMAGE]", help="One image: its name, or a part that no other has."),
    ] = None,
    store: StoreUrl = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write the image's story to this file, to be read offline."),
    ] = None,
) -> None:
    """Show a run's verdicts, or one image's whole story."""
    if html is not None and image is None:
        raise typer.BadParameter("--html takes an IMAGE, too")
    from reinspect.cli.tables import story, summary, verdicts
    from reinspect.store import Store

    console = Console()
    with Store.open(store_of(run, store), create=False) as opened:
        found = opened.run(run)
        if image is not None and html is not None:
            from reinspect.export.story import write_page

            write_page(opened, found.id, image, html)
            typer.echo(html)
            return
        if image is not None:
            story(console, opened.trace(found.id, image))
            return
        tally = opened.tally(found.id)
        rows = (inspected.row for inspected in opened.inspections(found.id))
        console.print(verdicts(rows, tally.images, width=console.width))
        console.print(summary(tally))


def runs(store: StoreUrl = None) -> None:
    """List the runs of a store, newest first."""
    from reinspect.images import one_line
    from reinspect.store import Store

    table = Table("run", "status", "started", "images", "PASS", "FAIL", "REVIEW", "errors")
    with Store.open(store or str(RUNS / STORE), create=False) as opened:
        for found in opened.runs():
            tally = opened.tally(found.id)
            counts = (tally.images, tally.passed, tally.failed, tally.review, tally.errors)
            started = found.started.astimezone().strftime("%Y-%m-%d %H:%M:%S")
            table.add_row(
                Text(one_line(found.name)), found.status.value, started, *map(str, counts)
            )
    Console().print(table)


def export(
    run: RunName,
    format: Annotated[FormatName, typer.Option("--format", help="What to write.")],  # noqa: A002
    out: Annotated[
        Path | None,
        typer.Option("--out", help="File to write. \\[default: RUN.<format's suffix>]"),
    ] = None,
    store: StoreUrl = None,
) -> None:
    """Write a run's results in another format."""
    from reinspect.export import Format
    from reinspect.export import export as write
    from reinspect.store import Store

    with Store.open(store_of(run, store), create=False) as opened:
        found = opened.run(run)
        target = out or Path(f"{found.name}{Format(format).suffix}")
        write(opened, found.id, Format(format), target)
    typer.echo(target)
