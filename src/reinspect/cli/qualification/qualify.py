"""`reinspect qualify`: what an inspection finds on a product, by its references."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from reinspect.cli.progress import counting
from reinspect.cli.run import Quiet, Recipe, say
from reinspect.runs.defaults import usage_errors

if TYPE_CHECKING:
    from reinspect.qualification import Findings


def add_to(parent: typer.Typer) -> None:
    """Register the command."""
    parent.command()(qualify)


def qualify(
    references: Annotated[
        Path,
        typer.Argument(
            metavar="REFERENCES", help="Folder of known-good images, or MVTec-style category."
        ),
    ],
    defects: Annotated[
        Path | None,
        typer.Option(
            "--defects",
            metavar="DIR",
            help="Images of real defects, or MVTec-style category with masks: of these instead of "
            "drawn damage.",
        ),
    ] = None,
    recipe: Recipe = None,
    view: Annotated[
        str | None,
        typer.Option("--view", help="Of a recipe with several views: which of them."),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", help="The page, which needs nothing but a browser.")
    ] = Path("qualification.html"),
    json: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file.")
    ] = None,
    looks: Annotated[
        int, typer.Option("--looks", min=1, help="Damaged looks a kind; more narrow the bounds.")
    ] = 24,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the damage that is drawn.")] = 0,
    quiet: Quiet = False,
) -> None:
    """Find out what an inspection finds on a product, by its references alone.

    Each reference, left out, is looked at as it is and with drawn damage on it: from which size on
    damage is found, with a bound.
    """
    from reinspect.cli.tables import detected
    from reinspect.files import write_json
    from reinspect.graph import load_recipe
    from reinspect.qualification import answer, write_page
    from reinspect.qualification import qualify as find_out
    from reinspect.settings import Settings

    console, settings = Console(quiet=quiet), Settings()
    for file in (out, json):
        if file is not None and file.is_dir():
            raise typer.BadParameter(f"{file} is a folder: name a file")
    chosen = load_recipe(recipe) if recipe else None
    what = "Looking at defects" if defects else "Rehearsing"
    with usage_errors(), counting(console, what) as progress:
        made, notice = find_out(
            references,
            chosen,
            view=view,
            defects=defects,
            cache=settings.cache_dir,
            weights=settings.weights_dir,
            looks=looks,
            seed=seed,
            progress=progress,
        )
    if json is not None:
        notice = notice or _other_than(json, made.made_of["references"])
        write_json(json, made.findings)
    write_page(made.findings, out, made.images)
    for line in (notice, answer(made.findings)):
        if line:
            say(console, line)
    console.print(detected(made.findings.detection, made.findings.mm_per_pixel))
    for line in _told(made.findings):
        say(console, line)
    say(console, f"Page     {out}")


def _other_than(file: Path, references: str) -> str:
    """What is said of a file of findings that another qualification takes the place of."""
    from reinspect.qualification import read_findings
    from reinspect.qualification.findings import FindingsError

    try:
        before = read_findings(file)
    except FindingsError:
        return ""
    if before.details.get("key of the references") == references:
        return ""
    return f"{file} was of other references: made anew."


def _told(findings: "Findings") -> list[str]:
    """What stands on the page besides the table, one line each."""
    calls, worth = findings.detection.false_calls, findings.second_look
    lines = []
    if calls:
        lines.append(
            f"False calls: {calls.k} of {calls.n} good parts; at most {100 * calls.bound:.0f} % "
            "of those to come, with 95 % confidence"
        )
        if calls.k and "left out" in findings.details:
            lines.append(f"Left out: {findings.details['left out']}")
    lines += [f"Odd reference {odd.name}: {odd.why}" for odd in findings.odd]
    lines += [f"Second look: {worth}"] if worth else []
    lines += [f"References: {findings.learning.advice}"] if findings.learning else []
    named = ("copies", "not rehearsed", "note", "defects")
    lines += [findings.details[name] for name in named if name in findings.details]
    return [*lines, *findings.advice]
