import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reinspect.export import write_report
from reinspect.export.report import urgency, usable_cores
from reinspect.export.thumbnails import Thumbnail, heated, shrunk, thumbnails, webp
from reinspect.pictures import COOL, HOT, heat_map_picture, read_map
from reinspect.store import RunInfo, Store
from reinspect.trace import Step, Trace
from reinspect.vocabulary import (
    Box,
    Defect,
    Disposition,
    Evidence,
    Explanation,
    Outcome,
    Verdict,
    View,
)
from support.made_traces import corrected, judged, sample, unreadable


class Page(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.tags if name == tag)


def _page(store: Store, run: int, out: Path, **options: int) -> Page:
    write_report(store, run, out, **options)
    return Page(out.read_text("utf-8"))


def test_every_image_has_a_card_and_a_row(store: Store, run: int, tmp_path: Path) -> None:
    page = _page(store, run, tmp_path / "report.html")
    cards = [card["data-image"] for card in page.all("article")]
    rows = [row["data-image"] for row in page.all("tr") if "data-image" in row]
    assert sorted(cards) == sorted(rows)
    assert len(rows) == 5
    kinds = {card["data-image"]: card["data-kinds"] for card in page.all("article")}
    assert kinds["b 2.png"] == "PASS revisited corrected"
    assert kinds["broken.png"] == "REVIEW errors"


def test_truth_and_reviews_are_on_the_page(store: Store, run: int, tmp_path: Path) -> None:
    assert "fixed : broken" not in _page(store, run, tmp_path / "before.html").words
    for name, why in (("b 2.png", ""), ("b 10.png", "a shadow")):
        key = store.newest(run, name)
        store.browse.review(key, Verdict.of(0.0), reviewer="<b>anna", why=why)
    page = _page(store, run, tmp_path / "report.html")
    words = " ".join(page.words.split())
    kinds = {card["data-image"]: card["data-kinds"] for card in page.all("article")}
    assert kinds["b 2.png"] == "PASS revisited corrected fixed reviewed"
    assert kinds["b 10.png"] == "FAIL wrong reviewed"
    assert "1wrong, of 2 known" in words
    assert "1 : 0fixed : broken" in words
    assert "✕ wrong truly ○ normal, by review" in words
    assert "<b>anna: normal, a shadow" in words


def test_every_picture_can_be_enlarged(store: Store, run: int, tmp_path: Path) -> None:
    page = _page(store, run, tmp_path / "report.html")
    said = [str(one.get("aria-label")) for one in page.all("button")]
    assert sum(name.startswith("Enlarge: picture of ") for name in said) == 3
    assert sum(name.startswith("Enlarge: heat-map of ") for name in said) == 1
    assert len(list(page.all("dialog"))) == 1


def test_the_page_needs_nothing_else(store: Store, run: int, tmp_path: Path) -> None:
    page = _page(store, run, tmp_path / "report.html")
    for attribute in ("src", "href", "action", "data"):
        asked = [tag[attribute] for _, tag in page.tags if attribute in tag]
        assert all(address.startswith("data:image/") for address in asked), asked
    assert all(image["alt"] for image in page.all("img"))
    assert len(list(page.all("img"))) == 4  # three parts, one heat-map


def test_boxes_are_dashed_for_the_first_look_and_solid_for_the_final_one(
    store: Store, run: int, tmp_path: Path
) -> None:
    page = _page(store, run, tmp_path / "report.html")
    drawn = [(box["class"], box["x"], box["width"]) for box in page.all("rect") if "class" in box]
    assert ("first", "10.000%", "20.000%") in drawn
    assert ("final", "25.000%", "25.000%") in drawn
    assert sum(kind == "first" for kind, *_ in drawn) == 1


def test_text_from_elsewhere_is_text(store: Store, folder: Path, tmp_path: Path) -> None:
    evil = '<script>alert("x")</script><img src=x onerror=alert(1)>"\'></article>'
    defect = Defect(box=Box(0, 0, 0.5, 0.5), type=evil)
    verdict = Verdict.of(
        0.9,
        defects=(defect,),
        rationale=evil,
        evidence=(Evidence(source=evil, summary=evil),),
    )
    steps = (
        Step(node="detect", products=(verdict,), error=evil),
        Step(node="explain", products=(Explanation(first=evil, final=evil),)),
        Step(node="settle", products=(Disposition(outcome=Outcome.REVIEW, reason=evil),)),
    )
    run = store.begin_run(
        RunInfo(name=evil, sources=(evil,), fingerprint={evil: evil}, versions={evil: evil})
    )
    with store.writer(run) as writer:
        writer.write(Trace(sample=sample(evil), steps=steps))
    page = _page(store, run, tmp_path / "report.html")
    assert len(list(page.all("script"))) == 1
    assert len(list(page.all("article"))) == 1
    assert list(page.all("img")) == []
    assert not any(name.startswith("on") for _, tag in page.tags for name in tag)
    assert page.words.count(evil) >= 8


def test_only_the_reports_own_script_may_run(store: Store, run: int, tmp_path: Path) -> None:
    page = _page(store, run, tmp_path / "report.html")
    (policy,) = (meta["content"] for meta in page.all("meta") if "http-equiv" in meta)
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/]{43}='$", policy)


def test_what_is_missing_is_said(store: Store, run: int, folder: Path, tmp_path: Path) -> None:
    (folder / "pictures" / "heat.png").unlink()
    words = _page(store, run, tmp_path / "report.html").words
    assert "The heat-map can't be shown." in words
    assert words.count("The picture can't be shown.") == 2
    assert "/parts/gone.png: no such file" in words


def test_pictures_go_to_the_most_urgent_and_the_page_says_so(
    store: Store, run: int, tmp_path: Path
) -> None:
    page = _page(store, run, tmp_path / "report.html", pictured=2, listed=3)
    assert [card["data-image"] for card in page.all("article")] == ["broken.png", "b 10.png"]
    assert "Pictures of the 2 most urgent of 5 images" in page.words
    assert "The first 3 of 5 by name" in page.words
    assert sum("data-image" in row for row in page.all("tr")) == 3


def test_urgent_is_what_a_person_must_see(store: Store) -> None:
    run = store.begin_run(RunInfo(name="mixed"))
    with store.writer(run) as writer:
        for trace in (
            judged("pass.png", 0.2, Outcome.PASS),
            judged("sure.png", 0.01, Outcome.REVIEW),
            corrected("corrected.png"),
            unreadable("unreadable.png"),
            judged("fail.png", 0.9, Outcome.FAIL),
            judged("doubtful.png", 0.45, Outcome.REVIEW),
        ):
            writer.write(trace)
    names = [found.row.image for found in sorted(store.inspections(run), key=urgency)]
    assert names == [
        "doubtful.png", "sure.png", "unreadable.png", "fail.png", "corrected.png", "pass.png",
    ]  # fmt: skip


def test_a_long_text_is_cut(store: Store, tmp_path: Path) -> None:
    run = store.begin_run(RunInfo(name="long"))
    with store.writer(run) as writer:
        writer.write(unreadable("a.png", error="x" * 50_000))
    page = _page(store, run, tmp_path / "report.html")
    assert "… (50,000 characters)" in page.words
    assert "x" * 601 not in page.words


@pytest.mark.parametrize("name", ["monday", "empty"])
def test_a_run_without_images_has_a_report(store: Store, tmp_path: Path, name: str) -> None:
    run = store.begin_run(RunInfo(name=name))
    assert "No images" in _page(store, run, tmp_path / "report.html").words


def test_a_heat_map_is_laid_over_its_part(folder: Path) -> None:
    photo, heat = thumbnails(folder.parent / "part.png", folder / "pictures" / "heat.png", 20)
    assert heat is not None
    assert (photo.width, photo.height) == (heat.width, heat.height) == (20, 10)
    assert photo.data != heat.data


def test_a_heat_map_is_laid_over_the_pixels_at_hand(folder: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 80, 3), dtype=np.uint8)
    (file,) = (folder / "pictures").glob("heat.png")
    laid = heat_map_picture(shrunk(noise, 20), read_map(file), low=COOL, high=HOT)
    assert heated(noise, file, 20) == Thumbnail(webp(laid), 20, 10)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system doesn't say")
def test_cores_are_those_of_the_process() -> None:
    one = {min(os.sched_getaffinity(0))}

    def bound() -> int:
        os.sched_setaffinity(0, one)  # of this thread alone
        return usable_cores()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(bound).result() == 1
    assert usable_cores() == len(os.sched_getaffinity(0))


def test_a_heat_map_without_its_part_is_shown_alone(folder: Path) -> None:
    photo, heat = thumbnails(folder / "gone.png", folder / "pictures" / "heat.png", 20)
    assert heat is not None
    assert photo.data is None
    assert (heat.width, heat.height) == (20, 10)


def test_a_picture_as_large_as_its_run_allowed_is_shown(tmp_path: Path) -> None:
    side = 10_001
    Image.new("L", (side, side), 90).save(tmp_path / "scan.jpg")
    view = View(path=str(tmp_path / "scan.jpg"), sha256=None, size=(side, side))
    photo, _ = thumbnails(view.path, None, 64, view)
    assert photo.data is not None
    assert "over the limit" in thumbnails(view.path, None, 64)[0].missing
