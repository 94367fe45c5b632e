"""A store moves from one kind of database to another, whole or not at all."""

import contextlib
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select

from reinspect.store import RunInfo, Store, StoreError
from reinspect.store.database import VERSION_TABLE, parse
from reinspect.store.tables import StoreTable
from reinspect.store.upkeep.checking import check
from reinspect.store.upkeep.copying import copy
from support.full_store import IMAGES, change, full
from support.made_store import made_store
from support.made_traces import corrected
from support.postgres import ON_POSTGRES, Server
from support.processes import PATIENCE


@pytest.fixture(
    params=[
        pytest.param("sqlite-postgresql", marks=ON_POSTGRES),
        pytest.param("postgresql-sqlite", marks=ON_POSTGRES),
        "sqlite-sqlite",
    ]
)
def ways(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """From where to where."""
    kinds: list[str] = request.param.split("-")
    places = []
    for number, kind in enumerate(kinds):
        server: Server | None = None
        if kind == "postgresql":
            server = request.getfixturevalue("postgres")
        places.append(server.new() if server else str(tmp_path / f"{number}.db"))
    return places[0], places[1]


def values(url: str) -> dict[str, list[Any]]:
    """Every value of every table."""
    engine = create_engine(parse(url))
    with engine.connect() as connection:
        found = {
            table.name: connection.execute(select(table).order_by(*table.primary_key)).all()
            for table in StoreTable.metadata.sorted_tables
        }
    engine.dispose()
    return found


def test_every_value_arrives_and_what_is_new_gets_a_new_number(ways: tuple[str, str]) -> None:
    source, target = ways
    full(source)
    change(source, "UPDATE runs SET name = 'lundi ü \\U0001f600' WHERE id = 1")
    before = values(source)
    assert copy(source, target) == check(source).rows
    assert values(target) == values(source) == before
    assert check(target).problems == ()
    with Store.open(target) as store:
        run = store.begin_run(RunInfo(name="wednesday"))
        assert run == 3
        with store.writer(run) as writer:
            writer.write(corrected("d.png"))
        assert store.newest(run, "d.png") == 2 * len(IMAGES) + 1
    assert check(target).sound


def test_there_and_back_is_the_same(postgres: Server, tmp_path: Path) -> None:
    there, back = postgres.new(), str(tmp_path / "back.db")
    first = str(tmp_path / "first.db")
    made_store(first, tmp_path, 300)
    copy(first, there)
    copy(there, back)
    assert values(back) == values(first)


def test_more_than_a_batch_is_copied_piece_by_piece(tmp_path: Path, postgres: Server) -> None:
    source = str(tmp_path / "source.db")
    made_store(source, tmp_path, 1200)
    said: list[tuple[str, int]] = []
    rows = copy(source, postgres.new(), progress=lambda *done: said.append(done))
    assert rows["inspections"] == 1200
    assert [done for table, done in said if table == "inspections"] == [1000, 1200]


def test_what_has_something_in_it_is_refused_and_stays(ways: tuple[str, str]) -> None:
    source, target = ways
    full(source)
    with Store.open(target) as store:
        store.begin_run(RunInfo(name="mine"))
    before = values(target)
    with pytest.raises(StoreError, match=r"is not empty \(1 runs\): copy into a new one"):
        copy(source, target)
    assert values(target) == before


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param("DELETE FROM runs", "of runs that are not there", id="unsound"),
        pytest.param(
            f"UPDATE {VERSION_TABLE} SET version_num = '9999'", "of a newer reinspect", id="newer"
        ),
        pytest.param(
            f"UPDATE {VERSION_TABLE} SET version_num = '0001'", "store migrate", id="older"
        ),
        pytest.param(f"DROP TABLE {VERSION_TABLE}", "not a store of reinspect", id="no-store"),
    ],
)
def test_a_source_that_is_not_sound_is_refused(tmp_path: Path, damage: str, said: str) -> None:
    source, target = str(tmp_path / "a.db"), tmp_path / "b.db"
    full(source)
    change(source, damage)
    with pytest.raises(StoreError, match=said) as told:
        copy(source, target)
    assert "\n" not in str(told.value)
    assert not target.exists()


def test_a_missing_source_makes_no_target(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is none"):
        copy(tmp_path / "none.db", tmp_path / "b.db")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_on_the_way_leaves_nothing(ways: tuple[str, str]) -> None:
    source, target = ways
    full(source)

    def fail(table: str, _done: int) -> None:
        if table == "steps":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(source, target, progress=fail)
    assert sum(check(target).rows.values()) == 0
    copy(source, target)
    assert values(target) == values(source)


_COPY = """
import sys
from reinspect.store.upkeep.copying import copy
def say(table, done):
    if table == "steps":
        print("halfway", flush=True)
        sys.stdin.read()
copy(sys.argv[1], sys.argv[2], progress=say)
"""


@pytest.mark.process
def test_killed_on_the_way_it_leaves_nothing(ways: tuple[str, str]) -> None:
    source, target = ways
    full(source)
    program = [sys.executable, "-c", _COPY, source, target]
    piped = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(program, **piped) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "halfway\n"
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
    assert sum(check(target).rows.values()) == 0
    copy(source, target)
    assert values(target) == values(source)


def test_what_is_written_meanwhile_is_left_out(ways: tuple[str, str]) -> None:
    source, target = ways
    full(source)
    before = values(source)
    written = threading.Event()

    def write_on(table: str, _done: int) -> None:
        if table == "runs" and not written.is_set():
            with contextlib.closing(Store.open(source)) as store, store.writer(2) as writer:
                writer.write(corrected("late.png"))
            written.set()

    copy(source, target, progress=write_on)
    assert written.is_set()
    assert values(target) == before
    assert check(target, values=False).sound
