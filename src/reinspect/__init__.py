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
    from reinspect.graph.recipe import parse_recipe as parse_recipe
    from reinspect.runs.inspector import FolderResult as FolderResult
    from reinspect.runs.inspector import Inspector as Inspector
    from reinspect.runs.plan import RunPlan as RunPlan
    from reinspect.runs.session import RunResult as RunResult
    from reinspect.runs.session import run as run
    from reinspect.store import Store as Store
    from reinspect.trace import Step as Step
    from reinspect.trace import Trace as Trace
    from reinspect.vocabulary import Assessment as Assessment
    from reinspect.vocabulary import Box as Box
    from reinspect.vocabulary import Decision as Decision
    from reinspect.vocabulary import Defect as Defect
    from reinspect.vocabulary import Disposition as Disposition
    from reinspect.vocabulary import Evidence as Evidence
    from reinspect.vocabulary import Explanation as Explanation
    from reinspect.vocabulary import Label as Label
    from reinspect.vocabulary import Move as Move
    from reinspect.vocabulary import Outcome as Outcome
    from reinspect.vocabulary import Region as Region
    from reinspect.vocabulary import Revision as Revision
    from reinspect.vocabulary import Sample as Sample
    from reinspect.vocabulary import Truth as Truth
    from reinspect.vocabulary import Verdict as Verdict
    from reinspect.vocabulary import View as View

    __version__: str

_HOMES = {
    "ReinspectError": "reinspect.errors",
    "build_graph": "reinspect.graph",
    "inspect_image": "reinspect.graph",
    "tools_of": "reinspect.graph",
    "load_recipe": "reinspect.graph.recipe",
    "parse_recipe": "reinspect.graph.recipe",
    "Recipe": "reinspect.graph.recipe",
    "RecipeError": "reinspect.graph.recipe",
    "FolderResult": "reinspect.runs.inspector",
    "Inspector": "reinspect.runs.inspector",
    "RunPlan": "reinspect.runs.plan",
    "RunResult": "reinspect.runs.session",
    "run": "reinspect.runs.session",
    "Store": "reinspect.store",
    "Trace": "reinspect.trace",
    "Step": "reinspect.trace",
    **dict.fromkeys(
        (
            "Assessment",
            "Box",
            "Decision",
            "Defect",
            "Disposition",
            "Evidence",
            "Explanation",
            "Label",
            "Move",
            "Outcome",
            "Region",
            "Revision",
            "Sample",
            "Truth",
            "Verdict",
            "View",
        ),
        "reinspect.vocabulary",
    ),
}

__all__ = sorted([*_HOMES, "__version__"])


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("reinspect")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
