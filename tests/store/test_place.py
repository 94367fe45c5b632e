"""The file of a store is deleted, moved or replaced while a run writes: said, and nothing lost."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reinspect import ReinspectError, RunPlan, Trace
from reinspect import run as inspect
from reinspect.engine.local import Local
from reinspect.store import RunInfo, Store, StoreError
from reinspect.vocabulary import Outcome
from support.command_line import put_greys, put_recipe
from support.made_traces import judged


def file_alone(store: Path) -> None:
    store.unlink()


def with_its_log(store: Path) -> None:
    for path in store.parent.glob("reinspect.db*"):
        path.unlink()


def moved(store: Path) -> None:
    store.rename(store.with_name("elsewhere.db"))


def folder(store: Path) -> None:
    shutil.rmtree(store.parent)


def replaced(store: Path) -> None:
    with Store.open(store.parent / "other.db") as other:
        other.begin_run(RunInfo(name="other"))
    (store.parent / "other.db").replace(store)


LOSSES = [file_alone, with_its_log, moved, folder, replaced]


@pytest.fixture
def path(tmp_path: Path, blank: bytes) -> Path:
    path = tmp_path / "stores" / "reinspect.db"
    path.parent.mkdir()
    path.write_bytes(blank)
    return path


def rescued(failure: pytest.ExceptionInfo[Exception]) -> Path:
    said = str(failure.value)
    assert len(said.splitlines()) == 1
    assert "while it was in use; all that it had is in " in said
    return Path(said.partition(" is in ")[2].partition(": go on")[0])


@pytest.mark.parametrize("lose", LOSSES)
def test_the_next_flush_says_so_and_keeps_what_was_written(
    path: Path, lose: Callable[[Path], None]
) -> None:
    with Store.open(path) as store:
        run = store.begin_run(RunInfo(name="monday"))
        writer = store.writer(run)
        writer.write(judged("early.png", 0.1, Outcome.PASS))
        writer.flush()
        lose(path)
        writer.write(judged("late.png", 0.9, Outcome.FAIL))
        with pytest.raises(StoreError) as failure:
            writer.flush()
        kept = rescued(failure)
        writer.write(judged("later.png", 0.9, Outcome.FAIL))
        with pytest.raises(StoreError, match="all that it had") as failure:
            writer.flush()  # as a server does, which tries again
        assert rescued(failure) == kept
    with Store.open(kept, create=False) as found:
        assert {image for image, _ in found.done(run)} == {"early.png", "late.png", "later.png"}


@pytest.mark.parametrize("lose", LOSSES)
def test_a_run_ends_with_one_line_and_can_be_finished_from_what_was_kept(
    path: Path, tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    greys, recipe = put_greys(tmp_path / "greys", 6), put_recipe(tmp_path / "quick.yaml")

    def plan(store: Path, **more: bool) -> RunPlan:
        here, out = Local(workers=1), tmp_path / "out"
        return RunPlan.of(greys, recipe=recipe, out=out, store=str(store), engine=here, **more)

    seen: list[Trace] = []

    def sink(trace: Trace) -> None:
        seen.append(trace)
        if len(seen) == 3:
            lose(path)

    with pytest.raises(ReinspectError) as failure:
        inspect(plan(path), [sink])
    kept = rescued(failure)
    assert inspect(plan(kept, resume=True)).tally.images == 6


@pytest.fixture
def untouched(path: Path) -> Iterator[Store]:
    with Store.open(path) as store:
        yield store


def test_a_store_that_is_at_its_place_again_is_written_to(untouched: Store, path: Path) -> None:
    run = untouched.begin_run(RunInfo(name="monday"))
    moved(path)
    path.with_name("elsewhere.db").rename(path)
    with untouched.writer(run) as writer:
        writer.write(judged("a.png", 0.1, Outcome.PASS))
    assert len(untouched.done(run)) == 1
