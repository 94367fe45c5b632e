"""Comments on a part: who said what when, whichever run saw it."""

from datetime import UTC, datetime, timedelta

import pytest

from reinspect.store import Filter, RunInfo, Store, StoreError
from reinspect.store.upkeep.prune import KeepReason, prune
from reinspect.vocabulary import Outcome
from support.made_traces import judged, unreadable
from support.odd_texts import LONG, ODD


@pytest.fixture
def two(store: Store, run: int) -> tuple[int, int]:
    """The same part in two runs; in the first, a part that nobody could read, and another one."""
    with store.writer(run) as writer:
        writer.write(judged("a.png", 0.9, Outcome.FAIL))
        writer.write(judged("b.png", 0.1, Outcome.PASS))
        writer.write(unreadable("broken.png"))
        writer.write(unreadable("gone.png"))
    other = store.begin_run(RunInfo(name="tuesday"))
    with store.writer(other) as writer:
        writer.write(judged("a.png", 0.2, Outcome.PASS))
    return run, other


def test_a_comment_stands_at_the_part_in_every_run(store: Store, two: tuple[int, int]) -> None:
    first, again = (store.newest(run, "a.png") for run in two)
    queue = store.queue
    before = store.statistics.version()
    queue.comment(first, f"  {ODD}\nsecond line ", author=" Ann <b> ")
    queue.comment(again, "seen", author="Bob")
    queue.comment(again, "seen", author="Bob")  # sent twice
    assert store.statistics.version() != before
    said = [(one.author, one.text) for one in queue.comments(first)]
    assert said == [("Ann <b>", f"{ODD}\nsecond line"), ("Bob", "seen")]
    assert queue.comments(again) == queue.comments(first) == store.browse.one(again).row.comments
    assert abs(queue.comments(first)[0].at - datetime.now(UTC)) < timedelta(minutes=5)
    found = store.browse.page(Filter(commented=True)).items
    assert {one.id for one in found} == {first, again}
    assert store.browse.count(Filter(commented=False)) == 3
    (newest, older) = queue.newest_comments(5)
    assert (newest.inspection, newest.image, newest.comment.text) == (again, "a.png", "seen")
    assert older.inspection == again


def test_what_has_no_content_is_a_part_of_its_own(store: Store, two: tuple[int, int]) -> None:
    broken, gone = (store.newest(two[0], name) for name in ("broken.png", "gone.png"))
    store.queue.comment(broken, "the camera froze", author="Ann")
    assert store.queue.comments(gone) == ()
    assert [one.id for one in store.browse.page(Filter(commented=True)).items] == [broken]
    assert [one.image for one in store.queue.newest_comments(5)] == ["broken.png"]


@pytest.mark.parametrize(
    ("text", "author"),
    [
        pytest.param(" \n ", "Ann", id="nothing said"),
        pytest.param("seen", " ", id="nobody"),
    ],
)
def test_a_comment_needs_a_text_and_somebody(
    store: Store, two: tuple[int, int], text: str, author: str
) -> None:
    with pytest.raises(ValueError, match=r"is no name|needs a text"):
        store.queue.comment(1, text, author=author)
    with pytest.raises(StoreError, match="no inspection of id 999"):
        store.queue.comment(999, "seen", author="Ann")
    assert store.queue.newest_comments(5) == []


def test_a_comment_is_cut_and_any_letter_is_kept(store: Store, two: tuple[int, int]) -> None:
    assert len(store.queue.comment(1, LONG, author="Ann").text) == 10_000
    store.queue.comment(1, "half \ud800 a letter\x00", author="Ann")
    assert store.queue.comments(1)[-1].text == "half \\ud800 a letter\\u0000"


def test_parts_with_comments_stay_when_old_ones_go(
    store: Store, two: tuple[int, int], url: str
) -> None:
    key = store.newest(two[1], "a.png")
    store.queue.comment(key, "keep it", author="Ann")
    prune(url, older=timedelta(0), keep=[KeepReason.REVIEWED])
    assert {one.row.image for one in store.browse.inspections(Filter())} == {"a.png"}
    assert [one.text for one in store.queue.comments(key)] == ["keep it"]
