import pytest
from hypothesis import given
from hypothesis import strategies as st

from reinspect.metrics import Ledger, LedgerCounts

looks = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.booleans()), max_size=30)


def counted(items):
    columns = zip(*items, strict=True) if items else ([], [], [])
    return Ledger.count(*columns)


@pytest.mark.parametrize(
    ("first", "final", "truth", "count", "direction"),
    [
        pytest.param(0.4, 0.6, 1, "fixed", "normal_to_anomalous", id="defect-found-late"),
        pytest.param(0.6, 0.4, 0, "fixed", "anomalous_to_normal", id="false-alarm-cleared"),
        pytest.param(0.4, 0.6, 0, "broken", "normal_to_anomalous", id="false-alarm-raised"),
        pytest.param(0.6, 0.4, 1, "broken", "anomalous_to_normal", id="defect-lost"),
        pytest.param(0.4, 0.1, 1, "unchanged_wrong", "normal_to_anomalous", id="missed-twice"),
        pytest.param(0.6, 0.9, 0, "unchanged_wrong", "anomalous_to_normal", id="alarmed-twice"),
        pytest.param(0.4, 0.1, 0, "unchanged_right", "normal_to_anomalous", id="good-twice"),
        pytest.param(0.5, 0.9, 1, "unchanged_right", "anomalous_to_normal", id="found-twice"),
    ],
)
def test_each_part_counts_once(first, final, truth, count, direction):
    ledger = Ledger.count([first], [final], [truth])
    one = {"revisited": 1, count: 1}
    assert ledger.model_dump(exclude_defaults=True) == {
        **one,
        "by_direction": {direction: one},
    }


@given(looks, looks)
def test_ledgers_add_up(one, other):
    assert counted(one) + counted(other) == counted([*one, *other])
    assert sum([counted(one), counted(other)], start=Ledger()) == counted([*one, *other])


@given(looks)
def test_nothing_is_lost(items):
    ledger = counted(items)
    assert ledger.revisited == len(items)
    directions = ledger.by_direction
    both = directions.normal_to_anomalous + directions.anomalous_to_normal
    assert both.model_dump() == ledger.model_dump(exclude={"by_direction"})


def test_the_json_comes_back():
    ledger = counted([(0.2, 0.7, True), (0.8, 0.9, False)])
    assert Ledger.model_validate_json(ledger.model_dump_json()) == ledger


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        pytest.param(
            lambda: LedgerCounts(revisited=3, fixed=1),
            ValueError,
            "revisited 3",
            id="does-not-add-up",
        ),
        pytest.param(
            lambda: Ledger.count([0.1], [0.2, 0.3], [1]), ValueError, "final 2", id="lengths"
        ),
        pytest.param(
            lambda: Ledger.count([0.1], [1.2], [1]), ValueError, r"final\[0\] is 1.2", id="range"
        ),
        pytest.param(
            lambda: Ledger() + LedgerCounts(), TypeError, "Ledger", id="tally-has-no-direction"
        ),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()
