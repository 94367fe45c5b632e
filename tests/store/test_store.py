from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reinspect.store import Row, RunInfo, Status, Store, StoreError, differences
from reinspect.trace import Step, Trace
from reinspect.vocabulary import (
    Box,
    Defect,
    Evidence,
    Label,
    Outcome,
    Picture,
    Product,
    Region,
    Truth,
    Verdict,
)
from support.made_traces import corrected, judged, sample, sha256, unreadable
from support.postgres import SQLITE_ALONE


@pytest.mark.parametrize(
    "trace",
    [
        pytest.param(corrected("a.png"), id="corrected"),
        pytest.param(judged("b.png", 0.9, Outcome.FAIL), id="first-look-only"),
        pytest.param(unreadable("c.png"), id="unreadable"),
        pytest.param(judged("d/teil \u202e\"ü'\n<b>.png", 0.1, Outcome.PASS), id="odd-name"),
        pytest.param(Trace(sample=sample("e.png")), id="without-steps"),
    ],
)
@SQLITE_ALONE
def test_a_trace_comes_back_as_it_was(store: Store, run: int, trace: Trace) -> None:
    with store.writer(run) as writer:
        writer.write(trace)
    assert store.trace(run, trace.sample.id) == trace
    assert [found.row for found in store.inspections(run)] == [Row.of(trace)]


_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_probability = st.floats(0, 1)
_number = st.floats(allow_nan=False, allow_infinity=False)
_box = st.tuples(
    st.floats(0, 0.5, exclude_max=True), st.floats(0, 0.5, exclude_max=True),
    st.floats(0.5, 1), st.floats(0.5, 1),
).map(lambda corners: Box(*corners))  # fmt: skip
_evidence = st.builds(
    Evidence,
    source=_text,
    summary=_text,
    probability=st.none() | _probability,
    regions=st.lists(st.builds(Region, box=_box, score=_number, mask=st.none())).map(tuple),
    measurements=st.dictionaries(_text, _number, max_size=3),
    pictures=st.lists(
        st.builds(Picture, path=_text, sha256=_text.map(sha256), shows=_text), max_size=2
    ).map(tuple),
)
_defect = st.builds(Defect, box=_box, score=_number, mask=st.none(), type=st.none() | _text)
_verdict = _probability.flatmap(
    lambda p: st.builds(
        Verdict,
        label=st.just(Label.ANOMALOUS if p >= 0.5 else Label.NORMAL),
        probability=st.just(p),
        defects=st.lists(_defect, max_size=3).map(tuple),
        rationale=_text,
        evidence=st.lists(_evidence, max_size=2).map(tuple),
    )
)
_product: st.SearchStrategy[Product] = _verdict | _evidence
_steps = st.lists(
    st.builds(
        Step,
        node=_text,
        products=st.lists(_product, max_size=2).map(tuple),
        seconds=st.floats(0, 1e6),
        error=st.none() | _text.filter(lambda text: "\x00" not in text),
    ),
    max_size=4,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=_steps)
def test_any_trace_comes_back_as_it_was(store: Store, run: int, steps: list[Step]) -> None:
    node_safe = [step.model_copy(update={"node": step.node.replace("\x00", "")}) for step in steps]
    trace = Trace(sample=sample("a.png"), steps=tuple(node_safe))
    with store.writer(run) as writer:
        writer.write(trace)
    assert store.trace(run, "a.png") == trace
    assert len(list(store.inspections(run))) == 1


def test_text_that_no_database_takes_is_written_out(store: Store, run: int) -> None:
    trace = unreadable("caf\udce9.png", error="nul \x00 in it")
    with store.writer(run) as writer:
        writer.write(trace)
        writer.flush()
        writer.write(trace)
    (found,) = store.inspections(run)
    assert (found.row.image, found.row.error) == ("caf\\udce9.png", "nul \\u0000 in it")
    assert store.trace(run, "caf\udce9.png").sample.id == "caf\\udce9.png"


def test_images_come_in_natural_order(store: Store, run: int) -> None:
    names = [f"part {number}.png" for number in range(1200)]
    with store.writer(run) as writer:
        for name in reversed(names):
            writer.write(judged(name, 0.2, Outcome.PASS))
    assert [found.row.image for found in store.inspections(run)] == names
    assert [trace.sample.id for trace in store.traces(run)][-1] == names[-1]


def test_a_tally_counts_every_image_once(store: Store, run: int) -> None:
    assert store.tally(run).images == 0
    with store.writer(run) as writer:
        writer.write(corrected("a.png"))
        writer.write(judged("b.png", 0.9, Outcome.FAIL))
        writer.write(unreadable("c.png"))
    tally = store.tally(run)
    assert (tally.images, tally.passed, tally.failed, tally.review) == (3, 1, 1, 1)
    assert (tally.errors, tally.revisited, tally.corrected) == (1, 1, 1)
    assert tally.seconds == pytest.approx(0.8)


def test_a_run_keeps_what_it_began_with(store: Store) -> None:
    info = RunInfo(
        name="tuesday",
        folder="/runs/tuesday",
        recipe="detector: ü",
        fingerprint={"recipe": "ab"},
        sources=("/parts",),
        versions={"reinspect": "0.1.0"},
        started=datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
        explored=True,
    )
    run = store.begin_run(info)
    found = store.run("tuesday")
    assert found.id == run
    assert found.status is Status.RUNNING
    assert RunInfo(**found.model_dump(include=set(RunInfo.model_fields))) == info

    store.finish_run(run, Status.INTERRUPTED, {"images": 3})
    stopped = store.run("/runs/tuesday")
    assert (stopped.status, stopped.counters) == (Status.INTERRUPTED, {"images": 3})
    assert stopped.finished is not None

    store.resume_run(run)
    assert (store.run("tuesday").status, store.run("tuesday").finished) == (Status.RUNNING, None)


def test_runs_are_listed_newest_first(store: Store) -> None:
    for day in (1, 3, 2):
        store.begin_run(RunInfo(name=f"{day}", started=datetime(2026, 1, day, tzinfo=UTC)))
    assert [run.name for run in store.runs()] == ["3", "2", "1"]


def test_a_run_is_found_by_its_folder_even_if_moved(store: Store, tmp_path: Path) -> None:
    store.begin_run(RunInfo(name="here", folder=str(tmp_path / "here")))
    store.begin_run(RunInfo(name="gone", folder=str(tmp_path / "old" / "gone")))
    for folder in ("here", "new/gone", "new/here"):
        (tmp_path / folder).mkdir(parents=True)
    assert store.run(tmp_path / "here").name == "here"
    assert store.run(tmp_path / "new" / "gone").name == "gone"
    with pytest.raises(StoreError, match="has no run"):
        store.run(tmp_path / "new" / "here")  # another folder: that run's own is where it was


def test_a_name_is_taken_once(store: Store, run: int) -> None:
    with pytest.raises(StoreError, match="has a run 'monday' already"):
        store.begin_run(RunInfo(name="monday"))


@SQLITE_ALONE
def test_what_is_not_there_is_named(store: Store, run: int) -> None:
    with pytest.raises(StoreError, match=r"has no image 'x\.png'"):
        store.trace(run, "x.png")
    with pytest.raises(StoreError, match="has no run 'friday'"):
        store.run("friday")


def test_truth_comes_back_and_a_review_outweighs_an_annotation(store: Store, run: int) -> None:
    bent = Truth(
        label=Label.ANOMALOUS, types=("bent",), boxes=(Box(0.1, 0.1, 0.2, 0.3),), mask="/m/a.png"
    )
    store.write_truth(run, {"a.png": Truth(label=Label.NORMAL), "b.png": bent})
    store.write_truth(run, {"a.png": bent})
    assert store.truth(run) == {"a.png": bent, "b.png": bent}
    store.write_truth(run, {"b.png": Truth(label=Label.NORMAL, source="review")})
    assert store.truth(run)["b.png"] == Truth(label=Label.NORMAL, source="review")
    assert store.truth(run)["a.png"] == bent


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param({"recipe": "a"}, {"recipe": "a"}, [], id="same"),
        pytest.param(
            {"version": "0.1"}, {"version": "0.2"}, ["version: was 0.1, is now 0.2"], id="changed"
        ),
        pytest.param(
            {}, {"monitor": "a" * 64}, [f"monitor: was none, is now {'a' * 12}…"], id="new"
        ),
        pytest.param({"monitor": "b"}, {}, ["monitor: was b, is now none"], id="gone"),
    ],
)
def test_differences_are_said_in_words(old, new, said) -> None:
    assert differences(old, new) == said
