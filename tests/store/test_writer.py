import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from reinspect.store import RunInfo, Store, StoreError
from reinspect.store.database import parse
from reinspect.vocabulary import Outcome
from support.made_traces import corrected, explored, judged, sha256, unreadable


def _write(store: Store, run: int, *traces) -> None:
    with store.writer(run) as writer:
        for trace in traces:
            writer.write(trace)


def test_done_lists_image_and_content(store: Store, run: int) -> None:
    _write(store, run, judged("a.png", 0.1, Outcome.PASS), unreadable("b.png"))
    assert store.done(run) == {("a.png", sha256("a.png")), ("b.png", "")}
    assert store.done(run, failed=False) == {("a.png", sha256("a.png"))}


def test_copies_are_two_rows_and_new_content_is_another(store: Store, run: int) -> None:
    _write(
        store,
        run,
        judged("a.png", 0.1, Outcome.PASS, content="x"),
        judged("b.png", 0.1, Outcome.PASS, content="x"),
        judged("a.png", 0.9, Outcome.FAIL, content="y"),
    )
    assert store.done(run) == {
        ("a.png", sha256("x")), ("b.png", sha256("x")), ("a.png", sha256("y")),
    }  # fmt: skip
    assert store.trace(run, "a.png").verdict.probability == 0.9


@pytest.mark.parametrize("at_once", [True, False], ids=["one-batch", "two-batches"])
@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        pytest.param(
            judged("a.png", 0.9, Outcome.FAIL), corrected("a.png"), id="same-image-and-content"
        ),
        pytest.param(unreadable("a.png", "one"), unreadable("a.png", "two"), id="failed-again"),
    ],
)
def test_a_row_is_replaced(store: Store, run: int, earlier, later, at_once: bool) -> None:
    with store.writer(run) as writer:
        writer.write(earlier)
        if not at_once:
            writer.flush()
        writer.write(later)
    assert len(list(store.inspections(run))) == 1
    assert store.trace(run, "a.png") == later


@pytest.mark.parametrize("at_once", [True, False], ids=["one-batch", "two-batches"])
def test_a_whole_file_takes_the_row_of_its_beginning(store: Store, run: int, at_once: bool) -> None:
    whole = judged("a.bmp", 0.1, Outcome.PASS, content="whole")
    with store.writer(run) as writer:
        writer.write(judged("a.bmp", 0.9, Outcome.FAIL, content="half"))
        writer.write(judged("b.bmp", 0.9, Outcome.FAIL, content="half"))
        if not at_once:
            writer.flush()
        writer.supersede("a.bmp", sha256("half"))
        writer.write(whole)
    assert store.done(run) == {("a.bmp", sha256("whole")), ("b.bmp", sha256("half"))}
    assert store.trace(run, "a.bmp") == whole


def test_a_failed_image_that_reads_at_last_has_one_row_with_its_old_id(
    store: Store, run: int
) -> None:
    _write(store, run, unreadable("a.png"), unreadable("b.png"))
    before = {found.row.image: found.id for found in store.inspections(run)}
    _write(store, run, corrected("a.png"))
    after = {found.row.image: found.id for found in store.inspections(run)}
    assert after == before
    assert store.trace(run, "a.png") == corrected("a.png")
    assert store.done(run) == {("a.png", sha256("a.png")), ("b.png", "")}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_was_written_before_an_exception_is_kept(
    store: Store, run: int, error: type[BaseException]
) -> None:
    def interrupted() -> None:
        with store.writer(run) as writer:
            writer.write(corrected("a.png"))
            raise error

    with pytest.raises(error):
        interrupted()
    assert store.trace(run, "a.png") == corrected("a.png")


def test_a_batch_goes_to_disk_without_the_end(store: Store, run: int) -> None:
    writer = store.writer(run)
    for number in range(100):
        writer.write(judged(f"{number}.png", 0.1, Outcome.PASS))
    assert len(store.done(run)) >= 64
    writer.flush()
    assert len(store.done(run)) == 100


def test_evidence_is_found_by_its_source(store: Store, run: int, url: str) -> None:
    _write(store, run, corrected("a.png"))
    engine = create_engine(parse(url))
    query = "SELECT source, position, step, pictures FROM evidence ORDER BY position"
    with engine.connect() as connection:
        found = connection.exec_driver_sql(query).all()
    engine.dispose()
    assert [row[:3] for row in found] == [
        ("anomaly map", 0, 0), ("anomaly map", 1, 2), ("anomaly map", 2, 2),
    ]  # fmt: skip
    assert "pictures/heat.png" in found[0][3]


@pytest.mark.parametrize("runs", [("monday", "tuesday"), ("monday", "monday")], ids=["two", "one"])
def test_two_writers_at_once_lose_and_double_nothing(
    store: Store, run: int, url: str, runs: tuple[str, str]
) -> None:
    store.begin_run(RunInfo(name="tuesday"))
    errors: list[StoreError] = []

    def write(name: str) -> None:
        with Store.open(url) as mine:
            try:
                with mine.writer(mine.run(name).id) as writer:
                    for number in range(300):
                        writer.write(corrected(f"{number}.png"))
                        if number % 7 == 0:
                            writer.flush()
            except StoreError as error:
                errors.append(error)

    both = [threading.Thread(target=write, args=(name,)) for name in runs]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert errors == []
    for name in set(runs):
        found = list(store.inspections(store.run(name).id))
        assert [one.row.image for one in found] == [f"{number}.png" for number in range(300)]
        assert store.trace_of(found[-1].id) == corrected("299.png")


_KILLED = """
import sys
sys.path.insert(0, sys.argv[2])
from support.made_traces import corrected
from reinspect.store import Store
with Store.open(sys.argv[1], create=False) as store:
    with store.writer(store.run("monday").id) as writer:
        for number in range(1_000_000):
            writer.write(corrected(f"{number}.png"))
            if number % 100 == 0:
                print(number, flush=True)
"""


@pytest.mark.process
def test_a_killed_writer_leaves_a_readable_store(store: Store, run: int, url: str) -> None:
    arguments = [sys.executable, "-c", _KILLED, url, str(Path(__file__).parents[1])]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while int(process.stdout.readline()) < 400:
            pass
        process.send_signal(signal.SIGKILL)
    with Store.open(url) as reopened:
        done = reopened.done(run)
        assert len(done) >= 300
        for image, _ in done:
            assert reopened.trace(run, image) == corrected(image)  # each row with all its steps
        _write(reopened, run, *(corrected(f"{number}.png") for number in range(len(done) + 5)))
        assert len(reopened.done(run)) == len(list(reopened.inspections(run))) == len(done) + 5


def test_a_locked_store_is_said(on_sqlite: Store, tmp_path: Path) -> None:
    where, run = tmp_path / "reinspect.db", on_sqlite.begin_run(RunInfo(name="monday"))
    holder = sqlite3.connect(where, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        with (
            Store.open(where, patience=0.05) as impatient,
            pytest.raises(StoreError, match="is locked: another program") as told,
        ):
            _write(impatient, run, corrected("a.png"))
    finally:
        holder.close()
    assert "\n" not in str(told.value)
    assert str(where) in str(told.value)


_FULL = """
import resource, sys
sys.path.insert(0, sys.argv[2])
from support.made_traces import corrected
from reinspect.store import Store, StoreError
with Store.open(sys.argv[1]) as store:
    run = store.run("monday").id
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
    try:
        with store.writer(run) as writer:
            for number in range(10_000):
                writer.write(corrected(f"{number}.png"))
    except StoreError as error:
        print(error)
"""


@pytest.mark.process
def test_a_full_disk_is_said_and_what_was_written_stays(on_sqlite: Store, tmp_path: Path) -> None:
    where, run = str(tmp_path / "reinspect.db"), on_sqlite.begin_run(RunInfo(name="monday"))
    arguments = [sys.executable, "-c", _FULL, where, str(Path(__file__).parents[1])]
    said = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout
    assert said.startswith(f"store {where}: ")
    assert said.count("\n") == 1
    done = on_sqlite.done(run)
    assert 0 < len(done) < 10_000
    assert all(on_sqlite.trace(run, image) == corrected(image) for image, _ in done)


def test_an_explored_look_is_kept_as_marked_rows_in_the_order_of_steps(
    store: Store, run: int, url: str
) -> None:
    """As every version has written it, so that stores of all of them are read alike."""
    trace = explored("a.png")
    _write(store, run, trace)
    assert store.trace(run, "a.png") == trace
    engine = create_engine(parse(url))
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("select node, explored from steps order by position")
        marked = [(node, bool(flag)) for node, flag in rows]
    engine.dispose()
    assert marked == [(step.node, flag) for step, flag in trace.taken]
    assert [node for node, flag in marked if flag] == ["examine", "revise", "assess"]
