"""`reinspect models` and `features`: which weights there are, fetch them, check them."""

import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from reinspect.errors import ReinspectError, did_you_mean

if TYPE_CHECKING:
    from reinspect.tools.features.sources import Source
    from reinspect.tools.weights.fetch import Progress as Told
    from reinspect.tools.weights.known import Checkpoint

app = typer.Typer(name="models", help="Weights of models: what there is, fetch it, check it.")

Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="As `list` names it.")]
Home = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        help="Where weights lie. \\[default: REINSPECT_WEIGHTS_DIR, else `weights` in the cache]",
    ),
]


class ModelsUsageError(ReinspectError, ValueError):
    """Weights that nobody knows."""


def add_to(parent: typer.Typer) -> None:
    """Register the commands."""
    parent.add_typer(app)
    parent.command()(features)


@app.command(name="list")
def list_(weights: Home = None) -> None:
    """What each backend needs, how large it is, under which licence, and where it lies."""
    from reinspect.tools.weights.known import CHECKPOINTS, Purpose

    home = _home(weights)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("name", "backend", "MB", "licence", "here"):
        table.add_column(heading, no_wrap=True, justify="right" if heading == "MB" else "left")
    for purpose in Purpose:
        for checkpoint in CHECKPOINTS:
            if checkpoint.purpose is purpose:
                table.add_row(*_cells(checkpoint, home))
        table.add_section()
    console = Console()
    console.print(table)
    for line in (
        "~ about. * The hub asks for consent to its terms first. Tools of backend embedded, and "
        "the eye, need nothing from here.",
        f"They lie in {home}.",
    ):
        console.print(line, markup=False, soft_wrap=True)


def features(
    recipe: Annotated[
        Path | None, typer.Option("--recipe", help="Also time the features of this recipe.")
    ] = None,
) -> None:
    """Which features the embedded detector can take here, and how long a picture takes."""
    from reinspect.settings import Settings
    from reinspect.tools.features.efficientnet import PUBLISHED
    from reinspect.tools.features.network import seconds_a_picture
    from reinspect.tools.features.sources import open_source
    from reinspect.tools.features.timm_model import TimmFeatures
    from reinspect.tools.weights.known import CHECKPOINTS, Purpose

    settings, console = Settings(), Console()
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("name", "MB", "licence", "ms a picture", "here"):
        right = heading in ("MB", "ms a picture")
        table.add_column(heading, no_wrap=True, justify="right" if right else "left")
    said = ["filters are learned from the references."]

    def add(name: str, megabytes: str, licence: str, source: "Source") -> None:
        took, here = "–", "no"
        try:
            network = open_source(source, cache=settings.cache_dir, weights=settings.weights_dir)
            took, here = f"{1000 * seconds_a_picture(network):.0f}" if network else "–", "yes"
        except ReinspectError as failure:
            said.append(str(failure))
        table.add_row(Text(name), megabytes, licence, took, here)

    add("filters", "0", "–", "filters")
    for name, published in PUBLISHED.items():
        add(name, f"{published.megabytes}", published.licence, name)
    for checkpoint in CHECKPOINTS:
        if checkpoint.purpose is Purpose.FEATURES:
            name = checkpoint.name.removeprefix("timm/")
            size = f"~{checkpoint.size / 1e6:.0f}"
            add(f"timm: {name}", size, checkpoint.licence, TimmFeatures(timm=name))
    if recipe:
        add(f"of {recipe.name}", "–", "–", _source(recipe))
    console.print(table)
    said.append(
        "A recipe takes them by detector: {kind: embedded, features: NAME}; any other network by "
        "features: {timm: NAME} or features: {onnx: FILE}."
    )
    for line in said:
        console.print(line, markup=False, soft_wrap=True)


@app.command()
def fetch(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="As `list` names it.")],
    folder: Annotated[
        str | None,
        typer.Option(help="Of a repository that holds several models, the one that is meant."),
    ] = None,
    weights: Home = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="DIR", help="Copy from this folder of weights instead."),
    ] = None,
    mirror: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Take files, by their names, from here instead."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")] = False,
) -> None:
    """Bring weights into the folder, and what they need; go on where a fetch was cut."""
    from reinspect.tools.weights import fetch as fetching
    from reinspect.tools.weights.known import Purpose

    home, console = _home(weights), Console(quiet=quiet)
    if folder is not None and len(names) > 1:
        raise ModelsUsageError("--folder: is of one repository; fetch the others by themselves")
    for checkpoint in _with_needs([_known(name).folder_of(folder) for name in names]):
        with _shown(checkpoint, console) as progress:
            place = fetching.fetch(
                checkpoint, home, progress=progress, mirror=mirror, source=source
            )
        console.print(
            f"{checkpoint.name}: {place} ({checkpoint.licence})", markup=False, soft_wrap=True
        )
        if checkpoint.purpose is Purpose.CRITIC:
            line = shlex.join(["reinspect", "serve", str(place), "--name", _short(checkpoint.name)])
            console.print(f"Serve it by: {line}", markup=False, soft_wrap=True)


@app.command()
def check(names: Names = None, weights: Home = None) -> None:
    """Hold weights against their hashes: those published, else those of the first fetch.

    Without names all weights that are there are checked; those named must be there.
    """
    from reinspect.tools.weights import fetch as fetching
    from reinspect.tools.weights.known import CHECKPOINTS

    home, bad = _home(weights), False
    chosen = [_known(name) for name in names] if names else CHECKPOINTS
    console = Console()
    for checkpoint in chosen:
        there = checkpoint.place(home).exists()
        if not there and not names:
            continue
        if not there:
            said, bad = "missing", True
        elif found := fetching.faults(checkpoint, home):
            said, bad = "; ".join(found), True
        elif not fetching.verifiable(checkpoint, home):
            said = "there; no hash is known to hold it against"
        else:
            said = "sound"
        console.print(f"{checkpoint.name}: {said}", markup=False, soft_wrap=True)
    if bad:
        raise typer.Exit(1)
    if not names and not any(c.place(home).exists() for c in CHECKPOINTS):
        console.print(f"no weights in {home}", markup=False, soft_wrap=True)


def _source(file: Path) -> "Source":
    """The features of a recipe's detector."""
    from pydantic import ValidationError

    from reinspect.agents.detector import EmbeddedDetector, EmbeddedDetectorOptions
    from reinspect.errors import explain_invalid
    from reinspect.graph.recipe import load_recipe
    from reinspect.tools.features.first import source_of

    detector = load_recipe(file).detector
    if detector.kind != EmbeddedDetector.about.name:
        raise ModelsUsageError(f"{file}: the detector is {detector.kind}, which takes no features")
    try:
        return source_of(EmbeddedDetectorOptions.model_validate(detector.options).features)
    except ValidationError as failure:
        told = explain_invalid(failure, EmbeddedDetectorOptions, name="detector")
        raise ModelsUsageError(f"{file}: {told}") from failure


def _home(weights: Path | None) -> Path:
    from reinspect.settings import Settings

    return weights or Settings().weights_dir


def _known(name: str) -> "Checkpoint":
    from reinspect.tools.weights.known import CHECKPOINTS, known

    found = known(name)
    if found is None:
        names = [checkpoint.name for checkpoint in CHECKPOINTS]
        hint = did_you_mean(name, names, otherwise="see `reinspect models list`")
        raise ModelsUsageError(f"no weights are known as {name!r}; {hint}")
    return found


def _with_needs(chosen: list["Checkpoint"]) -> list["Checkpoint"]:
    needed = (_known(name) for c in chosen for name in c.needs)
    return list({c.name: c for c in (*chosen, *needed)}.values())


def _cells(checkpoint: "Checkpoint", home: Path) -> list[Text]:
    about = "" if checkpoint.url else "~"
    there = Text("yes", style="blue") if checkpoint.place(home).exists() else Text("no")
    return [
        Text(checkpoint.name),
        Text(checkpoint.backend),
        Text(f"{about}{checkpoint.size / 1e6:.0f}"),
        Text(f"{checkpoint.licence}{' *' if checkpoint.gated else ''}"),
        there,
    ]


def _short(name: str) -> str:
    """What a recipe may call a model of the hub."""
    return name.rpartition("/")[2].lower()


@contextlib.contextmanager
def _shown(checkpoint: "Checkpoint", console: Console) -> Iterator["Told"]:
    """A bar on a terminal, nothing elsewhere. The hub's client shows its own, or none likewise."""
    silent = console.quiet or not console.is_terminal
    if silent and not checkpoint.url:
        _silence_the_hub()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
        disable=silent or not checkpoint.url,
        transient=True,
    )
    with bar:
        task = bar.add_task(checkpoint.name, total=checkpoint.size)

        def told(there: int, total: int | None) -> None:
            bar.update(task, completed=there, total=total)

        yield told


def _silence_the_hub() -> None:
    with contextlib.suppress(ImportError):  # then the fetch itself says what to install
        from huggingface_hub.utils import disable_progress_bars

        disable_progress_bars()
