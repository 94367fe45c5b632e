"""What a check says of a store that is whole, and of one that something was done to."""

import sqlite3
from pathlib import Path

import pytest

from reinspect.store import Store, StoreError
from reinspect.store.database import VERSION_TABLE
from reinspect.store.upkeep.checking import check
from reinspect.trace import Step
from reinspect.vocabulary import Call
from support.full_store import EVIDENCE, STEPS, change, full
from support.made_traces import HASH, corrected, sha256
from support.postgres import SQLITE_ALONE, Server


@pytest.fixture
def filled(url: str) -> str:
    full(url)
    return url


def test_a_store_that_is_whole_passes(filled: str) -> None:
    found = check(filled)
    assert found.problems == ()
    assert found.sound
    assert found.rows == {
        "runs": 2, "inspections": 6, "truth": 2, "captions": 2, "prompts": 0,
        "evidence": 6 * EVIDENCE, "reviews": 1, "steps": 6 * STEPS, "outbox": 0, "publications": 0,
            "pruned": 0, "comments": 0, "type_names": 0,
    }  # fmt: skip


def test_an_empty_one_passes(url: str) -> None:
    Store.open(url).close()
    assert check(url).sound


_UNBOUND = {
    table: f"ALTER TABLE {table} DROP CONSTRAINT fk_{table}_inspection_id"
    for table in ("steps", "evidence", "reviews", "captions")
}


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        pytest.param(
            ["DELETE FROM evidence", "DELETE FROM steps WHERE inspection_id = 2"],
            "inspections: 1 without a step (2 b.png)",
            id="no-steps",
        ),
        pytest.param(
            ["DELETE FROM evidence", "DELETE FROM steps WHERE position = 1"],
            "inspections: 6 with steps missing (1 a.png, 2 b.png, 3 c.png and 3 more)",
            id="a-step-gone",
        ),
        pytest.param(
            ["UPDATE steps SET products = '[{\"of\"' WHERE inspection_id = 3 AND position = 0"],
            "inspections: 1 with a trace that cannot be read (3 c.png)",
            id="illegible-step",
        ),
        pytest.param(
            ["UPDATE inspections SET label = 'anomalous' WHERE id = 2"],
            "inspections: 1 whose trace says something else than its row (2 b.png)",
            id="row-and-trace-differ",
        ),
        pytest.param(
            ["UPDATE inspections SET defects = '[1]' WHERE id = 2"],
            "inspections: defects of id 2 cannot be read",
            id="illegible-value",
        ),
        pytest.param(
            ["UPDATE evidence SET step = 99 WHERE inspection_id = 4"],
            "evidence: of steps that are not there, in 1 inspections (4)",
            id="evidence-of-no-step",
        ),
        pytest.param(
            ["UPDATE runs SET status = 'asleep' WHERE id = 1"],
            "run 'monday': status 'asleep' is none of done, interrupted, running",
            id="status",
        ),
        pytest.param(
            [
                "DELETE FROM truth WHERE run_id = 2",
                "DELETE FROM steps WHERE inspection_id = 6",
                "DELETE FROM evidence WHERE inspection_id = 6",
                "DELETE FROM inspections WHERE id = 6",
            ],
            "run 'tuesday': counted 3 images, and has 2 rows",
            id="a-row-gone",
        ),
        pytest.param(
            ["DROP INDEX ix_inspections_image"],
            "its index ix_inspections_image is missing",
            id="index",
        ),
    ],
)
@SQLITE_ALONE
def test_what_is_wrong_is_one_line(filled: str, statements: list[str], said: str) -> None:
    change(filled, *statements)
    assert check(filled).problems == (said,)


@pytest.mark.parametrize(
    ("child", "rows"),
    [
        pytest.param("steps", STEPS, id="steps"),
        pytest.param("evidence", EVIDENCE, id="evidence"),
        pytest.param("reviews", 1, id="reviews"),
        pytest.param("captions", 2, id="captions"),
    ],
)
def test_orphans_are_found(filled: str, child: str, rows: int) -> None:
    unbind = [_UNBOUND[child]] if "://" in filled else []
    others = [table for table in reversed(_UNBOUND) if table != child]
    drop = [f"DELETE FROM {table} WHERE inspection_id = 1" for table in others]
    change(filled, *unbind, *drop, "DELETE FROM inspections WHERE id = 1")
    said = f"{child}: {rows} rows of inspections that are not there (inspection_id 1)"
    assert said in check(filled, values=False).problems


def test_an_image_with_two_rows_is_found(filled: str) -> None:
    change(
        filled,
        "CREATE TABLE second AS SELECT * FROM inspections WHERE id = 1",
        "UPDATE second SET id = 99",
        *(
            ["ALTER TABLE inspections DROP CONSTRAINT uq_inspections_run_id_image_sha256"]
            if "://" in filled
            else [
                "CREATE TABLE kept AS SELECT * FROM inspections",
                "DROP TABLE inspections",
                "ALTER TABLE kept RENAME TO inspections",
            ]
        ),
        "INSERT INTO inspections SELECT * FROM second",
    )
    problems = check(filled, values=False).problems
    assert any(
        line.startswith("inspections: 1 more than once (run_id, image, sha256: 1 a.png ")
        for line in problems
    )
    assert any("uq_inspections_run_id_image_sha256 is missing" in line for line in problems)


def test_a_prompt_that_is_gone_is_found(store: Store, run: int, url: str) -> None:
    key = sha256("Is there a defect?")
    asked = Call(
        model="m", prompt="detect.md", prompt_sha256=HASH, text="Is there a defect?",
        text_sha256=key, seconds=0.1,
    )  # fmt: skip
    trace = corrected("a.png").then(Step(node="explain", products=(asked,)))
    with store.writer(run) as writer:
        writer.write(trace)
    assert check(url).sound
    change(url, "DELETE FROM prompts")
    assert check(url).problems == ("inspections: 1 with a prompt that is not there (1 a.png)",)


def test_a_number_that_is_taken_is_found(postgres: Server) -> None:
    url = postgres.new()
    full(url)
    change(url, "SELECT setval(pg_get_serial_sequence('inspections', 'id'), 2, true)")
    said = "inspections: the next row would be number 3, and there is one of 6"
    assert check(url).problems == (said,)


@pytest.mark.parametrize(
    ("version", "said"),
    [
        pytest.param("9999", "schema 9999 is of a newer reinspect: upgrade it", id="newer"),
        pytest.param("0001", "schema 0001 is not this version's", id="older"),
    ],
)
def test_another_schema_is_said_and_left_as_it_is(filled: str, version: str, said: str) -> None:
    change(filled, f"UPDATE {VERSION_TABLE} SET version_num = '{version}'")
    for _ in range(2):
        found = check(filled)
        assert found.version == version
        (line,) = found.problems
        assert line.startswith(said)


def test_a_damaged_file_is_found(tmp_path: Path) -> None:
    where = tmp_path / "reinspect.db"
    full(str(where))
    connection = sqlite3.connect(where)
    connection.execute("PRAGMA journal_mode = DELETE")
    page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'steps'")
    at = 4096 * (page.fetchone()[0] - 1)
    connection.close()
    content = bytearray(where.read_bytes())
    content[at : at + 4096] = b"\xff" * 4096
    where.write_bytes(content)
    found = check(where)
    assert not found.sound
    assert all("\n" not in line for line in found.problems)
    assert "damaged" in found.problems[0] or "malformed" in found.problems[0]


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    where = tmp_path / "songs.db"
    connection = sqlite3.connect(where)
    connection.execute("CREATE TABLE songs (title TEXT)")
    connection.close()
    with pytest.raises(StoreError, match="not a store of reinspect"):
        check(where)
    with pytest.raises(StoreError, match="there is none"):
        check(tmp_path / "none.db")
