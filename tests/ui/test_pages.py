import contextlib
import html
import json
import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from sqlalchemy import update

from reinspect.images import sha256_of
from reinspect.pictures import write_image
from reinspect.qualification import Findings, measure_detection
from reinspect.qualification.keeping import Qualification, keep
from reinspect.store import Filter, NewCaption, RunInfo, Store
from reinspect.store.tables import InspectionTable
from reinspect.vocabulary import Label, Outcome, Sample, Truth, Verdict, View
from support.made_traces import judged, of_two_views
from support.odd_texts import LONG, ODD
from support.places import REPOSITORY

PAGES = (
    "morning", "runs", "inspections", "trace", "review", "reliability", "compare", "export",
    "captions", "qualification", "references", "conflicts", "commissioning", "types",
)  # fmt: skip
Show = Callable[..., Any]
QUALIFIED = Qualification(
    made_of={"references": "a" * 24, "recipe": "looks"},
    findings=Findings(product="<b>plate</b>", references=6, detection=measure_detection([])),
)


def _text(app: Any) -> str:
    """Everything that the page says, HTML included."""
    kinds = (app.title, app.caption, app.text, app.info, app.subheader, app.warning, app.error)
    said = [element.value for kind in kinds for element in kind]
    return "\n".join([*said, *(element.proto.body for element in app.get("html"))])


def _id(store: Store, image: str, *, run: int | None = None) -> str:
    runs = () if run is None else (run,)
    (found,) = (
        one for one in store.browse.inspections(Filter(runs=runs)) if one.row.image == image
    )
    return str(found.id)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_a_store_without_runs(store: Store, show: Show, page: str) -> None:
    app = show(page)
    assert not app.exception
    assert app.info


@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_a_run_that_is_empty_yet(store: Store, show: Show, page: str) -> None:
    store.begin_run(RunInfo(name="starting"))
    assert not show(page).exception


@pytest.mark.parametrize("reviewer", [None, "Ann"])
@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_runs(tuesday: int, show: Show, page: str, reviewer: str | None) -> None:
    app = show(page, reviewer=reviewer)
    assert not app.exception
    assert not app.error


def test_runs_say_how_they_came_out(tuesday: int, show: Show) -> None:
    table = show("runs").dataframe[0].value.set_index("run")
    assert table.loc["monday", ["images", "PASS", "FAIL", "REVIEW", "errors"]].tolist() == [
        8, 2, 3, 3, 2,
    ]  # fmt: skip
    assert (table.loc["monday", "fixed"], table.loc["monday", "model"]) == (1, "embedded")
    assert table.loc["monday", ["tokens", "USD", "not read"]].tolist() == [960, 0.5, 2]
    assert table.loc['tue"s<d>ay', "status"] == "writing …"


def test_every_count_of_a_run_is_a_door(tuesday: int, store: Store, show: Show) -> None:
    store.browse.review(int(_id(store, "doubt.png")), Verdict.of(0.0), reviewer="Ann")
    app = show("runs")
    app.session_state["runs_table"] = {"selection": {"rows": [1], "columns": [], "cells": []}}
    app.run()
    doors = {link.label: link for link in app.get("page_link")}
    assert "1 found: FAIL" in doors
    assert "1 to REVIEW" in doors
    assert "1 overruled by a person" in doors
    wrong = doors["1 wrong verdict"].proto
    assert wrong.page == "inspections"
    assert wrong.query_string == "run=monday&standing=wrong"
    shown = show("inspections", run="monday", standing="wrong")
    assert "1 found" in _text(shown)
    assert '→ <span class="badge PASS">PASS</span> by review' in _text(shown)
    assert shown.selectbox(key="f_standing").value == "wrong"
    shown.selectbox(key="f_standing").select("truth not known").run()
    assert shown.query_params["standing"] == "open"


def test_a_time_is_in_the_address_and_back(monday: int, show: Show) -> None:
    app = show("inspections", time="2026-01-01T06:00~2026-01-01T14:00")
    assert "0 found" in _text(app)
    assert app.session_state["f_until"].hour == 14
    app.text_input(key="f_reason").input("clear").run()
    assert app.query_params["time"] == "2026-01-01T06:00~2026-01-01T14:00"
    assert app.query_params["reason"] == "clear"


def test_the_morning_holds_since_yesterday_against_the_days_before(
    tuesday: int, store: Store, show: Show
) -> None:
    line = store.begin_run(RunInfo(name="wednesday", tags={"line": "3"}))
    with store.writer(line) as writer:
        writer.write(judged("new.png", 0.9, Outcome.FAIL))
    store.browse.review(store.newest(line, "new.png"), Verdict.of(0.0), reviewer="Ann")
    app = show("morning")
    assert not app.exception
    said = {metric.label: metric.value for metric in app.metric}
    assert said["Parts"] == "11"
    assert said["Fail rate"] == "36.4 %"
    assert said["Overkill"] == "100.0 %"
    assert said["Escapes"] == "–"
    assert "of FAIL: 20.7 % to 100.0 %, by 1 reviewed" in _text(app)
    assert "of PASS: not known until parts of the audit sample are reviewed" in _text(app)
    doors = {link.label: link.proto for link in app.get("page_link")}
    assert "disposition=FAIL" in doors["Show 4 FAIL"].query_string
    (lines,) = [one.value for one in app.dataframe if "line" in one.value]
    assert dict(zip(lines["line"], lines["parts"], strict=True)) == {"–": 10, "3": 1}
    wanted = dict(pair.split("=") for pair in unquote(doors["Show 4 FAIL"].query_string).split("&"))
    assert "4 found" in _text(show("inspections", **wanted))
    assert "1 found" in _text(show("inspections", tag="line=3"))


def test_an_old_store_shows_its_last_days(monday: int, store: Store, show: Show) -> None:
    long_ago = datetime(2025, 3, 3, 12, tzinfo=UTC)
    with store._engine.begin() as connection:
        connection.execute(update(InspectionTable).values(at=long_ago))
    app = show("morning")
    assert "Nothing was inspected later" in _text(app)
    assert {metric.label: metric.value for metric in app.metric}["Parts"] == "8"


def test_conflicts_are_named_and_leave_when_they_are_settled(
    tuesday: int, store: Store, show: Show
) -> None:
    def kinds() -> list[str]:
        app = show("conflicts")
        assert not app.exception
        return [one for control in app.segmented_control for one in control.options]

    assert kinds() == ["between runs: 1"]  # fail.png: anomalous on Monday, normal on Tuesday
    assert (
        'monday: anomalous; tue"s<d>ay: normal' in show("conflicts").dataframe[0].value["said"][0]
    )
    fail = int(_id(store, "fail.png", run=1))
    store.browse.review(fail, Verdict.of(0.0), reviewer="Ann")
    assert kinds() == ["review against annotation: 1"]
    store.browse.review(fail, Verdict.of(0.0), reviewer="Bob")
    assert kinds() == []
    store.browse.review(fail, Verdict.of(1.0), reviewer="Cid")
    assert kinds() == ["between reviewers: 1"]
    store.browse.review(fail, Verdict.of(1.0), reviewer="Cid", why="a <b>dent</b>")
    said = _text(show("conflicts"))  # the first of the list is shown, with what decided it
    assert "Ann: normal; Bob: normal; Cid: anomalous" in said
    assert "a &lt;b&gt;dent&lt;/b&gt;" in said


def test_runs_are_searched(tuesday: int, show: Show) -> None:
    app = show("runs")
    app.text_input(key="runs_search").input("MONDAY").run()
    assert app.dataframe[0].value["run"].tolist() == ["monday"]


def test_the_least_reliable_comes_first(monday: int, show: Show) -> None:
    app = show("inspections")
    labels = [link.label for link in app.get("page_link")]
    assert labels[0].startswith("doubt")
    assert "8 found" in _text(app)


@pytest.mark.parametrize(
    ("params", "found"),
    [
        pytest.param({"disposition": "FAIL"}, 3, id="disposition"),
        pytest.param({"disposition": ["FAIL", "PASS"]}, 5, id="two-dispositions"),
        pytest.param({"text": "bright line"}, 1, id="text"),
        pytest.param({"type": 'ben"t'}, 1, id="type"),
        pytest.param({"errors": "yes"}, 2, id="errors"),
        pytest.param({"reliability": "0~0.6"}, 1, id="reliability"),
        pytest.param({"reliability": "high", "sort": "x"}, 8, id="nonsense"),
        pytest.param({"run": "no such run"}, 0, id="a-run-that-is-gone"),
        pytest.param({"run": ["no such run", "monday"]}, 8, id="one-of-two-gone"),
        pytest.param({"category": "gone since"}, 0, id="nothing"),
    ],
)
def test_the_address_is_the_filter(monday: int, show: Show, params: dict, found: int) -> None:
    app = show("inspections", **params)
    assert not app.exception
    assert f"{found} found" in _text(app)


def test_the_filter_is_in_the_address(tuesday: int, show: Show) -> None:
    app = show("inspections")
    app.multiselect(key="f_run").select("monday").run()
    app.slider(key="f_reliability").set_range(0.0, 0.85).run()
    app.text_input(key="f_text").input("clear").run()
    assert not app.exception
    said = {name: app.query_params[name] for name in ("run", "reliability", "text")}
    assert said == {"run": "monday", "reliability": "0~0.85", "text": "clear"}
    app.button[0].click().run()
    assert not {"run", "reliability", "text"} & set(app.query_params)


def test_rarer_filters_are_drawn_when_they_are_asked_for(monday: int, show: Show) -> None:
    drawn = show("inspections", errors="yes")
    assert drawn.segmented_control(key="f_errors").value == "yes"
    assert "2 found" in _text(drawn)
    closed = show("inspections")
    assert "f_errors" not in {control.key for control in closed.segmented_control}
    closed.multiselect(key="f_type").select("scratch").run()
    assert not closed.exception
    assert not {"errors", "seconds", "revised", "source"} & set(closed.query_params)


def test_the_way_back_is_not_undone_by_what_was_looked_at(monday: int, show: Show) -> None:
    app = show("inspections", disposition="FAIL")
    assert "3 found" in _text(app)
    app.query_params.clear()  # as the browser's button does
    app.run()
    assert "8 found" in _text(app)


def test_a_store_that_goes_or_is_another_is_noticed(
    monday: int, store: Store, show: Show, tmp_path: Path
) -> None:
    app = show("inspections")
    store.close()
    for kept in tmp_path.glob("reinspect.db*"):
        kept.rename(tmp_path / f"away-{kept.name}")
    app.run()
    assert not app.exception
    assert "there is none" in _text(app)
    with Store.open(tmp_path / "reinspect.db") as other:
        other.begin_run(RunInfo(name="another"))
    app.run()
    assert not app.error
    assert "0 found" in _text(app)


@pytest.mark.parametrize(
    ("version", "said"),
    [
        pytest.param("", "6 found", id="older, brought up to date"),
        pytest.param("UPDATE reinspect_version SET version_num = '9999'", "newer", id="newer"),
    ],
)
def test_a_store_of_another_version_in_its_place_is_read_or_named(
    monday: int, store: Store, show: Show, tmp_path: Path, version: str, said: str
) -> None:
    app = show("inspections")
    store.close()
    for kept in tmp_path.glob("reinspect.db*"):
        kept.rename(tmp_path / f"away-{kept.name}")
    first = (REPOSITORY / "tests/store/first_schema.sql").read_text("utf-8")
    with contextlib.closing(sqlite3.connect(tmp_path / "reinspect.db")) as older:
        older.executescript(f"{first}\n{version}")
    app.run()
    assert not app.exception
    assert said in _text(app)


def test_a_huge_picture_is_shown_in_small(store: Store, show: Show, tmp_path: Path) -> None:
    huge = tmp_path / "huge.png"
    write_image(huge, np.full((6000, 9000), 90, np.uint8))
    run = store.begin_run(RunInfo(name="huge"))
    with store.writer(run) as writer:
        writer.write(judged("huge.png", 0.5, Outcome.REVIEW, path=str(huge)))
    for page in ("inspections", "trace", "review"):
        app = show(page, reviewer="Ann")
        assert not app.exception
        assert len(_text(app)) < 500_000
    (item,) = _fed(app)["items"]
    assert 0 < len(json.dumps(item)) < 2_000_000


def test_pages_are_turned(monday: int, show: Show) -> None:
    app = show("inspections")
    app.session_state["page"] = 9  # of a filter that found more
    app.run()
    assert not app.exception
    assert "8 found" in _text(app)


def test_inspections_as_a_table(monday: int, show: Show) -> None:
    app = show("inspections")
    app.segmented_control(key="layout").set_value("Table").run()
    assert app.dataframe[0].value["image"].tolist()[0] == "doubt.png"


@pytest.mark.parametrize(
    ("image", "said"),
    [
        pytest.param("corrected.png", ["⟳ Changed", "the line is on the reference"], id="story"),
        pytest.param("broken.png", ["This step failed", "no first verdict"], id="unreadable"),
        pytest.param("failing.png", ["This step failed", "timed out"], id="error-step"),
        pytest.param("wordy.png", ["50,035 characters", "ben&#34;t"], id="50-kB"),
        pytest.param(ODD, [html.escape(ODD)], id="odd-name"),
        pytest.param("gone.png", ["anomalous"], id="picture-gone"),
    ],
)
def test_a_trace_is_told(monday: int, store: Store, show: Show, image: str, said: list) -> None:
    app = show("trace", id=_id(store, image))
    assert not app.exception
    text = _text(app)
    for words in said:
        assert words in text
    assert html.escape(image) in text


def test_a_review_does_not_hide_the_annotation(monday: int, store: Store, show: Show) -> None:
    key = int(_id(store, "fail.png"))
    store.browse.review(key, Verdict.of(0.0), reviewer="Ann")
    told = _text(show("trace", id=str(key)))
    assert "Ann says normal: the verdict was wrong." in told
    assert "Truth (review)" in told
    assert "Annotated as" in told
    assert "the reviewer says otherwise" in told


def test_comments_are_written_at_a_trace_and_found_again(
    monday: int, store: Store, show: Show
) -> None:
    key = _id(store, "fail.png")
    assert "Comments" not in [one.value for one in show("morning").header]
    app = show("trace", id=key, reviewer="Ann")
    app.text_area[0].input("<b>look</b>\nat **this**")
    app.button[-1].click().run()
    assert not app.exception
    assert [one.text for one in store.queue.comments(int(key))] == ["<b>look</b>\nat **this**"]
    assert "&lt;b&gt;look&lt;/b&gt;" in _text(app)
    morning = show("morning")
    assert "Comments" in [one.value for one in morning.header]
    assert "<bdi>&lt;b&gt;look&lt;/b&gt;\nat **this**</bdi>" in _text(morning)
    found = _text(show("inspections", commented="yes"))
    assert "1 found" in found
    assert "1 comment<" in found
    assert "7 found" in _text(show("inspections", commented="no"))
    assert not show("trace", id=key).text_area  # nobody is there to say it


def test_nothing_of_a_model_is_markup(monday: int, store: Store, show: Show) -> None:
    text = _text(show("trace", id=_id(store, "wordy.png")))
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; **loud**" in text
    assert LONG.startswith("<script>")
    gallery = show("inspections")
    label = next(link.label for link in gallery.get("page_link") if "قطعة" in link.label)
    assert "\\[x\\]\\(http" in label
    assert "<b>" not in _text(gallery).replace("<b>0", "").replace("<b>–", "")


@pytest.mark.parametrize("key", ["999", "abc", "../../etc/passwd", "1' OR '1'='1", "9" * 40])
def test_an_unknown_id_shows_nothing(monday: int, show: Show, key: str) -> None:
    app = show("trace", id=key)
    assert not app.exception
    assert app.info


def test_previous_and_next_follow_the_filter(monday: int, store: Store, show: Show) -> None:
    ids = [str(one.id) for one in store.browse.page(Filter(dispositions=(Outcome.FAIL,))).items]
    app = show("trace", disposition="FAIL", id=ids[1])
    assert "<b>2</b> of 3" in _text(app)
    buttons = {button.label: button for button in app.button}
    assert not buttons["Previous"].disabled
    first = show("trace", disposition="FAIL", id=ids[0])
    assert next(b for b in first.button if b.label == "Previous").disabled
    last = show("trace", disposition="FAIL", id=ids[2])
    assert next(b for b in last.button if b.label == "Next").disabled


def test_the_same_picture_elsewhere(tuesday: int, store: Store, show: Show) -> None:
    (found,) = (
        one
        for one in store.browse.inspections(Filter(runs=(tuesday,)))
        if one.row.image == "fail.png"
    )
    labels = [link.label for link in show("trace", id=str(found.id)).get("page_link")]
    assert any(label.startswith("monday: anomalous") for label in labels)


def test_a_reader_cannot_review(monday: int, store: Store, show: Show) -> None:
    app = show("review")
    assert "Read-only" in _text(app)
    assert not [button for button in app.button if "Save" in button.label]
    assert not show("trace", id=_id(store, "doubt.png")).toggle


def _fed(app: Any) -> dict[str, Any]:
    """What the bench is fed with."""
    (component,) = app.get("bidi_component")
    fed: dict[str, Any] = json.loads(component.proto.mixed.json or component.proto.json)
    return fed


def _send(app: Any, **review: Any) -> Any:
    """What the browser sends; Streamlit keeps it as the component's state."""
    app.session_state["bench"] = {"outbox": [{"token": "0" * 32, "kind": "save", **review}]}
    return app.run()


def test_the_queue_is_blind_and_by_part(tuesday: int, store: Store, show: Show) -> None:
    with store.writer(tuesday) as writer:
        part = store.browse.page(Filter(text="doubt.png")).items[0].path
        writer.write(
            judged("test/pitting/7.png", 0.6, Outcome.REVIEW, path=part, content="doubt.png")
        )
    app = show("review", reviewer="Ann")
    app.slider(key="audit").set_value(0).run()
    fed = _fed(app)
    assert fed["left"] == 3  # four inspections of three parts
    assert [sorted(item) for item in fed["items"]] == [["boxes", "id", "types", "views"]] * 3
    said = json.dumps(fed)
    for told in ("doubt", "pitting", "anomalous", "REVIEW", "Final boxes", "Masks"):
        assert told not in said


def test_a_review_leaves_the_queue_and_is_kept(monday: int, store: Store, show: Show) -> None:
    app = show("review", reviewer="Ann")
    app.slider(key="audit").set_value(0).run()
    key = int(_id(store, "doubt.png"))
    assert _fed(app)["items"][0]["id"] == key
    _send(app, id=key, label="normal", why="only a <b>reflection</b>")
    assert not app.exception
    fed = _fed(app)
    assert fed["answers"]["0" * 32]["ok"]
    assert fed["left"] == 2
    assert key not in [item["id"] for item in fed["items"]]
    (review,) = store.browse.reviews(key)
    assert (review.reviewer, review.after.label.value) == ("Ann", "normal")
    told = _text(show("trace", id=_id(store, "doubt.png")))
    assert "only a &lt;b&gt;reflection&lt;/b&gt;" in told
    assert "by <bdi>Ann</bdi>" in told


def test_what_was_begun_can_be_finished_though_a_colleague_was_faster(
    monday: int, store: Store, show: Show
) -> None:
    key = int(_id(store, "doubt.png"))
    app = show("review", reviewer="Ann")
    store.browse.review(key, Verdict.of(1.0), reviewer="Bob_<b>")
    app.session_state["bench"] = {"begun": [key, 999, "x", -1]}
    app.run()
    assert _fed(app)["items"][0]["id"] == key
    _send(app, id=key, label="normal", why="mine")
    assert "Bob_<b> said anomalous" in _fed(app)["answers"]["0" * 32]["said"]
    kept = [(review.reviewer, review.why) for review in store.browse.reviews(key)]
    assert kept == [("Bob_<b>", ""), ("Ann", "mine")]
    second = show("review", reviewer="Cid")
    assert key not in [item["id"] for item in _fed(second)["items"]]
    second.segmented_control(key="queue_kind").set_value("second opinion").run()
    assert [item["id"] for item in _fed(second)["items"]] == [key]


def test_what_is_put_aside_comes_last(monday: int, store: Store, show: Show) -> None:
    app = show("review", reviewer="Ann")
    before = [item["id"] for item in _fed(app)["items"]]
    _send(app, id=before[0], kind="aside")
    assert _fed(app)["items"][0]["id"] == before[1]
    assert _fed(app)["left"] >= 3


def test_a_part_with_two_views_waits_as_one(store: Store, folder: Path, show: Show) -> None:
    side = folder.parent / "side.png"
    paths = {"top": folder.parent / "part.png", "side": side}
    write_image(side, np.zeros((90, 200, 3), np.uint8))
    views = tuple(
        View(name=name, path=str(path), sha256=sha256_of(path)) for name, path in paths.items()
    )
    number = store.begin_run(RunInfo(name="monday", folder=str(folder)))
    with store.writer(number) as writer:
        trace = judged("doubt", 0.55, Outcome.REVIEW)
        writer.write(trace.model_copy(update={"sample": Sample(id="doubt", views=views)}))
    app = show("review", reviewer="Ann")
    (item,) = _fed(app)["items"]
    assert [view["name"] for view in item["views"]] == ["top", "side"]
    assert [view["scene"]["width"] for view in item["views"]] == [160, 200]
    assert [view["scene"]["missing"] for view in item["views"]] == ["", ""]
    box = {"box": [0.1, 0.1, 0.3, 0.3], "type": "dent", "view": "side"}
    _send(app, id=item["id"], label="anomalous", boxes=[box])
    (review,) = store.browse.reviews(item["id"])
    assert [one.view for one in review.after.defects] == ["side"]
    traced = show("trace", id=str(item["id"]), reviewer="Ann")
    traced.toggle[0].set_value(True).run()
    (standing,) = _fed(traced)["items"]
    assert [one["view"] for one in standing["boxes"]] == ["side"]


def test_a_picture_that_is_gone_is_said_at_the_bench(
    store: Store, folder: Path, show: Show
) -> None:
    number = store.begin_run(RunInfo(name="monday", folder=str(folder)))
    with store.writer(number) as writer:
        writer.write(judged("doubt.png", 0.55, Outcome.REVIEW))
    (item,) = _fed(show("review", reviewer="Ann"))["items"]
    scene = item["views"][0]["scene"]
    assert (scene["photo"], "no such file" in scene["missing"]) == (None, True)


def test_the_types_of_a_product_are_offered(store: Store, folder: Path, show: Show) -> None:
    recipe = "product:\n  defects: [scratch, 'bent \"pin\"']\n"
    number = store.begin_run(RunInfo(name="monday", folder=str(folder), recipe=recipe))
    with store.writer(number) as writer:
        writer.write(judged("doubt.png", 0.55, Outcome.REVIEW))
        writer.write(judged("fail.png", 0.9, Outcome.FAIL))
    dent = Truth(label=Label.ANOMALOUS, types=("dent", "scratch"))
    store.write_truth(number, {"fail.png": dent})
    (item,) = _fed(show("review", reviewer="Ann"))["items"]
    assert item["types"] == ["scratch", 'bent "pin"', "dent"]


def test_disagreement_is_counted(monday: int, store: Store, show: Show) -> None:
    keys = [one.id for one in store.browse.page(Filter()).items[:4]]
    for place, key in enumerate(keys):
        store.browse.review(key, Verdict.of(float(place % 2)), reviewer="Ann")
        store.browse.review(key, Verdict.of(float(place == 1)), reviewer="Bob")
    (row,) = show("review").dataframe[0].value.to_dict("records")
    assert (row["reviewers"], row["both reviewed"], row["agree"]) == ("Ann and Bob", 4, 3)
    assert row["Cohen's kappa"] == pytest.approx(0.5)


def test_reliability_has_figures_and_intervals(tuesday: int, show: Show) -> None:
    app = show("reliability", run="monday")
    ledger = app.dataframe[0].value.set_index("direction")
    assert ledger.loc["anomalous → normal", "✓ fixed"] == 1
    rates = app.dataframe[1].value.set_index("rate")
    assert rates["of"].tolist() == [1, 1, 0, 0]
    assert "to" in rates["95 % interval"].iloc[0]
    assert len(app.get("vega_lite_chart") or app.get("arrow_vega_lite_chart")) == 2


def test_two_runs_are_compared(tuesday: int, store: Store, show: Show) -> None:
    app = show("compare", a="monday", b='tue"s<d>ay')
    values = {metric.label: metric.value for metric in app.metric}
    assert values["Images in both"] == "2"
    assert values["✕ Worse in B"] == "1"
    changed = next(one.value for one in app.dataframe if "change" in one.value)
    assert changed["image"].tolist() == ["fail.png"]
    assert changed["change"].tolist() == ["✕ worse"]
    assert "Labels right, B − A: −50.0 points" in _text(app)
    names = [_name(store, changed[f"trace {side}"].item()) for side in "AB"]
    assert names == ["fail.png in 1", "fail.png in 2"]


def test_other_thresholds_are_tried_and_become_a_recipe(
    tuesday: int, store: Store, show: Show
) -> None:
    app = show("compare", a='tue"s<d>ay', b="monday")
    values = {metric.label: metric.value for metric in app.metric}
    assert [values[name] for name in ("✓ PASS", "✕ FAIL", "? REVIEW")] == ["2", "3", "3"]
    app.slider(key=f"whatif_fail_{monday_of(store)}").set_value(0.85).run()
    assert not app.exception
    values = {metric.label: metric.value for metric in app.metric}
    assert [values[name] for name in ("✓ PASS", "✕ FAIL", "? REVIEW")] == ["2", "1", "5"]
    assert app.get("download_button")


def monday_of(store: Store) -> int:
    return store.run("monday").id


def _name(store: Store, address: str) -> str:
    found = store.browse.one(int(address.removeprefix("trace?id=")))
    return f"{found.row.image} in {found.run_id}"


def test_a_finished_run_keeps_its_sums_until_a_review(
    monday: int, store: Store, show: Show
) -> None:
    def right() -> tuple[int, int]:
        table = show("runs").dataframe[0].value.set_index("run")
        return table.loc["monday", "fixed"], table.loc["monday", "broken"]

    assert right() == (1, 0)
    verdict = Verdict.of(1.0)
    store.browse.review(int(_id(store, "corrected.png")), verdict, reviewer="Ann")
    assert right() == (0, 1)


@pytest.mark.parametrize("form", ["coco", "label-studio", "csv", "parquet", "jsonl", "judgements"])
def test_the_filter_is_exported(monday: int, show: Show, form: str) -> None:
    app = show("export", disposition="FAIL")
    assert "3 inspections fit" in _text(app)
    app.selectbox(key="format").set_value(form).run()
    next(b for b in app.button if b.label == "Prepare file").click().run()
    assert not app.exception
    assert not app.error
    assert app.get("download_button")


def test_without_captions_it_says_so(monday: int, show: Show) -> None:
    assert "There are no captions yet" in _text(show("captions"))


def test_a_caption_that_moved_up_is_not_decided_by_a_click_on_another(
    monday: int, store: Store, show: Show
) -> None:
    key = int(_id(store, "fail.png"))
    texts = ("the first", "the second")
    drafts = [NewCaption(inspection_id=key, mode="thinking", text=t, source="t") for t in texts]
    store.browse.add_captions(drafts)
    ((first,), _) = store.browse.captions()
    app = show("captions", reviewer="Ann")
    store.browse.decide(first.id, "accepted", reviewer="Bob")
    next(b for b in app.button if b.label == "Reject").click().run()
    assert not app.exception
    ((rejected,), total) = store.browse.captions("rejected")
    assert (rejected.text, total) == ("the first", 1)
    ((left,), total) = store.browse.captions()
    assert (left.text, total) == ("the second", 1)


def test_a_caption_is_of_one_view(store: Store, folder: Path, show: Show) -> None:
    run = store.begin_run(RunInfo(name="viewed", folder=str(folder)))
    with store.writer(run) as writer:
        writer.write(of_two_views("4711", front=folder.parent / "part.png"))
    dent = Truth(label=Label.ANOMALOUS, types=("dent",))
    good = Truth(label=Label.NORMAL)
    views = {"front": good, "back": dent}
    store.write_truth(run, {"4711": dent.model_copy(update={"views": views})})
    part = store.newest(run, "4711")
    draft = NewCaption(inspection_id=part, mode="thinking", text="a", source="t", view="front")
    store.browse.add_captions([draft])
    app = show("captions")
    assert not app.exception
    assert "front</bdi></h2>" in _text(app)
    assert "Truth: <b>normal (annotation)</b>" in _text(app)


def test_a_caption_is_edited(monday: int, store: Store, show: Show) -> None:
    key = int(_id(store, "fail.png"))
    draft = NewCaption(inspection_id=key, mode="thinking", text="a <b>dent</b>", source="t")
    store.browse.add_captions([draft])
    app = show("captions", reviewer="Ann")
    assert "Truth: <b>anomalous (annotation)</b>" in _text(app)
    app.text_area[0].set_value("a dent at the rim").run()
    next(b for b in app.button if b.label == "Save edit").click().run()
    assert not app.exception
    ((edited,), total) = store.browse.captions("edited")
    assert (edited.text, edited.reviewer, total) == ("a dent at the rim", "Ann", 1)
    assert json.loads(edited.model_dump_json())["source"] == "t"


def test_a_qualification_is_shown_as_its_page(store: Store, show: Show, tmp_path: Path) -> None:
    keep(QUALIFIED, "a" * 64, tmp_path / "cache")
    app = show("qualification")
    assert not app.exception
    assert app.selectbox[0].options == ["<b>plate</b>: drawn damage, 6 references"]
    assert "It found" not in _text(app)
    (frame,) = app.get("iframe")
    assert "&lt;b&gt;plate&lt;/b&gt;" in frame.proto.srcdoc
    assert "<b>plate</b>" not in frame.proto.srcdoc


def test_a_qualification_was_made_by_the_clock_on_the_wall(
    store: Store, show: Show, tmp_path: Path
) -> None:
    made = datetime(2026, 1, 5, 23, 30, tzinfo=UTC)
    findings = QUALIFIED.findings.model_copy(update={"made": made})
    keep(QUALIFIED.model_copy(update={"findings": findings}), "a" * 64, tmp_path / "cache")
    (option,) = show("qualification").selectbox[0].options
    assert option.endswith(f"references, {made.astimezone():%Y-%m-%d %H:%M}")


def test_a_qualification_that_cannot_be_read_is_named(
    store: Store, show: Show, tmp_path: Path
) -> None:
    place = tmp_path / "cache/qualifications/odd.json"
    place.parent.mkdir(parents=True)
    place.write_text("{")
    (place.parent / "other.json").write_text("{")
    (warning,) = show("qualification").warning
    assert re.search(r"(odd|other)\.json: .*; 1 more can't be read either\.", warning.value)


@pytest.mark.parametrize("page", ["inspections", "trace", "review"])
def test_a_part_with_several_views_shows_the_one_that_decided(
    store: Store, folder: Path, show: Show, page: str
) -> None:
    number = store.begin_run(RunInfo(name="sides", folder=str(folder)))
    with store.writer(number) as writer:
        writer.write(of_two_views("4711", front=folder.parent / "part.png"))
    app = show(page, reviewer="Ann" if page == "review" else None)
    assert not app.exception
    assert "changed since" not in _text(app)
    if page == "trace":
        choice = app.segmented_control(key=f"of-{_id(store, '4711')}")
        assert choice.options == ["back", "front"]
        choice.set_value("front").run()
        assert not app.exception
        assert 'class="chip">back</bdi>' in _text(app)
    if page == "review":
        (item,) = _fed(app)["items"]
        assert [view["name"] for view in item["views"]] == ["back", "front"]


def test_types_of_a_product_are_one_list_that_people_edit(
    monday: int, store: Store, show: Show
) -> None:
    reader = show("types", types_product="bolt")
    assert not reader.exception
    assert not reader.button
    (table,) = (one.value for one in reader.dataframe)
    assert set(table["type"]) >= {"dent", 'ben"t'}
    app = show("types", reviewer="Ann", types_product="bolt")
    app.selectbox(key="types_old_0").select('ben"t')
    app.text_input(key="types_new_0").input(" dent ").run()
    assert "will be one type" in _text(app)
    next(one for one in app.button if one.label == "Merge").click().run()
    assert not app.exception
    (table,) = (one.value for one in app.dataframe)
    assert dict(zip(table["type"], table["verdicts"], strict=True)).get("dent") == 1
    assert 'ben"t' not in set(table["type"])
    assert "ben&quot;t" in _text(app)  # on record, with who
    assert "1 found" in _text(show("inspections", type="dent"))
    app = show("types", reviewer="Ann", types_product="bolt")
    app.text_input(key="types_add_1").input("<b>burr</b>").run()
    next(one for one in app.button if one.label == "Add").click().run()
    assert "<b>burr</b>" in store.queue.types("bolt")
    next(one for one in app.button if one.label == "Take back").click().run()
    assert not app.exception
    assert 'ben"t' in set(app.dataframe[0].value["type"])
    assert not [one for one in app.button if one.label == "Take back"]
