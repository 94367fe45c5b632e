"""Industrial visual inspection that looks twice when the first verdict can't be relied on.

Public names are resolved when they are first used, so that `import reinspect` stays light.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reinspect.errors import ReinspectError as ReinspectError
    from reinspect.graph import build_graph as build_graph
    from reinspect.graph import inspect_image as inspect_image
    from reinspect.graph import tools_of as tools_of
    from reinspect.graph.recipe import Recipe as Recipe
    from reinspect.graph.recipe import RecipeError as RecipeError
    from reinspect.graph.recipe import load_recipe as load_recipe
    from reinspect.runs.inspector import FolderResult as FolderResult
    from reinspect.runs.inspector import Inspector as Inspector
    from reinspect.runs.plan import RunPlan as RunPlan
    from reinspect.runs.session import RunResult as RunResult
    from reinspect.runs.session import run as run
    from reinspect.store import Store as Store
    from reinspect.trace import Trace as Trace
    from reinspect.vocabulary import Verdict as Verdict

_HOMES = {
    "ReinspectError": "reinspect.errors",
    "build_graph": "reinspect.graph",
    "inspect_image": "reinspect.graph",
    "tools_of": "reinspect.graph",
    "load_recipe": "reinspect.graph.recipe",
    "Recipe": "reinspect.graph.recipe",
    "RecipeError": "reinspect.graph.recipe",
    "FolderResult": "reinspect.runs.inspector",
    "Inspector": "reinspect.runs.inspector",
    "RunPlan": "reinspect.runs.plan",
    "RunResult": "reinspect.runs.session",
    "run": "reinspect.runs.session",
    "Store": "reinspect.store",
    "Trace": "reinspect.trace",
    "Verdict": "reinspect.vocabulary",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
