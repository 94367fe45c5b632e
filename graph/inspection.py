"""The state machine of one inspection.

    START → detect → assess ─┬─ accept | escalate ──→ conclude → explain → settle → END
                      ↑      └─ revisit → locate → examine → revise ─┐
                      └──────────────── at most N rounds ────────────┘

By recipe, several tools examine at once, a `look` each between locate and examine, and a part for
REVIEW is asked for in place: settle → ask → END.

A node is one function of the pipeline and of the trace so far. It never raises for what happens to
one part: a failure becomes a step with its error, and the part goes to REVIEW.
"""

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal, cast

from langgraph.errors import GraphBubbleUp
from langgraph.graph import END, START, StateGraph
from langgraph.types import Checkpointer, Send

from reinspect.agents.calls import recorded
from reinspect.components import Stage
from reinspect.cost import ModelCost
from reinspect.errors import shorten
from reinspect.graph.escalation import ask_operator
from reinspect.graph.own_nodes import Chain, OwnParts
from reinspect.graph.pipeline import GraphError, Pipeline, Placed, pieces_of
from reinspect.graph.state import (
    Compiled,
    FannedOutput,
    FannedState,
    GraphState,
    LookState,
    begun_here,
    compile_anew,
    path_of,
)
from reinspect.images import Loaded, UnreadableImage, legible, load
from reinspect.policies.revision import held, restated
from reinspect.references import ReferenceSet
from reinspect.roles import Actor, Tool
from reinspect.trace import Branch, Step, Trace
from reinspect.vocabulary import (
    Decision,
    Disposition,
    Label,
    Move,
    Outcome,
    Product,
    Revision,
    Sample,
    View,
)

Node = Callable[[Pipeline, GraphState], dict[str, Any]]


def detect(pipeline: Pipeline, state: GraphState) -> dict[str, Any]:
    """Read the part and take the first look."""
    sample, fault = _opened(pipeline.references.of(state.get("category")), state)
    if fault:
        unread = Step(node="detect", error=fault, started=datetime.now(UTC))
        return {"trace": Trace(sample=sample, steps=(unread,))}
    looked = attempt(pipeline, "detect", lambda: [pipeline.detector(sample)])
    return {"trace": Trace(sample=sample, steps=(looked,))}


def assess(pipeline: Pipeline, state: GraphState) -> dict[str, Any]:
    """Ask whether the verdict in force can be relied on, and decide what next."""
    trace = state["trace"]

    def work() -> Iterator[Product]:
        assessment = pipeline.monitor(trace)
        yield assessment
        yield _decide(pipeline, trace.then(Step(node="assess", products=(assessment,))))

    after = _record(trace, attempt(pipeline, "assess", work))
    decided = after.decision is not None and after.decision.move is not Move.REVISIT
    if state.get("explore") and decided and not after.rounds:
        return {"trace": after, "accepted": after}
    return {"trace": after}


def locate(pipeline: Pipeline, state: GraphState) -> dict[str, Any]:
    """Find where to look again."""
    if pipeline.actor is not None:  # it finds the places itself
        return {"trace": state["trace"]}
    return _use(pipeline, "locate", _granted(pipeline, state, Stage.LOCATE), state)


def examine(pipeline: Pipeline, state: GraphState) -> dict[str, Any]:
    """Look again, there and with other means."""
    if pipeline.actor is not None:
        return {"trace": _acted(pipeline, pipeline.actor, state["trace"])}
    looked = cast(FannedState, state).get("looked", {})
    changed = _use(pipeline, "examine", _granted(pipeline, state, Stage.EXAMINE), state, looked)
    return {**changed, "looked": None} if looked else changed


def look(pipeline: Pipeline, sent: LookState) -> dict[str, Any]:
    """One of several examiners at once: it sees what the others see, and none of them."""
    own = next(placed for placed in pipeline.tools if placed.name == sent["examiner"])
    (step,) = _used(pipeline, "examine", [own], sent["trace"])
    return {"looked": {own.name: step}}


def revise(pipeline: Pipeline, state: GraphState) -> dict[str, Any]:
    """Reflect on the new evidence; keep or correct the verdict."""
    trace = state["trace"]

    def work() -> Iterator[Product]:
        proposal = pipeline.reviser(trace)
        move = pipeline.revision(trace.then(Step(node="revise", products=(proposal,))))
        yield proposal if move is Move.CORRECT else held(trace, proposal)

    return {"trace": _record(trace, attempt(pipeline, "revise", work))}


def conclude(pipeline: Pipeline, state: GraphState) -> dict[str, Any]:
    """Make a verdict final that was accepted at the first look: where exactly, and how probable.

    Whoever repairs a part needs the place as much as one whose part was looked at twice. The label
    stays: it takes new evidence to change it.
    """
    trace = _main_line(state)
    verdict = trace.verdict
    if verdict is None or trace.rounds:
        return {"trace": trace}
    flagged = verdict.label is Label.ANOMALOUS
    steps = _used(pipeline, "conclude", pipeline.at(Stage.LOCATE), trace) if flagged else []
    regions = Trace(sample=trace.sample, steps=tuple(steps)).regions
    final = restated(verdict.at(regions), trace.assessment)
    if final != verdict:
        said = "Accepted at the first look: the exact place, and the monitor's probability."
        stands = Revision(move=Move.KEEP, after=final, reflection=said)
        steps.append(attempt(pipeline, "conclude", lambda: [stands]))
    return {"trace": trace.then(*steps)}


def explain(pipeline: Pipeline, state: GraphState) -> dict[str, Any]:
    """Put the first and the final verdict into words."""
    trace = state["trace"]
    return {"trace": trace.then(attempt(pipeline, "explain", lambda: [pipeline.explainer(trace)]))}


def settle(pipeline: Pipeline, state: GraphState) -> dict[str, Any]:
    """Decide what happens to the part, and close the trace."""
    trace = state["trace"]
    step = attempt(pipeline, "settle", lambda: [pipeline.settler(trace)])
    return {"trace": closed(trace, step)}


def ask(pipeline: Pipeline, state: GraphState) -> dict[str, Any]:
    """Ask an operator what happens to a part that is for REVIEW; the answer is the last word."""
    trace = state["trace"]
    return {"trace": trace.then(attempt(pipeline, "ask", lambda: [ask_operator(trace)]))}


NODES: tuple[Node, ...] = (detect, assess, locate, examine, revise, conclude, explain, settle)


def ask_in_doubt(pipeline: Pipeline, trace: Trace) -> dict[str, Any]:
    """As `ask`, of a trace that ends in REVIEW; nothing of another."""
    if trace.disposition is None or trace.disposition.outcome is not Outcome.REVIEW:
        return {}
    return {"trace": ask(pipeline, {"image": "", "trace": trace})["trace"]}


def after_detect(state: GraphState) -> Literal["assess", "settle"]:
    """Without a verdict there is nothing to assess."""
    return "assess" if state["trace"].first else "settle"


def after_assess(state: GraphState) -> Literal["locate", "conclude"]:
    """A second look where it was asked for; a single one, for training, where it is explored."""
    trace = state["trace"]
    if trace.steps[-1].error:
        return "conclude"
    if state.get("accepted") is not None:
        return "conclude" if trace.rounds else "locate"
    revisit = trace.decision is not None and trace.decision.move is Move.REVISIT
    return "locate" if revisit else "conclude"


def looks(pipeline: Pipeline, state: GraphState) -> list[Send] | Literal["examine"]:
    """Examiners at once, where there are several to be asked; the others are asked in turn."""
    granted = [own for own in _granted(pipeline, state, Stage.EXAMINE) if own.parallel]
    if len(granted) < 2:
        return "examine"
    given = {"trace": state["trace"], "begun_by": state["begun_by"]}
    return [Send("look", {**given, "examiner": own.name}) for own in granted]


def after_settle(state: GraphState) -> Literal["ask", "__end__"]:
    """A part for REVIEW ends in place, where an operator is asked."""
    settled = state["trace"].disposition
    return "ask" if settled and settled.outcome is Outcome.REVIEW else "__end__"


def build(
    pipeline: Pipeline, *, checkpointer: Checkpointer = None, own: OwnParts | None = None
) -> Compiled:
    """The compiled graph, its nodes bound to a pipeline.

    Raises:
        GraphError: what is a user's own doesn't fit.
    """
    own = own or OwnParts()
    asks, fans = pipeline.asks and pipeline.attended, pipeline.fans
    graph = own.graph(FannedState, made=FannedOutput) if fans else own.graph()
    nodes = (*NODES, ask) if asks else NODES
    bound = {
        node.__name__: begun_here(functools.partial(node, pipeline), pipeline.key) for node in nodes
    }
    at = own.add(graph, bound, forked=["examine"] if fans else ())

    def lead(here: str, there: str) -> None:
        graph.add_edge(at[here].last, at[there].first)

    def fork(here: str, route: Callable[..., str], *there: str) -> None:
        graph.add_conditional_edges(
            at[here].last, route, {name: at[name].first if name in at else name for name in there}
        )

    graph.add_edge(START, at["detect"].first)
    fork("detect", after_detect, "assess", "settle")
    fork("assess", after_assess, "locate", "conclude")
    if fans:
        _fan(graph, pipeline, at)
    else:
        lead("locate", "examine")
    lead("examine", "revise")
    lead("revise", "assess")
    lead("conclude", "explain")
    lead("explain", "settle")
    if asks:
        fork("settle", after_settle, "ask", END)
    graph.add_edge(at["ask" if asks else "settle"].last, END)
    return compile_anew(graph, pipeline.key, name="inspection", checkpointer=checkpointer)


def _fan(
    graph: StateGraph[Any, None, Any, Any], pipeline: Pipeline, at: Mapping[str, Chain]
) -> None:
    """Between locate and examine, or what is right before it, a task for each of several looks."""
    into = at["examine"].into
    if into is not None:
        graph.add_edge(at["locate"].last, at["examine"].first)
    if "look" in graph.nodes:
        raise GraphError("a node 'look' is there already: name yours otherwise")
    graph.add_node("look", cast(Any, begun_here(functools.partial(look, pipeline), pipeline.key)))
    ways = functools.partial(looks, pipeline)
    graph.add_conditional_edges(into or at["locate"].last, ways, ["look", "examine"])
    graph.add_edge("look", "examine")


def _decide(pipeline: Pipeline, trace: Trace) -> Decision:
    move = pipeline.trigger(trace)
    if move is Move.REVISIT and trace.rounds >= pipeline.rounds:
        return Decision(
            move=Move.ACCEPT,
            policy="budget",
            reason=f"still in doubt after {trace.rounds} of {pipeline.rounds} second looks",
        )
    spent = pipeline.limits.exceeded(ModelCost.of_trace(trace)) if move is Move.REVISIT else None
    if spent:
        return Decision(move=Move.ACCEPT, policy="budget", reason=f"still in doubt after {spent}")
    return Decision(move=move, policy=pipeline.trigger_name)


def _opened(references: ReferenceSet, state: GraphState) -> tuple[Sample, str | None]:
    """The sample, its picture decoded once to be sure that it can be; and what is wrong with it."""
    path, fault = path_of(state), None
    view = View(path=legible(path), sha256=None, modality=references.modality)
    try:
        loaded = load(
            path,
            scale=references.scale,
            max_pixels=references.max_pixels,
            rules=references.rules,
        )
        view = view_of(path, loaded)
    except UnreadableImage as failure:
        view, fault = view.model_copy(update={"sha256": failure.sha256}), str(failure)
    if view.path != path and fault is None:
        fault = str(UnreadableImage(path, "its name is not valid UTF-8", "rename the file"))
    return sample_of(state, view), fault


def view_of(path: str, loaded: Loaded) -> View:
    """A picture as it was read; its path is legible to every program that the trace is for."""
    return View(
        path=legible(path),
        sha256=loaded.sha256,
        modality=loaded.modality,
        size=(loaded.pixels.shape[1], loaded.pixels.shape[0]),
        scale=loaded.scale,
        outside=loaded.outside,
        spectrogram=loaded.spectrogram,
    )


def sample_of(state: GraphState, view: View) -> Sample:
    """The part that a caller has given, with its one picture."""
    name = state.get("id")
    return Sample(
        id=view.path if name is None else name, category=state.get("category"), views=(view,)
    )


def _granted(pipeline: Pipeline, state: GraphState, stage: Stage) -> tuple[Placed, ...]:
    """The one look that the monitor asks for, if it is one of these; all where it asks for none."""
    assessment, tools = state["trace"].assessment, pipeline.at(stage)
    wish = assessment.wish if assessment else None
    if wish is None or wish.look not in {placed.name for placed in pipeline.tools}:
        return tools
    return tuple(placed for placed in tools if placed.name == wish.look)


def _use(
    pipeline: Pipeline,
    node: str,
    tools: Iterable[Placed],
    state: GraphState,
    looked: Mapping[str, Step] = MappingProxyType({}),
) -> dict[str, Any]:
    trace = state["trace"]
    return {"trace": _record(trace, *_used(pipeline, node, tools, trace, looked))}


def _used(
    pipeline: Pipeline,
    node: str,
    tools: Iterable[Placed],
    trace: Trace,
    looked: Mapping[str, Step] = MappingProxyType({}),
) -> list[Step]:
    """Each tool in turn, but for those that looked already; a later one sees what came before."""
    steps = []
    for own in tools:
        step = looked.get(own.name)
        if step is None:
            taken = attempt(pipeline, node, functools.partial(_asked, own.tool, trace))
            step = taken.model_copy(update={"tool": own.name})
        steps.append(step)
        trace = trace.then(step)
    return steps


def _acted(pipeline: Pipeline, actor: Actor, trace: Trace) -> Trace:
    """The second look of a monitor that acts: each of its turns, and of its looks, a step."""
    taken: list[Step] = []

    def tried(work: Callable[[], Iterable[Product]], tool: str | None = None) -> Step:
        return attempt(pipeline, "examine", work).model_copy(update={"tool": tool})

    def work() -> Iterable[Product]:
        tools = {own.name: own.tool for own in pipeline.tools}
        for step in actor(trace, tools, tried):
            taken.append(step)  # noqa: PERF402 - kept, should the next one fail
        return ()

    whole = attempt(pipeline, "examine", work)
    return _record(trace, *taken, *([whole] if whole.error else []))


def _asked(tool: Tool, trace: Trace) -> list[Product]:
    return list(pieces_of(tool(trace)))


def attempt(pipeline: Pipeline, node: str, work: Callable[[], Iterable[Product]]) -> Step:
    """Run a node's work, timed. The one place where a member's failure is caught.

    What LangGraph itself raises through a node, `interrupt()` before all, is no failure: where
    somebody attends, it goes on to the graph, which does the node anew when it is resumed.
    """
    started, start = datetime.now(UTC), time.perf_counter()
    with recorded() as calls:
        try:
            step = Step(node=node, products=tuple(work()))  # refuses what is no product
        except GraphBubbleUp as bubble:
            if pipeline.attended:
                raise
            step = Step(node=node, error=f"{node}: {_unanswered(bubble)}")
        except Exception as failure:
            if pipeline.raises:
                raise
            words = " ".join(f"{node}: {type(failure).__name__}: {failure}".split())
            step = Step(node=node, error=legible(words))
    took = time.perf_counter() - start
    products = (*calls, *step.products)
    return step.model_copy(update={"products": products, "started": started, "seconds": took})


def closed(trace: Trace, settled: Step) -> Trace:
    """The trace with its last step; what can't be settled is for REVIEW."""
    if settled.error:
        stands = Disposition(outcome=Outcome.REVIEW, reason=settled.error)
        settled = settled.model_copy(update={"products": (*settled.products, stands)})
    return trace.then(settled)


def _unanswered(bubble: GraphBubbleUp) -> str:
    """Why a member's interrupt comes to nothing, in one line."""
    asked = bubble.args[0] if bubble.args else ()
    questions = ", ".join(shorten(getattr(one, "value", one)) for one in asked)
    return legible(f"interrupt({' '.join(questions.split())}): nobody is there to answer")


def _record(trace: Trace, *steps: Step) -> Trace:
    """The trace with steps of one node, each with the number of the look that it belongs to."""
    looking_again = bool(steps) and steps[0].node in {"locate", "examine", "revise"}
    mark = {"round": trace.rounds + looking_again}
    return trace.then(*(step.model_copy(update=mark) for step in steps))


def _main_line(state: GraphState) -> Trace:
    """The trace, with a second look that was explored as its branch."""
    trace, accepted = state["trace"], state.get("accepted")
    if accepted is None:
        return trace
    at = len(accepted.steps)
    return accepted.model_copy(update={"explored": Branch(at=at, steps=trace.steps[at:])})
