"""`reinspect store`: bring a store up to date, look it over, copy it."""

import json
from collections.abc import Mapping
from typing import Annotated

import typer
from rich.console import Console

from reinspect.runs.defaults import RUNS, STORE

app = typer.Typer(
    name="store", help="Look after a store: migrate, check, copy.", no_args_is_help=True
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
    from reinspect.store.checking import check as look_over

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
    from reinspect.store.copying import copy as copy_all
    from reinspect.store.database import masked, parse

    console = Console(stderr=True)
    with console.status("", spinner="line") as status:
        rows = copy_all(
            source, target, progress=lambda table, done: status.update(f"{table}: {done:,}")
        )
    typer.echo(f"{masked(parse(target))}: {_counted(rows)}")


def _counted(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in rows.items() if count) or "empty"
