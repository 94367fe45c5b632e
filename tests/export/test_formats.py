import contextlib
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reinspect.export import Format, export, write_run_folder
from reinspect.files import WriteError, whole_file
from reinspect.store import RunInfo, Store
from reinspect.vocabulary import Outcome
from support.made_traces import judged


def test_a_runs_folder_has_rows_and_a_report(store: Store, run: int, folder: Path) -> None:
    write_run_folder(store, run, folder)
    write_run_folder(store, run, folder)
    made = {path.name for path in folder.iterdir()}
    assert made == {"pictures", "results.jsonl", "results.csv", "failures.csv", "report.html"}
    failures = (folder / "failures.csv").read_text("utf-8-sig")
    assert failures.startswith("image,path,cause,error\nbroken.png,/parts/broken.png,'=is no <b>")
    assert len((folder / "results.jsonl").read_text("utf-8").splitlines()) == 5


@pytest.mark.parametrize("form", list(Format))
def test_every_format_is_a_file_with_its_suffix(
    store: Store, run: int, tmp_path: Path, form: Format
) -> None:
    out = tmp_path / "new" / f"run{form.suffix}"
    export(store, run, form, out)
    assert out.stat().st_size > 0
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_a_file_that_fails_half_way_leaves_the_old_one(tmp_path: Path) -> None:
    out = tmp_path / "results.jsonl"
    out.write_text("old")

    def fail() -> None:
        with whole_file(out) as file:
            file.write(b"new")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


@contextlib.contextmanager
def small_files() -> Iterator[None]:
    """No file may grow beyond 4 kB, as on a disk that is nearly full; a log of tests neither."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
@pytest.mark.parametrize("form", [Format.JSONL, Format.CSV, Format.PARQUET, Format.LABEL_STUDIO])
def test_a_full_disk_is_one_line_and_leaves_nothing(
    store: Store, tmp_path: Path, form: Format
) -> None:
    run = store.begin_run(RunInfo(name="many"))
    with store.writer(run) as writer:
        for number in range(200):
            writer.write(judged(f"{number}.png", 0.9, Outcome.FAIL))
    out = tmp_path / "out" / "run"
    refused = pytest.raises(WriteError, match="can't be written: File too large")
    with refused as told, small_files():
        export(store, run, form, out)
    assert "\n" not in str(told.value)
    assert list(out.parent.iterdir()) == []


def test_a_folder_that_is_a_file_is_said(store: Store, run: int, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match="can't be written"):
        export(store, run, Format.JSONL, tmp_path / "file" / "out.jsonl")
