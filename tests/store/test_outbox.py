"""What is to be published: numbered without a gap in the order of storing, and gone when taken."""

from reinspect.store import RunInfo, Store
from support.made_traces import corrected


def put(store: Store, run: int, *names: str) -> None:
    with store.writer(run, lambda: None) as writer:
        for name in names:
            writer.write(corrected(name))


def test_numbers_count_up_in_the_order_of_storing(store: Store, run: int) -> None:
    other = store.begin_run(RunInfo(name="tuesday"))
    put(store, run, "b.png", "a.png")
    put(store, other, "x.png")
    put(store, run, "c.png", "b.png")
    outbox = store.outbox(run)
    found = outbox.pending(0, 10)
    assert [(one.number, one.inspected.row.image) for one in found] == [
        (1, "b.png"),
        (2, "a.png"),
        (3, "c.png"),
        (4, "b.png"),
    ]
    assert [one.number for one in outbox.pending(1, 2)] == [2, 3]
    assert [one.number for one in store.outbox(other).pending(0, 10)] == [1]


def test_what_was_taken_is_gone_and_its_number_is_not_given_again(store: Store, run: int) -> None:
    put(store, run, "a.png", "b.png", "c.png")
    outbox = store.outbox(run)
    outbox.published(2)
    assert (outbox.cursor, outbox.waiting) == (2, 1)
    outbox.published(1)  # an older mark, late
    assert outbox.cursor == 2
    outbox.published(3)
    put(store, run, "d.png")
    assert [one.number for one in outbox.pending(outbox.cursor, 10)] == [4]


def test_a_run_that_nobody_publishes_has_nothing_to_send(store: Store, run: int) -> None:
    with store.writer(run) as writer:
        writer.write(corrected("a.png"))
    assert (store.outbox(run).cursor, store.outbox(run).waiting) == (0, 0)
