"""The tools as LangChain tools, called as an agent's graph calls them."""

from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import StructuredTool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, interrupt

from reinspect import tools_of
from reinspect.graph.recipe import parse_recipe
from reinspect.tools import as_langchain
from reinspect.trace import Trace
from reinspect.vocabulary import Evidence


@pytest.fixture(scope="module")
def flange(sample_parts: Path) -> Path:
    return sample_parts / "flange"


@pytest.fixture(scope="module")
def tools(flange: Path, fits: Path) -> list[StructuredTool]:
    return as_langchain(tools_of(references=flange / "train" / "good", cache=fits))


@pytest.fixture
def part(flange: Path) -> str:
    return str(next(f for f in sorted(flange.glob("test/*/*")) if f.parent.name != "good"))


def called(tools: list[StructuredTool], name: str, **arguments: Any) -> ToolMessage:
    """Through LangGraph's own node for tools, as a model would have it called."""
    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode(tools))
    graph.add_edge(START, "tools")
    graph.add_edge("tools", END)
    call = {"name": name, "args": arguments, "id": "1", "type": "tool_call"}
    asked = AIMessage(content="", tool_calls=[call])
    answer = graph.compile().invoke({"messages": [asked]})["messages"][-1]
    assert isinstance(answer, ToolMessage)
    return answer


def test_every_tool_says_what_it_is_for_and_what_it_takes(tools: list[StructuredTool]) -> None:
    assert [tool.name for tool in tools] == ["segmentation", "network", "reference", "zoom"]
    for tool in tools:
        assert len(tool.description) > 20
        schema = tool.tool_call_schema.model_json_schema()
        assert set(schema["properties"]) == {"image", "category", "boxes", "phrases"}
        assert schema["required"] == ["image"]


def test_a_tool_answers_with_words_and_its_evidence(tools: list[StructuredTool], part: str) -> None:
    answer = called(tools, "segmentation", image=part, boxes=[[0.2, 0.2, 0.6, 0.6]])
    assert answer.status == "success"
    assert "1 region to look at again" in answer.text
    assert "box [0.200, 0.200, 0.600, 0.600]" in answer.text
    (evidence,) = answer.artifact
    assert isinstance(evidence, Evidence)
    assert evidence.regions[0].mask is not None
    assert evidence.measurements["elongation"] >= 1


@pytest.mark.parametrize("name", ["network", "reference"])
def test_a_witness_gives_its_probability(name: str, tools: list[StructuredTool], part: str) -> None:
    answer = called(tools, name, image=part)
    assert "P(anomalous) by this alone: " in answer.text


def test_the_first_box_is_the_one_that_zoom_takes(tools: list[StructuredTool], part: str) -> None:
    answer = called(tools, "zoom", image=part, boxes=[[0, 0, 0.5, 0.25], [0.5, 0.5, 1, 1]])
    (evidence,) = answer.artifact
    assert (evidence.measurements["width"], evidence.measurements["height"]) == (64, 32)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param({"image": "none.png"}, "none.png: no such file", id="no-picture"),
        pytest.param({"image": ""}, "image: String should have at least 1", id="no-path"),
        pytest.param({"boxes": [[0.5, 0, 1.5, 1]]}, "is not 0 ≤ x1 < x2 ≤ 1", id="outside"),
        pytest.param({"boxes": [[0.5, 0, 0.5, 1]]}, "is not 0 ≤ x1 < x2 ≤ 1", id="empty-box"),
        pytest.param({"boxes": [[0, 0, 1]]}, "boxes.0", id="three-corners"),
        pytest.param({"phrases": [" "]}, "a phrase is empty", id="empty-phrase"),
        pytest.param({"box": [0, 0, 1, 1]}, "box: Extra inputs", id="unknown-argument"),
    ],
)
def test_what_cannot_be_done_is_an_answer(
    arguments: dict[str, Any], words: str, tools: list[StructuredTool], part: str
) -> None:
    answer = called(tools, "segmentation", **{"image": part, **arguments})
    assert answer.status == "error"
    assert words in answer.text
    assert "\n" not in answer.text


def test_a_tool_of_ones_own_is_asked_once_a_phrase(part: str) -> None:
    asked = []

    def own(trace: Trace) -> Evidence:
        """Finds what it is told to."""
        wish = trace.assessment.wish if trace.assessment else None
        asked.append(wish.phrase if wish else None)
        return Evidence(source="own", summary=f"{len(asked)}")

    (tool,) = as_langchain({"mine:own": own})
    assert (tool.name, tool.description) == ("own", "Finds what it is told to.")
    answer = called([tool], "own", image=part, phrases=["a  dent", "rust"])
    assert asked == ["a dent", "rust"]
    assert answer.text == "own: 1\nown: 2"


def test_a_tool_that_fails_is_an_answer(part: str) -> None:
    recipe = parse_recipe("tools: ['reinspect.testing:Failing']")
    tools = as_langchain(tools_of(recipe))
    answer = called(tools, "Failing", image=part)
    assert answer.status == "error"
    assert answer.text.startswith("reinspect.testing:Failing: ")


def test_a_tool_that_asks_a_person_pauses_the_agent(part: str) -> None:
    def asks(trace: Trace) -> Evidence:
        """Asks whether the part is dirty."""
        return Evidence(source="person", summary=interrupt("dirty?"))

    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode(as_langchain({"person": asks})))
    graph.add_edge(START, "tools")
    agent = graph.compile(checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "1"}}
    call = {"name": "person", "args": {"image": part}, "id": "1", "type": "tool_call"}
    asked = agent.invoke({"messages": [AIMessage(content="", tool_calls=[call])]}, thread)
    assert [one.value for one in asked["__interrupt__"]] == ["dirty?"]
    answered = agent.invoke(Command(resume="only dust"), thread)
    assert answered["messages"][-1].text == "person: only dust"
