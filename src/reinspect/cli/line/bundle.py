"""`reinspect bundle`: a product as one file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reinspect.runs.defaults import UsageError

if TYPE_CHECKING:
    from reinspect.runs.bundle import Bundle

BundleFile = Annotated[
    str | None,
    typer.Option(
        "--bundle",
        metavar="FILE",
        help="In place of --recipe and --references: what `reinspect bundle` made; FILE#sha256=… "
        "for that very one.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(bundle)


def bundle(
    recipe: Annotated[
        Path | None,
        typer.Argument(metavar="[RECIPE]", help="Recipe file. \\[default: the embedded one]"),
    ] = None,
    references: Annotated[
        Path | None,
        typer.Option(
            "--references",
            help="Folder of known-good images, or of one such folder a category. "
            "\\[default: the recipe's]",
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="The file to make.")] = Path("product.rib"),
) -> None:
    """Pack recipe, references, fits, qualification and weights into one file.

    `reinspect run --bundle` and `reinspect api --bundle` need nothing beside it.
    """
    from reinspect.graph.recipe import Recipe, load_recipe
    from reinspect.runs.bundle import pack
    from reinspect.settings import Settings

    settings = Settings()
    chosen = Recipe() if recipe is None else load_recipe(recipe)
    digest = pack(chosen, references, out, cache=settings.cache_dir, weights=settings.weights_dir)
    typer.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB, sha256 {digest}")


def unpacked(given: str | None, *beside: tuple[str, object]) -> "Bundle | None":
    """The bundle of a command; none where it names none.

    Args:
        given: the file.
        beside: options that say the same, each with its value.

    Raises:
        UsageError: one of those is given, too.
        BundleError: it can't be used.
    """
    if given is None:
        return None
    for name, value in beside:
        if value is not None:
            raise UsageError(f"{name}: is in the bundle; leave out one of both")
    from reinspect.runs.bundle import unpack
    from reinspect.settings import Settings

    return unpack(given, Settings().cache_dir)
