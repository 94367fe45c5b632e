"""An analyst's day in a real browser: find, open, compare, correct, promote, compare, share."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from reinspect.dataset import NewReference, ReferenceVersions
from reinspect.store import Filter, Store
from support.browser import Site, browsing, console, idle, need_browser, pick_row, reinspect, visit
from support.command_line import put_recipe
from support.local_server import free_port
from support.places import REPOSITORY
from support.starting import marking

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
GREYS = {"good/dull": 20, "good/bright": 230, "dent/deep": 240, "dent/flat": 30}
"""Parts by kind, as bright as `own_parts:Brightness` takes them for defective, of 255."""


@pytest.fixture
@marking(pytest.mark.browser)
def day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Two runs by a set of references with versions; a good part FAILed, a defective one passed.

    On Monday the good part was for REVIEW: FAIL began later.
    """
    need_browser()
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY / "tests"))
    for name, level in (*GREYS.items(), ("known/first", 25)):
        kind, _, part = name.partition("/")
        file = tmp_path / ("known" if kind == "known" else f"plate/test/{kind}") / f"{part}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(file), np.full((48, 64, 3), level, np.uint8))
    good = tmp_path / "plate/train/good"
    good.mkdir(parents=True)
    (good / "first.png").write_bytes((tmp_path / "known/first.png").read_bytes())
    plates, store = ReferenceVersions(tmp_path / "plates"), tmp_path / "reinspect.db"
    plates.add([NewReference(str(tmp_path / "known/first.png"), "known")], who="ada")
    quick = put_recipe(tmp_path / "quick.yaml")
    careful = tmp_path / "careful.yaml"
    later = {"disposition": {"kind": "thresholds", "fail_from": 0.92}}
    careful.write_text(json.dumps({**json.loads(quick.read_text()), "policies": later}))
    own = ("--references", plates.folder, "--accept-references", "--store", store, "-q")
    for name, recipe in (("monday", careful), ("tuesday", quick)):
        words = ("run", tmp_path / "plate", "--recipe", recipe, *own, "--out", tmp_path / name)
        subprocess.run(reinspect(*words), check=True)
    with console(store, tmp_path / "log", free_port(), "--reviewer", "Ann") as running:
        yield running


def test_find_open_compare_correct_promote_compare_share(day: Site) -> None:
    plates = ReferenceVersions(day.store.with_name("plates"))
    with browsing(day.address) as page:
        visit(page, day, "runs", "Runs")  # find
        page.get_by_role("link", name="overkill: FAIL").click()
        page.wait_for_url("**disposition=FAIL**")
        idle(page)
        shared = page.url
        page.locator('[data-testid="stPageLink-NavLink"]').filter(has_text="bright.png").click()
        page.wait_for_url("**/trace?**")  # open
        page.locator(".viewer img").first.wait_for()
        page.locator(".story .line").wait_for()
        page.keyboard.press("r")  # compare with a good part
        page.locator(".viewer .stage").nth(1).wait_for()
        page.keyboard.press("r")
        idle(page)
        page.get_by_text("Review this image").click()  # correct
        page.locator(".bench .scene img").first.wait_for()
        page.keyboard.press("1")
        page.keyboard.press("Enter")
        page.locator(".story .reviewed").first.wait_for()
        page.get_by_label("Comment on this part").fill("only <b>dust</b>")  # tell
        page.get_by_role("button", name="Add comment").click()
        page.locator(".story .comment").filter(has_text="only <b>dust</b>").wait_for()
        with page.expect_download() as download:
            page.get_by_role("button", name="Story as one file").click()
        story = download.value.path().read_bytes()
        assert download.value.suggested_filename == "test-good-bright-png.html"
        visit(page, day, "references", "References")  # promote
        idle(page)
        pick_row(page, "select those to add")
        page.get_by_role("button", name="Add 1 to a new version").click()
        page.get_by_role("button", name="Try it").click()
        page.get_by_text("that were reviewed").first.wait_for()
        assert ReferenceVersions(plates.folder).active == 1
        page.get_by_role("button", name="Activate version 2").click()
        page.get_by_text("counts from now on").first.wait_for()
        visit(page, day, "compare?a=monday&b=tuesday", "Compare")  # compare
        pick_row(page, "select one for its traces")
        for name in "AB":
            page.get_by_role("link", name=f"Open trace in {name}").wait_for()
            page.locator(f".st-key-pair-{name} .viewer img:visible").first.wait_for()
    read = ReferenceVersions(plates.folder)
    assert (read.active, read.made(2).who) == (2, "Ann")
    assert len(read.pictures(2)) == 2
    with Store.open(day.store, create=False) as store:
        (one, *_) = store.browse.inspections(Filter(reviewed="yes"))
        assert [review.reviewer for review in store.queue.reviews(one.id)] == ["Ann"]
    with browsing(day.address) as colleague:  # share
        colleague.goto(shared)
        colleague.get_by_text("bright.png").first.wait_for()
        assert colleague.get_by_text("dull.png").count() == 0
        visit(colleague, day, "", "Since yesterday")
        colleague.get_by_text("only <b>dust</b>").wait_for()
        told = day.store.with_name("story.html")
        told.write_bytes(story)
        colleague.goto(told.as_uri())
        colleague.locator(".viewer img").first.wait_for()
        for said in ("the verdict was wrong", "only <b>dust</b>", "Ann"):
            assert said in colleague.locator(".story").inner_text()
