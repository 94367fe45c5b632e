"""What types of defects are called: renamed, merged, taken back; nothing on record is rewritten."""

import pytest

from reinspect.store import Filter, Store
from reinspect.trace import Step, Trace
from reinspect.vocabulary import Box, Defect, Label, Truth, Verdict
from support.made_traces import sample
from support.odd_texts import ODD

BOX = Box(0.1, 0.1, 0.4, 0.3)


def _part(image: str, kind: str, category: str | None = "bolt") -> Trace:
    verdict = Verdict.of(0.9, defects=(Defect(box=BOX, type=kind),))
    own = sample(image).model_copy(update={"category": category})
    return Trace(sample=own, steps=(Step(node="detect", products=(verdict,)),))


@pytest.fixture
def typed(store: Store, run: int) -> int:
    """Dents of three names, on bolts, on nuts, on what has no product."""
    with store.writer(run) as writer:
        writer.write(_part("a.png", "dent"))
        writer.write(_part("b.png", "bump"))
        writer.write(_part("c.png", ODD))
        writer.write(_part("n.png", "dent", "nut"))
        writer.write(_part("x.png", "dent", None))
    store.write_truth(run, {"a.png": Truth(label=Label.ANOMALOUS, types=("dent",))})
    return run


def _found(store: Store, kind: str) -> str:
    found = store.browse.inspections(Filter(types=(kind,)))
    return " ".join(one.row.image.removesuffix(".png") for one in found)


@pytest.mark.parametrize(
    ("decided", "found", "offered"),
    [
        pytest.param([], {"dent": "a n x", "bump": "b"}, ["dent"], id="as recorded"),
        pytest.param(
            [("dent", "dint")], {"dent": "n x", "dint": "a", "bump": "b"}, ["dint"], id="renamed"
        ),
        pytest.param([("dent", "bump")], {"dent": "n x", "bump": "a b"}, ["bump"], id="merged"),
        pytest.param(
            [("dent", "bump"), ("bump", "pit")],
            {"pit": "a b", "bump": "", "dent": "n x"},
            ["pit"],
            id="merged, then renamed",
        ),
        pytest.param(
            [("dent", "bump"), ("bump", "dent")],
            {"dent": "a b n x", "bump": ""},
            ["dent"],
            id="merged, the other way in the end",
        ),
        pytest.param(
            [("dent", "bump"), ("dent", "dent")],
            {"dent": "a n x", "bump": "b"},
            ["bump", "dent"],
            id="taken back",
        ),
        pytest.param([(ODD, "odd  one")], {"odd one": "c", ODD: ""}, ["dent", "odd one"], id="odd"),
        pytest.param([("burr", "burr")], {"burr": ""}, ["burr", "dent"], id="added"),
    ],
)
def test_types_are_called_as_decided(
    store: Store, typed: int, decided: list, found: dict[str, str], offered: list[str]
) -> None:
    for name, becomes in decided:
        store.queue.call_type("bolt", name, becomes, author=" Ann ")
    assert {kind: _found(store, kind) for kind in found} == found
    assert list(store.queue.types("bolt")) == offered
    assert [one.author for one in store.queue.decided_types()] == ["Ann"] * len(decided)
    named = {kind for kind, images in found.items() if images}
    assert named <= set(store.browse.choices().types)
    assert store.trace(typed, "a.png") == _part("a.png", "dent")  # as it was recorded


def test_rows_and_counts_have_the_names_of_today(store: Store, typed: int) -> None:
    key = store.newest(typed, "b.png")
    seen = Defect(box=BOX, type="bump", score=1.0)
    store.browse.review(key, Verdict.of(1.0, defects=(seen,)), reviewer="Ann")
    before = store.statistics.version()
    store.queue.call_type("bolt", "bump", "dent", author="Ann")
    assert store.statistics.version() != before
    row = store.browse.one(key).row
    assert row.verdict is not None
    assert row.review is not None
    assert (row.verdict.types, row.review.types) == (("dent",), ("dent",))
    (kept,) = store.queue.reviews(key)
    assert kept.after is not None
    assert [one.type for one in kept.after.defects] == ["bump"]
    assert store.browse.types_of("bolt") == {"dent": 2, ODD: 1}
    assert store.browse.types_of(None) == {"dent": 1}
    assert store.browse.products() == (None, "bolt", "nut")
    assert store.browse.runs_with("nut") == {typed}


@pytest.mark.parametrize(
    ("becomes", "author"),
    [
        pytest.param("  ", "Ann", id="no name"),
        pytest.param("x" * 201, "Ann", id="too long"),
        pytest.param("dint", " ", id="nobody"),
    ],
)
def test_a_decision_needs_a_name_and_somebody(
    store: Store, typed: int, becomes: str, author: str
) -> None:
    with pytest.raises(ValueError, match="name"):
        store.queue.call_type("bolt", "dent", becomes, author=author)
    assert store.queue.decided_types() == []
