"""What a store needs over the years: retention, a backup amid writing, an upgrade."""

import sqlite3
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, update

from reinspect.store import RunInfo, Status, Store, StoreError
from reinspect.store.database import parse
from reinspect.store.tables import InspectionTable
from reinspect.store.upkeep.backup import backup
from reinspect.store.upkeep.checking import check
from reinspect.store.upkeep.prune import KeepReason, Pruned, age_of, prune, reason_of
from reinspect.vocabulary import Outcome, Verdict
from support.full_store import IMAGES, full
from support.made_traces import corrected, judged

OLD = datetime.now(UTC) - timedelta(days=100)


def aged(url: str, *images: str) -> None:
    """These rows were written long ago."""
    engine = create_engine(parse(url))
    with engine.begin() as connection:
        connection.execute(
            update(InspectionTable).where(InspectionTable.image.in_(images)).values(at=OLD)
        )
    engine.dispose()


def named(url: str, run: int = 1) -> set[str]:
    with Store.open(url, create=False) as store:
        return {found.row.image for found in store.inspections(run)}


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        pytest.param([KeepReason.REVIEWED], {"a.png", "c.png"}, id="reviewed"),
        pytest.param([KeepReason.NONE], {"c.png"}, id="none"),
        pytest.param([KeepReason.REVIEW], {"c.png"}, id="no-such-disposition"),
    ],
)
def test_what_is_old_goes_and_what_is_reviewed_stays(
    url: str, keep: list[KeepReason], left: set[str]
) -> None:
    full(url)
    aged(url, "a.png", "b.png")
    planned = prune(url, older=timedelta(days=90), keep=keep, dry_run=True)
    assert named(url) == set(IMAGES)
    done = prune(url, older=timedelta(days=90), keep=keep)
    assert done.inspections == planned.inspections == 2 * (3 - len(left)) + (len(left) == 2)
    assert named(url) == left
    assert check(url).problems == ()
    with Store.open(url) as store:
        assert {image for image, _ in store.done(1)} == set(IMAGES)  # not to be inspected again
        assert store.run("monday").counters["images"] == len(left)
    assert prune(url, older=timedelta(days=90), keep=keep).inspections == 0


def test_dispositions_may_be_kept_and_what_waits_to_be_published_is(url: str) -> None:
    with Store.open(url) as store:
        run = store.begin_run(RunInfo(name="line"))
        with store.writer(run) as writer:
            for outcome in Outcome:
                writer.write(judged(f"{outcome}.png", 0.5, outcome))
        with store.writer(run, lambda: None) as writer:
            writer.write(judged("unsent.png", 0.1, Outcome.PASS))
    aged(url, "unsent.png", *(f"{outcome}.png" for outcome in Outcome))
    assert prune(url, older=timedelta(days=9), keep=[KeepReason.FAIL, KeepReason.REVIEW]).kept == 3
    assert named(url) == {"FAIL.png", "REVIEW.png", "unsent.png"}


def test_files_that_were_made_for_it_go_and_no_others(tmp_path: Path) -> None:
    folder = tmp_path / "line"
    made = {
        "crop": folder / "pictures" / "heat.png",
        "upload": folder / "incoming" / "ab" / "up.png",
        "theirs": tmp_path / "parts" / "b.png",
        "other": folder / "pictures" / "shared.png",
    }
    for file in made.values():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"picture")
    (folder / "pictures" / "link.png").symlink_to(made["theirs"])
    url = str(tmp_path / "line.db")
    with Store.open(url) as store:
        run = store.begin_run(RunInfo(name="line", folder=str(folder)))
        with store.writer(run) as writer:
            writer.write(corrected("up.png", path=str(made["upload"])))
            writer.write(judged("b.png", 0.9, Outcome.FAIL, path=str(made["theirs"])))
            linked = str(folder / "pictures" / "link.png")
            writer.write(judged("c.png", 0.9, Outcome.FAIL, path=linked))
    aged(url, "up.png", "b.png", "c.png")
    done = prune(url, older=timedelta(days=1))
    assert (done.inspections, done.pictures, done.bytes) == (3, 2, 14)
    assert {name for name, file in made.items() if file.exists()} == {"theirs", "other"}


def test_a_crop_that_another_row_of_the_same_content_shows_stays(tmp_path: Path) -> None:
    crop = tmp_path / "line" / "pictures" / "heat.png"
    crop.parent.mkdir(parents=True)
    crop.touch()
    url = str(tmp_path / "line.db")
    with Store.open(url) as store:
        run = store.begin_run(RunInfo(name="line", folder=str(tmp_path / "line")))
        with store.writer(run) as writer:
            writer.write(corrected("a.png", content="same"))
            writer.write(corrected("b.png", content="same"))
    aged(url, "a.png")
    assert prune(url, older=timedelta(days=1)).inspections == 1
    assert crop.exists()


@pytest.mark.parametrize("text", ["90", "d", "-1d", "0d", "1y", "9999999d", "1 d"])
def test_an_age_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(StoreError, match="is no age"):
        age_of(text)


def test_ages_and_reasons_are_read() -> None:
    assert (age_of("90d"), age_of("2w"), age_of("36H")) == (
        timedelta(days=90),
        timedelta(days=14),
        timedelta(hours=36),
    )
    assert reason_of("fail") is KeepReason.FAIL
    with pytest.raises(StoreError, match="did you mean 'reviewed'"):
        reason_of("reviewd")
    with pytest.raises(StoreError, match="goes with no other"):
        prune("nowhere.db", older=timedelta(1), keep=[KeepReason.NONE, KeepReason.FAIL])
    assert Pruned(before=OLD).inspections == 0


def test_a_backup_is_whole_while_others_write(tmp_path: Path) -> None:
    url, stop = str(tmp_path / "reinspect.db"), threading.Event()
    full(url)
    with Store.open(url) as store:
        run = store.begin_run(RunInfo(name="line"))

        def write() -> None:
            with store.writer(run) as writer:
                number = 0
                while not stop.is_set():
                    number += 1
                    writer.write(corrected(f"{number}.png"))
                    writer.flush()

        writing = threading.Thread(target=write)
        writing.start()
        try:
            copies = [tmp_path / "backups" / f"{number}.db" for number in range(3)]
            for copy in copies:
                assert backup(url, copy) == copy.stat().st_size
        finally:
            stop.set()
            writing.join()
    quiet = tmp_path / "it's 100% #quiet?.db"
    backup(url, quiet)  # nobody has it open
    for copy in (*copies, quiet):
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        assert check(str(copy)).problems == ()
    assert {file.name for file in copies[0].parent.iterdir()} >= {"0.db", "1.db", "2.db"}
    assert not list(copies[0].parent.glob("*.part"))


@pytest.mark.parametrize(
    ("url", "target", "says"),
    [
        pytest.param("nowhere.db", "copy.db", "there is none", id="no-store"),
        pytest.param("empty.db", "copy.db", "not a store of reinspect", id="an-empty-file"),
        pytest.param("store.db", "store.db", "is there already", id="target-is-there"),
        pytest.param("store.db", "store.db/x", "can't be written", id="target-in-a-file"),
        pytest.param("broken.db", "copy.db", "not a database", id="not-a-database"),
        pytest.param("postgresql://x@y/z", "copy.db", "pg_dump", id="a-server"),
    ],
)
def test_a_backup_that_can_not_be_made_is_refused(
    url: str, target: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Store.open("store.db").close()
    (tmp_path / "empty.db").touch()
    (tmp_path / "broken.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError, match=says) as told:
        backup(url, target)
    assert "\n" not in str(told.value)
    assert not Path("copy.db").exists()


FIRST = Path(__file__).with_name("first_schema.sql")
"""What a store of the first schema was, with something in every table that it had."""


def test_a_store_of_the_first_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    where = tmp_path / "first.db"
    with sqlite3.connect(where) as old:
        old.executescript(FIRST.read_text(encoding="utf-8"))
    old.close()
    with Store.open(where) as store:
        run = store.run("monday")
        assert run.status is Status.DONE
        assert {found.row.image for found in store.inspections(run.id)} == set(IMAGES)
        (trace, *_) = store.traces(run.id)
        assert trace.verdict == corrected("a.png").verdict
        assert [step.node for step in trace.steps] == [s.node for s in corrected("a.png").steps]
        key = store.newest(run.id, "a.png")
        assert store.truth(run.id)["a.png"].source == "review"
        store.browse.review(key, Verdict.of(0.1), reviewer="Bob", why="it is straight")
        with store.writer(run.id, lambda: None) as writer:
            writer.write(corrected("d.png"))
        assert store.outbox(run.id).waiting == 1
        store.finish_run(run.id, Status.DONE, store.tally(run.id).model_dump())
    assert check(where).problems == ()


def test_every_schema_on_the_way_keeps_every_row(url: str) -> None:
    full(url)
    config = Config()
    config.set_main_option("script_location", "reinspect.store:migrations")
    config.set_main_option("path_separator", "os")
    for revision in ("0006", "0005", "0004", "0003", "0002", "0001"):
        engine = create_engine(parse(url))
        with engine.begin() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            config.attributes["connection"] = connection
            command.downgrade(config, revision)
        engine.dispose()
        with Store.open(url) as store:
            assert {found.row.image for found in store.inspections(1)} == set(IMAGES)
        found = check(url)
        assert found.problems == ()
        assert found.rows["reviews"] == 1
