"""Judgements of stored runs."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from reinspect.store import Store
from reinspect.store.database import TraceError
from reinspect.training.cases import drop_signals, from_run, join
from support.made_runs import BENT, GOOD, put_parts, put_picture, put_run, spoil, traced


@pytest.fixture
def store(tmp_path: Path, blank: bytes) -> Iterator[Store]:
    (tmp_path / "reinspect.db").write_bytes(blank)
    with Store.open(tmp_path / "reinspect.db") as opened:
        yield opened


def put_referenced(store: Store, folder: Path, references: Path) -> None:
    """A run whose recipe names its references; two parts."""
    one, other = (put_picture(folder / f"{n}.png", n) for n in range(2))
    put_run(
        store,
        "monday",
        [traced(one, "0.png"), traced(other, "1.png")],
        {"0.png": GOOD, "1.png": BENT},
        recipe=f"references: {references}\n",
    )


def test_references_are_no_judgements_whatever_their_names(store: Store, tmp_path: Path) -> None:
    put_picture(tmp_path / "golden" / "a.png", 7)
    put_referenced(store, tmp_path / "parts", tmp_path / "golden")
    assert len(from_run(store, "monday").items) == 2
    shutil.copy(tmp_path / "parts" / "0.png", tmp_path / "golden" / "b.png")
    found = from_run(store, "monday")
    assert [case.id for case in found.items] == ["1.png"]
    assert found.notes == ("1 part is left out: known-good references of 'monday'",)


def test_references_that_are_gone_are_said_and_stop_nothing(store: Store, tmp_path: Path) -> None:
    put_referenced(store, tmp_path / "parts", tmp_path / "gone")
    found = from_run(store, "monday")
    assert len(found.items) == 2
    (note,) = found.notes
    assert note.startswith("whether references are among the parts is not known")


def test_a_trace_that_can_not_be_read_is_left_out_and_named(store: Store, tmp_path: Path) -> None:
    run = put_parts(store, tmp_path / "parts")
    spoil(tmp_path / "reinspect.db")
    found = from_run(store, "monday")
    assert [case.id for case in found.items] == [f"{number:03}.png" for number in (0, 1, 2, 4, 5)]
    assert "1 trace is left out: 003.png: its trace, made by version" in found.notes[0]
    with pytest.raises(TraceError, match=r"003\.png: .* can't be read any more .*inspect it again"):
        list(store.traces(run))


def test_runs_together_keep_their_names_and_notes_apart(store: Store, tmp_path: Path) -> None:
    put_parts(store, tmp_path / "parts", count=2)
    put_parts(store, tmp_path / "parts", count=2, name="tuesday", first=2)
    both = join([from_run(store, name, prefix=True) for name in ("monday", "tuesday")])
    assert [case.id for case in both.items] == [
        *("monday/000.png", "monday/001.png"),
        *("tuesday/002.png", "tuesday/003.png"),
    ]
    assert set(both.sources) == {"monday", "tuesday"}
    assert both.notes == ()


def test_looks_alone_keep_everything_but_signals(store: Store, tmp_path: Path) -> None:
    put_parts(store, tmp_path / "parts", count=2)
    whole = from_run(store, "monday")
    bare = drop_signals(whole)
    assert any(case.signals for case in whole.items)
    for one, other in zip(bare.items, whole.items, strict=True):
        assert one == other.model_copy(update={"signals": {}})
    assert bare.notes == ("looks alone were weighed, no signals",)
