"""Critics that a recipe, or a bench, calls by a name in the registry, or by a file."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from reinspect.graph.recipe import PartSpec, Recipe, RecipeError
from reinspect.policies import critic as critics
from reinspect.policies import reliability
from reinspect.store.critics import CriticCard, CriticError, Critics, Kind

CRITIC = "critic"

SERVED = "http://127.0.0.1:8000/v1"
"""Where `reinspect serve` answers unless told otherwise."""

SHIPPED = ("embedded", "fitted")
"""Monitors that need no file: hand-set rules, and the fitted one that ships."""

OF_A_MONITOR = ("worth_it", "critic", "targets")
"""Policies that are a monitor's own: another monitor brings others."""


class Learned(NamedTuple):
    """What a monitor has seen of the parts that it is to judge."""

    pictures: frozenset[str] = frozenset()
    """First 16 digits of the SHA-256 of each picture."""
    digests: frozenset[str] = frozenset()
    """As a fitted monitor keeps them, see `training.splits.digest`."""

    def knows(self, sha256: str | None) -> bool:
        """Whether a picture of these bytes is among them."""
        if sha256 is None:
            return False
        digest = hashlib.sha256(sha256.encode()).hexdigest()[:16]
        return sha256[:16] in self.pictures or digest in self.digests


def with_critic(recipe: Recipe, registries: Sequence[Path]) -> Recipe:
    """The recipe with `monitor: {kind: critic, name: …}` spelt out.

    An embedded critic becomes its file. One of a language model becomes a monitor of kind vlm that
    asks a server for the model of that name, and answers in the published tags.

    Args:
        recipe: any; without such a name it stays as it is.
        registries: folders of critics, the first that has the name counts.

    Raises:
        RecipeError: no registry has the name, or the recipe names a file as well.
    """
    options = dict(recipe.monitor.options)
    name = options.pop("name", None)
    if recipe.monitor.kind != CRITIC or name is None:
        return recipe
    if "file" in options:
        raise RecipeError(f"monitor: name {name!r} and file {options['file']!r} exclude each other")
    registry = _registry(str(name), registries)
    try:
        card, path = registry.card(str(name)), registry.path(str(name))
    except CriticError as failure:
        raise RecipeError(f"monitor.name: {failure}") from failure
    if card.kind is Kind.EMBEDDED:
        monitor = PartSpec(kind=CRITIC, file=str(path.absolute()), **options)
    else:
        served = {"model": card.name, "base_url": SERVED, "format": "tags"}
        monitor = PartSpec(kind="vlm", **{**served, **options})
    return recipe.model_copy(update={"monitor": monitor})


def by_critic(recipe: Recipe, called: str, registries: Sequence[Path]) -> Recipe:
    """The recipe with another monitor, and the policies that this one brings.

    Args:
        recipe: any.
        called: a file that `train critic` or `monitor fit` wrote, a name in the registry, or
            `embedded` or `fitted`.
        registries: folders of critics, the first that has the name counts.

    Raises:
        RecipeError: it is none of these.
    """
    file = Path(called)
    if file.is_file():
        monitor = PartSpec(kind=_kind_of(file), file=str(file.absolute()))
    elif any(called in Critics(folder).names() for folder in registries):
        named = recipe.model_copy(update={"monitor": PartSpec(kind=CRITIC, name=called)})
        monitor = with_critic(named, registries).monitor
    elif called in SHIPPED:
        monitor = PartSpec(kind=called)
    else:
        known = sorted({name for folder in registries for name in Critics(folder).names()})
        raise RecipeError(
            f"critic {called!r}: no such file, and none of that name in {registries[-1]}; there "
            f"are: {', '.join((*known, *SHIPPED))}"
        )
    policies = recipe.policies
    brought = {
        role: None
        for role in ("trigger", "disposition")
        if (spec := getattr(policies, role)) is not None and spec.kind in OF_A_MONITOR
    }
    changed = {"monitor": monitor, "policies": policies.model_copy(update=brought)}
    return recipe.model_copy(update=changed)


def learned_by(recipe: Recipe, registries: Sequence[Path]) -> Learned:
    """What is on record of the pictures that a recipe's monitor was trained on.

    Raises:
        CriticError, MonitorError: its file can't be read.
    """
    monitor = recipe.monitor
    file = monitor.options.get("file")
    if monitor.kind == CRITIC and file is not None:
        card = _card_beside(Path(file))
        noted = card.data.pictures if card and card.data else ()
        lesson = critics.load_critic(file).lesson
        return Learned(pictures=frozenset((*noted, *lesson.pictures)))
    if monitor.kind == "fitted" and file is not None:
        training = reliability.load_monitor(file).training
        return Learned(digests=frozenset((*training.fitted, *training.calibrated)))
    if monitor.kind == "vlm":
        card = _card_of(str(monitor.options.get("model")), registries)
        return Learned(frozenset(card.data.pictures if card and card.data else ()))
    return Learned()


def _kind_of(file: Path) -> str:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        found = content.get("format") if isinstance(content, dict) else None
    except (OSError, ValueError) as failure:
        raise RecipeError(f"critic {file}: no JSON: {failure}") from failure
    kinds = {critics.FORMAT: CRITIC, reliability.FORMAT: "fitted"}
    if found not in kinds:
        raise RecipeError(
            f"critic {file}: neither of `reinspect train critic` nor of `reinspect monitor fit`"
        )
    return kinds[found]


def _card_beside(file: Path) -> CriticCard | None:
    """The card of an embedded critic that lies in a registry."""
    registry = Critics(file.parent.parent)
    if file.parent.name not in registry.names() or not file.is_file():
        return None
    return registry.card(file.parent.name)


def _card_of(name: str, registries: Sequence[Path]) -> CriticCard | None:
    registry = _registry(name, registries)
    return registry.card(name) if name in registry.names() else None


def _registry(name: str, registries: Sequence[Path]) -> Critics:
    every = [Critics(folder) for folder in registries]
    return next((registry for registry in every if name in registry.names()), every[-1])
