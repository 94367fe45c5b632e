"""The graph of a recipe, whatever its parts are: a picture, views, or tiles.

The one place that chooses between them.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from langgraph.types import Checkpointer

from reinspect.graph.build import BuildContext, build_pipeline
from reinspect.graph.inspection import build
from reinspect.graph.own_nodes import OwnParts
from reinspect.graph.state import Compiled
from reinspect.graph.tiles import build_tiles
from reinspect.graph.views import build_inspect_views, build_views


def build_whole(
    context: BuildContext,
    *,
    checkpointer: Checkpointer = None,
    own: OwnParts | None = None,
    attended: bool = False,
    raises: bool = False,
) -> Compiled:
    """The compiled graph of a recipe.

    Args:
        context: of the recipe.
        checkpointer: LangGraph's.
        own: nodes and state of a user's own.
        attended: whether somebody answers an interrupt.
        raises: whether a component's failure is raised.

    Raises:
        RecipeError: a component can't be made.
        GraphError: what is a user's own doesn't fit.
    """
    recipe = context.recipe
    if recipe.views or recipe.pictures.tile is not None:
        made = build_views if recipe.views else build_tiles
        return made(context, checkpointer=checkpointer, own=own, attended=attended, raises=raises)
    pipeline = replace(build_pipeline(context), attended=attended, raises=raises)
    return build(pipeline, checkpointer=checkpointer, own=own)


def build_for_batches(context: BuildContext) -> Callable[[Any], Any]:
    """The same as a function from a part to what comes out, for whoever inspects many.

    Raises:
        RecipeError: a component can't be made.
    """
    if context.recipe.views:
        return build_inspect_views(context)
    return build_whole(context).invoke
