"""Nodes and state of one's own, before and after the nodes of the inspection."""

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias, cast, get_type_hints

from langchain_core.runnables import Runnable
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict, is_typeddict

from reinspect.errors import did_you_mean, shorten
from reinspect.graph.pipeline import GraphError
from reinspect.graph.state import GraphInput, GraphOutput, GraphState

OwnNode: TypeAlias = Callable[..., Any] | Runnable[Any, Any]
"""What LangGraph takes for a node: a function of the state, a runnable, a compiled graph."""

OwnNodes: TypeAlias = Mapping[str, OwnNode | Mapping[str, OwnNode]]
"""Node of the inspection → a node beside it, or several in their order, by their names."""


NAMING: Mapping[str, Any] = {
    name: hint for name, hint in get_type_hints(GraphInput).items() if name in ("id", "category")
}
"""Fields of the input that nodes of one's own may set."""


class Chain(NamedTuple):
    """A node of the inspection with those before and after it: where edges lead to, and from."""

    first: str
    last: str
    into: str | None = None
    """The one right before the node of the inspection, where one is before it."""


@dataclass(frozen=True, slots=True)
class OwnParts:
    """What a user adds to the inspection."""

    before: OwnNodes = field(default_factory=dict)
    after: OwnNodes = field(default_factory=dict)
    state: type[Any] | None = None

    def graph(
        self,
        state: type[Any] = GraphState,
        given: type[Any] = GraphInput,
        made: type[Any] = GraphOutput,
    ) -> StateGraph[Any, None, Any, Any]:
        """A graph without nodes, its state with the fields of one's own.

        Args:
            state: of the inspection.
            given: of it, what goes in.
            made: of it, what comes out.

        Raises:
            GraphError: the state is no TypedDict, or has a field of the inspection's.
        """
        own = self._further(state)
        # LangGraph streams of an update what comes out of the graph: nodes of one's own may name
        # the part, and nothing else.
        named = NAMING if self.before or self.after else {}
        return StateGraph(
            _extended(state, own),
            input_schema=_extended(given, own),
            output_schema=_extended(made, {**own, **named}),
        )

    def add(
        self,
        graph: StateGraph[Any, None, Any, Any],
        nodes: Mapping[str, OwnNode],
        *,
        forked: Collection[str] = (),
    ) -> dict[str, Chain]:
        """Add the inspection's nodes, and one's own beside each.

        Args:
            graph: that they are added to.
            nodes: of the inspection.
            forked: those of them that nothing leads into yet.

        Raises:
            GraphError: there is no such node, or a name is taken, or missing.
        """
        for side, given in (("before", self.before), ("after", self.after)):
            for name in given:
                if name not in nodes:
                    raise GraphError(f"{side}: no node {name!r}; {did_you_mean(name, nodes)}")
        chains, taken = {}, set(nodes)
        for name, node in nodes.items():
            before = list(_named(self.before.get(name, {}), f"before.{name}"))
            after = list(_named(self.after.get(name, {}), f"after.{name}"))
            for own, _ in (*before, *after):
                if own in taken:
                    raise GraphError(f"a node {own!r} is there already: name yours otherwise")
                taken.add(own)
            row = [*before, (name, node), *after]
            for own, node in row:
                graph.add_node(own, cast(Any, node))
            for (one, _), (other, _) in itertools.pairwise(row):
                if other not in forked:
                    graph.add_edge(one, other)
            chains[name] = Chain(row[0][0], row[-1][0], before[-1][0] if before else None)
        return chains

    def add_in_a_row(
        self, graph: StateGraph[Any, None, Any, Any], nodes: Mapping[str, OwnNode]
    ) -> None:
        """As `add`, each node of the inspection after the one before.

        Raises:
            GraphError: as `add`.
        """
        chains = [Chain(START, START), *self.add(graph, nodes).values(), Chain(END, END)]
        for before, after in itertools.pairwise(chains):
            graph.add_edge(before.last, after.first)

    def _further(self, state: type[Any]) -> dict[str, Any]:
        if self.state is None:
            return {}
        if not is_typeddict(self.state):
            raise GraphError(
                f"state: a TypedDict of further fields is needed, not {self.state.__name__}"
            )
        own = get_type_hints(self.state, include_extras=True)
        known = get_type_hints(state)
        for name in own:
            if name in known:
                raise GraphError(
                    f"state: {name!r} is a field of the inspection: give yours another name"
                )
        return own


def _extended(schema: type[Any], own: Mapping[str, Any]) -> type[Any]:
    if not own:
        return schema
    fields = {**get_type_hints(schema, include_extras=True), **own}
    # Called as a function, which no checker can follow.
    made: type[Any] = cast(Any, TypedDict)(schema.__name__, fields, total=False)
    made.__doc__ = schema.__doc__
    return made


def _named(given: OwnNode | Mapping[str, OwnNode], where: str) -> Iterator[tuple[str, OwnNode]]:
    if isinstance(given, Mapping):
        yield from given.items()
        return
    if not callable(given) and not isinstance(given, Runnable):
        raise GraphError(f"{where}: {shorten(given)} is no node")
    name = getattr(given, "__name__", None) or getattr(given, "name", None)
    if not isinstance(name, str) or not name.isidentifier() or name == "LangGraph":
        raise GraphError(f"{where}: a node without a name: give it as {{'name': node}}")
    yield name, given
