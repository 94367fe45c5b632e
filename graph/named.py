"""A critic that a recipe calls by its name in the registry."""

from collections.abc import Sequence
from pathlib import Path

from reinspect.graph.recipe import PartSpec, Recipe, RecipeError
from reinspect.store.critics import CriticError, Critics, Kind

CRITIC = "critic"

SERVED = "http://127.0.0.1:8000/v1"
"""Where `reinspect serve` answers unless told otherwise."""


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


def _registry(name: str, registries: Sequence[Path]) -> Critics:
    every = [Critics(folder) for folder in registries]
    return next((registry for registry in every if name in registry.names()), every[-1])
