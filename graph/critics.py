"""A recipe with a critic in the place of its monitor."""

from collections.abc import Sequence
from pathlib import Path

from reinspect.critics.named import CRITIC, NamedMonitor, monitor_called, monitor_named
from reinspect.critics.registry import CriticError
from reinspect.graph.recipe import ComponentSpec, Recipe, RecipeError

OF_A_MONITOR = ("worth_it", "critic", "targets")
"""Policies that are a monitor's own: another monitor brings others."""


def with_critic(recipe: Recipe, registries: Sequence[Path]) -> Recipe:
    """The recipe with `monitor: {kind: critic, name: …}` spelt out, any other as it is.

    Args:
        recipe: any.
        registries: folders of critics, the first that has the name counts.

    Raises:
        RecipeError: no registry has the name, or the recipe names a file as well.
    """
    monitor = recipe.monitor
    if monitor.kind != CRITIC or "name" not in monitor.options:
        return recipe
    try:
        named = monitor_named(monitor.options, registries)
    except CriticError as failure:
        raise RecipeError(f"monitor.name: {failure}") from failure
    return recipe.model_copy(update={"monitor": _spec(named)})


def by_critic(recipe: Recipe, called: str, registries: Sequence[Path]) -> Recipe:
    """The recipe with another monitor, and the policies that this one brings.

    Args:
        recipe: any.
        called: as for `reinspect.critics.named.monitor_called`.
        registries: folders of critics, the first that has the name counts.

    Raises:
        RecipeError: there is no such monitor.
    """
    try:
        named = monitor_called(called, registries)
    except CriticError as failure:
        raise RecipeError(str(failure)) from failure
    policies = recipe.policies
    brought = {
        role: None
        for role in ("trigger", "disposition")
        if (spec := getattr(policies, role)) is not None and spec.kind in OF_A_MONITOR
    }
    changed = {"monitor": _spec(named), "policies": policies.model_copy(update=brought)}
    return recipe.model_copy(update=changed)


def _spec(named: NamedMonitor) -> ComponentSpec:
    return ComponentSpec(kind=named.kind, **named.options)
