"""What goes into the graph, what its nodes pass on, and what comes out."""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Required

from langgraph.channels import LastValue
from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from typing_extensions import TypedDict  # typing's own gives pydantic no schema on Python 3.11

from reinspect.errors import ReinspectError, shorten
from reinspect.graph.pipeline import GraphError
from reinspect.trace import Step, Trace

Compiled = CompiledStateGraph[Any, None, Any, Any]


class GraphInputError(ReinspectError, ValueError):
    """What a graph was given is no part."""


class GraphInput(TypedDict, total=False):
    """What a caller gives: a picture, and where known its category and its id in the run."""

    image: Required[str]
    category: str | None
    id: str | None
    explore: bool


class ViewsInput(TypedDict, total=False):
    """The same of a part with several views: a picture each, by their names in the recipe."""

    views: Required[Mapping[str, str]]
    category: str | None
    id: str | None
    explore: bool


class ViewsState(ViewsInput, total=False):
    """What its nodes pass on: the trace of each view, and in the end that of the part."""

    seen: Mapping[str, Trace]
    trace: Trace
    begun_by: str


class GraphState(GraphInput, total=False):
    """What the nodes pass on. Pictures travel by path and hash, so a checkpoint stays small.

    `trace` is None until `detect` has looked at the part; `begun_by` is the key of the pipeline
    that the part was given to.

    Where a second look is explored, `trace` follows it as if it had been asked for, while the main
    line waits in `accepted`; `conclude` puts both together.
    """

    trace: Trace
    accepted: Trace | None
    begun_by: str


class GraphOutput(TypedDict):
    """What `invoke` returns."""

    trace: Trace


def gathered(known: Mapping[str, Step] | None, more: Mapping[str, Step] | None) -> dict[str, Step]:
    """Steps of examiners at once, by their names; None begins anew."""
    return {} if more is None else {**(known or {}), **more}


class FannedState(GraphState, total=False):
    """That of a graph with examiners at once: their steps wait in `looked` for one another."""

    looked: Annotated[dict[str, Step], gathered]


class FannedOutput(GraphOutput):
    """What such a graph returns: in the end nothing waits any more."""

    looked: dict[str, Step]


class LookState(TypedDict):
    """What one of several examiners at once is sent."""

    trace: Trace
    begun_by: str
    examiner: str


def compile_anew(graph: StateGraph[Any, Any, Any, Any], key: str, **options: Any) -> Compiled:
    """The compiled graph, which begins each part anew, whatever its thread has been used for.

    LangGraph writes what a caller gives, and keeps all else of the thread: the id and the category
    of the part before where a caller leaves them out, and its verdict until the first look is
    over, which may be paused, or fail. Of further fields, those with a reducer are the thread's,
    and go on; any other begins anew as well.

    Args:
        graph: of `GraphInput` and `GraphState`, or of more.
        key: of the pipeline that parts are begun by.
        options: of its `compile`.
    """
    # What START writes are the keys of the input; the others that are reset join them.
    fields = graph.schemas[graph.state_schema]
    ours: dict[str, Any] = dict.fromkeys(fields.keys() - graph.schemas[graph.input_schema].keys())
    graph.schemas[graph.input_schema] |= {name: fields[name] for name in ours}
    unsaid = {name: None for name, field in fields.items() if type(field) is LastValue}
    ours["begun_by"] = key
    compiled = graph.compile(**options)
    compiled.nodes[START].mapper = functools.partial(_whole, unsaid, ours)
    return compiled


def begun_here(node: Callable[[Any], dict[str, Any]], key: str) -> Callable[[Any], dict[str, Any]]:
    """A node that goes on with no part that another pipeline has begun.

    Args:
        node: of an inspection.
        key: of its pipeline.
    """

    def run(state: Any) -> dict[str, Any]:  # LangGraph gives the fields of a TypedDict alone
        if state.get("begun_by") != key:
            raise GraphError(
                "this thread's part was begun by another recipe, other references or another "
                "version: resume it with those, or give the part anew"
            )
        return node(state)

    return run


def _whole(unsaid: Mapping[str, None], ours: Mapping[str, Any], given: Any) -> Any:
    """A caller's input with all that it leaves out, and without what is the graph's own."""
    if not isinstance(given, Mapping):
        return given
    for asked, other, why in (
        ("views", "image", "this recipe names no views: give `image`, or add views to the recipe"),
        ("image", "views", "this recipe has several views: give views={name: path}"),
    ):
        if given.get(asked) is not None and asked not in unsaid and other in unsaid:
            raise GraphInputError(f"{asked}: {why}")
    return {**unsaid, **given, **ours}


def path_of(state: GraphInput) -> str:
    """The path of the part's picture.

    Raises:
        GraphInputError: none was given, or it is no path.
    """
    try:
        return os.fspath(state["image"])
    except (KeyError, TypeError):
        given = shorten(state.get("image"))
        raise GraphInputError(f"image: the path of a picture is needed (value {given})") from None
