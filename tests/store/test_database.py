import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, String, create_engine

from reinspect.store import RunInfo, Store, StoreError, database
from reinspect.store.database import (
    VERSION_TABLE,
    connect,
    let_tables_be_replaced,
    masked,
    parse,
    writing,
)
from reinspect.store.tables import StoreTable
from support.made_traces import corrected


def test_the_migrations_make_what_the_tables_say(store: Store, url: str) -> None:
    engine = create_engine(parse(url))
    options = {"version_table": VERSION_TABLE, "compare_type": True}
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, StoreTable.metadata) == []
    engine.dispose()


def test_a_store_is_made_with_its_folder_and_opened_again(tmp_path: Path) -> None:
    where = tmp_path / "new" / "folder" / "a b.db"
    with Store.open(where) as store:
        store.begin_run(RunInfo(name="monday"))
    with Store.open(f"sqlite:///{where}", create=False) as store:
        assert [run.name for run in store.runs()] == ["monday"]
    connection = sqlite3.connect(where)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_one_of_a_newer_version_is_refused(store: Store, url: str) -> None:
    engine = create_engine(parse(url))
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    engine.dispose()
    for create in (True, False):
        with pytest.raises(StoreError, match="of a newer reinspect") as told:
            Store.open(url, create=create)
        assert "9999" in str(told.value)
        assert "\n" not in str(told.value)


def _text_file(path: Path) -> None:
    path.write_text("not a database at all, " * 100)


def _foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE songs (title TEXT)")
    connection.close()


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(_text_file, "file is not a database", id="text-file"),
        pytest.param(_foreign, "not a store of reinspect", id="other-database"),
        pytest.param(Path.mkdir, "unable to open database file", id="folder"),
    ],
)
def test_what_is_no_store_is_refused(tmp_path: Path, make, said: str, create: bool) -> None:
    where = tmp_path / "songs.db"
    make(where)
    with pytest.raises(StoreError, match=said):
        Store.open(where, create=create)


def test_a_missing_store_is_not_made_for_a_reader(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is none"):
        Store.open(tmp_path / "none.db", create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_reader_sees_a_run_that_is_being_written(store: Store, run: int, url: str) -> None:
    with Store.open(url, create=False) as reader:
        assert reader.tally(run).images == 0
        store.resume_run(run)
        assert [found.name for found in reader.runs()] == ["monday"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        pytest.param(
            "postgresql://me:s3cret@host/db", "postgresql://me:***@host/db", id="password"
        ),
        pytest.param(
            "postgresql://host/db?password=s3cret", "postgresql://host/db?password=***", id="query"
        ),
        pytest.param("/data/a.db", "/data/a.db", id="path"),
        pytest.param("sqlite:////data/a.db", "/data/a.db", id="sqlite"),
    ],
)
def test_passwords_are_not_shown(url: str, shown: str) -> None:
    assert masked(parse(url)).replace("%2A", "*") == shown


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("what://me:s3cret@host/db", id="unknown-scheme"),
        pytest.param("postgresql://me:s3cret@host:port/db", id="bad-port"),
        pytest.param("mysql://me:s3cret@127.0.0.1:1/db", id="no-driver"),
        pytest.param("postgresql://me:s3cret@127.0.0.1:1/db", id="no-server"),
    ],
)
def test_a_url_that_leads_nowhere_is_one_line_without_the_password(url: str) -> None:
    with pytest.raises(StoreError) as told:
        Store.open(url)
    assert "s3cret" not in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.process
def test_without_its_driver_one_line_says_what_to_install() -> None:
    script = "import sys; sys.modules['psycopg'] = None\n"
    script += "from reinspect.cli import main; main(['runs', '--store', 'postgresql://host/db'])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.endswith("pip install 'reinspect[postgres]'")


_OPEN = "import sys; from reinspect.store import Store; Store.open(sys.argv[1]).close()"


@pytest.mark.process
def test_several_may_make_the_store_at_once(url: str) -> None:
    arguments = [sys.executable, "-c", _OPEN, url]
    racing = [subprocess.Popen(arguments) for _ in range(3)]
    assert [process.wait() for process in racing] == [0, 0, 0]


def test_a_migration_may_replace_a_table_and_loses_no_row(on_sqlite: Store) -> None:
    run = on_sqlite.begin_run(RunInfo(name="monday"))
    with on_sqlite.writer(run) as writer:
        writer.write(corrected("a.png"))
    engine = writing(connect(parse(on_sqlite.name), create=True, patience=1))
    with engine.connect() as connection:
        let_tables_be_replaced(connection)
        with connection.begin():
            operations = Operations(MigrationContext.configure(connection))
            with operations.batch_alter_table("inspections", recreate="always") as table:
                table.add_column(Column("shift", String))
    engine.dispose()
    assert on_sqlite.trace(run, "a.png") == corrected("a.png")


def test_the_newest_migration_is_told_by_its_file_alone(on_sqlite: Store) -> None:
    """Without Alembic, which takes a while to be there."""
    files = Path(database.__file__).parent / database.MIGRATIONS
    with on_sqlite._engine.connect() as connection:
        head = database.schema_of(connection).head
    assert max(file.stem[:4] for file in files.glob("0*.py")) == head
