"""`reinspect store`: bring a store up to date, look it over, copy it, keep it small."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from reinspect.runs.defaults import RUNS, STORE

app = typer.Typer(
    name="store",
    help="Look after a store: migrate, check, copy, backup, prune.",
    no_args_is_help=True,
)

Url = Annotated[str, typer.Argument(metavar="URL", help="URL or SQLite file of a store.")]
HERE = str(RUNS / STORE)
PATIENCE = 30.0  # seconds to wait while another program writes


def add_to(parent: typer.Typer) -> None:
    """Register the commands."""
    parent.add_typer(app)


@app.command()
def migrate(url: Url = HERE) -> None:
    """Bring a store to this version's schema, or make an empty one."""
    from reinspect.store.database import masked, parse
    from reinspect.store.database import migrate as bring_up

    where = parse(url)
    before, after = bring_up(where, patience=PATIENCE)
    if before == after:
        said = f"is of schema {after} already"
    else:
        said = f"made, schema {after}" if before is None else f"schema {before} → {after}"
    typer.echo(f"{masked(where)}: {said}")


@app.command()
def check(
    url: Url = HERE,
    quick: Annotated[
        bool, typer.Option("--quick", help="Tables, keys and numbers; no value is read.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="What was found as JSON.")] = False,
) -> None:
    """Tell whether a store is whole: schema, keys, numbers, every trace. Changes nothing."""
    from reinspect.store.upkeep.checking import check as look_over

    found = look_over(url, values=not quick)
    if as_json:
        typer.echo(json.dumps(found.model_dump(mode="json") | {"sound": found.sound}, indent=1))
    elif found.sound:
        typer.echo(f"{found.store}: sound; {_counted(found.rows)}")
    else:
        for problem in found.problems:
            typer.echo(f"{found.store}: {problem}")
    if not found.sound:
        raise typer.Exit(1)


@app.command()
def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help="URL or SQLite file to read.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="One that is new or empty.")],
) -> None:
    """Copy a whole store into a new one, on another kind of database, too."""
    from reinspect.store.database import masked, parse
    from reinspect.store.upkeep.copying import copy as copy_all

    console = Console(stderr=True)
    with console.status("", spinner="line") as status:
        rows = copy_all(
            source, target, progress=lambda table, done: status.update(f"{table}: {done:,}")
        )
    typer.echo(f"{masked(parse(target))}: {_counted(rows)}")


@app.command()
def backup(
    url: Annotated[str, typer.Argument(metavar="URL", help="SQLite file of a store.")],
    target: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")],
) -> None:
    """Copy an SQLite store to a file while runs, API and console go on."""
    from reinspect.store.upkeep.backup import backup as copy_it

    size = copy_it(url, target)
    typer.echo(f"{target}: {size:,} bytes")


@app.command()
def prune(
    url: Url = HERE,
    older: Annotated[
        str, typer.Option("--older", help="Than this: 90d, 12w, 36h.", metavar="AGE")
    ] = ...,  # type: ignore[assignment]
    keep: Annotated[
        list[str] | None,
        typer.Option(
            "--keep",
            metavar="WHAT",
            help="Stays all the same: reviewed, fail, review, none; repeatable. "
            "\\[default: reviewed]",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")
    ] = False,
) -> None:
    """Remove old inspections with their traces, crops and uploads; what is reviewed stays."""
    from reinspect.store.database import masked, parse
    from reinspect.store.upkeep.prune import KeepReason, age_of, reason_of
    from reinspect.store.upkeep.prune import prune as remove

    reasons = [reason_of(name) for name in keep or (KeepReason.REVIEWED,)]
    console = Console(stderr=True)
    with console.status("", spinner="line") as status:
        done = remove(
            url,
            older=age_of(older),
            keep=reasons,
            dry_run=dry_run,
            patience=PATIENCE,
            progress=lambda gone: status.update(f"{gone:,} inspections"),
        )
    before = f"{done.before:%Y-%m-%d %H:%M} UTC"
    would = "would be removed" if dry_run else f"removed, {done.pictures:,} pictures with them"
    freed = "" if dry_run else f" ({done.bytes / 1e6:,.1f} MB)"
    kept = f"; {done.kept:,} as old are kept" if done.kept else ""
    typer.echo(
        f"{masked(parse(url))}: {done.inspections:,} inspections of before {before} {would}{freed}"
        f"{kept}"
    )


def _counted(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in rows.items() if count) or "empty"
