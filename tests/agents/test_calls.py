"""Calls of models: on record whatever happens, summed, and limited."""

from pathlib import Path

import pytest

from made_traces import corrected
from reinspect.agents.calls import Limits, Purse, Spent, note, recorded, spent_on
from reinspect.store import RunInfo, Store
from reinspect.vocabulary import Call, Step, Trace

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


def test_what_a_trace_has_cost() -> None:
    trace = corrected("a.png").then(Step(node="explain", products=(CALL, UNPRICED)))
    assert spent_on(trace) == Spent(calls=2, tokens=140, seconds=3.0, usd=0.002, unpriced=1)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        pytest.param(Limits(), None, id="none"),
        pytest.param(Limits(calls=2), "2 of 2 calls", id="calls"),
        pytest.param(Limits(tokens=100), "140 of 100 tokens", id="tokens"),
        pytest.param(Limits(seconds=1), "3 of 1 seconds", id="seconds"),
        pytest.param(Limits(usd=0.001, calls=5), "0.002 of 0.001 usd", id="usd"),
        pytest.param(Limits(usd=1, calls=5), None, id="enough left"),
    ],
)
def test_a_limit_that_is_reached_is_named(limits: Limits, words: str | None) -> None:
    purse = Purse(limits)
    purse.pay([CALL])
    purse.pay([UNPRICED])
    assert purse.empty == words


def test_a_call_comes_back_from_the_store(tmp_path: Path) -> None:
    trace: Trace = corrected("a.png").then(Step(node="explain", products=(UNPRICED,)))
    with Store.open(tmp_path / "reinspect.db") as store:
        run = store.begin_run(RunInfo(name="r"))
        with store.writer(run) as writer:
            writer.write(trace)
        found = store.trace(run, "a.png")
    assert spent_on(found).calls == 1
    assert found.steps[:-1] == trace.steps[:-1]
