"""What a training leaves in the registry: a card of its data, its recipe and its result."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue

from reinspect.store.critics import CriticCard, Critics, Data, Kind
from reinspect.training.episode_folder import read_episodes
from reinspect.training.episodes import Part


def register(
    critics: Path,
    name: str,
    kind: Kind,
    trained: Path,
    *,
    stage: str,
    episodes: Path | None = None,
    base: str | None = None,
    recipe: Mapping[str, JsonValue] | None = None,
    rewards: Mapping[str, float] | None = None,
    curves: Sequence[Mapping[str, JsonValue]] = (),
    figures: Mapping[str, JsonValue] | None = None,
    notes: str = "",
) -> CriticCard:
    """Put what was trained into the registry.

    Args:
        critics: the registry's folder, `critics` beside the store.
        name: by which recipes and `reinspect serve --adapter` know it.
        kind: embedded (a JSON file), adapter, or weights (folders).
        trained: that file or folder.
        stage: warm-start, rcrl or critic.
        episodes: the folder that it was trained on.
        base: the model that it was trained from.
        recipe: of the training, every value that was used.
        rewards: reward → weight.
        curves: what was logged, one object a step.
        figures: what the training says of its result.
        notes: in words.

    Returns:
        The card as registered, its files hashed.

    Raises:
        CriticError: the name is taken or is none, or the folder can't be written.
        EpisodeError: the episodes can't be read.
    """
    registry = Critics(critics)
    card = CriticCard(
        name=name,
        kind=kind,
        stage=stage,
        base=base,
        data=None if episodes is None else data_of(episodes),
        recipe=recipe or {},
        rewards=rewards or {},
        curves=tuple(curves),
        figures=figures or {},
        notes=notes,
    )
    registry.add(card, trained)
    return registry.card(name)


def data_of(folder: Path) -> Data:
    """What a card says of the episodes that a critic was trained on.

    Raises:
        EpisodeError: they can't be read.
    """
    found = read_episodes(folder)
    card = found.card
    return Data(
        name=folder.absolute().name,
        content=card.content,
        files=card.files,
        episodes=card.counts,
        sources=card.sources,
        pictures=tuple(sorted({row.sha256[:16] for row in found.of(Part.TRAIN)})),
        licences=tuple(card.licences),
    )
