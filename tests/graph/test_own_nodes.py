"""A user's nodes before and after those of the inspection, with fields of their own."""

import operator
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from reinspect.graph import build_graph
from reinspect.graph.inspection import NODES, build
from reinspect.graph.own_nodes import OwnParts
from reinspect.graph.pipeline import GraphError
from reinspect.graph.recipe import Recipe
from reinspect.testing import ScriptedPolicy
from reinspect.trace import Trace
from reinspect.vocabulary import Sample, Verdict
from support.scripted_pipeline import pipeline

LINE = {"configurable": {"thread_id": "line 1"}}


@pytest.fixture
def part(tmp_path: Path) -> str:
    path = tmp_path / "4711.png"
    cv2.imwrite(str(path), np.full((20, 30, 3), 90, np.uint8))
    return str(path)


class Cell(TypedDict, total=False):
    barcode: str
    heard: Annotated[list[str], operator.add]


def read_barcode(state: Any) -> dict[str, Any]:
    code = Path(state["image"]).stem
    return {"barcode": code, "id": f"part {code}"}


def tell_the_line(state: Any) -> dict[str, Any]:
    return {"heard": [f"{state['barcode']}: {state['trace'].disposition.outcome}"]}


OWN = OwnParts({"detect": read_barcode}, {"settle": tell_the_line}, Cell)


def test_nodes_before_and_after_share_fields_of_their_own(part: str) -> None:
    result = build(pipeline(), own=OWN).invoke({"image": part})
    assert result["trace"].sample.id == "part 4711"
    assert (result["barcode"], result["heard"]) == ("4711", ["4711: PASS"])


def test_updates_of_own_nodes_have_their_content_in_a_subgraph_too(part: str) -> None:
    class Outer(TypedDict, total=False):
        image: str
        trace: Trace

    outer = StateGraph(Outer)
    outer.add_node("inspection", build(pipeline(), own=OWN))
    outer.add_edge(START, "inspection")
    updates = {}
    for space, update in outer.compile().stream(
        {"image": part}, stream_mode="updates", subgraphs=True
    ):
        assert space or list(update) == ["inspection"]
        updates.update(update)
    assert updates["read_barcode"] == {"barcode": "4711", "id": "part 4711"}
    assert updates["tell_the_line"] == {"heard": ["4711: PASS"]}
    for name in ("detect", "assess", "explain", "settle"):
        assert isinstance(updates[name]["trace"], Trace)


def test_a_node_that_names_the_part_alone_updates_with_that(part: str) -> None:
    class Outer(TypedDict, total=False):
        image: str
        trace: Trace

    def name_it(state: Any) -> dict[str, Any]:
        return {"id": "part 4711"}

    outer = StateGraph(Outer)
    outer.add_node("inspection", build(pipeline(), own=OwnParts({"detect": name_it})))
    outer.add_edge(START, "inspection")
    every = outer.compile().stream({"image": part}, stream_mode="updates", subgraphs=True)
    assert {"name_it": {"id": "part 4711"}} in [update for _, update in every]


def test_without_own_nodes_the_trace_alone_comes_out(part: str) -> None:
    assert set(build(pipeline()).invoke({"image": part, "id": "7"})) == {"trace"}


def test_fields_begin_anew_with_each_part_unless_they_have_a_reducer(part: str) -> None:
    def read_once(state: Any) -> dict[str, Any]:
        return {} if state["heard"] else {"barcode": "4711"}

    own = OwnParts({"detect": read_once}, {"settle": tell_the_line}, Cell)
    graph = build(pipeline(), own=own, checkpointer=InMemorySaver())
    graph.invoke({"image": part}, LINE)
    result = graph.invoke({"image": part}, LINE)
    assert result["barcode"] is None
    assert result["heard"] == ["4711: PASS", "None: PASS"]
    given = graph.invoke({"image": part, "barcode": "1234"}, LINE)
    assert given["heard"][-1] == "1234: PASS"


@pytest.mark.parametrize("place", [node.__name__ for node in NODES])
def test_a_node_may_stand_on_either_side_of_any(part: str, place: str) -> None:
    ran: list[str] = []

    def noting(name: str) -> Any:
        return {name: lambda state: ran.append(name)}

    own = OwnParts({place: noting("mine before")}, {place: noting("mine after")})
    members = pipeline(trigger=ScriptedPolicy("revisit", "accept"))
    updates = [next(iter(update)) for update in build(members, own=own).stream({"image": part})]
    at = updates.index(place)
    assert updates[at - 1 : at + 2] == ["mine before", place, "mine after"]
    assert len(ran) == 2 * updates.count(place)


def test_several_stand_in_their_order(part: str) -> None:
    row = {"one": lambda state: None, "two": lambda state: None}
    own = OwnParts(before={"explain": row})
    updates = [next(iter(update)) for update in build(pipeline(), own=own).stream({"image": part})]
    assert updates == ["detect", "assess", "conclude", "one", "two", "explain", "settle"]


def test_a_compiled_graph_is_a_node(part: str) -> None:
    inner = StateGraph(Cell)
    inner.add_node("read", lambda state: {"barcode": "of a subgraph"})
    inner.add_edge(START, "read")
    own = OwnParts(before={"detect": {"reader": inner.compile()}}, state=Cell)
    assert build(pipeline(), own=own).invoke({"image": part})["barcode"] == "of a subgraph"


def test_an_own_node_may_ask_a_person(part: str) -> None:
    def ask_category(state: Any) -> dict[str, Any]:
        return {"category": interrupt("which product?")}

    own = OwnParts(before={"detect": ask_category})
    graph = build(pipeline(attended=True), own=own, checkpointer=InMemorySaver())
    graph.invoke({"image": part, "id": "7"}, LINE)
    sample = graph.invoke(Command(resume="bolt"), LINE)["trace"].sample
    assert (sample.id, sample.category) == ("7", "bolt")


def test_a_node_may_bring_the_picture(part: str) -> None:
    own = OwnParts(before={"detect": {"camera": lambda state: {"image": part}}})
    assert build(pipeline(), own=own).invoke({"id": "7"})["trace"].sample.path == part


class Taken(TypedDict):
    trace: str


class NoTypedDict:
    barcode: str


@pytest.mark.parametrize(
    ("own", "words"),
    [
        pytest.param(
            OwnParts({"detekt": read_barcode}),
            "before: no node 'detekt'; did you mean 'detect'?",
            id="unknown place",
        ),
        pytest.param(
            OwnParts(after={"settle": {"assess": read_barcode}}),
            "a node 'assess' is there already: name yours otherwise",
            id="taken name",
        ),
        pytest.param(
            OwnParts({"detect": read_barcode}, {"detect": read_barcode}),
            "a node 'read_barcode' is there already: name yours otherwise",
            id="twice",
        ),
        pytest.param(
            OwnParts({"detect": lambda state: None}),
            "before.detect: a node without a name: give it as {'name': node}",
            id="lambda",
        ),
        pytest.param(
            OwnParts(after={"detect": 3}),  # type: ignore[dict-item]
            "after.detect: 3 is no node",
            id="no node",
        ),
        pytest.param(
            OwnParts(state=NoTypedDict),
            "state: a TypedDict of further fields is needed, not NoTypedDict",
            id="no TypedDict",
        ),
        pytest.param(
            OwnParts(state=Taken),
            "state: 'trace' is a field of the inspection: give yours another name",
            id="taken field",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(own: OwnParts, words: str) -> None:
    with pytest.raises(GraphError) as refused:
        build(pipeline(), own=own)
    assert str(refused.value) == words


def fixed(sample: Sample) -> Verdict:
    """A detector of one's own."""
    return Verdict.of(0.5)


def test_build_graph_takes_them(part: str) -> None:
    recipe = Recipe.model_validate({"detector": f"{__name__}:fixed", "tools": []})
    graph = build_graph(
        recipe,
        checkpointer=InMemorySaver(),
        before={"detect": read_barcode},
        after={"settle": tell_the_line},
        state=Cell,
    )
    result = graph.invoke({"image": part}, LINE)
    assert result["heard"] == ["4711: REVIEW"]
    fields = graph.get_input_jsonschema()
    assert set(fields["properties"]) == {"image", "category", "id", "explore", "barcode", "heard"}
    assert fields["required"] == ["image"]
    out = {"trace", "id", "category", "barcode", "heard"}
    assert set(graph.get_output_jsonschema()["properties"]) == out


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
def test_as_a_tool_it_takes_what_a_caller_gives(part: str) -> None:
    graph, told = build(pipeline()), {"name": "inspect", "description": "Inspects a part."}
    tool = graph.as_tool(**told)
    assert set(tool.args) == {"image", "category", "id", "explore"}
    whole = {"image": part, "category": None, "id": None, "explore": False}
    assert tool.invoke(whole)["trace"].sample.path == part
    tool = graph.as_tool(arg_types={"image": str}, **told)
    assert tool.invoke({"image": part})["trace"].sample.path == part
