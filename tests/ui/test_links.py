"""A link to exactly this view: what is chosen on a page stands in its address."""

from collections.abc import Callable
from typing import Any

import pytest

from reinspect.store import RunInfo, Store
from reinspect.ui.views.trace import story_name
from reinspect.vocabulary import Outcome, Verdict
from support.browser import Site, idle, visit
from support.made_traces import judged
from support.starting import marking

Show = Callable[..., Any]


def _value(app: Any, key: str) -> Any:
    kinds = (app.selectbox, app.text_input, app.slider, app.multiselect, app.toggle,
             app.number_input, app.get("button_group"))  # fmt: skip
    (found,) = [one for kind in kinds for one in kind if one.key == key]
    return found.value


@pytest.mark.parametrize(
    ("page", "said", "key", "value"),
    [
        ("morning", "morning_days=90 days", "morning_days", 90),
        ("morning", "morning_days=7 <b>", "morning_days", 14),
        ("morning", "morning_shifts=5, 13", "morning_shifts", "5, 13"),
        ("runs", "runs_search=mon", "runs_search", "mon"),
        ("inspections", "layout=Table", "layout", "Table"),
        ("inspections", "size=48 a page", "size", 48),
        ("captions", "caption_state=accepted", "caption_state", "accepted"),
        ("export", "format=CSV", "format", "CSV"),
        ("export", "export_run=monday", "export_run", "monday"),
        ("reliability", "run=monday", "reliability_runs", ["monday"]),
        ("reliability", "audit_share=40", "audit_share", 40),
        ("compare", "b=monday", "compare_b", "monday"),
        ("compare", "changes=worse", "compare_changes", ["worse"]),
        ("compare", "changes=<b>", "compare_changes", []),
        ("compare", "whatif_run=monday", "whatif_run", "monday"),
        ("conflicts", "between=between runs", "conflicts_kind", "RUNS"),
        ("conflicts", "between=<script>", "conflicts_kind", "ANNOTATION"),
    ],
)
def test_an_address_says_what_is_chosen(
    tuesday: int, store: Store, show: Show, page: str, said: str, key: str, value: Any
) -> None:
    store.browse.review(store.newest(1, "corrected.png"), Verdict.of(1.0), reviewer="Ann")
    name, _, words = said.partition("=")
    app = show(page, **{name: words})
    assert not app.exception
    chosen = _value(app, key)
    assert getattr(chosen, "name", chosen) == value


def test_an_address_names_the_page_of_a_list(store: Store, show: Show) -> None:
    run = store.begin_run(RunInfo(name="many"))
    with store.writer(run) as writer:
        for number in range(30):
            writer.write(judged(f"{number:02}.png", 0.9, Outcome.FAIL))
    app = show("inspections", page="3", sort="image")
    assert any("page 3 of 3" in one.proto.body for one in app.get("html"))
    assert "24.png" in str([link.label for link in app.get("page_link")]).replace("\\", "")
    for wrong in ("0", "-1", "99999999", "<b>", "²"):
        app = show("inspections", page=wrong, sort="image")
        assert not app.exception
        assert any("page 1 of 3" in one.proto.body for one in app.get("html"))


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("flange/test/dent/001.jpg", "flange-test-dent-001-jpg.html"),
        ("../..\\<b>x</b>\r\n.png", "b-x-b-png.html"),
        ("قطعة", "part.html"),
        ("a" * 500, f"{'a' * 80}.html"),
    ],
)
def test_a_story_has_a_name_that_any_file_may_have(image: str, name: str) -> None:
    assert story_name(image) == name


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@marking(pytest.mark.browser)
def test_a_copied_address_shows_a_colleague_the_same(site: Site, page: Any) -> None:
    visit(page, site, "inspections", "Inspections")
    page.get_by_role("button", name="✕ FAIL").click()
    page.get_by_text("Sort by").wait_for()
    idle(page)
    page.get_by_text("Table", exact=True).click()
    idle(page)
    found = page.get_by_text(" found").first.inner_text()
    address = page.url
    assert "disposition=FAIL" in address
    colleague = page.context.browser.new_page()
    colleague.goto(address)
    colleague.get_by_text(found, exact=True).wait_for()
    colleague.get_by_test_id("stDataFrame").wait_for()
    assert colleague.url == address
