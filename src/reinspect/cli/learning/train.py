"""`reinspect train`: what is learned on this machine. `app` holds the commands."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from reinspect.cli.learning import critic, episodes, tuning
from reinspect.files import write_file
from reinspect.runs.defaults import usage_errors

if TYPE_CHECKING:
    from reinspect.training.comparator.train import Progress as Newest

app = typer.Typer(name="train", help="Train a part of an inspection.", no_args_is_help=True)
episodes.add_to(app)
tuning.add_to(app)
critic.add_to(app)


def add_to(parent: typer.Typer) -> None:
    """Register the commands."""
    parent.add_typer(app)


@app.callback()
def train() -> None:
    """Train a part of an inspection."""


@app.command()
def eye(
    out: Annotated[
        Path,
        typer.Option("--out", help="ONNX file; a second graph, a card and pictures beside it."),
    ],
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0.01, help="How long. \\[default: 60]")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option("--steps", min=1, help="How long, in steps: the same seed, the same weights."),
    ] = None,
    device: Annotated[str, typer.Option("--device", help="cpu or cuda.")] = "cpu",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of parts and weights.")] = 0,
    work: Annotated[
        Path | None,
        typer.Option(
            "--work",
            help="Folder of drawn parts and the checkpoint; an unfinished training there goes on. "
            "\\[default: <out>.work]",
        ),
    ] = None,
    renderers: Annotated[
        int, typer.Option("--renderers", min=1, max=64, help="Processes that draw parts.")
    ] = 1,
) -> None:
    """Train the eye on parts drawn by the generator, and on nothing else; export it to ONNX."""
    try:
        from reinspect.training.comparator.card import card, judge_drawn_parts, write_pictures
        from reinspect.training.comparator.export import export
        from reinspect.training.comparator.train import ComparatorPlan
        from reinspect.training.comparator.train import train as train_eye
    except ImportError as failure:
        print(  # noqa: T201 - the one error line
            f"reinspect: training needs the extra 'train' ({failure}): "
            "pip install 'reinspect[train]'",
            file=sys.stderr,
        )
        raise typer.Exit(2) from failure
    if minutes is not None and steps is not None:
        raise typer.BadParameter("--minutes and --steps exclude each other")
    console = Console()
    with usage_errors():
        plan = ComparatorPlan(
            folder=work or out.with_name(f"{out.name}.work"),
            minutes=60.0 if minutes is None and steps is None else minutes,
            steps=steps,
            seed=seed,
            device=device,
            renderers=renderers,
        )
        with _Bar(console) as bar:
            training = train_eye(plan, bar)
        parts = judge_drawn_parts(training)
        pair = export(training.average, out)
        made = card(training, pair, parts)
        write_file(out.with_suffix(".json"), json.dumps(made, indent=2) + "\n")
        pictures = out.with_name(f"{out.stem}-samples.png")
        write_pictures(parts, pictures)
    console.print(f"Eye      {out}\nCard     {out.with_suffix('.json')}\nPictures {pictures}")


class _Bar:
    """Progress of a training: a bar on a terminal, lines elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("drawing parts", total=1.0)

    def __enter__(self) -> "_Bar":
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def __call__(self, newest: "Newest") -> None:
        words = (
            f"step {newest.step}, loss {newest.loss:.3f}, AUROC {newest.auroc:.3f}, "
            f"overlap {newest.overlap:.3f}"
        )
        self._bar.update(self._task, completed=newest.done, description=words)
        if not self._console.is_terminal:
            self._console.print(f"{newest.done:4.0%} {newest.seconds / 60:6.1f} min  {words}")
