"""A real browser on a real run: filter → trace → review → the corrected label in an export.

Takes the pictures of `docs/console.md`: REINSPECT_SCREENSHOTS=docs/images makes them anew.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from reinspect.store import Filter, Store
from support.browser import Site, drag, idle, visit

pytestmark = [
    pytest.mark.slow,
    # Playwright's own loop and pipes, not ours.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_from_the_filter_to_the_corrected_label(
    site: Site, page: Any, shot: Any, tmp_path: Path
) -> None:
    visit(page, site, "inspections?run=two-looks&category=flange", "Inspections")
    page.locator(".thumb img").first.wait_for()
    shot(page, "inspections")
    page.get_by_role("button", name="✕ FAIL").click()
    page.wait_for_url("**disposition=FAIL**")
    idle(page)
    page.locator('[data-testid="stPageLink-NavLink"]').first.click()

    page.wait_for_url("**/trace?**")
    page.locator(".viewer img").first.wait_for()
    page.locator(".story .line").wait_for()
    first = page.url
    page.keyboard.press("ArrowRight")
    page.wait_for_function("before => location.href !== before", arg=first)
    idle(page)
    image = page.locator("h1 bdi").inner_text()

    page.get_by_text("Review this image").click()
    page.locator(".bench .scene img").first.wait_for()
    drag(page, (0.25, 0.25), (0.5, 0.5))
    page.get_by_label("Another type for box 1").fill('bent "pin"')
    page.keyboard.press("Enter")
    page.keyboard.press("w")
    page.keyboard.type("seen at the rim")
    page.keyboard.press("Escape")
    shot(page, "review")
    page.keyboard.press("ArrowLeft")  # asks, and moves the box no further: none was let go of
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.locator(".story .reviewed").filter(has_text="seen at the rim").wait_for()

    page.get_by_role("link", name="Export").click()
    page.get_by_text("inspections fit the filter").wait_for()
    page.get_by_role("button", name="Prepare file").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    download.value.save_as(tmp_path / "coco.json")

    coco = json.loads((tmp_path / "coco.json").read_text("utf-8"))
    (entry,) = (one for one in coco["images"] if one["reviewed"])
    assert (entry["file_name"], entry["reviewer"]) == (image, "Ann")
    names = {category["id"]: category["name"] for category in coco["categories"]}
    (box,) = (one for one in coco["annotations"] if one["image_id"] == entry["id"])
    assert names[box["category_id"]] == 'bent "pin"'
    sides = (entry["width"], entry["height"]) * 2
    shares = [value / side for value, side in zip(box["bbox"], sides, strict=True)]
    assert shares == pytest.approx([0.25] * 4, abs=0.02)
    with Store.open(site.store, create=False) as store:
        # Other tests review other images.
        reviewed = store.browse.inspections(Filter(reviewed="yes"))
        assert image in {one.row.image for one in reviewed}


def test_what_was_looked_at_twice_stands_out(site: Site, page: Any, shot: Any) -> None:
    with Store.open(site.store, create=False) as store:
        (run,) = (run for run in store.runs() if run.name == "two-looks")
        every = list(store.browse.inspections(Filter(runs=(run.id,))))
    # The most telling one that there is: few sample parts are ever doubted.
    told = max(every, key=lambda one: (one.row.revised, one.row.rounds, len(one.row.defects)))
    page.goto(f"{site.address}/trace?id={told.id}")
    page.locator(".story .line").wait_for()
    page.locator(".viewer img").first.wait_for()
    assert page.locator(".story .chip.corrected").count() == int(told.row.revised)
    assert page.locator(".story .turn").count() >= min(1, told.row.rounds)
    shot(page, "trace")
    page.locator(".story .see").last.click()
    page.locator(".viewer .lens").first.wait_for()
    page.keyboard.press("r")
    assert page.locator(".viewer .stage").count() == 2
    wide = [one.bounding_box()["width"] for one in page.locator(".viewer .stage").all()]
    assert min(wide) > 600  # of 1440
    shot(page, "beside")
    page.keyboard.press("+")
    places = page.locator(".viewer .scene").evaluate_all(
        "all => all.map((one) => one.style.transform)"
    )
    assert places[0] == places[1] != ""


def test_a_view_can_be_sent_to_a_colleague(site: Site, page: Any) -> None:
    visit(page, site, "inspections?run=first-look&disposition=PASS", "Inspections")
    page.locator(".badge.PASS").first.wait_for()
    # What is true stands beside what was decided, where it is known to differ.
    assert page.locator(".facts > .badge.FAIL").count() == 0
    assert "run=first-look" in page.url


@pytest.mark.parametrize(
    ("path", "title", "name"),
    [
        ("", "Since yesterday", "morning"),
        ("runs", "Runs", "runs"),
        ("review", "Review queue", "quiet"),
        ("reliability?run=two-looks", "Reliability", "reliability"),
        ("compare?a=first-look&b=two-looks", "Compare", "compare"),
        ("export", "Export", "export"),
        ("captions", "Training data", "captions"),
    ],
)
def test_every_page_draws_itself(
    site: Site, page: Any, shot: Any, path: str, title: str, name: str
) -> None:
    visit(page, site, path, title)
    idle(page)
    assert page.locator('[data-testid="stException"]').count() == 0
    if name != "quiet":
        shot(page, name)


def test_arrows_lead_on_after_a_click_on_a_layer(site: Site, page: Any) -> None:
    page.goto(f"{site.address}/trace?run=two-looks&disposition=FAIL")
    page.locator(".viewer img").first.wait_for()
    layer = page.locator(".viewer label").filter(has_text="Final boxes")
    box = layer.locator("input")
    idle(page)
    layer.click()
    assert not box.is_checked()
    layer.click()
    assert box.is_checked()
    for click in (layer.click, page.locator(".viewer input[type=range]").click):
        page.wait_for_url("**/trace?**id=**")
        idle(page)
        was = page.url
        click()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("before => location.href !== before", arg=was)
        page.locator(".viewer img").first.wait_for()


def test_the_first_page_has_an_address_of_its_own(site: Site, page: Any) -> None:
    visit(page, site, "morning?morning_days=90+days", "Since yesterday")
    page.wait_for_url(f"{site.address}/?morning_days=90+days")
    page.get_by_text("against the 90 days before").wait_for()
    assert page.get_by_text("Page not found").count() == 0


def test_each_filter_of_a_report_shows_as_many_as_it_says(site: Site, page: Any, shot: Any) -> None:
    page.set_viewport_size({"width": 1280, "height": 1060})
    page.goto(site.store.with_name("two-looks").joinpath("report.html").as_uri())
    every = page.locator("article").count()
    for name in ("PASS", "FAIL", "REVIEW", "Looked at twice", "Wrong", "Label changed"):
        page.locator("button").filter(has_text=name).first.click()
        shown = int(page.get_by_text(" shown").inner_text().split()[0])
        assert shown == page.locator("article:visible").count() < every
    shot(page, "report")


def test_a_count_of_a_run_leads_to_its_parts(site: Site, page: Any) -> None:
    visit(page, site, "runs", "Runs")
    door = page.get_by_role("link", name="found: FAIL")
    count = door.inner_text().split()[0]
    door.click()
    page.get_by_role("heading", name="Inspections", exact=True).wait_for()
    page.get_by_text(f"{count} found").wait_for()
    page.locator(".facts > .badge.FAIL").nth(min(12, int(count)) - 1).wait_for()
    idle(page)
    assert page.locator(".facts > .badge.FAIL").count() == min(12, int(count))
    assert page.locator(".chip.wrong").count() == 0


def test_every_picture_has_words(site: Site, page: Any) -> None:
    visit(page, site, "inspections", "Inspections")
    page.locator(".thumb img").first.wait_for()
    assert page.locator("img:not([alt]), img[alt='']").count() == 0
    page.locator('[data-testid="stPageLink-NavLink"]').first.click()
    page.locator(".viewer img").first.wait_for()
    assert page.locator("img:not([alt]), img[alt='']").count() == 0
