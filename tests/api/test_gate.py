"""Keys and rates."""

import asyncio

import pytest

from reinspect.api.gate import BodySlots, Buckets, Keys

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


def test_one_client_has_half_of_the_turns_and_others_the_rest() -> None:
    async def tried() -> list[bool]:
        slots = BodySlots(4)
        names = ("a", "a", "a", "b", "c", "d")
        return [await slots.take(name, 0.01) for name in names]

    assert asyncio.run(tried()) == [True, True, False, True, True, False]


def test_turns_come_in_the_order_of_asking_but_past_who_has_enough() -> None:
    async def tried() -> list[str]:
        slots, came = BodySlots(2), list[str]()

        async def ask(name: str) -> None:
            assert await slots.take(name, 5)
            came.append(name)

        assert await slots.take("a", 0)
        asked = [asyncio.create_task(ask(name)) for name in ("a", "b", "c")]
        await asyncio.sleep(0)
        assert came == ["b"]  # another client's turn, though a asked before
        slots.free("a")
        await asyncio.gather(asked[0])
        slots.free("b")
        await asyncio.gather(*asked)
        return came

    assert asyncio.run(tried()) == ["b", "a", "c"]


def test_a_turn_that_nobody_waits_for_any_more_goes_on_to_the_next() -> None:
    async def tried() -> bool:
        slots = BodySlots(1)
        assert await slots.take("a", 0)
        gone = asyncio.create_task(slots.take("b", 5))
        await asyncio.sleep(0)
        slots.free("a")
        gone.cancel()  # it has its turn, and does not know yet
        await asyncio.gather(gone, return_exceptions=True)
        return await slots.take("c", 0)

    assert asyncio.run(tried())


def test_so_many_may_wait_and_no_more() -> None:
    async def tried() -> bool:
        slots = BodySlots(1)
        assert await slots.take("a", 0)
        asked = [asyncio.create_task(slots.take("a", 5)) for _ in range(4)]
        await asyncio.sleep(0)
        refused = not await slots.take("a", 5)
        asked.append(asyncio.create_task(slots.take("b", 5)))  # another client still may
        await asyncio.sleep(0)
        refused &= not asked[-1].done()
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        return refused

    assert asyncio.run(tried())
