"""`reinspect train critic`: the embedded critic, by RCRL on explored runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reinspect.cli.learning.critics import HERE, Registry, entered, refuse_taken
from reinspect.runs.defaults import store_of, usage_errors

if TYPE_CHECKING:
    from reinspect.training.cases import TrainingSet
    from reinspect.training.critic.explored import ExploredPart


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(critic)


def critic(
    out: Annotated[Path, typer.Option("--out", help="File for the critic, JSON.")],
    given: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[EPISODES|RUN...]",
            help="A folder of episodes, whose training side is taken; or explored runs.",
        ),
    ] = None,
    judgements: Annotated[
        Path | None, typer.Option("--judgements", help="Judgements, one JSON record a line.")
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option("--reference", help="Fitted monitor that the KL is held to, frozen."),
    ] = None,
    look: Annotated[float, typer.Option("--look", help="Price of a second look, [0, 1].")] = 0.5,
    review: Annotated[float, typer.Option("--review", help="Price of a REVIEW, [0, 1].")] = 1 / 3,
    kl: Annotated[float, typer.Option("--kl", help="Weight of the KL.")] = 0.1,
    trust: Annotated[
        float, typer.Option("--trust", help="Pull towards the rules it starts from.")
    ] = 0.1,
    cross_validate: Annotated[
        str | None,
        typer.Option(
            metavar="group", help="Tell what it gives on each group that was left out in turn."
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of units and splits.")] = 0,
    store: Annotated[
        str | None,
        typer.Option("--store", help="URL or SQLite file. [default: reinspect.db beside the run]"),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Register it under this name in --critics.")
    ] = None,
    critics: Registry = HERE,
) -> None:
    """Train the second-look policy on runs that looked twice at every part (--explore)."""
    from reinspect.files import write_json
    from reinspect.policies.fitted import load_monitor
    from reinspect.training.critic.left_out import judge_left_out_groups
    from reinspect.training.critic.objective import CriticObjective
    from reinspect.training.critic.policy import CriticTrainingError
    from reinspect.training.critic.train import train_critic

    if cross_validate not in (None, "group"):
        raise CriticTrainingError(f"--cross-validate {cross_validate!r} is not 'group'")
    with usage_errors():
        refuse_taken(critics, name)
        explored = _explored(given or [], judgements, store)
        objective = CriticObjective(look=look, review=review, kl=kl, trust=trust)
        frozen = None if reference is None else load_monitor(reference)
        trained = train_critic(explored, seed=seed, objective=objective, reference=frozen)
        write_json(out, trained)
        training = trained.lesson
        typer.echo(
            f"trained on {training.items} parts, {training.anomalous} of them anomalous; "
            f"labels that can't change: {training.uniform:.0%}"
        )
        for note in training.notes:
            typer.echo(note)
        if cross_validate:
            for row in judge_left_out_groups(
                explored, seed=seed, objective=objective, reference=frozen
            ):
                typer.echo(row)
    typer.echo(out)
    for line in entered(critics, name, out, _episodes(given or [])):
        typer.echo(line)


def _episodes(given: list[str]) -> Path | None:
    """The folder of episodes, if it is one that is named."""
    folder = Path(given[0]) if len(given) == 1 else None
    return folder if folder and (folder / "card.json").is_file() else None


def _explored(
    runs: list[str], judgements: Path | None, store: str | None
) -> "TrainingSet[ExploredPart]":
    from reinspect.store import Store as TraceStore
    from reinspect.training import cases
    from reinspect.training.critic import explored
    from reinspect.training.critic.policy import CriticTrainingError

    if bool(runs) == (judgements is not None):
        raise CriticTrainingError("name either EPISODES, a RUN or --judgements FILE")
    if judgements is not None:
        return explored.from_cases(cases.from_file(judgements))
    episodes = _episodes(runs)
    if episodes is not None:
        return explored.from_episodes(episodes)
    parts = []
    for run in runs:
        with TraceStore.open(store_of(run, store), create=False) as opened:
            parts.append(explored.from_run(opened, run, prefix=len(runs) > 1))
    return cases.join(parts)
