"""The inspection as a graph, composed from a recipe, run on one image or on many."""

import asyncio
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from reinspect.graph.build import BuildContext, build_pipeline
from reinspect.graph.pipeline import GraphError
from reinspect.graph.recipe import Recipe, RecipeError, load_recipe
from reinspect.graph.references import reference_sets
from reinspect.pictures import Pictures
from reinspect.roles import Tool
from reinspect.settings import Settings
from reinspect.trace import Trace

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph
    from langgraph.types import Checkpointer

    from reinspect.graph.own_nodes import OwnNodes

__all__ = [
    "Recipe",
    "RecipeError",
    "build_graph",
    "inspect_image",
    "load_recipe",
    "studio",
    "tools_of",
]

AnyPath = str | Path
Errors = Literal["record", "raise"]


def build_graph(
    recipe: Recipe | None = None,
    *,
    references: AnyPath | None = None,
    pictures: AnyPath | None = None,
    cache: AnyPath | None = None,
    weights: AnyPath | None = None,
    checkpointer: "Checkpointer" = None,
    before: "OwnNodes | None" = None,
    after: "OwnNodes | None" = None,
    state: type[Any] | None = None,
    errors: Errors = "record",
) -> "CompiledStateGraph[Any, None, Any, Any]":
    """A compiled LangGraph: `.invoke({"image": path})["trace"]` is the finished trace.

    Of a recipe with several views, `.invoke({"views": {name: path}})["trace"]` is.

    Args:
        recipe: the components; the embedded ones by default.
        references: folder of known-good images; the recipe's own by default. Without any, an image
            gets a heat-map and goes to REVIEW.
        pictures: folder for heat-maps and crops; without, none are kept.
        cache: folder for fits; without, each graph fits anew.
        weights: folder in which components look for weights that the recipe names by a short name.
        checkpointer: LangGraph's, which keeps threads: a component may then pause the graph by
            `interrupt()`. A thread that is used again begins each part anew.
        before: node → a node of one's own that comes right before it, or several by their names.
        after: the same, right after it.
        state: a TypedDict of further fields for these nodes: part of input and output. A field with
            a reducer goes on over the parts of a thread, any other begins anew.
        errors: of a component: `record` keeps each as a step, and the part goes to REVIEW; `raise`
            raises it as it is, for whoever debugs a component.

    Raises:
        RecipeError: a component can't be made.
        GraphError: a node or a field of one's own doesn't fit, or `errors` is neither.
        FileNotFoundError, ValueError: there are no such references, or one can't be read.
    """
    from reinspect.graph.own_nodes import OwnParts
    from reinspect.graph.whole import build_whole

    return build_whole(
        _context(recipe, references, pictures, cache, weights),
        checkpointer=checkpointer,
        own=OwnParts(before or {}, after or {}, state),
        attended=True,
        raises=_raises(errors),
    )


def inspect_image(
    image: AnyPath | Mapping[str, AnyPath],
    *,
    references: AnyPath | None = None,
    recipe: Recipe | None = None,
    pictures: AnyPath | None = None,
    cache: AnyPath | None = None,
    weights: AnyPath | None = None,
    explore: bool = False,
    errors: Errors = "record",
) -> Trace:
    """Inspect one image, or the views of one part by their names; see `build_graph`.

    An unreadable image raises nothing: the trace has its error, and its disposition is REVIEW.
    """
    from reinspect.graph.whole import build_whole

    context = _context(recipe, references, pictures, cache, weights)
    part: dict[str, Any] = {"image": image, "explore": explore}
    if isinstance(image, Mapping):
        part = {"views": image, "explore": explore}
    trace: Trace = build_whole(context, raises=_raises(errors)).invoke(part)["trace"]
    return trace


def tools_of(
    recipe: Recipe | None = None,
    *,
    references: AnyPath | None = None,
    pictures: AnyPath | None = None,
    cache: AnyPath | None = None,
    weights: AnyPath | None = None,
) -> Mapping[str, Tool]:
    """The tools of a recipe, by name, made as for its graph; see `build_graph` for the arguments.

    `reinspect.tools.as_langchain` makes LangChain tools of them.
    """
    context = _context(recipe, references, pictures, cache, weights)
    return {placed.name: placed.tool for placed in build_pipeline(context).tools}


def _raises(errors: Errors) -> bool:
    if errors not in get_args(Errors):
        raise GraphError(f"errors: {errors!r} is neither 'record' nor 'raise'")
    return errors == "raise"


def _context(
    recipe: Recipe | None,
    references: AnyPath | None,
    pictures: AnyPath | None,
    cache: AnyPath | None,
    weights: AnyPath | None,
) -> BuildContext:
    chosen = recipe or Recipe()
    return BuildContext(
        recipe=chosen,
        references=reference_sets((), chosen, given=Path(references) if references else None),
        pictures=Pictures(pictures) if pictures else None,
        cache=Path(cache) if cache else None,
        weights=Path(weights) if weights else None,
    )


async def studio() -> "CompiledStateGraph[Any, None, Any, Any]":
    """The graph that `langgraph.json` names: the recipe of REINSPECT_RECIPE, else the default.

    LangGraph's server asks for it at each run, in the loop that serves all of them: it is built in
    a thread, and once, as long as the recipe's file stays the same.
    """
    return await asyncio.to_thread(_studio)


def _studio() -> "CompiledStateGraph[Any, None, Any, Any]":
    settings = Settings()
    changed = settings.recipe.stat().st_mtime_ns if settings.recipe else 0
    return _served(settings.recipe, changed, settings.cache_dir, settings.weights_dir)


@functools.lru_cache(maxsize=1)
def _served(
    path: Path | None, _changed: int, cache: Path | None, weights: Path | None
) -> "CompiledStateGraph[Any, None, Any, Any]":
    recipe = load_recipe(path) if path else None
    return build_graph(recipe, cache=cache, weights=weights)
