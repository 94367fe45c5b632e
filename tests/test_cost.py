"""What models have cost: of calls, of a trace, of a run as the store keeps it."""

import pytest

from reinspect.cost import ModelCost, RunCost
from reinspect.trace import Step
from reinspect.vocabulary import Call
from support.made_traces import corrected

CALL = Call(
    model="tiny",
    prompt="detect.md",
    prompt_sha256="0" * 64,
    pictures=1,
    answers=('{"answer": "no"}', "<b>"),
    unread=1,
    tokens_in=100,
    tokens_out=20,
    usd=0.002,
    seconds=1.5,
)
UNPRICED = CALL.model_copy(update={"usd": None, "tokens_in": None, "model": "other"})
FAILED = CALL.model_copy(update={"answers": (), "unread": 0, "error": "refused"})
TRACE = corrected("a.png").then(Step(node="explain", products=(CALL, UNPRICED)))


@pytest.mark.parametrize(
    ("calls", "cost"),
    [
        pytest.param((), ModelCost(), id="none"),
        pytest.param(
            (CALL, UNPRICED),
            ModelCost(
                calls=2,
                answers=4,
                unread=2,
                tokens_in=100,
                tokens_out=40,
                unpriced=1,
                usd=0.002,
                seconds=3.0,
            ),
            id="one-without-a-price",
        ),
        pytest.param(
            (FAILED,),
            ModelCost(calls=1, failed=1, tokens_in=100, tokens_out=20, usd=0.002, seconds=1.5),
            id="failed",
        ),
    ],
)
def test_the_sum_of_calls(calls: tuple[Call, ...], cost: ModelCost) -> None:
    assert ModelCost.of(calls) == cost
    assert sum((ModelCost.of([call]) for call in calls), start=ModelCost()) == cost


def test_of_a_trace() -> None:
    cost = ModelCost.of_trace(TRACE)
    assert (cost.calls, cost.tokens, cost.unreadable) == (2, 140, 0.5)


@pytest.mark.parametrize(
    ("prices", "usd"),
    [
        pytest.param((0.5, 0.25), 0.75, id="known"),
        pytest.param((0.5, None), None, id="one-unknown"),
        pytest.param((), 0, id="no-calls"),
    ],
)
def test_a_price_that_is_not_known_is_not_nothing(
    prices: tuple[float | None, ...], usd: float | None
) -> None:
    cost = ModelCost.of(CALL.model_copy(update={"usd": price}) for price in prices)
    assert cost.known_usd == usd


def test_a_run_without_calls_has_no_counters() -> None:
    assert RunCost().add_to({"inspected": 3.0}) == {}
    assert ModelCost.of_counters({"inspected": 3.0}) is None


def test_what_was_paid_before_a_run_was_resumed_stays_paid() -> None:
    cost = RunCost()
    cost(TRACE)
    first = cost.add_to({})
    assert first["model_usd"] == 0.002
    assert ModelCost.of_counters(first) == cost.total.model_copy(update={"seconds": 0.0})
    assert cost.add_to(first) == {name: 2 * value for name, value in first.items()}
    assert RunCost().add_to(first) == first


def test_a_line_a_model() -> None:
    cost = RunCost()
    cost(TRACE)
    cost(corrected("b.png").then(Step(node="explain", products=(UNPRICED, FAILED))))
    assert list(cost.lines()) == [
        "Model other: 2 calls, 0 failed, 2 of 4 answers unreadable (50.0%), 0 tokens in, 40 out, "
        "1.50 s a call, cost unknown (no price in the recipe)",
        "Model tiny: 2 calls, 1 failed, 1 of 2 answers unreadable (50.0%), 200 tokens in, 40 out, "
        "1.50 s a call, 0.0040 USD",
    ]
