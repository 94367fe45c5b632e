"""Several views of a part: an inspection each, and one verdict of all.

    START → inspect_front → inspect_back → … → fuse → explain → settle → END

A view is inspected by the graph of parts with one picture, a large one tile by tile, with
references, a fit and, by recipe, a detector of its own; so it is the view in doubt that is looked
at again. A view that is missing, or can't be read, fails nothing: the other views judge the part,
which is the less reliable for it.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from langgraph.types import Checkpointer

from reinspect.errors import did_you_mean
from reinspect.files import digest_of
from reinspect.graph.build import (
    BuildContext,
    build_pipeline,
    build_settler,
    settles_by_assessment,
)
from reinspect.graph.inspection import ask_in_doubt, attempt, build, closed
from reinspect.graph.own_nodes import OwnParts
from reinspect.graph.pipeline import Pipeline
from reinspect.graph.state import (
    Compiled,
    GraphInputError,
    ViewsInput,
    ViewsState,
    begun_here,
    compile_anew,
    path_of,
)
from reinspect.graph.tiles import build_tiles
from reinspect.policies.fusion import ViewedPart
from reinspect.policies.qualified import ProductLimits
from reinspect.roles import Settler
from reinspect.trace import Branch, Step, Trace
from reinspect.vocabulary import Disposition, Evidence, Modality, Product, Sample, Verdict

MISSING = "no picture of this view"
"""What is said of a view that is missing."""

ViewsNode = Callable[[ViewsState], dict[str, Any]]

Members = Callable[[str, Pipeline], Pipeline]
"""Makes of a view's name and components those that inspect it."""


@dataclass(frozen=True, slots=True)
class _Line:
    """What inspects the views of one recipe."""

    pipelines: Mapping[str, Pipeline]
    graphs: Mapping[str, Compiled]
    contexts: Mapping[str, BuildContext]
    told: Mapping[str, Mapping[str, Modality]]
    """What the recipe says of each view that its picture doesn't."""
    settler: Settler | None
    """None where the views' own dispositions settle the part."""
    whole: Pipeline
    """Of the recipe without its views: how failures are treated, whether an operator is asked."""


def build_views(
    context: BuildContext,
    *,
    checkpointer: Checkpointer = None,
    own: OwnParts | None = None,
    attended: bool = False,
    raises: bool = False,
) -> Compiled:
    """The compiled graph of a recipe with views: `.invoke({"views": {name: path}})["trace"]`.

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
    own = own or OwnParts()
    graph = own.graph(ViewsState, ViewsInput)
    line = _line(context, attended=attended, raises=raises)
    key = line.whole.key
    own.add_in_a_row(graph, {name: begun_here(node, key) for name, node in _nodes(line).items()})
    return compile_anew(graph, key, name="views", checkpointer=checkpointer)


def build_inspect_views(
    context: BuildContext, members: Members = lambda name, pipeline: pipeline
) -> Callable[[Any], dict[str, Any]]:
    """The same nodes, one after the other, for batches: a graph around graphs takes its time.

    Args:
        context: of the recipe.
        members: makes of a view's name and components those that inspect it.

    Raises:
        RecipeError: a component can't be made.
    """
    nodes = _nodes(_line(context, members, attended=False, raises=False))

    def inspect(given: Any) -> dict[str, Any]:
        state = dict(given)
        for node in nodes.values():
            state |= node(cast(ViewsState, state))
        return state

    return inspect


def _line(
    context: BuildContext,
    members: Members = lambda name, pipeline: pipeline,
    *,
    attended: bool,
    raises: bool,
) -> _Line:
    pipelines = {
        name: members(name, replace(build_pipeline(own), attended=attended, raises=raises))
        for name, own in context.views.items()
    }
    settled = settles_by_assessment(context)
    asks = attended and context.recipe.policies.escalate == "interrupt"
    return _Line(
        pipelines=pipelines,
        graphs={name: _graph_of(context.views[name], own) for name, own in pipelines.items()},
        contexts=context.views,
        told={
            name: {"modality": rules.modality} if rules.modality else {}
            for name, rules in context.recipe.views.items()
        },
        settler=build_settler(context) if settled else None,
        whole=replace(
            next(iter(pipelines.values())),
            asks=asks,
            key=digest_of("\n".join(f"{name} {own.key}" for name, own in pipelines.items())),
        ),
    )


def _graph_of(context: BuildContext, pipeline: Pipeline) -> Compiled:
    if context.recipe.pictures.tile is None:
        return build(pipeline)
    return build_tiles(context, raises=pipeline.raises, pipeline=pipeline)


def _nodes(line: _Line) -> dict[str, ViewsNode]:
    """Name → node, in their order."""
    nodes: dict[str, ViewsNode] = {
        f"inspect_{name}": functools.partial(_inspect, line, name) for name in line.pipelines
    }
    nodes |= {own.__name__: functools.partial(own, line) for own in (fuse, explain, settle)}
    if line.whole.asks:
        nodes["ask"] = functools.partial(_ask, line)
    return nodes


def _inspect(line: _Line, name: str, state: ViewsState) -> dict[str, Any]:
    """Inspect one view as if it were all of the part."""
    given = _given(line, state)
    seen = dict(state.get("seen") or {})
    if name in given:
        known = {key: state.get(key) for key in ("id", "category", "explore")}
        made: Trace = line.graphs[name].invoke({"image": given[name], **known})["trace"]
        seen[name] = made
    return {"seen": seen}


def fuse(line: _Line, state: ViewsState) -> dict[str, Any]:
    """Make one verdict of what the views say, and ask whether it can be relied on."""
    part = _part(line, state)
    given = _given(line, state)
    views = tuple(
        own.sample.views[0].model_copy(update={"name": name, **line.told[name]})
        for name, own in part.views.items()
    )
    name = state.get("id")
    sample = Sample(
        id=next(iter(given.values())) if name is None else name,
        category=state.get("category"),
        views=views,
    )
    steps = [step for own, seen in part.views.items() for step in _of_view(seen.steps, own)]
    aside = [
        step
        for own, seen in part.views.items()
        if seen.explored
        for step in _of_view(seen.explored.steps, own)
    ]
    explored = Branch(at=len(steps), steps=tuple(aside)) if aside else None
    steps += [Step(node="detect", view=own, error=why) for own, why in part.missing.items()]

    def work() -> Iterator[Product]:
        first, assessment = part.first, part.assessment
        if first is None or assessment is None:
            yield part.nothing
            return
        yield first
        if part.revision is not None:
            yield part.revision
        yield assessment
        yield part.decision

    fused = attempt(line.whole, "fuse", work)
    failed = part.failures or ({} if part.judged else _unread(part))
    if failed and fused.error is None:
        said = "; ".join(f"{own}: {why}" for own, why in failed.items())
        fused = fused.model_copy(update={"error": said})
    return {"trace": Trace(sample=sample, steps=(*steps, fused), explored=explored)}


def explain(line: _Line, state: ViewsState) -> dict[str, Any]:
    """Put what each view showed into words."""
    trace = state["trace"]
    if trace.first is None:
        return {"trace": trace}
    part = _part(line, state)
    return {"trace": trace.then(attempt(line.whole, "explain", lambda: [part.explanation]))}


def settle(line: _Line, state: ViewsState) -> dict[str, Any]:
    """Decide what happens to the part, and close the trace."""
    trace, part = state["trace"], _part(line, state)

    def work() -> list[Disposition]:
        judged = trace.error is None and trace.first is not None
        if line.settler is None and judged:
            return [part.settled(part.by_views)]
        settler = line.settler or build_settler(next(iter(line.contexts.values())))
        return [part.settled(settler(trace))]

    return {"trace": closed(trace, attempt(line.whole, "settle", work))}


def _ask(line: _Line, state: ViewsState) -> dict[str, Any]:
    return ask_in_doubt(line.whole, state["trace"])


def _given(line: _Line, state: ViewsState) -> dict[str, str]:
    """View → path, as they were given.

    Raises:
        GraphInputError: there is none, or one that the recipe doesn't know, or one is no path.
    """
    views = state.get("views")
    if not isinstance(views, Mapping) or not views:
        raise GraphInputError(f"views: one path a view is needed: {', '.join(line.graphs)}")
    for name in views:
        if name not in line.graphs:
            raise GraphInputError(f"views: no view {name!r}; {did_you_mean(name, line.graphs)}")
    return {name: path_of({"image": views[name]}) for name in line.graphs if name in views}


def _part(line: _Line, state: ViewsState) -> ViewedPart:
    seen = state["seen"]
    missing = dict.fromkeys((name for name in line.graphs if name not in seen), MISSING)
    limits: dict[str, ProductLimits] = {}
    for name, trace in seen.items():
        found = line.contexts[name].qualified(trace.sample)
        if found is not None:
            limits[name] = found
    return ViewedPart(views=seen, missing=missing, limits=limits)


def _unread(part: ViewedPart) -> dict[str, str]:
    """View → why it can't be read, where that goes for all that there are pictures of."""
    faults = {name: own.error for name, own in part.views.items() if own.error is not None}
    return faults if len(faults) == len(part.views) else {}


def _of_view(steps: Iterable[Step], name: str) -> Iterator[Step]:
    """The steps of a view as the part's trace has them, what they found marked with it."""
    for step in steps:
        products = tuple(_marked(product, name) for product in step.products)
        yield step.model_copy(update={"view": name, "products": products})


def _marked(product: Product, name: str) -> Product:
    if isinstance(product, Evidence):
        return product.model_copy(update={"view": name})
    if isinstance(product, Verdict):
        own = tuple(piece.model_copy(update={"view": name}) for piece in product.evidence)
        return product.model_copy(update={"evidence": own})
    return product
