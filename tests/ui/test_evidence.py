"""What people drew on a part with two views: in the console's viewer, and in pages without one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from reinspect.export.report import write_report
from reinspect.export.story import write_page
from reinspect.images import encode_mask, sha256_of
from reinspect.pictures import write_image
from reinspect.store import RunInfo, Store
from reinspect.trace import Step, Trace
from reinspect.vocabulary import (
    Assessment,
    Box,
    Defect,
    Disposition,
    Label,
    Outcome,
    Sample,
    Truth,
    Verdict,
    View,
)
from support.browser import Site, browsing, console, found_by_axe, need_browser, visit
from support.local_server import free_port
from support.made_traces import judged, unreadable
from support.starting import marking

pytestmark = [
    pytest.mark.slow,
    # Playwright's own loop and pipes, not ours.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SIZES = {"front": (2400, 1800), "back": (400, 300)}  # the front has more than a page shows at first


def _spot(view: str, place: float) -> Any:
    """A square on a view, as a mask."""
    width, height = SIZES[view]
    mask = np.zeros((height, width), np.uint8)
    left = int(place * width)
    mask[height // 4 : height // 2, left : left + width // 8] = 255
    return mask


def _part(folder: Path) -> Trace:
    views = []
    for name, (width, height) in SIZES.items():
        ramp = np.linspace(90, 160, width).astype(np.uint8)[None, :, None]
        write_image(folder / f"{name}.png", np.broadcast_to(ramp, (height, width, 3)).copy())
        file = folder / f"{name}.png"
        views.append(View(path=str(file), sha256=sha256_of(file), size=(width, height), name=name))
    found = Defect(box=Box(0.6, 0.25, 0.75, 0.5), score=2.0, view="back")
    verdict = Verdict.of(0.8, defects=(found,), rationale="a spot at the back")
    steps = (
        Step(node="detect", view="front", products=(Verdict.of(0.2),)),
        Step(node="detect", view="back", products=(Verdict.of(0.8, defects=(found,)),)),
        Step(node="fuse", products=(verdict, Assessment(confidence=0.8, reliability=0.8))),
        Step(node="settle", products=(Disposition(outcome=Outcome.FAIL, reason="clear"),)),
    )
    return Trace(sample=Sample(id="part", views=tuple(views)), steps=steps)


@pytest.fixture(scope="module")
def viewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a part of two views: both annotated, the back reviewed with a painted mask."""
    folder = tmp_path_factory.mktemp("evidence")
    write_image(folder / "front_mask.png", _spot("front", 0.1))
    front = Truth(label=Label.ANOMALOUS, types=("chip",), mask=str(folder / "front_mask.png"))
    back = Truth(label=Label.ANOMALOUS, types=("dent",), boxes=(Box(0.6, 0.25, 0.72, 0.5),))
    known = Truth(
        label=Label.ANOMALOUS, types=("chip", "dent"), views={"front": front, "back": back}
    )
    drawn = Defect(
        box=Box(0.6, 0.25, 0.725, 0.5), view="back", mask=encode_mask(_spot("back", 0.6) > 0)
    )
    width, height = SIZES["back"]
    write_image(folder / "good/0.png", np.full((height, width, 3), 120, np.uint8))
    given = {"references": str(folder / "good")}
    with Store.open(folder / "reinspect.db") as store:
        run = store.begin_run(RunInfo(name="monday", folder=str(folder), versions=given))
        with store.writer(run) as writer:
            writer.write(_part(folder))
            writer.write(unreadable("broken"))
        store.write_truth(run, {"part": known})
        key = store.newest(run, "part")
        store.browse.review(key, Verdict.of(1.0, defects=(drawn,)), reviewer="Ann")
        write_page(store, run, "part", folder / "story.html")
        write_report(store, run, folder / "report.html")
        run = store.begin_run(RunInfo(name="tuesday"))
        with store.writer(run) as writer:
            for name, outcome in (("b", Outcome.FAIL), ("c", Outcome.PASS), ("d", Outcome.FAIL)):
                writer.write(judged(name, 0.9, outcome, path=str(folder / "back.png")))
        write_report(store, run, folder / "many.html")
    return folder


@pytest.fixture(scope="module")
@marking(pytest.mark.browser)
def site(viewed: Path) -> Iterator[Site]:
    need_browser()
    with console(viewed / "reinspect.db", viewed / "log", free_port()) as running:
        yield running


@pytest.fixture
@marking(pytest.mark.browser)
def page() -> Iterator[Any]:
    need_browser()
    with browsing("http://127.0.0.1") as opened:
        yield opened


def layers(page: Any) -> dict[str, bool]:
    """Name of each layer that the viewer has → whether it is on."""
    labels = page.locator(".viewer .bar label:has(input[type=checkbox])").all()
    return {one.inner_text().strip(): one.locator("input").is_checked() for one in labels}


BACK = {"First boxes": False, "Final boxes": True, "Reviewed boxes": True, "Reviewed masks": True,
        "Annotated boxes": True}  # fmt: skip
FRONT = {"Annotated mask": True}


def test_each_view_has_its_own_annotations_and_masks_in_the_trace(page: Any, site: Site) -> None:
    visit(page, site, "trace?id=1", "part")
    page.locator(".viewer .scene img").first.wait_for()
    assert layers(page) == BACK
    page.locator('[data-testid="stButtonGroup"]').get_by_text("front").click()
    page.locator(".viewer img[alt='Annotated mask']").wait_for()
    assert layers(page) == FRONT


def test_a_story_has_every_view_and_every_pixel_without_a_server(page: Any, viewed: Path) -> None:
    page.goto((viewed / "story.html").as_uri())
    photo = page.locator(".viewer .scene img").first
    photo.wait_for()
    assert layers(page) == BACK
    assert page.get_by_role("button", name="Full size").count() == 0  # there is no more of it
    page.get_by_role("button", name="View front").click()
    assert layers(page) == FRONT
    assert page.get_by_role("button", name="View front").evaluate("it => it.matches(':focus')")
    page.keyboard.press("v")
    assert layers(page) == BACK
    page.keyboard.press("v")
    shown = "it => it.complete && it.naturalWidth"
    assert photo.evaluate(shown) == 1600
    page.keyboard.press("f")
    page.wait_for_function("document.querySelector('.viewer .scene img').naturalWidth === 2400")


def test_a_report_has_the_viewer_with_what_people_drew(page: Any, viewed: Path) -> None:
    page.goto((viewed / "report.html").as_uri())
    card = page.locator(".card[data-image='part']")
    for drawn in ("rect.review", "rect.truth", "rect.final", "img[alt='Reviewed masks']"):
        assert card.locator(drawn).first.is_visible(), drawn
    card.get_by_role("button", name="Enlarge: back of part").click()
    page.locator("dialog .viewer .scene img").first.wait_for()
    assert layers(page) == BACK
    shown = page.locator("dialog .scene img").first.get_attribute("src")
    assert shown == card.locator(".frame img").first.get_attribute("src")
    assert (viewed / "report.html").read_text(encoding="utf-8").count(shown) == 1
    page.keyboard.press("r")
    page.locator("dialog .stage").nth(1).wait_for()
    page.keyboard.press("Escape")
    assert page.locator("dialog .stage").count() == 1
    page.keyboard.press("k")
    page.locator("dialog .scene .good").wait_for()
    page.keyboard.press("k")
    page.keyboard.press("+")
    assert "scale(1.5)" in page.locator("dialog .scene").first.get_attribute("style")
    page.keyboard.press("v")
    assert layers(page) == FRONT
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="hidden")
    page.keyboard.press("v")  # is of no picture now
    card.get_by_role("button", name="Enlarge: good part of part").click()
    page.locator("dialog .stage").nth(1).wait_for()


def test_a_report_goes_from_part_to_part_of_those_that_are_shown(page: Any, viewed: Path) -> None:
    page.goto((viewed / "many.html").as_uri())
    page.locator("button[data-show='FAIL']").click()
    page.get_by_role("button", name="Enlarge: picture of b").click()
    title = page.locator("dialog .title bdi")
    assert title.inner_text() == "b"
    page.keyboard.press("ArrowRight")
    assert title.inner_text() == "d"  # c passed
    assert page.get_by_role("button", name="Next →").is_disabled()
    page.keyboard.press("ArrowLeft")
    assert title.inner_text() == "b"


@pytest.mark.parametrize("surroundings", ["light", "dark"])
def test_a_report_is_for_everyone_and_fits_900_pixels(
    page: Any, viewed: Path, surroundings: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=surroundings)
    page.set_viewport_size({"width": 900, "height": 800})
    page.goto((viewed / "report.html").as_uri())
    assert found_by_axe(page) == []
    wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wider) <= 0
    page.get_by_role("button", name="Enlarge: back of part").click()
    page.locator("dialog .viewer .scene img").first.wait_for()
    assert found_by_axe(page) == []
    page.keyboard.press("r")
    page.locator("dialog .stage").nth(1).wait_for()
    assert found_by_axe(page) == []


def test_a_printed_report_is_light_and_has_the_cards_alone(page: Any, viewed: Path) -> None:
    page.emulate_media(color_scheme="dark", media="print")
    page.goto((viewed / "report.html").as_uri())
    page.get_by_role("button", name="Enlarge: back of part").wait_for()
    assert not page.locator("dialog").is_visible()
    assert not page.locator(".controls").is_visible()
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
