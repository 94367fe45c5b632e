import itertools
import threading
from datetime import UTC, datetime, timedelta

import pytest

from reinspect.store import (
    Filter,
    NewCaption,
    Order,
    Period,
    Reviewed,
    RunInfo,
    Span,
    Store,
    StoreError,
)
from reinspect.store.search import audited
from reinspect.store.statistics import OutcomeChange
from reinspect.trace import Trace
from reinspect.vocabulary import Box, Defect, Label, Outcome, Truth, Verdict
from support.made_traces import corrected, judged, unreadable
from support.postgres import SQLITE_ALONE

BENT = Verdict.of(1.0, defects=(Defect(box=Box(0.1, 0.1, 0.4, 0.3), score=1, type="bent"),))
GOOD = Verdict.of(0.0)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def _write(store: Store, run: int, *traces: Trace) -> None:
    with store.writer(run) as writer:
        for trace in traces:
            writer.write(trace)


@pytest.fixture
def five(store: Store, run: int) -> int:
    """Reliabilities: corrected 0.9, failed 0.8, doubtful 0.6, passed 0.95, unreadable none."""
    _write(
        store,
        run,
        corrected("corrected.png"),
        judged("failed.png", 0.8, Outcome.FAIL),
        judged('doubt <b>"100%_sure"</b>.png', 0.6, Outcome.REVIEW),
        judged("passed.png", 0.05, Outcome.PASS),
        unreadable("broken.png"),
    )
    return run


def _names(store: Store, wanted: Filter, **how: object) -> list[str]:
    return [found.row.image for found in store.browse.page(wanted, **how).items]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        pytest.param({}, ["doubt", "failed", "corrected", "passed", "broken"], id="least-reliable"),
        pytest.param({"dispositions": ("PASS",)}, ["corrected", "passed"], id="disposition"),
        pytest.param({"categories": ("nut",)}, [], id="no-such-category"),
        pytest.param({"reliability": Span(0.6, 0.8)}, ["doubt", "failed"], id="reliability"),
        pytest.param({"divergence": Span(-1, -0.05)}, ["corrected"], id="divergence"),
        pytest.param({"seconds": Span(0.4, 9)}, ["doubt", "failed", "passed"], id="seconds"),
        pytest.param({"revised": True}, ["corrected"], id="revised"),
        pytest.param({"errors": True}, ["broken"], id="errors"),
        pytest.param({"sources": ("anomaly map",)}, ["corrected"], id="evidence"),
        pytest.param({"text": "LINE IS ON"}, ["corrected"], id="rationale"),
        pytest.param({"text": '"100%_s'}, ["doubt"], id="wildcards-are-text"),
        pytest.param({"text": "100%%"}, [], id="wildcards-are-no-wildcards"),
        pytest.param({"due": 0.0}, ["doubt", "broken"], id="due"),
        pytest.param({"due": 1.0}, ["doubt", "corrected", "passed", "broken"], id="due-all-pass"),
        pytest.param({"reviewed": "yes"}, [], id="nobody-reviewed"),
    ],
)
def test_a_filter_finds(store: Store, five: int, wanted: dict, names: list[str]) -> None:
    found = _names(store, Filter(runs=(five,), **wanted))
    assert [name.split(".")[0].split(" ")[0] for name in found] == names
    assert store.browse.count(Filter(**wanted)) == len(names)


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        pytest.param({"truths": ("anomalous",)}, ["failed", "passed"], id="defective"),
        pytest.param({"truths": ("normal",)}, ["doubt", "corrected"], id="good"),
        pytest.param({"standing": "right"}, ["failed", "corrected"], id="right"),
        pytest.param({"standing": "wrong"}, ["doubt", "passed"], id="wrong"),
        pytest.param({"standing": "fixed"}, ["corrected"], id="fixed"),
        pytest.param({"standing": "broken"}, [], id="broken"),
        pytest.param({"standing": "overruled"}, ["doubt"], id="overruled"),
        pytest.param({"standing": "open"}, ["broken"], id="open"),
        pytest.param({"twice": True}, ["corrected"], id="twice"),
        pytest.param({"first": "anomalous", "final": "normal"}, ["corrected"], id="first-final"),
        pytest.param({"setup": True}, [], id="set-up"),
        pytest.param({"reason": "NO VERDICT"}, ["broken"], id="reason"),
        pytest.param({"period": Period(None, NOON)}, [], id="before"),
        pytest.param(
            {"period": Period(NOON, None), "truths": ("anomalous",)},
            ["failed", "passed"],
            id="since",
        ),
    ],
)
def test_truth_is_a_filter(store: Store, five: int, wanted: dict, names: list[str]) -> None:
    """A review outweighs the annotation, in the filter and in what an inspection came to."""
    doubt = 'doubt <b>"100%_sure"</b>.png'
    store.write_truth(
        five,
        {
            "corrected.png": Truth(label=Label.NORMAL),
            "failed.png": Truth(label=Label.ANOMALOUS),
            "passed.png": Truth(label=Label.ANOMALOUS),
            doubt: Truth(label=Label.ANOMALOUS),
        },
    )
    store.browse.review(store.newest(five, doubt), GOOD, reviewer="Ada")
    found = store.browse.page(Filter(**wanted)).items
    assert [one.row.image.split(".")[0].split(" ")[0] for one in found] == names
    came_to = {one.row.image: one.row for one in store.inspections(five)}
    assert (came_to[doubt].resolved, came_to[doubt].truth_by) == ("PASS", "review")
    assert (came_to["passed.png"].resolved, came_to["passed.png"].right) == ("FAIL", False)
    assert came_to["broken.png"].resolved == "REVIEW"
    counted = store.statistics.judged([five])
    assert sum(c.images for c in counted) == 5
    for standing in ("wrong", "fixed", "broken", "overruled"):
        mine = sum(c.images for c in counted if getattr(c, standing))
        assert mine == store.browse.count(Filter(standing=standing))


def test_two_runs_differ_in_order_of_weight_and_conflicts_are_found(
    store: Store, five: int
) -> None:
    other = store.begin_run(RunInfo(name="tuesday"))
    _write(
        store,
        other,
        judged("corrected.png", 0.9, Outcome.FAIL),
        judged("failed.png", 0.2, Outcome.PASS),
        judged("passed.png", 0.05, Outcome.REVIEW),
        unreadable("broken.png"),
    )
    store.write_truth(
        five,
        {
            "failed.png": Truth(label=Label.ANOMALOUS),
            "corrected.png": Truth(label=Label.ANOMALOUS),
        },
    )
    changes = [(one.change, one.image) for one in store.statistics.different(five, other)]
    assert changes == [
        ("worse", "failed.png"),
        ("better", "corrected.png"),
        ("into REVIEW", "passed.png"),
    ]
    only = store.statistics.different(five, other, only=[OutcomeChange.INTO_REVIEW])
    assert [one.image for one in only] == ["passed.png"]
    pairs = store.statistics.compare(five, other)
    assert sorted(pair.change for pair in pairs if pair.change) == sorted(c for c, _ in changes)

    split = store.statistics.split_labels()
    assert [[(one.run_id, one.image, one.label) for one in said] for said in split] == [
        [(five, "corrected.png", "normal"), (other, "corrected.png", "anomalous")],
        [(five, "failed.png", "anomalous"), (other, "failed.png", "normal")],
    ]
    store.browse.review(store.newest(five, "failed.png"), GOOD, reviewer="Ada")
    (left,) = store.statistics.split_labels()
    assert left[0].image == "corrected.png"
    (against,) = store.statistics.against_annotation()
    assert (against.image, against.review, against.annotation) == (
        "failed.png", "normal", "anomalous",
    )  # fmt: skip


def test_a_time_is_counted_by_spans_and_runs_are_found_by_tags(store: Store, five: int) -> None:
    other = store.begin_run(RunInfo(name="tuesday", tags={"line": '3 "b"', "lot": "A%7"}))
    _write(store, other, judged("failed.png", 0.8, Outcome.FAIL))
    now = store.statistics.newest()
    assert now is not None
    day, start = timedelta(days=1), now - timedelta(hours=1)
    counted = store.statistics.spans(start, now + timedelta(seconds=1), width=day)
    assert sum(c.images for c in counted) == 6
    assert {c.start.hour for c in counted} == {0}
    shifted = store.statistics.spans(
        start, now + timedelta(hours=1), width=day, offset=timedelta(hours=2)
    )
    assert {c.start.hour for c in shifted} == {22}
    assert store.statistics.spans(start, now, width=day, stopped=True) == []
    assert store.statistics.images() == {five: 5, other: 1}
    store.browse.review(store.newest(other, "failed.png"), GOOD, reviewer="Ada")
    seen = store.statistics.reviewed(start, now + timedelta(seconds=1), share=1.0)
    assert {(r.run_id, r.truth, r.disposition) for r in seen} == {
        (five, "normal", "FAIL"), (other, "normal", "FAIL"),
    }  # fmt: skip
    for tags, count in (
        (('line=3 "b"',), 1), (("line=3",), 0), (("lot=A%7", 'line=3 "b"'), 1),
        (("lot=A_7",), 0), (('line=3 "b"', "line=4"), 1), (("lot=A%7", "line=4"), 0),
    ):  # fmt: skip
        assert store.browse.count(Filter(tags=tags)) == count, tags
    assert store.run_of(other).tags == {"line": '3 "b"', "lot": "A%7"}


def test_types_are_found_whole(store: Store, run: int) -> None:
    bent = judged("a.png", 0.9, Outcome.FAIL)
    for name, kind in (("a.png", "bent"), ("b.png", "bent pin"), ("c.png", 'say "ü"')):
        verdict = Verdict.of(0.9, defects=(Defect(box=Box(0, 0, 1, 1), type=kind),))
        detect = bent.steps[0].model_copy(update={"products": (verdict,)})
        sample = judged(name, 0.9, Outcome.FAIL).sample
        steps = (detect, *bent.steps[1:])
        _write(store, run, Trace(sample=sample, steps=steps))
    assert _names(store, Filter(types=("bent",))) == ["a.png"]
    assert _names(store, Filter(types=('say "ü"',))) == ["c.png"]
    choices = store.browse.choices()
    assert choices.types == ("bent", "bent pin", 'say "ü"')
    assert choices.categories == ("bolt",)


def test_pages_follow_each_other(store: Store, five: int) -> None:
    every = _names(store, Filter())
    pages = [store.browse.page(Filter(), offset=offset, limit=2) for offset in (0, 2, 4, 6)]
    assert [found.row.image for page in pages for found in page.items] == every
    assert [page.total for page in pages] == [5, 5, 5, 5]


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("descending", [False, True])
def test_each_has_its_place(store: Store, five: int, order: Order, descending: bool) -> None:
    found = store.browse.page(Filter(), order=order, descending=descending).items
    places = [
        store.browse.place(Filter(), one.id, order=order, descending=descending) for one in found
    ]
    assert places == [0, 1, 2, 3, 4]


def test_an_empty_span_is_refused() -> None:
    with pytest.raises(ValueError, match=r"reliability from 0.9 to 0.1 is empty"):
        Filter(reliability=Span(0.9, 0.1))


def test_all_of_a_filter_are_read_in_parts(store: Store, five: int) -> None:
    found = [one.row.image for one in store.browse.inspections(Filter(runs=(five,)))]
    assert found[0] == "corrected.png"
    assert len(found) == 5


def test_a_review_is_added_and_counts(store: Store, five: int) -> None:
    browse = store.browse
    (doubt, *_) = browse.page(Filter(due=0.0)).items
    first = browse.review(doubt.id, BENT, reviewer=" Ann ", why="the pin is bent")
    assert (first.reviewer, first.at.tzinfo) == ("Ann", UTC)
    assert first.before is not None
    assert first.before.probability == 0.6
    assert [one.row.image for one in browse.page(Filter(due=0.0)).items] == ["broken.png"]
    second = browse.review(doubt.id, GOOD, reviewer="Bob", why="it is the light")
    assert second.before == BENT
    assert [review.why for review in browse.reviews(doubt.id)] == [
        "the pin is bent",
        "it is the light",
    ]
    row = browse.one(doubt.id).row
    assert row.review is not None
    assert (row.review.label.value, row.review.reviewer, row.defects) == ("normal", "Bob", ())
    assert row.verdict is not None
    assert row.verdict.label.value == "anomalous"
    truth = store.truth(five)[row.image]
    assert (truth.label.value, truth.source) == ("normal", "review")


def test_two_who_disagree_are_seen(store: Store, five: int) -> None:
    browse = store.browse
    one, two = (found.id for found in browse.page(Filter(), limit=2).items)
    for key, name, verdict in (
        (one, "Ann", BENT),
        (one, "Bob", GOOD),
        (two, "Ann", BENT),
        (two, "Bob", GOOD),
        (two, "Bob", BENT),  # changed his mind
    ):
        browse.review(key, verdict, reviewer=name)
    assert [found.id for found in browse.page(Filter(reviewed=Reviewed.DISPUTED)).items] == [one]
    parts = store.queue.part_of(one), store.queue.part_of(two)
    assert [tuple(opinion) for opinion in store.queue.opinions()] == sorted(
        [
            (parts[0], "Ann", "anomalous"),
            (parts[0], "Bob", "normal"),
            (parts[1], "Ann", "anomalous"),
            (parts[1], "Bob", "anomalous"),
        ]
    )
    assert store.queue.opinions([five + 1]) == ()


def test_reviewers_of_a_part_in_two_runs_disagree(store: Store, five: int) -> None:
    (doubt, *_) = store.browse.page(Filter(due=0.0)).items
    tuesday = store.begin_run(RunInfo(name="tuesday"))
    _write(store, tuesday, judged("moved.png", 0.6, Outcome.REVIEW, content=doubt.row.image))
    here, there = doubt.id, store.newest(tuesday, "moved.png")
    assert store.queue.parts(Filter(due=0.0))[0] in (here, there)
    assert len(store.queue.parts(Filter(due=0.0))) == 2  # and what could not be read
    store.browse.review(here, BENT, reviewer="Ann")
    assert here not in store.queue.parts(Filter(due=0.0))
    assert len(store.queue.parts(Filter(due=0.0))) == 1
    store.browse.review(there, GOOD, reviewer="Bob")
    disputed = store.browse.page(Filter(reviewed=Reviewed.DISPUTED)).items
    assert {found.id for found in disputed} == {here, there}
    assert [review.reviewer for review in store.queue.reviews(there)] == ["Ann", "Bob"]
    assert store.queue.types("bolt") == ()  # Bob's verdict counts, and has no defects


def test_what_is_taken_back_counts_no_more(store: Store, five: int) -> None:
    browse = store.browse
    (doubt, *_) = browse.page(Filter(due=0.0)).items
    first = browse.review(doubt.id, BENT, reviewer="Ann")
    assert store.queue.types(doubt.row.category) == ("bent",)
    back = browse.withdraw(first.id, reviewer="Ann")
    assert (back.before, back.after, back.why) == (BENT, None, "taken back")
    assert browse.one(doubt.id).row.review is None
    assert doubt.row.image not in store.truth(five)
    assert doubt.id in store.queue.parts(Filter(due=0.0))
    good = browse.review(doubt.id, GOOD, reviewer="Bob")
    again = browse.review(doubt.id, GOOD, reviewer="Ann")
    second = browse.review(doubt.id, BENT, reviewer="Ann")
    assert browse.withdraw(second.id, reviewer="Ann").after == GOOD
    assert store.truth(five)[doubt.row.image].label.value == "normal"
    with pytest.raises(StoreError, match=f"has no review of id {good.id} by Ann"):
        browse.withdraw(good.id, reviewer="Ann")
    tuesday = store.begin_run(RunInfo(name="tuesday"))
    browse.withdraw(good.id, reviewer="Bob")
    browse.withdraw(again.id, reviewer="Ann")
    _write(store, tuesday, judged("moved.png", 0.6, Outcome.REVIEW, content=doubt.row.image))
    assert store.truth(tuesday) == {}
    assert len(browse.reviews(doubt.id)) == 8


def test_two_at_once_lose_nothing(store: Store, five: int, url: str) -> None:
    (found, *_) = store.browse.page(Filter(due=0.0)).items

    def say(name: str) -> None:
        with Store.open(url, create=False) as mine:
            for _ in range(10):
                mine.browse.review(found.id, BENT, reviewer=name)

    both = [threading.Thread(target=say, args=(name,)) for name in ("Ann", "Bob")]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    reviews = store.browse.reviews(found.id)
    assert len(reviews) == 20
    assert all(later.before == earlier.after for earlier, later in itertools.pairwise(reviews))


def test_two_who_review_the_same_picture_in_two_runs_at_once(
    store: Store, five: int, url: str
) -> None:
    tuesday = store.begin_run(RunInfo(name="tuesday"))
    _write(store, tuesday, judged("moved.png", 0.2, Outcome.PASS, content="failed.png"))
    keys = [store.newest(five, "failed.png"), store.newest(tuesday, "moved.png")]
    failures: list[Exception] = []

    def say(key: int) -> None:
        with Store.open(url, create=False) as mine:
            for number in range(10):
                try:
                    mine.browse.review(key, BENT if number % 2 else GOOD, reviewer="Ann")
                except StoreError as failure:
                    failures.append(failure)

    both = [threading.Thread(target=say, args=(key,)) for key in keys]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert failures == []
    assert [len(store.browse.reviews(key)) for key in keys] == [10, 10]
    assert store.truth(five)["failed.png"] == store.truth(tuesday)["moved.png"]


def test_a_review_counts_in_every_run_that_has_the_picture(store: Store, five: int) -> None:
    tuesday = store.begin_run(RunInfo(name="tuesday"))
    _write(store, tuesday, judged("moved.png", 0.2, Outcome.PASS, content="failed.png"))
    (found,) = store.browse.page(Filter(dispositions=(Outcome.FAIL,))).items
    assert [one.row.image for one in store.browse.elsewhere(found)] == ["moved.png"]
    store.browse.review(found.id, GOOD, reviewer="Ann")
    assert store.truth(tuesday)["moved.png"].label.value == "normal"


def test_a_review_counts_in_runs_that_meet_the_picture_later(store: Store, five: int) -> None:
    (found,) = store.browse.page(Filter(dispositions=(Outcome.FAIL,))).items
    store.browse.review(found.id, Verdict.of(0.9), reviewer="Ann")
    store.browse.review(found.id, GOOD, reviewer="Bea")
    tuesday = store.begin_run(RunInfo(name="tuesday"))
    _write(
        store,
        tuesday,
        judged("moved.png", 0.9, Outcome.FAIL, content="failed.png"),
        judged("new.png", 0.9, Outcome.FAIL),
        unreadable("broken.png"),
    )
    (known,) = store.truth(tuesday).items()
    assert (known[0], known[1].label.value, known[1].source) == ("moved.png", "normal", "review")
    (counted,) = store.browse.page(Filter(runs=(tuesday,), text="moved")).items
    assert counted.row.review is None  # nobody has seen this inspection


@SQLITE_ALONE
def test_a_review_needs_a_name_and_an_inspection(store: Store, five: int) -> None:
    with pytest.raises(ValueError, match="reviewer ' ' is no name"):
        store.browse.review(1, GOOD, reviewer=" ")
    with pytest.raises(StoreError, match="has no inspection of id 999"):
        store.browse.review(999, GOOD, reviewer="Ann")
    with pytest.raises(StoreError, match="has no inspection of id 999"):
        store.browse.one(999)


def test_the_audit_sample_is_even_and_grows(store: Store) -> None:
    engine = store._engine
    sql = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 50000) "
    with engine.connect() as connection:

        def drawn(share: float) -> set[int]:
            text = str(audited(share).compile(engine, compile_kwargs={"literal_binds": True}))
            query = f"{sql} SELECT id FROM n AS inspections WHERE {text}"
            return set(connection.exec_driver_sql(query).scalars())

        few, many = drawn(0.05), drawn(0.2)
    assert few < many
    assert len(few) == pytest.approx(2500, rel=0.1)
    for period in (2, 7, 10, 24, 60):
        shares = [sum(key % period == rest for key in many) for rest in range(period)]
        mean = len(many) / period
        assert max(abs(count - mean) for count in shares) < 4 * mean**0.5, period


def test_a_decision_on_a_caption_leaves_the_draft(store: Store, five: int) -> None:
    browse = store.browse
    browse.add_captions(
        NewCaption(inspection_id=1, mode="thinking", text=text, source="template v1")
        for text in ("one", "two", "three")
    )
    drafts, total = browse.captions("draft", limit=2)
    assert ([draft.text for draft in drafts], total) == (["one", "two"], 3)
    edited = browse.decide(drafts[0].id, "edited", reviewer="Ann", text="better")
    assert (edited.text, edited.source, edited.origin) == ("better", "template v1", drafts[0].id)
    browse.decide(drafts[1].id, "accepted", reviewer="Ann")
    browse.decide(drafts[1].id, "rejected", reviewer="Bob")
    assert [caption.text for caption in browse.captions("draft", limit=9)[0]] == ["three"]
    assert [caption.text for caption in browse.captions("edited", limit=9)[0]] == ["better"]
    assert browse.captions("accepted") == ((), 0)
    assert [caption.reviewer for caption in browse.captions("rejected", limit=9)[0]] == ["Bob"]


@SQLITE_ALONE
def test_a_caption_is_decided_on_by_someone_with_a_text(store: Store, five: int) -> None:
    browse = store.browse
    browse.add_captions([NewCaption(inspection_id=1, mode="thinking", text="one", source="t")])
    with pytest.raises(ValueError, match="needs a text"):
        browse.decide(1, "edited", reviewer="Ann", text=" ")
    with pytest.raises(ValueError, match="is no name"):
        browse.decide(1, "accepted", reviewer="")
    with pytest.raises(StoreError, match="no draft"):
        browse.decide(7, "accepted", reviewer="Ann")
