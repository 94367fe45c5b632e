"""Masks in a real browser: painted, erased, taken from segmentation, saved, shown, exported."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from reinspect.export import Format, export
from reinspect.images import decode_mask, encode_mask, sha256_of
from reinspect.pictures import write_image
from reinspect.store import RunInfo, Store
from reinspect.vocabulary import (
    Box,
    Defect,
    Evidence,
    Label,
    Outcome,
    Region,
    Truth,
    Verdict,
    View,
)
from support.browser import Site, browsing, console, drag, idle, need_browser, visit
from support.local_server import free_port
from support.made_traces import judged
from support.starting import marking

pytestmark = [
    pytest.mark.slow,
    # Playwright's own loop and pipes, not ours.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
WIDE, TALL = 400, 300
SPOT = (120, 80, 30)  # of the segmentation: x, y and radius in pixels


def _disc(x: int, y: int, radius: int) -> Any:
    down, right = np.mgrid[:TALL, :WIDE]
    return (right - x) ** 2 + (down - y) ** 2 < radius**2


@pytest.fixture(scope="module")
@marking(pytest.mark.browser)
def segmented(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Three parts that wait, each with a spot that was segmented, and one that is annotated."""
    need_browser()
    folder = tmp_path_factory.mktemp("masks")
    spot = _disc(*SPOT)
    x, y, radius = SPOT
    box = Box((x - radius) / WIDE, (y - radius) / TALL, (x + radius) / WIDE, (y + radius) / TALL)
    region = Region(box=box, score=1.0, mask=encode_mask(spot))
    seen = Evidence(source="segmentation", summary="one spot", regions=(region,))
    verdict = Verdict.of(
        0.6, defects=(Defect(box=box, score=1.0, mask=region.mask),), evidence=(seen,)
    )
    write_image(folder / "annotated.png", spot.astype(np.uint8) * 255)
    with Store.open(folder / "reinspect.db") as store:
        run = store.begin_run(RunInfo(name="monday", folder=str(folder)))
        with store.writer(run) as writer:
            for number in range(3):
                file = folder / f"part{number}.png"
                write_image(
                    file, np.where(spot[..., None], 40, 120 + number).astype(np.uint8).repeat(3, 2)
                )
                trace = judged(file.name, 0.6, Outcome.REVIEW, path=str(file))
                view = View(path=str(file), sha256=sha256_of(file), size=(WIDE, TALL))
                sample = trace.sample.model_copy(update={"views": (view,)})
                first = trace.steps[0].model_copy(update={"products": (verdict,)})
                writer.write(
                    trace.model_copy(update={"sample": sample, "steps": (first, *trace.steps[1:])})
                )
        known = Truth(
            label=Label.ANOMALOUS, types=("pit",), boxes=(box,), mask=str(folder / "annotated.png")
        )
        store.write_truth(run, {"part2.png": known})
    with console(folder / "reinspect.db", folder / "log", free_port(), "--reviewer", "Ann") as site:
        yield site


@pytest.fixture
@marking(pytest.mark.browser)
def page(segmented: Site) -> Iterator[Any]:
    with browsing(segmented.address) as opened:
        visit(opened, segmented, "review", "Review queue")
        opened.locator(".bench .scene img").first.wait_for()
        yield opened


def _masks(page: Any) -> list[Any]:
    """What is painted of the part in hand, as the browser keeps it."""
    kept = page.evaluate(
        "() => Object.entries(localStorage).filter(([name]) => name.includes(' draft '))"
    )
    drafts = [json.loads(text) for _, text in kept]
    return [one.get("mask") for draft in drafts for one in draft["boxes"]]


def _pixels(mask: Any) -> Any:
    from reinspect.vocabulary import Rle

    return decode_mask(Rle.model_validate_json(json.dumps(mask)))


def _taken(page: Any) -> None:
    page.wait_for_function(
        "() => !Object.keys(localStorage).some((name) => name.includes(' sent '))"
    )


def test_a_mask_is_painted_erased_undone_and_saved(page: Any, segmented: Site) -> None:
    page.keyboard.press("p")
    drag(page, (0.5, 0.5), (0.7, 0.5))
    (mask,) = map(_pixels, _masks(page))
    rows, columns = np.nonzero(mask)
    assert (mask.shape, abs(columns.min() - 196) < 5, abs(columns.max() - 284) < 5) == (
        (TALL, WIDE), True, True,
    )  # fmt: skip
    assert abs(np.ptp(rows) - 0.02 * WIDE) < 3
    assert page.locator(".bench .anomalous").get_attribute("aria-pressed") == "true"
    for _ in range(6):
        page.keyboard.press("]")
    drag(page, (0.5, 0.5), (0.7, 0.5))
    wider = _pixels(_masks(page)[0])
    assert wider.sum() > 2 * mask.sum()
    page.keyboard.press("e")
    drag(page, (0.6, 0.4), (0.6, 0.6))
    erased = _pixels(_masks(page)[0])
    assert erased.sum() < wider.sum()
    assert not erased[150, 240]
    page.keyboard.press("u")
    assert (_pixels(_masks(page)[0]) == wider).all()
    page.keyboard.press("u")
    assert (_pixels(_masks(page)[0]) == mask).all()
    page.keyboard.press("Escape")  # lets go of it: the next stroke is another mask
    page.keyboard.press("p")
    drag(page, (0.2, 0.8), (0.2, 0.9))
    assert len(_masks(page)) == 2
    page.keyboard.press("u")
    page.keyboard.press("Enter")
    page.locator(".bench .note").filter(has_text="Saved: anomalous, 1 mask.").wait_for()
    _taken(page)
    with Store.open(segmented.store, create=False) as store:
        review = store.queue.reviews(1)[-1]
        assert review.after is not None
        (defect,) = review.after.defects
        assert defect.mask is not None
        assert (decode_mask(defect.mask) == mask).all()
        assert defect.box.x1 == pytest.approx(columns.min() / WIDE)
        out = segmented.store.parent / "coco.json"
        export(store, 1, Format.COCO, out)
    (said,) = [one for one in json.loads(out.read_text())["annotations"] if one["image_id"] == 1]
    assert (said["segmentation"], said["area"]) == (
        {"size": [TALL, WIDE], "counts": defect.mask.counts}, mask.sum(),
    )  # fmt: skip
    visit(page, segmented, "trace?id=1", "part0.png")
    layer = page.locator(".viewer label").filter(has_text="Reviewed masks")
    assert layer.locator("input").is_checked()


def test_a_mask_is_taken_from_segmentation(page: Any, segmented: Site) -> None:
    drag(page, (0.2, 0.1), (0.4, 0.4))
    page.keyboard.press("g")
    (mask,) = map(_pixels, _masks(page))
    assert (mask == _disc(*SPOT)).all()
    page.keyboard.press("g")
    page.locator(".bench .note").filter(has_text="no other mask").wait_for()
    page.keyboard.press("ArrowLeft")
    page.locator(".bench .note").filter(has_text="Its box is that of its mask").wait_for()
    page.keyboard.press("e")
    for _ in range(12):
        page.keyboard.press("]")
    drag(page, (0.1, 0.27), (0.5, 0.27))  # all of it: nothing is left of the defect
    assert _masks(page) == []


def test_a_comment_is_written_by_keys_and_read_after_the_review(page: Any, segmented: Site) -> None:
    with Store.open(segmented.store, create=False) as store:
        key = int(page.locator(".bench .desk").get_attribute("data-item"))
        store.queue.comment(key, "<b>which light?</b>", author="Bob")
        assert "which light" not in page.locator(".bench").inner_text()  # it is blind
        page.keyboard.press("c")
        page.keyboard.type("scratched by the gripper 1 2 b")
        page.keyboard.press("Control+Enter")
        page.locator(".bench .note").filter(has_text="The comment is kept.").wait_for()
        assert page.locator(".bench [aria-label='Verdict'] [aria-pressed=true]").count() == 0
        page.keyboard.press("1")
        page.keyboard.press("Enter")
        page.locator(".bench .note").filter(has_text="Bob commented: <b>which").wait_for()
        said = [(one.author, one.text) for one in store.queue.comments(key)]
    assert said[-1] == ("Ann", "scratched by the gripper 1 2 b")


def test_an_annotation_is_a_layer_of_the_trace_and_not_of_the_queue(
    page: Any, segmented: Site
) -> None:
    assert "Annotated" not in page.locator(".bench").inner_text()
    visit(page, segmented, "trace?id=3", "part2.png")
    boxes = page.locator(".viewer label").filter(has_text="Annotated boxes").locator("input")
    shown = page.locator(".viewer svg.truth")
    assert (boxes.is_checked(), shown.is_visible()) == (True, True)
    boxes.uncheck()
    assert not shown.is_visible()
    page.locator(".viewer label").filter(has_text="Annotated mask").locator("input").check()
    assert page.locator(".viewer img[alt='Annotated mask']").is_visible()
    page.get_by_text("Review this image").click()
    page.locator(".bench .scene img").first.wait_for()
    idle(page)
    assert "Annotated" not in page.locator(".bench").inner_text()
    page.keyboard.press("t")
    assert [mask is not None for mask in _masks(page)] == [True]
