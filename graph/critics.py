"""A recipe with a critic in the place of its monitor."""

from collections.abc import Sequence
from pathlib import Path

from reinspect.critics.named import monitor_called
from reinspect.critics.registry import CriticError
from reinspect.graph.components import ComponentSpec
from reinspect.graph.recipe import Recipe, RecipeError

OF_A_MONITOR = ("worth_it", "critic", "targets")
"""Policies that are a monitor's own: another monitor brings others."""


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
    monitor = ComponentSpec(kind=named.kind, **named.options)
    policies = recipe.policies
    brought = {
        role: None
        for role in ("trigger", "disposition")
        if (spec := getattr(policies, role)) is not None and spec.kind in OF_A_MONITOR
    }
    changed = {"monitor": monitor, "policies": policies.model_copy(update=brought)}
    return recipe.model_copy(update=changed)
