"""Examiners at once: what they find, and how it is told, is what they find in turn."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from reinspect.agents.calls import BudgetSpent, ModelLimits, RunBudget, note
from reinspect.components import Stage
from reinspect.cost import ModelCost
from reinspect.graph import build_graph
from reinspect.graph.inspection import build
from reinspect.graph.own_nodes import OwnParts
from reinspect.graph.pipeline import GraphError, Pipeline, Placed
from reinspect.graph.recipe import RecipeError, parse_recipe
from reinspect.testing import ScriptedPolicy, ScriptedTool
from reinspect.trace import Step, Trace
from reinspect.vocabulary import Assessment, Call, Evidence, Outcome, Wish
from support.requirements import Late
from support.scripted_pipeline import LOCATOR, pipeline

sqlite = Late("langgraph.checkpoint.sqlite")

CELL = {"configurable": {"thread_id": "cell 7"}}
PATIENCE = 30.0
"""Seconds after which one examiner no longer waits for another."""


def found(source: str, probability: float | None = 0.9) -> Evidence:
    return Evidence(source=source, summary=f"{source} found", probability=probability)


def twice(*tools: Placed, **parts: Any) -> Pipeline:
    """It looks twice, by these examiners."""
    return pipeline(tools=(LOCATOR, *tools), trigger=ScriptedPolicy("revisit"), **parts)


def at_once(**tools: Callable[[Trace], Evidence]) -> tuple[Placed, ...]:
    return tuple(Placed(name, Stage.EXAMINE, tool, True) for name, tool in tools.items())


def in_turn(**tools: Callable[[Trace], Evidence]) -> tuple[Placed, ...]:
    return tuple(own._replace(parallel=False) for own in at_once(**tools))


def plain(trace: Trace) -> list[Step]:
    """Its steps, without when and for how long."""
    return [one.model_copy(update={"started": None, "seconds": 0.0}) for one in trace.steps]


def examined(trace: Trace) -> list[str | None]:
    return [step.tool for step in trace.steps if step.node == "examine"]


TOOLS = ("hi_res", "reference", "zoom")


def test_results_are_those_of_examiners_in_turn(sample_parts: Path, tmp_path: Path) -> None:
    """Real ones, and the words, numbers and pictures of every step."""
    flange = sample_parts / "flange"
    traces: list[list[Trace]] = []
    for parallel in (False, True):
        content = {
            "detector": {"kind": "embedded", "features": "filters"},
            "tools": ["segmentation", *({"kind": k, "parallel": parallel} for k in TOOLS)],
            "policies": {"trigger": "always"},
        }
        graph = build_graph(
            parse_recipe(yaml.safe_dump(content)),
            references=flange / "train" / "good",
            pictures=tmp_path / "pictures",
            cache=tmp_path / "cache",
        )
        assert ("look" in graph.nodes) is parallel
        parts = sorted(flange.glob("test/*/*"))[:4]
        traces.append([graph.invoke({"image": str(part)})["trace"] for part in parts])
    for one, two in zip(*traces, strict=True):
        assert one.error is None
        assert examined(one) == list(TOOLS)
        assert plain(one) == plain(two)


def test_they_are_at_work_at_once_and_told_in_the_order_of_the_recipe(part: str) -> None:
    """The first waits for the last one's end: in turn it would wait for ever."""
    ended = threading.Event()

    def patient(trace: Trace) -> Evidence:
        assert ended.wait(PATIENCE), "the other one never began"
        return found("patient")

    def quick(trace: Trace) -> Evidence:
        ended.set()
        return found("quick")

    trace = build(twice(*at_once(patient=patient, quick=quick))).invoke({"image": part})["trace"]
    assert trace.error is None
    assert examined(trace) == ["patient", "quick"]
    assert [piece.source for piece in trace.evidence][-2:] == ["patient", "quick"]
    assert [step.round for step in trace.steps if step.node == "examine"] == [1, 1]
    assert trace.rounds == 1


def test_asynchronously_it_is_the_same(part: str) -> None:
    tools = {"one": ScriptedTool(0.8, source="one"), "two": ScriptedTool(0.7, source="two")}
    async_ = asyncio.run(build(twice(*at_once(**tools))).ainvoke({"image": part}))["trace"]
    assert plain(async_) == plain(build(twice(*in_turn(**tools))).invoke({"image": part})["trace"])


def test_whoever_is_asked_in_turn_sees_what_came_before_and_nobody_else(part: str) -> None:
    seen: dict[str, list[str]] = {}

    def seeing(name: str) -> Callable[[Trace], Evidence]:
        def tool(trace: Trace) -> Evidence:
            seen[name] = [piece.source for piece in trace.evidence]
            return found(name)

        return tool

    one, two, last = (seeing(name) for name in ("one", "two", "last"))
    row = (*at_once(one=one), *in_turn(between=seeing("between")), *at_once(two=two))
    trace = build(twice(*row, *in_turn(last=last))).invoke({"image": part})["trace"]
    assert examined(trace) == ["one", "between", "two", "last"]
    assert seen == {
        "one": ["locator"],
        "two": ["locator"],
        "between": ["locator", "one"],
        "last": ["locator", "one", "between", "two"],
    }


def test_a_failure_costs_what_the_others_found_nothing(part: str) -> None:
    def broken(trace: Trace) -> Evidence:
        raise ValueError("no light")

    tools = {"one": ScriptedTool(0.9, source="one"), "broken": broken}
    tools |= {"two": ScriptedTool(0.8, source="two")}
    trace = build(twice(*at_once(**tools))).invoke({"image": part})["trace"]
    assert examined(trace) == ["one", "broken", "two"]
    assert [piece.source for piece in trace.evidence][-2:] == ["one", "two"]
    assert trace.error == "examine: ValueError: no light"
    assert trace.disposition.outcome is Outcome.REVIEW


def test_who_debugs_has_the_fault_itself(part: str) -> None:
    def broken(trace: Trace) -> Evidence:
        raise ValueError("no light")

    tools = at_once(one=ScriptedTool(0.9, source="one"), broken=broken)
    with pytest.raises(ValueError, match="no light"):
        build(twice(*tools, raises=True)).invoke({"image": part})


class Paid:
    """An examiner that asks a model, and pays for it."""

    def __init__(self, name: str, budget: RunBudget) -> None:
        self._name, self._budget = name, budget

    def __call__(self, trace: Trace) -> Evidence:
        self._budget.open()
        call = Call(
            model=self._name, prompt="p", prompt_sha256="0" * 64, text="t", text_sha256="0" * 64,
            server="s", started=datetime.now(UTC), tokens_in=100, tokens_out=10, seconds=1.0,
        )  # fmt: skip
        self._budget.pay(call)
        note(call)
        return found(self._name)


@pytest.mark.parametrize("most", [None, 3])
def test_calls_are_counted_each_with_its_own_look(part: str, most: int | None) -> None:
    names = [f"model-{number}" for number in range(6)]
    budget = RunBudget(ModelLimits(calls=most))
    tools = at_once(**{name: Paid(name, budget) for name in names})
    trace = build(twice(*tools)).invoke({"image": part})["trace"]
    steps = [step for step in trace.steps if step.node == "examine"]
    assert [step.tool for step in steps] == names
    paid = [step for step in steps if step.error is None]
    assert len(paid) == (most or 6)
    for step in paid:
        (call,) = (p for p in step.products if isinstance(p, Call))
        assert call.model == step.tool
    spent = [step.error for step in steps if step.error]
    assert all(BudgetSpent.__name__ in why for why in spent)
    cost = ModelCost.of_trace(trace)
    assert (cost.calls, cost.tokens) == (len(paid), 110 * len(paid))


def test_a_monitor_that_asks_for_one_look_has_that_one(part: str) -> None:
    asked: list[str] = []

    def monitor(trace: Trace) -> Assessment:
        return Assessment(confidence=0.6, reliability=0.5, wish=Wish(look="two"))

    def tool(name: str) -> Callable[[Trace], Evidence]:
        return lambda trace: (asked.append(name), found(name))[1]

    tools = at_once(one=tool("one"), two=tool("two"))
    trace = build(twice(*tools, monitor=monitor)).invoke({"image": part})["trace"]
    assert (asked, examined(trace)) == (["two"], ["two"])


@pytest.mark.needs("langgraph.checkpoint.sqlite")
def test_two_that_ask_a_person_are_answered_each_by_its_own(part: str, tmp_path: Path) -> None:
    """The others are not asked again, and a restart loses nothing."""
    done: list[str] = []

    def asking(name: str) -> Callable[[Trace], Evidence]:
        return lambda trace: found(name, float(interrupt(name)))

    def third(trace: Trace) -> Evidence:
        done.append("third")
        return found("third")

    tools = at_once(one=asking("one"), third=third, two=asking("two"))
    database = str(tmp_path / "checkpoints.db")
    with sqlite.SqliteSaver.from_conn_string(database) as saver:
        graph = build(twice(*tools, attended=True), checkpointer=saver)
        paused = graph.invoke({"image": part}, CELL)["__interrupt__"]
        assert {asked.value for asked in paused} == {"one", "two"}
    with sqlite.SqliteSaver.from_conn_string(database) as saver:
        graph = build(twice(*tools, attended=True), checkpointer=saver)
        said = {"one": 0.75, "two": 0.25}
        answers = {asked.id: said[asked.value] for asked in paused}
        trace = graph.invoke(Command(resume=answers), CELL)["trace"]
    assert trace.error is None
    assert {e.source: e.probability for e in trace.evidence if e.source in said} == said
    assert examined(trace) == ["one", "third", "two"]
    assert done == ["third"]


def test_a_thread_that_is_used_again_has_none_of_the_looks_before(part: str) -> None:
    """Not even of a part that was left while one examiner waited for an answer."""
    asks = iter([True, False, False])

    def asking(trace: Trace) -> Evidence:
        return found("asking", interrupt("p?") if next(asks) else 0.6)

    tools = at_once(asking=asking, other=ScriptedTool(0.8, 0.3, source="other"))
    graph = build(twice(*tools, attended=True), checkpointer=InMemorySaver())
    graph.invoke({"image": part, "id": "one"}, CELL)
    two = graph.invoke({"image": part, "id": "two"}, CELL)
    assert two["looked"] == {}
    trace = two["trace"]
    assert trace.sample.id == "two"
    assert [e.probability for e in trace.evidence if e.source in ("asking", "other")] == [0.6, 0.3]


def test_each_look_is_an_update_with_its_step(part: str) -> None:
    tools = at_once(one=ScriptedTool(0.9, source="one"), two=ScriptedTool(0.8, source="two"))
    updates = list(build(twice(*tools)).stream({"image": part}, stream_mode="updates"))
    looks = [update["look"]["looked"] for update in updates if "look" in update]
    assert sorted(name for look in looks for name in look) == ["one", "two"]
    assert {look[name].tool for look in looks for name in look} == {"one", "two"}
    names = [next(iter(update)) for update in updates]
    assert names == [
        "detect", "assess", "locate", "look", "look", "examine", "revise", "assess", "conclude",
        "explain", "settle",
    ]  # fmt: skip


@pytest.mark.parametrize("node", ["locate", "examine", "revise"])
def test_own_nodes_stand_where_they_would_without(part: str, node: str) -> None:
    def noted(name: str) -> Callable[[Any], dict[str, Any]]:
        return lambda state: {"id": name}

    own = OwnParts({node: {"before": noted("before")}}, {node: {"after": noted("after")}})
    tools = at_once(one=ScriptedTool(0.9, source="one"), two=ScriptedTool(0.8, source="two"))
    graph = build(twice(*tools), own=own)
    updates = graph.stream({"image": part}, stream_mode="updates")
    names = [next(iter(update)) for update in updates]
    examine = ["before", "look", "look", "examine", "after"]
    row = {
        "locate": ["before", "locate", "after", "look", "look", "examine", "revise"],
        "examine": ["locate", *examine, "revise"],
        "revise": ["locate", "look", "look", "examine", "before", "revise", "after"],
    }[node]
    assert names == ["detect", "assess", *row, "assess", "conclude", "explain", "settle"]


def test_the_name_of_its_node_is_taken() -> None:
    tools = at_once(one=ScriptedTool(0.9), two=ScriptedTool(0.8))
    own = OwnParts({"detect": {"look": lambda state: {}}})
    with pytest.raises(GraphError, match="a node 'look' is there already"):
        build(twice(*tools), own=own)


@pytest.mark.parametrize(
    ("tool", "line"),
    [
        pytest.param({"kind": "zoom", "parallel": "yes"}, "neither true nor false", id="word"),
        pytest.param({"kind": "segmentation", "parallel": True}, "it locates", id="locates"),
    ],
)
def test_a_recipe_that_cannot_be(tool: dict[str, Any], line: str) -> None:
    with pytest.raises(RecipeError, match=rf"tools\.0\.parallel: .*{line}"):
        build_graph(parse_recipe(yaml.safe_dump({"tools": [tool]})))


STRICT = """
import sys
from langgraph.checkpoint.sqlite import SqliteSaver
from test_at_once import ScriptedTool, at_once, build, twice
image, database = sys.argv[1:]
line = {"configurable": {"thread_id": "1"}}
def made():
    return twice(*at_once(one=ScriptedTool(.9, source="one"), two=ScriptedTool(.8, source="two")))
with SqliteSaver.from_conn_string(database) as saver:
    trace = build(made(), checkpointer=saver).invoke({"image": image}, line)["trace"]
with SqliteSaver.from_conn_string(database) as saver:
    states = list(build(made(), checkpointer=saver).get_state_history(line))
    assert states[0].values["trace"] == trace
    (waiting,) = (s for s in states if s.values.get("looked"))
    assert waiting.values["looked"]["two"].tool == "two", waiting
"""


@pytest.mark.needs("langgraph.checkpoint.sqlite")
@pytest.mark.process
def test_checkpoints_are_read_where_unknown_types_are_refused(part: str, tmp_path: Path) -> None:
    tests = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", STRICT, part, str(tmp_path / "c.db")],
        env={"LANGGRAPH_STRICT_MSGPACK": "true", "PYTHONPATH": f"{tests / 'graph'}:{tests}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
