"""What only a server does: it goes away, it comes back, and two rush in at once."""

import logging
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine

from reinspect.store import RunInfo, Store, StoreError
from reinspect.store.database import parse
from support.made_traces import corrected
from support.postgres import Server, running


@pytest.fixture
def frail(postgres: Server) -> Iterator[Server]:
    """A server that a test may stop, not the one that all others use."""
    with running() as server:
        yield server


def test_a_writer_waits_for_a_server_that_comes_back(frail: Server) -> None:
    with Store.open(frail.new()) as store:
        run = store.begin_run(RunInfo(name="monday"))
        with store.writer(run) as writer:
            writer.write(corrected("a.png"))
            writer.flush()
            frail.stop("immediate")
            comes_back = threading.Timer(1.5, frail.start)
            comes_back.start()
            for number in range(200):
                writer.write(corrected(f"{number}.png"))
            writer.flush()
            comes_back.join()
        store.resume_run(run)
        assert len(store.done(run)) == store.tally(run).images == 201


def test_a_server_that_stays_away_is_said_in_one_line(frail: Server) -> None:
    url = frail.new()
    with Store.open(url, patience=0.6) as store:
        run = store.begin_run(RunInfo(name="monday"))
        frail.stop()
        writer = store.writer(run)
        writer.write(corrected("a.png"))
        with pytest.raises(StoreError, match="a run can be resumed") as told:
            writer.flush()
        assert "\n" not in str(told.value)
        frail.start()
        writer.flush()  # what waited is still there
        assert store.trace(run, "a.png") == corrected("a.png")


def test_a_lost_connection_is_not_complained_of_twice(
    postgres: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """The driver logs what else went wrong in winding it up: our user's stderr is not for that."""
    import psycopg

    url = postgres.new()
    Store.open(url).close()
    engine, other = create_engine(parse(url)), create_engine(parse(url))
    with caplog.at_level(logging.DEBUG), engine.connect() as cut, other.connect() as knife:
        driver = cut.connection.driver_connection
        with pytest.raises(psycopg.OperationalError), driver.pipeline():  # noqa: PT012
            knife.exec_driver_sql(f"SELECT pg_terminate_backend({driver.info.backend_pid}, 5000)")
            driver.execute("SELECT 1").fetchone()
        cut.invalidate()
    engine.dispose()
    other.dispose()
    assert [record.getMessage() for record in caplog.records] == []


def test_who_holds_a_run_for_too_long_is_said(postgres: Server) -> None:
    url = postgres.new()
    with Store.open(url, patience=0.05) as impatient:
        run = impatient.begin_run(RunInfo(name="monday"))
        engine = create_engine(parse(url))
        with engine.begin() as holder:
            holder.exec_driver_sql("SELECT * FROM runs FOR UPDATE")
            with pytest.raises(StoreError, match=r"lock timeout .*: another program") as told:
                impatient.write_truth(run, {})
        engine.dispose()
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("url", ["postgresql", "postgres", "postgresql+psycopg"])
def test_any_usual_scheme_will_do(postgres: Server, url: str) -> None:
    with Store.open(postgres.new().replace("postgresql", url, 1)) as store:
        assert store.name.startswith("postgresql://")
        assert store.runs() == []


def test_a_run_of_one_name_begins_once(postgres: Server) -> None:
    url, begun, refused = postgres.new(), [], []
    Store.open(url).close()

    def begin() -> None:
        with Store.open(url) as store:
            try:
                begun.append(store.begin_run(RunInfo(name="monday")))
            except StoreError as error:
                refused.append(str(error))

    racing = [threading.Thread(target=begin) for _ in range(6)]
    for thread in racing:
        thread.start()
    for thread in racing:
        thread.join()
    assert len(begun) == 1
    assert len(refused) == 5
    assert all("has a run 'monday' already" in words for words in refused)
    with Store.open(url) as store:
        assert [run.id for run in store.runs()] == begun
