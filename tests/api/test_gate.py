"""Keys and rates."""

import pytest

from reinspect.api.gate import Buckets, Keys

FIRST, SECOND = "first-key-0123456789", "second-key-0123456789"


@pytest.mark.parametrize(
    ("given", "client"),
    [
        pytest.param(FIRST, "key 0", id="first"),
        pytest.param(SECOND, "key 1", id="second"),
        pytest.param(FIRST[:-1], None, id="cut"),
        pytest.param(FIRST + "0", None, id="longer"),
        pytest.param(FIRST.upper(), None, id="upper-case"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="none"),
    ],
)
def test_a_key_fits_or_does_not(given: str | None, client: str | None) -> None:
    assert Keys([FIRST, SECOND]).client(given) == client


def test_no_keys_know_nobody() -> None:
    assert not Keys()
    assert Keys().client("") is None


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_gives_twice_its_rate_at_once_and_its_rate_for_ever() -> None:
    clock = Clock()
    buckets = Buckets(4, clock)
    assert [buckets.wait("a") for _ in range(9)] == [0] * 8 + [0.25]
    assert buckets.wait("b") == 0
    taken = 0
    for _ in range(1000):
        clock.now += 0.01
        taken += not buckets.wait("a")
    assert taken in (39, 40)  # sums of hundredths
    clock.now += 1000
    assert sum(not buckets.wait("a") for _ in range(20)) == 8


def test_a_slow_rate_lets_one_in_at_once() -> None:
    clock = Clock()
    buckets = Buckets(0.1, clock)
    assert [buckets.wait("a"), buckets.wait("a")] == [0, 10]


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_a_rate_that_lets_nobody_in_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="more than 0 requests"):
        Buckets(rate)
