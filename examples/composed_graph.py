"""A graph with a node of one's own after the inspection: parts for REVIEW are copied aside.

python examples/composed_graph.py IMAGE REFERENCES_FOLDER ARCHIVE_FOLDER
"""

import shutil
import sys
from pathlib import Path
from typing import Any, Literal, Required, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from reinspect import Trace, build_graph
from reinspect.vocabulary import Outcome


class State(TypedDict, total=False):
    """What the inspection takes and gives, and what the new node adds."""

    image: Required[str]
    trace: Trace
    archived: str


def with_archive(inspection: Any, folder: Path) -> CompiledStateGraph[State]:
    """The inspection as one node of a larger graph."""

    def archive(state: State) -> dict[str, str]:
        folder.mkdir(parents=True, exist_ok=True)
        source = Path(state["image"])
        sha256 = state["trace"].sample.visual.sha256 or "unreadable"
        copy = folder / f"{sha256[:16]}{source.suffix}"  # names may repeat, contents don't
        shutil.copyfile(source, copy)
        return {"archived": str(copy)}

    def where_to(state: State) -> Literal["archive", "__end__"]:
        settled = state["trace"].disposition
        return "archive" if settled and settled.outcome is Outcome.REVIEW else "__end__"

    graph = StateGraph(State)
    graph.add_node("inspection", inspection)
    graph.add_node("archive", archive)
    graph.add_edge(START, "inspection")
    graph.add_conditional_edges("inspection", where_to)
    graph.add_edge("archive", END)
    return graph.compile()


if __name__ == "__main__":
    image, references, archive_folder = sys.argv[1:]
    graph = with_archive(build_graph(references=references), Path(archive_folder))
    result = graph.invoke({"image": image})
    print(result["trace"].disposition, result.get("archived", ""))
