"""`reinspect critics`: what was trained on what, with which result."""

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from reinspect.documents import parse_json, read_text
from reinspect.runs.defaults import RUNS, UsageError, usage_errors

if TYPE_CHECKING:
    from reinspect.critics.registry import CriticCard, Critics

app = typer.Typer(name="critics", help="Critics that were trained here, and how good they are.")

Registry = Annotated[
    Path, typer.Option("--critics", help="The registry: `critics` beside the store.")
]
HERE = RUNS / "critics"
Name = Annotated[str, typer.Argument(metavar="NAME", help="A critic's name.")]


def add_to(parent: typer.Typer) -> None:
    """Register the commands."""
    parent.add_typer(app)


@app.callback(invoke_without_command=True)
def critics(
    context: typer.Context,
    registry: Registry = HERE,
    as_json: Annotated[bool, typer.Option("--json", help="All cards as JSON.")] = False,
) -> None:
    """List the critics, oldest first: what was trained on what, with which result."""
    from reinspect.critics.registry import Critics as Folder

    context.obj = Folder(registry)
    if context.invoked_subcommand is not None:
        return
    cards = sorted(
        (context.obj.card(name) for name in context.obj.names()), key=lambda c: (c.made, c.name)
    )
    if as_json:
        typer.echo(json.dumps([card.model_dump(mode="json") for card in cards], indent=1))
    elif cards:
        Console().print(_table(cards))
    else:
        typer.echo(f"No critic in {registry}; `reinspect train critic` makes one.")


@app.command()
def show(context: typer.Context, name: Name) -> None:
    """Print a critic's card, its curves by their first and last point."""
    critics: Critics = context.obj
    card = critics.card(name)
    shown = card.model_dump(mode="json")
    shown["curves"] = shown["curves"] if len(card.curves) < 3 else _ends(shown["curves"])
    if card.data:
        shown["data"]["pictures"] = f"{len(card.data.pictures)} pictures, listed in card.json"
    typer.echo(json.dumps(shown, indent=1, ensure_ascii=False))
    for line in how_to_use(card):
        typer.echo(line)


@app.command()
def add(
    context: typer.Context,
    trained: Annotated[
        Path, typer.Argument(metavar="PATH", help="A critic's JSON, or the folder of its weights.")
    ],
    name: Annotated[
        str | None, typer.Option("--name", help="Its name. [default: PATH's own]")
    ] = None,
    base: Annotated[
        str | None, typer.Option("--base", help="Model that an adapter belongs to.")
    ] = None,
    episodes: Annotated[
        Path | None, typer.Option("--episodes", help="Folder that it was trained on.")
    ] = None,
    notes: Annotated[str, typer.Option("--notes", help="In words.")] = "",
) -> None:
    """Register a critic: what a training has left, here or elsewhere."""
    critics: Critics = context.obj
    with usage_errors():
        card = _register(
            critics.folder, name or trained.stem, trained, episodes, base=base, notes=notes
        )
    for line in how_to_use(card):
        typer.echo(line)


@app.command()
def bench(
    context: typer.Context,
    name: Name,
    results: Annotated[
        Path, typer.Argument(metavar="FILE", help="As `reinspect bench --json` wrote it.")
    ],
    called: Annotated[
        str, typer.Option("--as", help="What they are: before, after, or your own word.")
    ] = "after",
) -> None:
    """Keep a bench's results on a critic's card."""
    try:
        found: Any = parse_json(read_text(results))
    except (OSError, ValueError) as failure:
        raise UsageError(f"{results}: no results of a bench: {failure}") from failure
    critics: Critics = context.obj
    critics.benched(name, {called: found})
    typer.echo(critics.folder / name / "card.json")


def refuse_taken(registry: Path, name: str | None) -> None:
    """Refuse a name before a training, not after it.

    Raises:
        UsageError: there is a critic of that name, or it is none.
    """
    from reinspect.critics.registry import Critics as Folder
    from reinspect.critics.registry import valid_name

    if name is None:
        return
    with usage_errors():
        valid_name(name)
    if name in Folder(registry).names():
        raise UsageError(
            f"{registry / name}: there is a critic of that name; give another by --name"
        )


def entered(registry: Path, name: str | None, trained: Path, episodes: Path | None) -> list[str]:
    """Enter what was trained, where a name was given; and how to use it, or how to enter it."""
    if name is None:
        return [f"Register it: reinspect critics add {shlex.quote(str(trained))} --name NAME"]
    with usage_errors():
        return how_to_use(_register(registry, name, trained, episodes))


def _register(
    registry: Path,
    name: str,
    trained: Path,
    episodes: Path | None,
    *,
    base: str | None = None,
    notes: str = "",
) -> "CriticCard":
    """What was trained, and on which episodes: those that are named, else its own word for it."""
    from reinspect.critics.trained import episodes_named_by, register_trained
    from reinspect.training.episodes.folder import data_of

    folder = episodes or episodes_named_by(trained)
    data = data_of(folder) if folder else None
    return register_trained(registry, name, trained, base=base, data=data, notes=notes)


def how_to_use(card: "CriticCard") -> list[str]:
    """How a recipe names the critic, and how one that needs a server is served."""
    lines = [f"In a recipe: monitor: {{kind: critic, name: {card.name}}}"]
    if card.kind == "adapter":
        lines.append(f"Serve it:    reinspect serve {card.base or 'BASE'} --adapter {card.name}")
    elif card.kind == "weights":
        lines.append(f"Serve it:    reinspect serve {card.name}")
    return lines


def _table(cards: "list[CriticCard]") -> Table:
    table = Table("critic", "kind", "stage", "base", "trained on", "made", "result")
    for card in cards:
        data = card.data
        on = f"{data.name}: {len(data.pictures)} pictures" if data else ""
        base = Path(card.base).name if card.base else ""
        cells = (card.name, card.kind.value, card.stage, base, on, card.made[:16], result_of(card))
        table.add_row(*map(Text, cells))
    return table


def result_of(card: "CriticCard") -> str:
    """A critic's result in a line: its bench's, else what its training says."""
    said = card.bench or card.figures
    numbers = ((name, value) for name, value in said.items() if isinstance(value, int | float))
    words = [f"{name} {value:.4g}" for name, value in numbers]
    benched = [name for name, value in card.bench.items() if not isinstance(value, int | float)]
    return ", ".join([*words, *(f"benched: {name}" for name in benched)])


def _ends(curves: list[Any]) -> list[Any]:
    return [curves[0], f"… {len(curves) - 2} more, in card.json …", curves[-1]]
