"""`reinspect store`: migrate, check, copy, backup, prune."""

import json
from pathlib import Path

import pytest

from reinspect.store.database import VERSION_TABLE
from support.command_line import invoke, put_greys, put_recipe, said
from support.full_store import change, full
from support.postgres import Server


@pytest.fixture
def store(tmp_path: Path) -> str:
    where = str(tmp_path / "reinspect.db")
    full(where)
    return where


def test_a_sound_store_is_said_to_be(store: str) -> None:
    for options in ([], ["--quick"]):
        answer = invoke("store", "check", store, *options)
        assert (answer.code, answer.err) == (0, "")
        assert answer.out.startswith(f"{store}: sound; 2 runs, 6 inspections")


def test_what_is_wrong_ends_with_1_and_one_line_each(store: str) -> None:
    change(store, "UPDATE runs SET status = 'asleep'", "DELETE FROM inspections WHERE id = 1")
    answer = invoke("store", "check", store)
    assert answer.code == 1
    lines = answer.out.splitlines()
    assert f"{store}: steps: 7 rows of inspections that are not there (inspection_id 1)" in lines
    assert f"{store}: run 'monday': status 'asleep' is none of done, interrupted, running" in lines
    asked = invoke("store", "check", store, "--json")
    assert asked.code == 1
    found = json.loads(asked.out)
    assert [f"{store}: {problem}" for problem in found["problems"]] == lines
    assert (found["store"], found["sound"]) == (store, False)
    assert found["rows"]["inspections"] == 5


def test_a_check_as_json(store: str) -> None:
    answer = invoke("store", "check", store, "--json")
    assert answer.code == 0
    found = json.loads(answer.out)
    assert (found["sound"], found["problems"]) == (True, [])


def test_a_quick_check_reads_no_value(store: str) -> None:
    change(store, "UPDATE inspections SET defects = '[1]'")
    assert invoke("store", "check", store, "--quick").code == 0
    assert invoke("store", "check", store).code == 1


def test_a_store_is_copied_to_a_server_and_back(
    store: str, postgres: Server, tmp_path: Path
) -> None:
    server, back = postgres.new(), str(tmp_path / "back.db")
    for source, target in ((store, server), (server, back)):
        answer = invoke("store", "copy", source, target)
        assert answer.code == 0, answer.err
        assert "2 runs, 6 inspections" in answer.out
    assert "is not empty" in said(invoke("store", "copy", store, server))
    counts = [json.loads(invoke("store", "check", at, "--json").out) for at in (store, back)]
    assert counts[0]["rows"] == counts[1]["rows"]


def test_a_store_is_made_and_migrated(tmp_path: Path) -> None:
    where = tmp_path / "new" / "reinspect.db"
    made = invoke("store", "migrate", where)
    assert (made.code, made.err) == (0, "")
    head = made.out.split()[-1]
    assert made.out == f"{where}: made, schema {head}\n"
    assert invoke("store", "migrate", where).out == f"{where}: is of schema {head} already\n"


def test_an_old_store_is_brought_up_to_date(tmp_path: Path) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine

    where = tmp_path / "reinspect.db"
    config = Config()
    config.set_main_option("script_location", "reinspect.store:migrations")
    config.set_main_option("path_separator", "os")
    engine = create_engine(f"sqlite:///{where}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    before = invoke("store", "check", where)
    assert before.code == 1
    assert "reinspect store migrate" in before.out
    assert "schema 0001 → " in invoke("store", "migrate", where).out
    assert invoke("store", "check", where).code == 0


@pytest.mark.parametrize("command", ["migrate", "check"])
def test_what_is_no_store_is_refused_in_one_line(command: str, tmp_path: Path) -> None:
    where = tmp_path / "notes.db"
    where.write_text("no database at all, " * 100)
    assert "not a database" in said(invoke("store", command, where))


def test_a_newer_store_is_not_migrated(store: str) -> None:
    change(store, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    assert "of a newer reinspect" in said(invoke("store", "migrate", store))
    assert "of a newer reinspect" in said(invoke("store", "copy", store, f"{store}.copy"))


def test_a_password_is_never_shown() -> None:
    url = "postgresql://me:s3cret@127.0.0.1:1/db"
    for words in (["check", url], ["migrate", url], ["copy", url, "b.db"]):
        assert "s3cret" not in said(invoke("store", *words))


def test_a_run_shows_no_password_of_its_store(postgres: Server, tmp_path: Path) -> None:
    url = postgres.new().replace("tester@", "tester:s3cret@")
    assert "s3cret" in url
    recipe = put_recipe(tmp_path / "failing.yaml", "reinspect.testing:Failing", error="no film")
    run = ("run", put_greys(tmp_path / "parts", 2), "--recipe", recipe, "--store", url)
    answer = invoke(*run, "--out", tmp_path / "out")
    assert answer.code == 1
    assert "To try the failed ones again: " in answer.out
    assert "tester:***@" in answer.out
    assert "s3cret" not in answer.out + answer.err
    kept = [file.read_bytes() for file in (tmp_path / "out").rglob("*") if file.is_file()]
    assert not any(b"s3cret" in content for content in kept)
    assert "tester:***@" in invoke(*run, "--out", tmp_path / "out", "--resume").out


def test_a_backup_and_a_pruning_say_what_they_did(store: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    made = invoke("store", "backup", store, copy)
    assert (made.code, made.out) == (0, f"{copy}: {copy.stat().st_size:,} bytes\n")
    change(store, "UPDATE inspections SET at = '2020-01-01 00:00:00' WHERE run_id = 1")
    planned = invoke("store", "prune", store, "--older", "90d", "--dry-run")
    assert f"{store}: 2 inspections of before " in planned.out
    assert planned.out.endswith("would be removed; 1 as old are kept\n")
    done = invoke("store", "prune", store, "--older", "90d", "--keep", "none")
    assert "3 inspections of before " in done.out
    assert invoke("store", "check", store).code == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param(["--older", "soon"], "is no age", id="age"),
        pytest.param(["--older", "9d", "--keep", "revewed"], "did you mean", id="reason"),
    ],
)
def test_what_can_not_be_pruned_is_refused(store: str, options: list[str], says: str) -> None:
    assert says in said(invoke("store", "prune", store, *options))
