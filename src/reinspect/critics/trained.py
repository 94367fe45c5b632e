"""What a training leaves in the registry: a card of its data, its recipe and its result."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from reinspect.critics.registry import CriticCard, CriticKind, Critics, Data
from reinspect.documents import parse_json, read_text
from reinspect.files import digest_of


def register(
    critics: Path,
    name: str,
    kind: CriticKind,
    trained: Path,
    *,
    stage: str,
    data: Data | None = None,
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
        data: what it was trained on.
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
    """
    registry = Critics(critics)
    card = CriticCard(
        name=name,
        kind=kind,
        stage=stage,
        base=base,
        data=data,
        recipe=recipe or {},
        rewards=rewards or {},
        curves=tuple(curves),
        figures=figures or {},
        notes=notes,
    )
    registry.add(card, trained)
    return registry.card(name)


def register_trained(
    critics: Path,
    name: str,
    trained: Path,
    *,
    base: str | None = None,
    data: Data | None = None,
    notes: str = "",
) -> CriticCard:
    """Put what a training of ours, or anybody's, has left at a path into the registry.

    What `warm-start` and `rcrl` wrote beside weights, and an embedded critic's lesson, go on the
    card; what is given outweighs them.

    Raises:
        CriticError: as `register`.
    """
    if not trained.is_dir():
        lesson = _read(trained).get("lesson") or {}
        pictures, sources = lesson.pop("pictures", []), lesson.get("sources") or {}
        return register(
            critics,
            name,
            CriticKind.EMBEDDED,
            trained,
            stage="critic",
            base=base,
            data=data or (_data_of_runs(sources, pictures) if pictures else None),
            rewards=lesson.pop("weights", {}),
            curves=lesson.pop("curve", []),
            figures=lesson,
            notes=notes,
        )
    adapter = _read(trained / "adapter_config.json")
    told = _read(trained / "training.json")
    tuning, curves = told.pop("tuning", {}), _read_list(trained / "curves.json")
    told.pop("episodes", None)
    return register(
        critics,
        name,
        CriticKind.ADAPTER if adapter else CriticKind.WEIGHTS,
        trained,
        stage=str(told.pop("stage", "elsewhere")),
        base=base or adapter.get("base_model_name_or_path") or told.pop("model", None),
        data=data,
        recipe=tuning,
        rewards=_weights(tuning),
        curves=curves,
        figures=told,
        notes=notes,
    )


def _read(file: Path) -> dict[str, Any]:
    """The JSON object in a file; an empty one where there is none."""
    try:
        found = parse_json(read_text(file))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _read_list(file: Path) -> list[dict[str, Any]]:
    try:
        found = parse_json(read_text(file))
    except (OSError, ValueError):
        return []
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def episodes_named_by(trained: Path) -> Path | None:
    """The folder of episodes that a training says it learned from, if it is still there."""
    path = _read(trained / "training.json").get("episodes")
    folder = Path(path) if isinstance(path, str) else None
    return folder if folder and (folder / "card.json").is_file() else None


def _weights(tuning: Mapping[str, Any]) -> dict[str, float]:
    """Reward → weight, wherever a training recipe has them."""
    rewards = (tuning.get("rcrl") or {}).get("rewards") or {}
    return {name: float(value) for name, value in rewards.items() if isinstance(value, int | float)}


def _data_of_runs(sources: Mapping[str, str], pictures: Sequence[str]) -> Data:
    """What a card says of runs: their names and hashes, and the pictures that they were of."""
    content = digest_of("\n".join(sorted(pictures)))
    return Data(
        name=", ".join(sources) or "runs",
        content=content,
        sources=dict(sources),
        pictures=tuple(sorted(pictures)),
    )
