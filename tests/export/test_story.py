import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from markupsafe import escape

from reinspect.export.pages import asset
from reinspect.export.scene import Places, digest, scene, whole_picture
from reinspect.export.story import Told, timeline, write_page
from reinspect.images import encode_mask
from reinspect.pictures import write_image
from reinspect.store import Filter, RunInfo, Store, StoreError
from reinspect.trace import Step
from reinspect.vocabulary import (
    Box,
    Call,
    Defect,
    Evidence,
    Label,
    Outcome,
    Picture,
    Sample,
    ToolUse,
    Truth,
    Verdict,
    View,
)
from support.made_traces import corrected, judged
from support.odd_texts import LONG, ODD

CALL = Call(
    model="m<b>",
    prompt="detect.md",
    prompt_sha256="ab" * 32,
    text="Is <b>this</b> good?",
    text_sha256=hashlib.sha256(b"Is <b>this</b> good?").hexdigest(),
    pictures=2,
    answers=("<answer>yes</answer>",),
    tokens_in=1200,
    tokens_out=34,
    usd=0.001,
)


@pytest.fixture
def odd_run(store: Store, folder: Path) -> int:
    part = str(folder.parent / "part.png")
    number = store.begin_run(RunInfo(name="odd <i>run</i>", folder=str(folder)))
    told = judged(ODD, 0.7, Outcome.FAIL, path=part)
    wordy = Verdict.of(0.7, rationale=LONG)
    detect = told.steps[0].model_copy(update={"products": (CALL, wordy)})
    asked = ToolUse(name="zoom", arguments='{"box": "<u>"}', answer="probed <u>", pictures=2)
    unknown = ToolUse(name="x-ray", arguments="{}", answer="no tool", refused=True)
    failed = Step(node="examine", round=1, products=(asked, unknown), error="zoom <i>failed</i>")
    with store.writer(number) as writer:
        writer.write(told.model_copy(update={"steps": (detect, failed, *told.steps[1:])}))
        writer.write(judged("plain.png", 0.2, Outcome.PASS, path=part))
    return number


def _told(store: Store, run: int, image: str) -> Told:
    return Told.of(store, store.newest(run, image))


def test_a_page_needs_nothing_else(store: Store, run: int, tmp_path: Path) -> None:
    write_page(store, run, "b 2.png", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    (view,) = json.loads(page.partition('id="scene">')[2].partition("</script>")[0])
    scene = view["scene"]
    assert {layer["name"] for layer in scene["layers"]} >= {"First boxes", "Heat-map"}
    assert "⟳ Changed" in page


def test_all_text_is_text(store: Store, odd_run: int, tmp_path: Path) -> None:
    write_page(store, odd_run, ODD, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "Prompt as it was sent, beside 2 pictures" in page
    assert str(escape(CALL.text)) in page
    for markup in ("<b>this", "<script>alert", "<i>failed", "<answer>", "m<b>", "<i>run", '<b>"1"'):
        assert markup not in page
    assert str(escape(ODD)) in page
    assert "1,234 tokens, 0.00100 USD" in page
    assert "This step failed" in page
    assert "The model asks for <bdi>zoom</bdi>" in page
    assert "and shown 2 pictures" in page
    assert "probed &lt;u&gt;" in page
    assert "Refused <bdi>x-ray</bdi>" in page


def test_comments_end_the_story_and_are_text(store: Store, odd_run: int, tmp_path: Path) -> None:
    store.queue.comment(store.newest(odd_run, ODD), "<img src=x> seen", author="<i>Ann</i>")
    write_page(store, odd_run, ODD, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "&lt;img src=x&gt; seen" in page
    assert "&lt;i&gt;Ann&lt;/i&gt;" in page
    assert "<img src=x>" not in page


def test_what_is_missing_is_said(store: Store, run: int, folder: Path) -> None:
    gone = _told(store, run, "gone.png").scene
    assert gone["photo"] is None
    assert "no such file" in gone["missing"]
    (folder / "pictures/heat.png").unlink()
    layers = {layer["name"]: layer for layer in _told(store, run, "b 2.png").scene["layers"]}
    assert layers["Heat-map (missing)"]["missing"]
    assert "the file is missing" in timeline(_told(store, run, "b 2.png"))


def test_what_people_drew_is_a_layer_but_not_of_a_blind_review(
    store: Store, run: int, tmp_path: Path
) -> None:
    mask = np.zeros((20, 40), np.uint8)
    mask[5:9, 10:30] = 255
    write_image(tmp_path / "mask.png", mask)
    known = Truth(label=Label.ANOMALOUS, types=("pit",), boxes=(Box(0.2, 0.2, 0.7, 0.5),),
                  mask=str(tmp_path / "mask.png"))  # fmt: skip
    lost = known.model_copy(update={"mask": str(tmp_path / "gone.png"), "boxes": ()})
    store.write_truth(run, {"b 10.png": known, "b 2.png": lost})
    key = store.newest(run, "b 10.png")
    found = Defect(box=Box(0.25, 0.25, 0.75, 0.5), mask=encode_mask(mask))
    store.browse.review(key, Verdict.of(1.0, defects=(found,)), reviewer="Ann")
    told = _told(store, run, "b 10.png")
    layers = {layer["name"]: layer for layer in told.scene["layers"]}
    assert layers["Annotated boxes"]["boxes"] == [{"box": [0.2, 0.2, 0.7, 0.5], "type": "pit"}]
    shown = {name: layers[name]["on"] for name in ("Annotated mask", "Reviewed masks")}
    assert shown == {"Annotated mask": False, "Reviewed masks": True}
    assert {layer["name"] for layer in told.part()["layers"]}.isdisjoint(layers)
    missing = {layer["name"] for layer in _told(store, run, "b 2.png").scene["layers"]}
    assert "Annotated mask (missing)" in missing


def test_a_picture_that_changed_since_is_said(store: Store, run: int) -> None:
    # The stored hash is of other bytes than those of the file.
    assert "changed since" in _told(store, run, "b 2.png").scene["missing"]


@pytest.mark.parametrize("path", ["../part.png", "/etc/hostname", "pictures/../../part.png"])
def test_only_files_of_the_run_are_read(store: Store, folder: Path, path: str) -> None:
    picture = Picture(path=path, sha256="0" * 64, shows="crop")
    assert Places(folder).file(picture) is None
    piece = Evidence(source="zoom", summary="", pictures=(picture,))
    trace = corrected("a.png")
    steps = (*trace.steps, Step(node="examine", products=(piece,)))
    run = store.begin_run(RunInfo(name="hostile", folder=str(folder)))
    with store.writer(run) as writer:
        writer.write(trace.model_copy(update={"steps": steps}))
    assert "crop: the file is missing" in timeline(_told(store, run, "a.png"))


def test_a_moved_run_is_found_by_its_name(store: Store, run: int, tmp_path: Path) -> None:
    (tmp_path / "moved").mkdir()
    (tmp_path / "monday").rename(tmp_path / "moved" / "monday")
    (found,) = (f for f in store.browse.inspections(Filter()) if f.row.image == "b 2.png")
    here = Told.of(store, found.id, tmp_path / "moved")
    assert "Heat-map" in {layer["name"] for layer in here.scene["layers"]}


def test_a_step_shows_what_it_saw(store: Store, run: int) -> None:
    told = _told(store, run, "b 2.png")
    steps = told.scene["steps"]
    buttons = re.findall(r'class="see" data-step="(\d+)"', timeline(told))
    assert buttons == list(steps) != []
    assert all(step["boxes"] or step["src"] for step in steps.values())
    assert told.part()["steps"] == {}


def test_a_huge_picture_comes_whole_when_it_is_asked_for(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    huge = tmp_path / "huge.png"
    sha256 = write_image(huge, np.zeros((300, 4000, 3), np.uint8))
    view = View(path=str(huge), sha256=sha256, size=(4000, 300))
    trace = judged("huge.png", 0.1, Outcome.PASS)
    seen = scene(trace.model_copy(update={"sample": Sample(id="h", views=(view,))}), Places(None))
    assert (seen["width"], seen["height"], seen["more"]) == (1600, 120, True)
    whole = whole_picture(str(huge))
    assert whole is not None
    assert len(whole) > len(seen["photo"])
    assert whole_picture(str(tmp_path / "gone.png")) is None


def test_a_scene_is_recognised(store: Store, run: int) -> None:
    one, other = (_told(store, run, name).scene for name in ("b 2.png", "b 10.png"))
    assert digest(one) == digest(_told(store, run, "b 2.png").scene)
    assert digest(one) != digest(other)


def test_an_image_that_is_not_there_is_said(store: Store, run: int, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"has no image 'none.png'"):
        write_page(store, run, "none.png", tmp_path / "page.html")


def test_the_viewer_stays_small() -> None:
    assert len(asset("viewer.js").splitlines()) <= 240
