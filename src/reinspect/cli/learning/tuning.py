"""`reinspect train warm-start` and `rcrl`: a vision-language model becomes a critic."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from reinspect.cli.learning.critics import HERE, Registry, entered, refuse_taken
from reinspect.runs.defaults import usage_errors

if TYPE_CHECKING:
    from reinspect.training.vlm.acting.conversations import Conversations
    from reinspect.training.vlm.dataset import EpisodeDataset
    from reinspect.training.vlm.trainer import TrainingPlan

Episodes = Annotated[
    Path, typer.Argument(metavar="EPISODES", help="Folder made by `reinspect train episodes`.")
]
Out = Annotated[
    Path, typer.Option("--out", help="Folder for weights or adapter, checkpoints and curves.")
]
Config = Annotated[
    str | None,
    typer.Option("--config", help="Training recipe: its file, or qwen3-vl-4b, qwen3-vl-8b, tiny."),
]
Images = Annotated[
    Path | None, typer.Option("--images", help="Folder of the pictures, where they have moved.")
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on from the last whole checkpoint in --out.")
]
Name = Annotated[
    str | None,
    typer.Option("--name", help="Register it under this name in --critics; see `critics`."),
]
Acting = Annotated[
    bool,
    typer.Option("--acting", help="Learn from conversations of a critic that acts, over turns."),
]
Cpu = Annotated[bool, typer.Option("--cpu", help="Don't use a GPU.")]
_SHOWN = ("loss", "mean_token_accuracy", "reward", "looks", "uniform", "kl")


def add_to(parent: typer.Typer) -> None:
    """Register the commands."""
    parent.command("warm-start")(warm_start)
    parent.command()(rcrl)


def warm_start(
    episodes: Episodes,
    model: Annotated[str, typer.Option("--model", help="Folder, or name on the Hugging Face hub.")],
    out: Out,
    config: Config = None,
    images: Images = None,
    resume: Resume = False,
    acting: Acting = False,
    cpu: Cpu = False,
    name: Name = None,
    critics: Registry = HERE,
) -> None:
    """RAWS: fine-tune a model on the answers of the episodes, thinking and reflective."""
    _train(
        "RAWS",
        episodes,
        model,
        out,
        config,
        images,
        acting=acting,
        resume=resume,
        cpu=cpu,
        name=name,
        critics=critics,
    )


def rcrl(
    episodes: Episodes,
    model: Annotated[
        str, typer.Option("--model", help="What `warm-start` has made; it stays the reference.")
    ],
    out: Out,
    config: Config = None,
    images: Images = None,
    resume: Resume = False,
    acting: Acting = False,
    cpu: Cpu = False,
    name: Name = None,
    critics: Registry = HERE,
) -> None:
    """RCRL: let a warm-started model learn by the rewards of its own answers."""
    _train(
        "RCRL",
        episodes,
        model,
        out,
        config,
        images,
        acting=acting,
        resume=resume,
        cpu=cpu,
        name=name,
        critics=critics,
    )


def _train(
    stage: Literal["RAWS", "RCRL"],
    episodes: Path,
    model: str,
    out: Path,
    config: str | None,
    root: Path | None,
    *,
    acting: bool,
    resume: bool,
    cpu: bool,
    name: str | None,
    critics: Path,
) -> None:
    from reinspect.training.vlm.preflight import check, machine
    from reinspect.training.vlm.tuning import load_tuning

    console = Console()
    tuning = load_tuning(config)
    refuse_taken(critics, name)
    try:
        there = machine()
        there = there._replace(gpu=None) if cpu else there
        need = check(model, tuning, stage, out, there)
        train, TrainingPlan = _trainer(stage, acting=acting)  # noqa: N806 - a class
    except ImportError as failure:
        print(  # noqa: T201 - the one error line
            f"reinspect: training needs the extra 'train' ({failure}): "
            "pip install 'reinspect[train]'",
            file=sys.stderr,
        )
        raise typer.Exit(2) from failure
    if need is not None:
        console.print(f"{stage} needs about {need}")
    plan = TrainingPlan(
        episodes=episodes, model=model, out=out, tuning=tuning, root=root, resume=resume, cpu=cpu
    )
    with usage_errors():
        dataset = train(plan, lambda row: _say(console, row))
    from reinspect.training.vlm.trainer import is_first

    if not is_first():
        return
    for note in dataset.left_out:
        console.print(note, style="yellow")
    what = "Adapter" if (out / "adapter_config.json").is_file() else "Weights"
    console.print(f"{what}  {out}\nCurves   {out / 'curves.svg'}\nCard     {out / 'training.json'}")
    for line in entered(critics, name, out, episodes):
        typer.echo(line)


def _trainer(
    stage: str, *, acting: bool
) -> "tuple[Callable[..., EpisodeDataset | Conversations], type[TrainingPlan]]":
    import importlib.util
    import warnings

    from reinspect.tools.vision.torchvision_ops import mend_torchvision

    if importlib.util.find_spec("torchvision") is not None:
        mend_torchvision()  # transformers imports it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries, about each other's releases
        train: Callable[..., EpisodeDataset | Conversations]
        if stage == "RAWS" and acting:
            from reinspect.training.vlm.acting.imitation import imitate as train
        elif acting:
            from reinspect.training.vlm.acting.reinforcement import reinforce as train
        elif stage == "RAWS":
            from reinspect.training.vlm.warm_start import warm_start as train
        else:
            from reinspect.training.vlm.rcrl import rcrl as train
        from reinspect.training.vlm.trainer import TrainingPlan

    return train, TrainingPlan


def _say(console: Console, row: Mapping[str, Any]) -> None:
    known = ((name, row.get(name)) for name in _SHOWN)
    said = [f"{name.replace('_', ' ')} {value:.3f}" for name, value in known if value is not None]
    if said:
        console.print(f"step {row['step']:5}  {', '.join(said)}")
