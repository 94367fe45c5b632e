"""Calls of models: on record whatever happens, summed, and limited."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reinspect.agents.calls import (
    BudgetSpent,
    ModelLimits,
    RunBudget,
    note,
    recorded,
)
from reinspect.cost import ModelCost
from reinspect.store import RunInfo, Store
from reinspect.trace import Step, Trace
from reinspect.vocabulary import Call
from support.made_traces import corrected

CALL = Call(
    model="tiny",
    prompt="detect.md",
    prompt_sha256="0" * 64,
    pictures=1,
    answers=('{"answer": "no"}', "<b>\x00"),
    unread=1,
    probabilities={"token probability": 0.25},
    tokens_in=100,
    tokens_out=20,
    usd=0.002,
    seconds=1.5,
)
UNPRICED = CALL.model_copy(update={"usd": None, "tokens_in": None})


def test_calls_are_recorded_where_they_are_made() -> None:
    with recorded() as outer:
        note(CALL)
        with recorded() as inner:
            note(UNPRICED)
        note(CALL)
    note(CALL)
    assert (outer, inner) == ([CALL, CALL], [UNPRICED])


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        pytest.param(ModelLimits(), None, id="none"),
        pytest.param(ModelLimits(calls=2), "2 of 2 calls", id="calls"),
        pytest.param(ModelLimits(tokens=100), "140 of 100 tokens", id="tokens"),
        pytest.param(ModelLimits(seconds=1), "3 of 1 seconds", id="seconds"),
        pytest.param(ModelLimits(usd=0.001, calls=5), "0.002 of 0.001 usd", id="usd"),
        pytest.param(ModelLimits(usd=1, calls=5), None, id="enough left"),
    ],
)
def test_a_limit_that_is_reached_is_named(limits: ModelLimits, words: str | None) -> None:
    assert limits.exceeded(ModelCost.of([CALL, UNPRICED])) == words


def test_a_purse_lets_no_call_through_that_was_not_allowed() -> None:
    budget = RunBudget(ModelLimits(calls=20, tokens=10_000))
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: _opened(budget), range(50)))
    assert done.count(None) == 20
    assert done[-1] == "budget: the run has spent 20 of 20 calls"


def test_a_purse_counts_what_calls_cost() -> None:
    budget = RunBudget(ModelLimits(usd=0.004))
    for _ in range(2):
        budget.open()
        budget.pay(CALL)
    with pytest.raises(BudgetSpent, match=r"0\.004 of 0\.004 usd"):
        budget.open()


def _opened(budget: RunBudget) -> str | None:
    try:
        budget.open()
    except BudgetSpent as failure:
        return str(failure)
    return None


def test_a_call_comes_back_from_the_store(tmp_path: Path) -> None:
    trace: Trace = corrected("a.png").then(Step(node="explain", products=(UNPRICED,)))
    with Store.open(tmp_path / "reinspect.db") as store:
        run = store.begin_run(RunInfo(name="r"))
        with store.writer(run) as writer:
            writer.write(trace)
        found = store.trace(run, "a.png")
    assert ModelCost.of_trace(found).calls == 1
    assert found.steps[:-1] == trace.steps[:-1]
