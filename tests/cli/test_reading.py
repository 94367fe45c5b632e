"""`show`, `runs`, `export`, `sample`, `graph`."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from reinspect.dataset import categories
from support.command_line import invoke, names, put_recipe, rows, said


@pytest.fixture(params=["folder", "name"])
def named(request: pytest.FixtureRequest, finished: Path) -> list[str]:
    """A run by its folder, and by its name in a store."""
    by_name = ["first", "--store", str(finished.parent / "reinspect.db")]
    return [str(finished)] if request.param == "folder" else by_name


def test_show_a_run(named: list[str], finished: Path) -> None:
    answer = invoke("show", *named)
    assert answer.code == 0
    for row in rows(finished):
        assert row["disposition"] in answer.out
    assert "12 images: " in answer.out
    assert "\x1b" not in answer.out


def test_show_one_image(named: list[str], finished: Path) -> None:
    run, *store = named
    answer = invoke("show", run, names(finished)[0], *store)
    assert answer.code == 0
    for node in ("detect", "assess", "explain", "settle"):
        assert node in answer.out


def test_a_part_of_a_name_is_enough_where_one_has_it(finished: Path) -> None:
    name = names(finished)[0]
    heading, outcome, *_ = invoke("show", finished, name[2:-4].upper()).out.splitlines()
    assert heading.rstrip() == name
    assert outcome.startswith(("PASS, ", "FAIL, ", "REVIEW, "))
    refused = invoke("show", finished, ".jpg")
    assert refused.code == 2
    assert f"no image '.jpg', which is in the names of {name}, " in refused.err
    assert refused.err.rstrip().endswith(", …")


def test_runs_are_listed(finished: Path) -> None:
    answer = invoke("runs", "--store", finished.parent / "reinspect.db")
    assert answer.code == 0
    assert "first" in answer.out
    assert "done" in answer.out


def json_lines(text: str) -> int:
    return len([json.loads(line) for line in text.splitlines()])


@pytest.mark.parametrize(
    ("kind", "suffix", "count"),
    [
        pytest.param("jsonl", ".jsonl", json_lines, id="jsonl"),
        pytest.param("csv", ".csv", lambda t: len(list(csv.DictReader(t.splitlines()))), id="csv"),
        pytest.param("coco", ".coco.json", lambda t: len(json.loads(t)["images"]), id="coco"),
        pytest.param(
            "label-studio", ".label-studio.json", lambda t: len(json.loads(t)), id="label-studio"
        ),
    ],
)
def test_export(
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    suffix: str,
    count: Callable[[str], int],
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = invoke("export", finished, "--format", kind)
    assert (answer.code, answer.out) == (0, f"first{suffix}\n")
    assert count((tmp_path / f"first{suffix}").read_text(encoding="utf-8")) == 12


@pytest.mark.needs("pyarrow")
def test_export_to_parquet(finished: Path, tmp_path: Path) -> None:
    from pyarrow import parquet

    out = tmp_path / "rows.parquet"
    assert invoke("export", finished, "--format", "parquet", "--out", out).code == 0
    assert parquet.read_table(out).column("image").to_pylist() == names(finished)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["show", "nowhere"], "there is none", id="show-without-a-store"),
        pytest.param(["runs"], "there is none", id="runs-without-a-store"),
        pytest.param(["show", "nowhere", "--store", "DB"], "has no run 'nowhere'", id="no-run"),
        pytest.param(["show", "first", "no.png", "--store", "DB"], "no image 'no.png'", id="image"),
        pytest.param(
            ["export", "nowhere", "--format", "csv", "--store", "DB"], "has no run", id="export"
        ),
        pytest.param(
            ["export", "first", "--format", "csv", "--store", "DB", "--out", "."],
            "can't be written",
            id="export-to-a-folder",
        ),
        pytest.param(["graph", "--recipe", "nowhere"], "cannot read the recipe", id="no-recipe"),
        pytest.param(["graph", "--recipe", "lost.json"], "no folder of references", id="lost"),
        pytest.param(["sample", "full"], "is not empty", id="sample-into-a-full-folder"),
        pytest.param(["sample", "lost.json"], "is a file", id="sample-into-a-file"),
        pytest.param(["bench", "full"], "no MVTec-style categories", id="bench-of-a-folder"),
        pytest.param(["bench", "nowhere"], "no image or folder", id="bench-of-nothing"),
        pytest.param(["bench", "PARTS", "--category", "cork"], "no category 'cork'", id="category"),
    ],
)
def test_what_can_not_be_read_is_said_in_one_line(
    finished: Path,
    sample_parts: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "part.png").write_text("mine")
    (tmp_path / "lost.json").write_text('{"references": "nowhere"}')
    places = {"DB": finished.parent / "reinspect.db", "PARTS": sample_parts}
    assert words in said(invoke(*(places.get(argument, argument) for argument in arguments)))
    assert (tmp_path / "full" / "part.png").read_text() == "mine"


def test_a_run_that_was_moved_with_its_store_is_found(
    greys: Path, quick: Path, tmp_path: Path
) -> None:
    invoke("run", greys, "--recipe", quick, "--out", tmp_path / "here" / "out")
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert "12 images: " in invoke("show", tmp_path / "there" / "out").out


def test_a_command_to_see_more_works_as_printed(greys: Path, quick: Path, tmp_path: Path) -> None:
    store = tmp_path / "elsewhere.db"
    run = ("run", greys, "--recipe", quick, "--out", tmp_path / "my out", "--store", store)
    (line,) = (line for line in invoke(*run).out.splitlines() if line.startswith("Traces"))
    assert line.endswith(f"(reinspect show '{tmp_path}/my out' --store {store} IMAGE)")
    assert invoke("show", tmp_path / "my out", "--store", store, "part0.png").code == 0


def test_sample_makes_categories(tmp_path: Path) -> None:
    answer = invoke("sample", tmp_path / "parts")
    assert answer.code == 0
    assert f"reinspect run {tmp_path}/parts" in answer.out
    assert len(categories(tmp_path / "parts")) == 4


@pytest.mark.parametrize("own", [False, True], ids=["default", "own-recipe"])
def test_graph_is_drawn_twice(tmp_path: Path, own: bool) -> None:
    recipe = ["--recipe", put_recipe(tmp_path / "own.yaml")] if own else []
    answer = invoke("graph", *recipe)
    assert answer.code == 0
    assert "graph TD" in answer.out
    assert "+--------+" in answer.out


def test_no_text_of_a_component_moves_the_cursor(greys: Path, tmp_path: Path) -> None:
    recipe = put_recipe(
        tmp_path / "failing.yaml", "reinspect.testing:Failing", error="\x1b[2Jgone\x9b\u202e"
    )
    out = tmp_path / "out"
    answers = [
        invoke("run", greys, "--recipe", recipe, "--out", out),
        invoke("show", out),
        invoke("show", out, "part0.png"),
        invoke("show", out, "\x1b[2J"),
    ]
    for answer in answers:
        assert not set("\x1b\x9b\u202e") & set(answer.out + answer.err)
    assert "\\x1b[2Jgone" in answers[2].out.replace("\n", "")
    for file in ("results.csv", "failures.csv"):
        assert (out / file).read_bytes().startswith(b"\xef\xbb\xbf")
