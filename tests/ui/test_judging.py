"""What a browser may send as a review, and what becomes of it."""

from typing import Any

import pytest

from reinspect.store import Filter, RunInfo, Store, StoreError
from reinspect.ui.judging import Desk
from reinspect.vocabulary import Label, Outcome, Rle
from support.made_traces import judged
from support.odd_texts import ODD

MASK = {"size": [4, 3], "counts": "525"}  # of two pixels in the middle
DENT = {"box": [0.1, 0.2, 0.3, 0.4], "type": " dent  or\nworse "}


def sent(key: int, token: int = 1, **rest: Any) -> dict[str, Any]:
    return {"token": f"{token:032x}", "id": key, "kind": "save", **rest}


@pytest.fixture
def key(monday: int, store: Store) -> int:
    """The inspection of a part that waits."""
    (found,) = store.browse.page(Filter(text="doubt.png")).items
    return found.id


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store, "Ann", {})


@pytest.mark.parametrize(
    ("review", "boxes"),
    [
        pytest.param({"label": "normal"}, [], id="normal"),
        pytest.param({"label": "anomalous"}, [], id="anomalous, nobody knows where"),
        pytest.param(
            {"label": "anomalous", "boxes": [DENT]},
            [((0.1, 0.2, 0.3, 0.4), "dent or worse")],
            id="a box with a type",
        ),
        pytest.param(
            {"label": "anomalous", "boxes": [{"box": [-1, 0.5, 2, 7], "type": ODD}]},
            [((0, 0.5, 1, 1), ODD)],
            id="over the edge, of an odd type",
        ),
        pytest.param(
            {"label": "anomalous", "boxes": [{"box": [0, 0, 1, 1], "type": " "}]},
            [((0, 0, 1, 1), None)],
            id="no type is chosen for anyone",
        ),
    ],
)
def test_a_review_is_saved(store: Store, desk: Desk, key: int, review: Any, boxes: Any) -> None:
    (answer,) = desk.take([sent(key, **review, why=" seen ")]).values()
    assert (answer.ok, answer.said) == (True, "")
    (kept,) = store.browse.reviews(key)
    assert kept.after is not None
    assert (kept.id, kept.reviewer, kept.why) == (answer.review, "Ann", "seen")
    assert kept.after.label.value == review["label"]
    assert [(tuple(one.box), one.type) for one in kept.after.defects] == boxes


@pytest.mark.parametrize(
    ("review", "said"),
    [
        pytest.param({"label": "normal", "boxes": [DENT]}, "a box means anomalous", id="box"),
        pytest.param({"boxes": [DENT]}, "choose a verdict first", id="no verdict"),
        pytest.param(
            {"label": "anomalous", "boxes": [DENT, {"box": [1.5, 0, 2, 1]}]},
            "box 2 lies outside the picture",
            id="outside",
        ),
        pytest.param(
            {"label": "anomalous", "boxes": [{"box": [0.5, 0.5, 0.4, 0.9]}]},
            "box 1 lies outside the picture, or has no area",
            id="inside out",
        ),
        pytest.param({"label": "good"}, "could not be understood", id="no label"),
        pytest.param({"boxes": [{"box": ["a", 0, 1, 1]}]}, "not be understood", id="no corner"),
        pytest.param({"boxes": [{"box": [float("nan")] * 4}]}, "understood", id="not a number"),
        pytest.param({"why": "x" * 20_000}, "could not be understood", id="too long"),
        pytest.param(
            {"boxes": [DENT, {**DENT, "mask": {**MASK, "size": [4, 4]}}], "label": "anomalous"},
            "mask 2 could not be understood",
            id="a mask that doesn't fill its size",
        ),
        pytest.param(
            {"boxes": [{**DENT, "mask": {**MASK, "counts": "<"}}], "label": "anomalous"},
            "mask 1 has nothing in it",
            id="an empty mask",
        ),
        pytest.param(
            {"boxes": [{**DENT, "mask": {"size": [10**5, 10**5], "counts": "5"}}]},
            "understood",
            id="a mask of a huge size",
        ),
        pytest.param({"kind": "delete"}, "could not be understood", id="unknown"),
        pytest.param({"id": 999, "label": "normal"}, "no longer has this inspection", id="gone"),
        pytest.param({"kind": "undo"}, "Nothing was taken back", id="nothing to undo"),
    ],
)
def test_what_makes_no_sense_is_refused(
    store: Store, desk: Desk, key: int, review: Any, said: str
) -> None:
    (answer,) = desk.take([{**sent(key), **review}]).values()
    assert not answer.ok
    assert said in answer.said
    assert store.browse.reviews(key) == ()


@pytest.mark.parametrize("nonsense", [None, 3, "save", [], {}, {"token": 4}])
def test_what_has_no_token_has_no_answer(desk: Desk, nonsense: object) -> None:
    assert desk.take([nonsense]) == {}


def test_a_box_is_of_the_view_in_which_it_was_drawn(store: Store, desk: Desk, key: int) -> None:
    desk.take([sent(key, label="anomalous", boxes=[{**DENT, "view": "side"}])])
    (kept,) = store.browse.reviews(key)
    assert kept.after is not None
    assert [one.view for one in kept.after.defects] == ["side"]


def test_a_mask_is_kept_and_its_box_is_around_it(store: Store, desk: Desk, key: int) -> None:
    (answer,) = desk.take([sent(key, label="anomalous", boxes=[{**DENT, "mask": MASK}])]).values()
    assert answer.ok
    (kept,) = store.browse.reviews(key)
    assert kept.after is not None
    (defect,) = kept.after.defects
    assert defect.mask == Rle(size=(4, 3), counts="525")
    assert tuple(defect.box) == pytest.approx((1 / 3, 1 / 4, 2 / 3, 3 / 4))


def test_a_comment_is_kept_once_and_others_are_told_after_the_verdict(
    store: Store, desk: Desk, key: int
) -> None:
    comment = sent(key, kind="comment", why=f" {ODD} ")
    (answer,) = desk.take([comment]).values()
    assert (answer.ok, answer.said) == (True, "The comment is kept.")
    Desk(store, "Ann", {}).take([comment])  # after a restart of the console
    assert [(one.author, one.text) for one in store.queue.comments(key)] == [("Ann", ODD)]
    (answer,) = desk.take([sent(key, 2, kind="comment", why=" ")]).values()
    assert (answer.ok, answer.said) == (False, "Not kept: the comment is empty.")
    assert store.browse.reviews(key) == ()
    (answer,) = desk.take([sent(key, 3, label="normal")]).values()
    assert answer.said == ""  # one's own is no news
    (answer,) = Desk(store, "Bob", {}).take([sent(key, 4, label="normal")]).values()
    assert answer.said.endswith(f"Ann commented: {ODD}")


def test_what_is_sent_again_is_saved_once(store: Store, desk: Desk, key: int) -> None:
    review = sent(key, label="anomalous", boxes=[DENT])
    first = desk.take([review])
    assert desk.take([review, review]) == first
    restarted = Desk(store, "Ann", {})
    assert restarted.take([review]) == first
    assert len(store.browse.reviews(key)) == 1
    desk.take([sent(key, 2, label="normal")])
    assert len(store.browse.reviews(key)) == 2


def test_who_is_slower_loses_nothing_and_is_told(store: Store, desk: Desk, key: int) -> None:
    Desk(store, "Bob <b>", {}).take([sent(key, 1, label="anomalous")])
    tuesday = store.begin_run(RunInfo(name="tuesday"))
    with store.writer(tuesday) as writer:
        writer.write(judged("moved.png", 0.6, Outcome.REVIEW, content="doubt.png"))
    there = store.newest(tuesday, "moved.png")
    (answer,) = desk.take([sent(there, 2, label="normal")]).values()
    assert answer.said == ("Conflict: Bob <b> said anomalous of this part; both reviews are kept.")
    assert [review.reviewer for review in store.queue.reviews(key)] == ["Bob <b>", "Ann"]
    (again,) = Desk(store, "Cid", {}).take([sent(key, 3, label="normal")]).values()
    assert "Bob <b> said anomalous, Ann said normal" in again.said


def test_a_saved_review_is_taken_back_by_a_new_one(store: Store, desk: Desk, key: int) -> None:
    save = sent(key, 1, label="normal")
    back = {**sent(key, 2), "kind": "undo", "undoes": save["token"]}
    assert [answer.ok for answer in desk.take([save, back]).values()] == [True, True]
    assert [review.after and review.after.label for review in store.browse.reviews(key)] == [
        Label.NORMAL,
        None,
    ]
    assert key in store.queue.parts(Filter(due=0.0))


def test_what_is_put_aside_is_remembered(desk: Desk, key: int) -> None:
    desk.take([{**sent(key), "kind": "aside"}])
    assert list(desk.aside) == [key]
    desk.take([sent(key, 2, label="normal")])
    assert not desk.aside


def test_a_store_that_goes_takes_nothing_with_it(
    store: Store, desk: Desk, key: int, tmp_path: Any
) -> None:
    review = sent(key, label="normal")
    store.close()
    (tmp_path / "reinspect.db").rename(tmp_path / "away.db")
    with pytest.raises(StoreError):
        desk.take([review])
    assert desk.answers == {}
    store.close()
    (tmp_path / "reinspect.db").unlink(missing_ok=True)
    (tmp_path / "away.db").rename(tmp_path / "reinspect.db")
    assert [answer.ok for answer in desk.take([review]).values()] == [True]
