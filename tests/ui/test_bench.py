"""The review bench in a real browser: by keys and by mouse, and nothing is lost on the way."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reinspect.store import Filter, Store
from reinspect.vocabulary import Verdict
from support.browser import Site, drag, visit

pytestmark = [
    pytest.mark.slow,
    # Playwright's own loop and pipes, not ours.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
Boxes = Callable[[], list[list[float]]]


@pytest.fixture
def bench(site: Site, page: Any) -> Any:
    """The queue with a part in hand, and all of PASS in it."""
    visit(page, site, "review?audit=100", "Review queue")
    page.locator(".bench .scene img").first.wait_for()
    return page


@pytest.fixture
def kept(site: Site) -> Iterator[Store]:
    with Store.open(site.store, create=False) as store:
        yield store


def said(page: Any, text: str) -> None:
    """Wait until the bench says this."""
    page.locator(".bench .note").filter(has_text=text).wait_for()


def taken(page: Any) -> None:
    """Wait until the store has taken what was saved."""
    page.wait_for_function(
        "() => !Object.keys(localStorage).some((name) => name.includes(' sent '))"
    )


def boxes(page: Any) -> list[list[float]]:
    rows = page.locator(".bench .list li").all()
    return [[float(one.input_value()) for one in row.locator("input").all()] for row in rows]


def photo(page: Any) -> str:
    source: str = page.locator(".bench .scene img").first.get_attribute("src")
    return source


def waiting(page: Any) -> int:
    return int(page.locator(".bench .left").inner_text().split()[0].replace(",", ""))


def newest(store: Store) -> list[Any]:
    """All reviews, the newest last."""
    found = store.browse.inspections(Filter())
    every = {review.id: review for one in found for review in store.queue.reviews(one.id)}
    return [every[key] for key in sorted(every)]


def test_a_part_takes_two_keys_and_the_next_is_there(bench: Any, kept: Store, shot: Any) -> None:
    page = bench
    left, before = waiting(page), photo(page)
    for key in ("2", "b", "ArrowRight", "Shift+ArrowDown", "3"):
        page.keyboard.press(key)
    assert boxes(page) == [[40.5, 40.0, 60.5, 60.5]]
    kind = page.locator(".bench .types [aria-pressed=true]").inner_text().removesuffix("3")
    shot(page, "queue")
    page.keyboard.press("r")
    assert page.locator(".bench .stage").count() == 2
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    assert "A box means anomalous" in page.locator(".bench .clash").inner_text()
    assert photo(page) == before
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    assert photo(page) != before  # it was there already
    said(page, "Saved: anomalous, 1 box.")
    taken(page)
    saved = newest(kept)[-1]
    (defect,) = saved.after.defects
    assert (saved.reviewer, defect.type) == ("Ann", kind)
    assert list(defect.box) == pytest.approx([0.405, 0.4, 0.605, 0.605])
    assert waiting(page) == left - 1
    page.keyboard.press("u")
    said(page, "Taken back")
    assert photo(page) == before
    assert boxes(page) == [[40.5, 40.0, 60.5, 60.5]]
    taken(page)
    assert waiting(page) == left
    back = newest(kept)[-1]
    assert (back.inspection_id, back.after, back.why) == (saved.inspection_id, None, "taken back")


def test_boxes_are_drawn_moved_resized_and_undone(bench: Any) -> None:
    page = bench
    drag(page, (0.2, 0.2), (0.4, 0.5))
    assert page.locator(".bench .anomalous").get_attribute("aria-pressed") == "true"
    drag(page, (0.3, 0.3), (0.4, 0.4))
    assert boxes(page) == [pytest.approx([30, 30, 50, 60], abs=1)]
    drag(page, (0.5, 0.6), (0.7, 1.2))  # beyond the edge
    assert boxes(page) == [pytest.approx([30, 30, 70, 100], abs=1)]
    page.keyboard.press("Delete")
    assert boxes(page) == []
    for left in ([30, 30, 70, 100], [30, 30, 50, 60], [20, 20, 40, 50]):
        page.keyboard.press("u")
        assert boxes(page) == [pytest.approx(left, abs=1)]
    page.keyboard.press("u")
    assert boxes(page) == []
    assert page.locator(".bench .verdicts [aria-pressed=true]").count() == 0  # no verdict either


def test_a_reload_in_the_middle_loses_nothing(bench: Any, kept: Store, site: Site) -> None:
    page = bench
    page.keyboard.press("b")
    drawn = boxes(page)
    page.reload()
    said(page, "What you had not saved is here again.")
    assert boxes(page) == drawn
    away = site.store.with_suffix(".away")
    site.store.rename(away)
    page.keyboard.press("Enter")
    said(page, "Not saved yet")
    away.rename(site.store)
    before = len(newest(kept))
    page.reload()
    taken(page)
    assert len(newest(kept)) == before + 1


def test_two_at_one_part_are_told_of_their_conflict(bench: Any, kept: Store) -> None:
    page = bench
    (first, *_) = kept.queue.parts(Filter(due=1.0))
    kept.browse.review(first, Verdict.of(1.0), reviewer="Bob <b>")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    said(page, "Conflict: Bob <b> said anomalous of this part; both reviews are kept.")
    assert [review.reviewer for review in kept.queue.reviews(first)][-2:] == ["Bob <b>", "Ann"]
