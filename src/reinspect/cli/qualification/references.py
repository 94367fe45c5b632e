"""`reinspect references`: sets of references with versions; a change is tried before it counts."""

import getpass
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from reinspect.cli.progress import counting
from reinspect.errors import ReinspectError
from reinspect.runs.defaults import RUNS, STORE, usage_errors
from reinspect.texts import visible

if TYPE_CHECKING:
    from reinspect.dataset import NewReference, ReferenceVersions
    from reinspect.runs.trial import ReferenceTrial

app = typer.Typer(
    name="references",
    help="Sets of references with versions: what was added by whom, tried before it counts.",
    no_args_is_help=True,
)

Set = Annotated[Path, typer.Argument(metavar="SET", help="Folder of a versioned set.")]
Who = Annotated[
    str | None, typer.Option("--who", help="Who changes it. \\[default: who is logged in]")
]
Why = Annotated[str, typer.Option("--why", help="Why, in a few words.")]
StoreUrl = Annotated[str, typer.Option("--store", help="URL or SQLite file of the store.")]
Runs = Annotated[
    list[str] | None,
    typer.Option(
        "--run",
        help="Whose reviewed parts; may be repeated. \\[default: all that this set judged]",
    ),
]
HERE = str(RUNS / STORE)


class ReferencesUsageError(ReinspectError, ValueError):
    """A change of references that can't be made as it was asked for."""


def add_to(parent: typer.Typer) -> None:
    """Register the commands."""
    parent.add_typer(app)


@app.command("list")
def list_versions(
    folder: Set,
    version: Annotated[
        int | None, typer.Option("--version", min=1, help="List the pictures of this version.")
    ] = None,
) -> None:
    """List the versions of a set, or the pictures of one."""
    versions = _there(folder)
    if version is not None:
        for one in versions.pictures(version):
            cleared = f", cleared by review {one.review}" if one.review else ""
            seen = f", {one.view}" if one.view else ""
            typer.echo(visible(f"{one.file}  from {one.origin}{seen}{cleared}"))
        return
    table = Table("version", "pictures", "of", "added", "removed", "who", "when", "why")
    for number in versions.numbers:
        made = versions.made(number)
        table.add_row(
            f"{number} ← counts" if number == versions.active else str(number),
            str(len(versions.pictures(number))),
            str(made.base or "–"),
            str(len(made.added)),
            str(len(made.removed)),
            visible(made.who),
            f"{made.when.astimezone():%Y-%m-%d %H:%M}",
            visible(made.why),
        )
    Console().print(table, markup=False)


@app.command()
def add(
    folder: Set,
    pictures: Annotated[
        list[str],
        typer.Argument(metavar="PICTURE...", help="Files or folders; with --run, images of it."),
    ],
    run: Annotated[
        str | None,
        typer.Option("--run", help="Take images of this run that a review has called good."),
    ] = None,
    store: StoreUrl = HERE,
    who: Who = None,
    why: Why = "",
) -> None:
    """Make a version that has these pictures, too. The first one of a set counts at once."""
    from reinspect.dataset import ReferenceVersions

    new = _of_files(pictures) if run is None else _of_run(store, run, pictures)
    versions = ReferenceVersions(folder)
    with usage_errors():
        number = versions.add(new, who=who or getpass.getuser(), why=why)
    _tell(versions, number)


@app.command()
def remove(
    folder: Set,
    pictures: Annotated[
        list[str],
        typer.Argument(metavar="PICTURE...", help="Names as `list --version` has them."),
    ],
    who: Who = None,
    why: Why = "",
) -> None:
    """Make a version without these pictures."""
    versions = _there(folder)
    _tell(versions, versions.remove(pictures, who=who or getpass.getuser(), why=why))


@app.command()
def diff(
    folder: Set,
    old: Annotated[
        int | None, typer.Argument(metavar="OLD", help="\\[default: the one that counts]")
    ] = None,
    new: Annotated[
        int | None, typer.Argument(metavar="NEW", help="\\[default: the newest]")
    ] = None,
) -> None:
    """Say what one version has and another hasn't."""
    versions = _there(folder)
    before, after = _either(versions, old, new)
    found = versions.difference(before, after)
    for sign, some in (("+", found.added), ("-", found.removed)):
        for one in some:
            typer.echo(visible(f"{sign} {one.file}  from {one.origin}"))
    if not found.added and not found.removed:
        typer.echo(f"versions {before} and {after} hold the same pictures")


@app.command("try")
def try_version(
    folder: Set,
    version: Annotated[
        int | None, typer.Argument(metavar="VERSION", help="\\[default: the newest]")
    ] = None,
    store: StoreUrl = HERE,
    run: Runs = None,
    recipe: Annotated[
        Path | None, typer.Option("--recipe", help="To judge by. \\[default: the run's]")
    ] = None,
) -> None:
    """Judge the reviewed parts by the version that counts and by another one, side by side."""
    from reinspect.graph.recipe import load_recipe
    from reinspect.runs.trial import runs_with, try_references
    from reinspect.store import Store

    versions = _there(folder)
    before, after = _either(versions, None, version)
    with Store.open(store, create=False) as opened, usage_errors():
        chosen = [opened.run(name) for name in run] if run else runs_with(opened, versions)
        with counting(Console(stderr=True), "judging the reviewed parts") as seen:
            trial = try_references(
                opened,
                versions,
                after,
                runs=chosen,
                recipe=load_recipe(recipe) if recipe else None,
                before=before,
                seen=seen,
            )
    _show(trial)


@app.command()
def defects(
    folder: Set,
    store: StoreUrl = HERE,
    run: Runs = None,
) -> None:
    """Keep copies of the parts that reviews call defective, for `qualify --defects`."""
    from reinspect.runs.trial import confirmed, runs_with
    from reinspect.store import Store

    versions = _there(folder)
    with Store.open(store, create=False) as opened:
        runs = [opened.run(name) for name in run] if run else runs_with(opened, versions)
        found = confirmed(opened, runs) if runs else []
    if not found:
        raise ReferencesUsageError(
            f"{folder}: no review has called a part of its runs defective, or marked a view of one"
        )
    count = versions.keep_defects(found)
    ways = {
        f" --recipe RECIPE --view {view} --defects {versions.defects / view}"
        if view
        else f" --defects {versions.defects}"
        for view in dict.fromkeys(one.view for one in found)
    }
    for way in sorted(ways):
        said = f"reinspect qualify {folder}{way}"
        typer.echo(visible(f"{count} defect examples; what is found of them says: {said}"))


@app.command()
def activate(
    folder: Set,
    version: Annotated[
        int | None, typer.Argument(metavar="VERSION", help="\\[default: the newest]")
    ] = None,
    who: Who = None,
    why: Why = "",
) -> None:
    """Make a version the one that counts; an earlier one, too, which undoes what came after."""
    versions = _there(folder)
    number = version if version is not None else versions.numbers[-1]
    versions.activate(number, who=who or getpass.getuser(), why=why)
    typer.echo(visible(f"{versions.name}: version {number} counts from now on"))


def _there(folder: Path) -> "ReferenceVersions":
    from reinspect.dataset import ReferenceVersions

    versions = ReferenceVersions(folder)
    if not versions.numbers:
        raise ReferencesUsageError(
            f"{folder}: is no versioned set; `reinspect references add {folder} PICTURES` makes one"
        )
    return versions


def _either(versions: "ReferenceVersions", old: int | None, new: int | None) -> tuple[int, int]:
    before = old if old is not None else versions.active
    return before or 1, new if new is not None else versions.numbers[-1]


def _of_files(pictures: Sequence[str]) -> "list[NewReference]":
    from reinspect.dataset import NewReference, references_in, view_in_table

    found = []
    for name in pictures:
        with usage_errors():
            inside = references_in(name) if Path(name).is_dir() else None
        if inside is not None and inside.by_category:
            raise ReferencesUsageError(
                f"{name}: holds several categories; make a set of each: "
                f"{', '.join(sorted(inside.by_category))}"
            )
        files = [Path(name)] if inside is None else inside.default
        found += [
            NewReference(str(file), str(file.absolute()), view=view_in_table(str(file)))
            for file in files
        ]
    return found


def _of_run(store: str, run: str, images: Sequence[str]) -> "list[NewReference]":
    """Images of a run, each called good by the review that counts."""
    from reinspect.runs.trial import cleared
    from reinspect.store import Store

    with Store.open(store, create=False) as opened:
        mine = opened.run(run)
        parts = [cleared(opened, opened.newest(mine.id, image)) for image in images]
        return [picture for part in parts for picture in part]


def _tell(versions: "ReferenceVersions", number: int) -> None:
    count, name = len(versions.pictures(number)), versions.name
    if number == versions.active:
        typer.echo(visible(f"{name}: version {number}, {count} references; it counts"))
        return
    typer.echo(
        visible(
            f"{name}: version {number}, {count} references; version {versions.active} counts until "
            f"`reinspect references activate {versions.folder} {number}`"
        )
    )


def _show(trial: "ReferenceTrial") -> None:
    table = Table("", f"version {trial.before}", f"version {trial.after}")
    for name, count in (
        ("false alarms: good parts that FAIL", trial.false_alarms),
        ("missed: defective parts that PASS", trial.missed),
        ("for REVIEW", trial.for_review),
    ):
        table.add_row(name, str(count.before), str(count.after))
    Console().print(table, markup=False)
    for part in trial.changed:
        truth = "good" if part.truth == "normal" else "defective"
        typer.echo(visible(f"  {part.image} ({truth}): {part.before} → {part.after}"))
    if trial.gone:
        typer.echo(f"{len(trial.gone)} reviewed parts are left out: their pictures are gone")
    typer.echo(trial.sentence)
