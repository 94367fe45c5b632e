"""`reinspect run`: what it leaves, what it takes, what it refuses, how it goes on."""

import contextlib
import csv
import json
import re
import shlex
import shutil
import sqlite3
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from reinspect.graph.recipe import Recipe, load_recipe
from reinspect.runs.plan import RunPlan
from reinspect.runs.session import begin_or_resume
from reinspect.store import Status, Store
from reinspect.testing import Reply, ScriptedServer
from reinspect.trace import Step
from support.command_line import invoke, judged, names, put_greys, put_recipe, rows, said
from support.made_answers import said as said_by_model
from support.plates import plate, put_plates

KEYS = [
    "image",
    "sha256",
    "category",
    "verdict",
    "first",
    "confidence",
    "reliability",
    "divergence",
    "disposition",
    "reason",
    "rounds",
    "revised",
    "seconds",
    "error",
]
VERDICT = ["label", "probability", "defects", "rationale"]
ESCAPE = "\x1b"


def test_the_folder_of_a_run(finished: Path) -> None:
    files = {path.name for path in finished.iterdir()}
    results = {"results.jsonl", "results.csv", "report.html"}
    assert files == {*results, "recipe.yaml", "counters.json", "pictures"}
    assert (finished.parent / "reinspect.db").is_file()
    assert not list(finished.rglob(".*")), "nothing half-written is left"


def test_the_rows_of_a_run(finished: Path) -> None:
    for row in rows(finished):
        assert list(row)[: len(KEYS)] == KEYS
        assert list(row["verdict"]) == list(row["first"]) == VERDICT
        for defect in row["verdict"]["defects"]:
            assert list(defect) in (["type", "box", "score"], ["type", "box", "score", "mask"])
        assert len(row["sha256"]) == 64
        assert row["error"] is None


def test_of_a_root_the_test_images_alone_are_inspected(finished: Path, sample_parts: Path) -> None:
    taken = {path.relative_to(sample_parts).as_posix() for path in sample_parts.glob("*/test/*/*")}
    assert set(names(finished)) == taken
    assert len(names(finished)) == len(taken)
    assert {row["category"] for row in rows(finished)} == {"fabric", "flange"}


def test_the_recipe_is_frozen_with_versions(finished: Path) -> None:
    text = (finished / "recipe.yaml").read_text(encoding="utf-8")
    assert load_recipe(finished / "recipe.yaml") == Recipe()
    assert set(yaml.safe_load(text)) == set(Recipe.model_fields) - {"signals", "views"}
    assert "#   numpy " in text


def test_truth_is_kept_apart(finished: Path) -> None:
    with Store.open(finished.parent / "reinspect.db", create=False) as store:
        run = store.run("first")
        truth = store.truth(run.id)
        assert set(truth) == set(names(finished))
        for trace in store.traces(run.id):
            assert truth[trace.sample.id].label.value not in trace.sample.model_dump_json()


def test_rows_stand_in_natural_order(greys: Path, quick: Path, tmp_path: Path) -> None:
    invoke("run", greys, "--recipe", quick, "--out", tmp_path / "out")
    assert names(tmp_path / "out") == [f"part{index}.png" for index in range(12)]


def test_limit_takes_the_first(greys: Path, quick: Path, tmp_path: Path) -> None:
    invoke("run", greys, "--recipe", quick, "--out", tmp_path / "out", "--limit", 3)
    assert names(tmp_path / "out") == ["part0.png", "part1.png", "part2.png"]


def test_what_is_printed_is_plain_where_there_is_no_terminal(
    greys: Path, quick: Path, tmp_path: Path
) -> None:
    out = tmp_path / "[bold]out"
    answer = invoke("run", greys, "--recipe", quick, "--out", out)
    assert ESCAPE not in answer.out + answer.err
    assert "12 images: " in answer.out
    for file in ("report.html", "results.jsonl", "results.csv", "pictures"):
        assert f"{out}/{file}" in answer.out


def test_a_run_keeps_its_line_and_tags(greys: Path, quick: Path, tmp_path: Path) -> None:
    how = ("--recipe", quick, "--limit", 1, "--out", tmp_path / "out")
    assert invoke("run", greys, *how, "--line", 3, "--tag", "lot=A7=b").code == 0
    with Store.open(tmp_path / "reinspect.db") as store:
        assert store.run("out").tags == {"line": "3", "lot": "A7=b"}
    for words, why in (
        (("--tag", "lot"), "is no NAME=VALUE"),
        (("--line", " "), "is no NAME=VALUE"),
        (("--line", 3, "--tag", "line=4"), "line is '3' already, not '4'"),
    ):
        assert why in said(invoke("run", greys, "--out", tmp_path / "other", *words))


def test_what_is_larger_than_allowed_is_for_review(
    greys: Path, quick: Path, tmp_path: Path
) -> None:
    cv2.imwrite(str(greys / "large.png"), plate(0))
    height, width = plate(0).shape[:2]
    limit = height * width - 1
    answer = invoke(
        "run", greys, "--recipe", quick, "--out", tmp_path / "out", "--max-pixels", limit
    )
    assert answer.code == 1
    (large,) = [row for row in rows(tmp_path / "out") if row["image"] == "large.png"]
    assert large["disposition"] == "REVIEW"
    assert f"{width}×{height} pixels" in large["error"]


def test_quiet_prints_nothing(greys: Path, quick: Path, tmp_path: Path) -> None:
    answer = invoke("run", greys, "--recipe", quick, "--out", tmp_path / "out", "--quiet")
    assert answer == (0, "", "")


def test_a_failed_item_gives_exit_code_1(greys: Path, quick: Path, tmp_path: Path) -> None:
    (greys / "part3.png").write_bytes(b"")
    answer = invoke("run", greys, "--recipe", quick, "--out", tmp_path / "out")
    assert answer.code == 1
    assert "1 failed" in answer.out
    assert [row["image"] for row in rows(tmp_path / "out") if row["error"]] == ["part3.png"]


def test_one_image_alone_gets_a_heat_map_and_no_verdict(sample_parts: Path, tmp_path: Path) -> None:
    part = sample_parts / "fabric" / "test" / "good" / "000.jpg"
    answer = invoke("run", part, "--out", tmp_path / "out")
    (row,) = rows(tmp_path / "out")
    assert (answer.code, row["verdict"], row["error"]) == (0, None, None)
    assert (row["image"], row["disposition"]) == ("000.jpg", "REVIEW")
    assert list((tmp_path / "out" / "pictures").rglob("*.heat-map.png"))


def test_results_go_to_runs_unless_told_otherwise(
    greys: Path, quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    invoke("run", greys, "--recipe", quick)
    (folder,) = (tmp_path / "runs").glob("*-greys")
    assert len(rows(folder)) == 12
    assert (tmp_path / "runs" / "reinspect.db").is_file()
    assert folder.name in invoke("runs").out


def test_runs_inside_the_inspected_folder_are_not_inspected(
    sample_parts: Path, tmp_path: Path
) -> None:
    shutil.copytree(sample_parts / "fabric" / "test" / "good", tmp_path / "here")
    for name in ("one", "two"):
        invoke("run", tmp_path / "here", "--out", tmp_path / "here" / name)
        assert names(tmp_path / "here" / name) == ["000.jpg", "001.jpg"]


# Renaming: no member sees a path


def test_verdicts_are_the_same_with_other_names_and_references_given(
    finished: Path, sample_parts: Path, tmp_path: Path
) -> None:
    for number, file in enumerate(sorted(sample_parts.glob("fabric/test/*/*"), reverse=True)):
        (tmp_path / "flat").mkdir(exist_ok=True)
        shutil.copy(file, tmp_path / "flat" / f"{number * 7 % 11}.jpg")
    (tmp_path / "known").mkdir()
    for number, file in enumerate(sorted(sample_parts.glob("fabric/train/good/*"), reverse=True)):
        shutil.copy(file, tmp_path / "known" / f"scratch-{number}.jpg")
    out = tmp_path / "out"
    invoke("run", tmp_path / "flat", "--references", tmp_path / "known", "--out", out)
    before = judged(finished, by="sha256")
    assert judged(out, by="sha256") == {key: before[key] for key in judged(out, by="sha256")}
    assert len(judged(out, by="sha256")) == 6


def test_verdicts_of_a_folder_that_is_its_own_reference_are_the_same_with_other_names(
    sample_parts: Path, tmp_path: Path
) -> None:
    shutil.copytree(sample_parts / "fabric" / "test", tmp_path / "named" / "parts")
    (tmp_path / "flat").mkdir()
    for number, file in enumerate(sorted((tmp_path / "named").rglob("*.jpg"), reverse=True)):
        shutil.copy(file, tmp_path / "flat" / f"{number * 5 % 7}.jpg")
    named, flat = tmp_path / "1", tmp_path / "2"
    invoke("run", tmp_path / "named", "--out", named)
    invoke("run", tmp_path / "flat", "--out", flat)
    assert judged(named, by="sha256") == judged(flat, by="sha256")
    assert all(row["verdict"] for row in rows(named))


def test_exploring_changes_no_verdict(finished: Path, sample_parts: Path, tmp_path: Path) -> None:
    out = tmp_path / "explored"
    invoke("run", sample_parts, "--out", out, "--explore", "--workers", 1)
    assert judged(out) == judged(finished)
    with Store.open(tmp_path / "reinspect.db", create=False) as store:
        for trace in store.traces(store.run("explored").id):
            assert trace.rounds or trace.explored


# Going on


def run(*arguments: object) -> None:
    assert invoke("run", *arguments).code == 0


def test_resume_finishes_with_each_image_once(greys: Path, quick: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run(greys, "--recipe", quick, "--out", whole)
    run(greys, "--recipe", quick, "--out", broken, "--limit", 5)
    run(greys, "--recipe", quick, "--out", broken, "--resume")
    assert names(broken) == names(whole)
    assert judged(broken) == judged(whole)
    with Store.open(tmp_path / "reinspect.db", create=False) as store:
        assert store.run("broken").status is Status.DONE


@pytest.mark.parametrize("option", [[], ["--resume"]], ids=["again", "resumed"])
def test_a_run_that_was_killed_as_it_began_begins_again(
    greys: Path, quick: Path, tmp_path: Path, option: list[str]
) -> None:
    """Its row is in the store; its folder has nothing but what was being written."""
    words = (greys, "--recipe", quick, "--out", tmp_path / "out")
    (tmp_path / "out").mkdir()
    with Store.open(tmp_path / "reinspect.db") as store:
        begin_or_resume(store, RunPlan.of(greys, recipe=quick, out=tmp_path / "out"))
    (tmp_path / "out" / "recipe.yaml").rename(tmp_path / "out" / ".recipe.yaml.1.part")
    run(*words, *option)
    assert len(names(tmp_path / "out")) == 12
    with Store.open(tmp_path / "reinspect.db", create=False) as store:
        assert [known.status for known in store.runs()] == [Status.DONE]
    shutil.rmtree(tmp_path / "out")
    assert "has a run 'out' already" in said(invoke("run", *words))


def test_a_run_that_goes_on_with_other_packages_says_so_and_is_marked(
    greys: Path, quick: Path, tmp_path: Path
) -> None:
    words = ("run", greys, "--recipe", quick, "--out", tmp_path / "out")
    assert invoke(*words, "--limit", 5).code == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "reinspect.db")) as db, db:
        ((text,),) = db.execute("SELECT versions FROM runs").fetchall()
        began = {**json.loads(text), "numpy": "1.0", "platform": "abacus"}
        db.execute("UPDATE runs SET versions = ?", (json.dumps(began),))
    for _ in range(2):
        answer = invoke(*words, "--resume", "--limit", 8)
        assert answer.code == 0
    assert "Goes on with" not in answer.out  # there was nothing left to do
    answer = invoke(*words, "--resume")
    assert f"Goes on with numpy 1.0 → {np.__version__}, platform abacus → " in answer.out
    with Store.open(tmp_path / "reinspect.db", create=False) as store:
        found = store.run("out").versions
    assert {name: found[name] for name in began} == began
    first, second = found["mixed"].split("; ")
    assert first == f"numpy {np.__version__}"
    assert second.startswith("platform ")
    assert len(names(tmp_path / "out")) == 12
    assert "<dt>mixed</dt>" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_run_keeps_where_its_references_were(greys: Path, quick: Path, tmp_path: Path) -> None:
    known = put_greys(tmp_path / "known\nnewline", 3)
    run(greys, "--recipe", quick, "--out", tmp_path / "out", "--references", known)
    with Store.open(tmp_path / "reinspect.db", create=False) as store:
        assert store.run("out").versions["references"] == str(known)
    assert load_recipe(tmp_path / "out" / "recipe.yaml") == load_recipe(quick)


def test_failed_images_are_tried_again_if_asked_for(
    greys: Path, quick: Path, tmp_path: Path
) -> None:
    recipe = put_recipe(
        tmp_path / "moody.yaml", "support.own_parts:Moody", mood=str(tmp_path / "bad")
    )
    (tmp_path / "bad").touch()
    paths = (greys, "--recipe", recipe, "--out", tmp_path / "out")
    assert invoke("run", *paths).code == 1
    (tmp_path / "bad").unlink()
    answer = invoke("run", *paths, "--resume")
    assert answer.code == 1
    assert "nothing was left to do" in answer.out
    assert "--resume --retry-failed" in answer.out
    run(*paths, "--resume", "--retry-failed")
    assert names(tmp_path / "out") == [f"part{index}.png" for index in range(12)]
    assert not any(row["error"] for row in rows(tmp_path / "out"))
    assert not (tmp_path / "out" / "failures.csv").exists()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"no picture", id="no-picture"),
        pytest.param(bytes.fromhex("89504e470d0a1a0a0000000d49484452"), id="truncated"),
        pytest.param(None, id="broken-link"),
    ],
)
def test_what_cannot_be_read_is_tried_again_only_if_asked_for(
    greys: Path, quick: Path, tmp_path: Path, content: bytes | None
) -> None:
    bad, out = greys / "part3.png", tmp_path / "out"
    bad.unlink()
    bad.symlink_to(greys / "gone.png") if content is None else bad.write_bytes(content)

    def tried() -> Step:
        with Store.open(tmp_path / "reinspect.db", create=False) as store:
            return store.trace(store.run("out").id, "part3.png").steps[0]

    known = put_greys(tmp_path / "known", 2)
    paths = (greys, "--references", known, "--recipe", quick, "--out", out)
    assert invoke("run", *paths).code == 1
    first = tried()
    assert first.error
    answer = invoke("run", *paths, "--resume")
    assert answer.code == 1  # for the picture that failed
    assert "nothing was left to do" in answer.out
    assert tried() == first
    assert invoke("run", *paths, "--resume", "--retry-failed").code == 1
    assert tried().started > first.started
    assert tried().error == first.error
    assert len(names(out)) == len(set(names(out))) == 12


@pytest.mark.parametrize("whole", [pytest.param(0, id="empty"), pytest.param(0.5, id="truncated")])
def test_a_repaired_image_is_new_to_a_resumed_run(
    greys: Path, quick: Path, tmp_path: Path, whole: float
) -> None:
    sound = (greys / "part3.png").read_bytes()
    (greys / "part3.png").write_bytes(sound[: int(whole * len(sound))])
    paths = (greys, "--recipe", quick, "--references", greys / "known", "--out", tmp_path / "out")
    put_greys(greys / "known", 2)
    assert invoke("run", *paths).code == 1
    (greys / "part3.png").write_bytes(sound)
    run(*paths, "--resume")
    assert names(tmp_path / "out") == [f"part{index}.png" for index in range(12)]
    assert not any(row["error"] for row in rows(tmp_path / "out"))


def test_failures_are_listed_with_their_causes(greys: Path, quick: Path, tmp_path: Path) -> None:
    for number in (3, 5):
        (greys / f"part{number}.png").write_bytes(b"")
    (greys / "part7.png").write_text("hello")
    out = tmp_path / "out"
    answer = invoke("run", greys, "--recipe", quick, "--out", out)
    assert answer.code == 1
    assert "  2 × the file is empty\n  1 × not an image" in answer.out
    with (out / "failures.csv").open(encoding="utf-8-sig", newline="") as file:
        listed = {row["image"]: row for row in csv.DictReader(file)}
    assert list(listed) == ["part3.png", "part5.png", "part7.png"]
    assert listed["part5.png"]["cause"] == "the file is empty"
    assert listed["part5.png"]["path"] == str(greys / "part5.png")
    assert listed["part5.png"]["error"].endswith("copy it again")


def test_the_counters_of_a_run(greys: Path, quick: Path, tmp_path: Path) -> None:
    (greys / "part3.png").write_bytes(b"")
    out = tmp_path / "out"
    invoke("run", greys, "--recipe", quick, "--out", out, "--limit", 5)
    first = json.loads((out / "counters.json").read_text())
    invoke("run", greys, "--recipe", quick, "--out", out, "--resume")
    counters = json.loads((out / "counters.json").read_text())
    assert (first["images"], counters["images"]) == (5, 12)
    assert sum(counters["dispositions"].values()) == 12
    assert (counters["status"], counters["failed"]) == ("done", 1)
    assert counters["failures"] == {"the file is empty": 1}
    assert counters["seconds"] > first["seconds"] > 0
    assert counters["images_per_second"] == pytest.approx(12 / counters["seconds"], rel=0.01)
    assert (counters["calls"], counters["tokens"], counters["usd"]) == (0, 0, 0)
    assert counters["peak_memory_mb"] > 20
    assert first["files"]["left_out"]["beyond the limit"]["count"] == 7
    assert counters["files"] == {"looked_at": 12, "taken": 12, "left_out": {}}


def test_a_run_says_what_it_left_out(greys: Path, quick: Path, tmp_path: Path) -> None:
    (greys / "notes.txt").write_text("")
    out = tmp_path / "out"
    said = invoke("run", greys, "--recipe", quick, "--out", out).out
    assert "Looked at 13 files: 12 to inspect; 1 no picture: .txt (notes.txt)" in said
    files = json.loads((out / "counters.json").read_text())["files"]
    left_out = {"no picture: .txt": {"count": 1, "examples": ["notes.txt"]}}
    assert files == {"looked_at": 13, "taken": 12, "left_out": left_out}


@pytest.mark.parametrize(("option", "told"), [([], True), (["--accept-references"], False)])
def test_references_are_told_of_unless_they_are_accepted(
    option: list[str], told: bool, tmp_path: Path
) -> None:
    good = put_plates(tmp_path / "good", range(3))
    cv2.imwrite(str(tmp_path / "part.png"), plate(9))
    paths = (tmp_path / "part.png", "--references", good, "--out", tmp_path / "out")
    answer = invoke("run", *paths, "--workers", 1, *option)
    assert answer.code == 0
    assert ("References: 3 different parts, 8 say more\n" in answer.out) is told


# Limits


@pytest.mark.parametrize(
    ("option", "done"),
    [
        pytest.param(["--fail-fast"], 3, id="fail-fast"),
        pytest.param(["--max-failures", 2], 5, id="max-failures"),
    ],
)
def test_a_run_stops_at_failures(
    greys: Path, quick: Path, tmp_path: Path, option: list[object], done: int
) -> None:
    for number in (2, 4, 6):
        (greys / f"part{number}.png").write_bytes(b"")
    out = tmp_path / "out"
    answer = invoke("run", greys, "--recipe", quick, "--out", out, "--workers", 1, *option)
    assert answer.code == 3
    assert len(rows(out)) == done
    stopped, _, command = answer.err.strip().partition("; to finish: ")
    assert stopped.startswith("Stopped after ")
    assert json.loads((out / "counters.json").read_text())["status"] == "interrupted"
    assert invoke(*shlex.split(command)[1:]).code == 1
    assert len(rows(out)) == 12


def test_failures_on_the_last_image_stop_nothing(greys: Path, quick: Path, tmp_path: Path) -> None:
    (greys / "part11.png").write_bytes(b"")
    paths = (greys, "--recipe", quick, "--out", tmp_path / "out", "--fail-fast")
    assert invoke("run", *paths).code == 1


@pytest.mark.process
@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_stops_when_its_time_is_over(greys: Path, tmp_path: Path, workers: int) -> None:
    """Even if the image in hand hangs."""
    hanging = put_recipe(
        tmp_path / "hanging.yaml", "support.own_parts:Hanging", mood=str(tmp_path / "bad")
    )
    (tmp_path / "bad").touch()
    put_greys(greys, 1, start=0)
    out = tmp_path / "out"
    paths = (greys, "--recipe", hanging, "--out", out)
    answer = invoke("run", *paths, "--workers", workers, "--max-seconds", 0.5)
    assert answer.code == 3
    assert answer.err.startswith("Stopped after 0.5 s (--max-seconds); to finish: reinspect run ")
    assert len(rows(out)) < 12
    (tmp_path / "bad").unlink()
    run(*paths, "--resume")
    assert len(names(out)) == len(set(names(out))) == 12


@pytest.mark.process
def test_an_image_that_hangs_is_for_review(greys: Path, tmp_path: Path) -> None:
    put_greys(greys, 1, start=0)
    recipe, out = (
        put_recipe(tmp_path / "hanging.yaml", "support.own_parts:Hanging"),
        tmp_path / "out",
    )
    assert invoke("run", greys, "--recipe", recipe, "--out", out, "--timeout", 1).code == 1
    (hung,) = (row for row in rows(out) if row["error"])
    assert hung["error"] == "timed out: no verdict after 1 s"
    assert (hung["image"], hung["disposition"]) == ("part0.png", "REVIEW")
    assert len(hung["sha256"]) == 64
    assert len(rows(out)) == 12


# Estimates


def test_a_dry_run_says_what_a_run_would_take_and_writes_nothing(
    sample_parts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    answer = invoke("run", sample_parts, "--out", out, "--workers", 2, "--dry-run")
    assert answer.code == 0
    looked_at, *_, counted, timed, nothing = answer.out.splitlines()
    assert looked_at.startswith("Looked at ")
    assert counted.startswith("12 images of 2 categories, references: 3")
    assert "s an image" in timed
    assert timed.endswith("for all, 1 worker")
    assert nothing == "Nothing was written"
    assert not list(tmp_path.iterdir())


@pytest.mark.server
def test_a_dry_run_says_what_models_would_cost(greys: Path, tmp_path: Path) -> None:
    put_greys(greys / "more", 128, step=1)
    with ScriptedServer(Reply(said_by_model("no"), yes=0.02)) as server:
        content = {
            "detector": {"kind": "vlm", "model": "m", "base_url": server.url},
            "tools": [],
            "policies": {"trigger": "never"},
            "budgets": {"prices": {"m": {"input": 1000, "output": 1000}}},
        }
        (tmp_path / "model.yaml").write_text(json.dumps(content))
        paths = (greys, "--recipe", tmp_path / "model.yaml", "--out", tmp_path / "out")
        answer = invoke("run", *paths, "--dry-run")
        asked = server.count
    assert answer.code == 0
    assert "for all, 32 at once, if the server keeps up" in answer.out
    (line,) = (line for line in answer.out.splitlines() if line.startswith("Model m: "))
    assert line.startswith("Model m: about 140 calls and ")
    assert line.endswith(f"this trial made {asked} calls")
    tokens, usd = (float(re.search(f"([0-9.]+) {unit}", line)[1]) for unit in ("tokens", "USD"))
    assert usd == pytest.approx(tokens / 1000, rel=0.01)


def test_a_dry_run_refuses_what_a_run_would_refuse(greys: Path, tmp_path: Path) -> None:
    recipe = put_recipe(tmp_path / "odd.yaml", "support.own_parts:Nothing")
    paths = (greys, "--recipe", recipe, "--out", tmp_path / "out")
    assert "cannot import" in said(invoke("run", *paths, "--dry-run"))


def test_a_dry_run_tells_of_failures(greys: Path, quick: Path, tmp_path: Path) -> None:
    (greys / "part0.png").write_bytes(b"")
    answer = invoke("run", greys, "--recipe", quick, "--out", tmp_path / "out", "--dry-run")
    assert answer.code == 1
    assert "Failed: " in answer.out
    assert "the file is empty" in answer.out


def test_resume_of_a_finished_run_says_so(greys: Path, quick: Path, tmp_path: Path) -> None:
    run(greys, "--recipe", quick, "--out", tmp_path / "out")
    before = judged(tmp_path / "out")
    answer = invoke("run", greys, "--recipe", quick, "--out", tmp_path / "out", "--resume")
    assert answer.code == 0
    assert "All 12 images were inspected before; nothing was left to do." in answer.out
    assert judged(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        pytest.param(
            ["--recipe", "other.yaml"],
            ["recipe: was", "detector.seconds: was None, is now 0.001"],
            id="recipe",
        ),
        pytest.param(["--references", "known"], ["references: was"], id="references"),
        pytest.param(["--explore"], ["explore: was false, is now true"], id="explore"),
        pytest.param(
            ["--recipe", "other.yaml", "--explore"], ["recipe: was", "explore: was"], id="both"
        ),
    ],
)
def test_resume_of_something_else_is_refused(
    greys: Path,
    quick: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changed: list[str],
    differs: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    put_recipe(tmp_path / "other.yaml", seconds=0.001)
    put_greys(tmp_path / "known", 3, start=100)
    run(greys, "--recipe", quick, "--out", "out", "--limit", 2)
    line = said(invoke("run", greys, "--recipe", quick, *changed, "--out", "out", "--resume"))
    assert "cannot resume" in line
    assert "--out" in line
    assert all(part in line for part in differs)
    assert len(rows(tmp_path / "out")) == 2


# Wrong usage

USED, FILE, EMPTY = "used", "file.txt", "empty"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["nowhere"], "no image or folder at nowhere", id="no-such-path"),
        pytest.param([EMPTY], "no images in empty", id="no-images"),
        pytest.param(["greys", "--out", USED], "used: is not empty", id="out-not-empty"),
        pytest.param(["greys", "--out", FILE], "file.txt: is not a folder", id="out-is-a-file"),
        pytest.param(["greys", "--resume"], "--resume needs --out", id="resume-without-out"),
        pytest.param(["greys", "--retry-failed"], "needs --resume", id="retry-without-resume"),
        pytest.param(
            ["greys", "--dry-run", "--resume", "--out", "x"], "leave --resume out", id="dry-resume"
        ),
        pytest.param(["greys", "--dry-run", "--watch"], "leave --watch out", id="dry-watch"),
        pytest.param(["greys", "--watch"], "can't be its own reference", id="watch-no-refs"),
        pytest.param([FILE, "--watch"], "is no folder; --watch", id="watch-file"),
        pytest.param(["greys", "--out", "new", "--resume"], "has no run", id="nothing-to-resume"),
        pytest.param(["greys", "--references", "nowhere"], "no folder of references", id="no-refs"),
        pytest.param(["greys", "--references", FILE], "no folder of references", id="refs-a-file"),
        pytest.param(["greys", "--references", EMPTY], "no images in it", id="refs-empty"),
        pytest.param(["greys", "--recipe", "nowhere"], "cannot read the recipe", id="no-recipe"),
        pytest.param(["greys", "--recipe", "key.yaml"], "did you mean 'detector'", id="wrong-key"),
        pytest.param(["greys", "--recipe", "part.yaml"], "cannot import", id="unknown-part"),
        pytest.param(["greys", "--recipe", "value.yaml"], "rounds", id="wrong-value"),
        pytest.param(["greys", "--recipe", "torn.yaml"], "not YAML", id="not-yaml"),
        pytest.param(["greys", "--recipe", "list.yaml"], "mapping of keys", id="no-mapping"),
        pytest.param(["greys", "--store", EMPTY], "unable to open", id="store-is-a-folder"),
        pytest.param(["greys", "--store", FILE], "not a database", id="store-is-a-text"),
        pytest.param(["greys", "--store", "x://y"], "no driver for it", id="store-of-no-kind"),
    ],
)
def test_what_can_not_be_done_is_said_in_one_line(
    greys: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / EMPTY).mkdir()
    (tmp_path / USED).mkdir()
    (tmp_path / USED / "notes.txt").write_text("mine")
    (tmp_path / FILE).write_text("text " * 200)
    (tmp_path / "key.yaml").write_text("detecter: embedded")
    (tmp_path / "part.yaml").write_text("detector: no.such:Part")
    (tmp_path / "value.yaml").write_text("budgets: {rounds: many}")
    (tmp_path / "torn.yaml").write_text("detector: [")
    (tmp_path / "list.yaml").write_text("- detector")
    line = said(invoke("run", *arguments))
    assert line.startswith("reinspect: ")
    assert words in line
    assert not Path("new").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["run"], "run: Missing argument 'PATH...'", id="no-path"),
        pytest.param(["run", "x", "--limit", "0"], "--limit: .*, not '0'", id="limit-0"),
        pytest.param(["run", "x", "--workers", "none"], "--workers: .*'none'", id="no-number"),
        pytest.param(["run", "x", "--timeout", "0"], "--timeout: .*'0'", id="timeout-0"),
        pytest.param(["run", "x", "--max-failures", "0"], "--max-failures", id="failures-0"),
        pytest.param(["run", "x", "--limti"], "run: .*--limti .*--limit", id="unknown-option"),
        pytest.param(["inspect"], "No such command 'inspect'", id="unknown-command"),
        pytest.param(["store", "chek"], "store: .*'check'", id="unknown-command-of-a-group"),
        pytest.param(["models"], "models: Missing command", id="no-command-of-a-group"),
        pytest.param(["runs", "x"], "runs: .*unexpected", id="too-many"),
        pytest.param(["export", "x", "--format", "xml"], "--format: 'xml' is not one", id="format"),
        pytest.param(["bench", "x", "--references", "few"], "not 'few'", id="references-no-number"),
        pytest.param(["bench", "x", "--references", "0"], "'0'", id="references-0"),
        pytest.param(["show", "x", "--html", "y"], "show: --html takes", id="own-refusal"),
    ],
)
def test_wrong_usage_is_one_line_that_leads_to_the_help(arguments: list[str], words: str) -> None:
    line = said(invoke(*arguments))
    assert re.search(words, line)
    command = line.partition(": ")[2].partition(": ")[0]
    named = f" {command}" if command.split()[0] in arguments else ""
    assert line.endswith(f" see: reinspect{named} --help")


def test_an_option_without_its_value_is_told(tmp_path: Path) -> None:
    assert "'--references' requires an argument" in said(invoke("run", "x", "--references"))


@pytest.mark.parametrize(
    "arguments", [pytest.param([], id="none"), pytest.param(["store"], id="of-a-group")]
)
def test_without_a_command_there_is_help(arguments: list[str]) -> None:
    answer = invoke(*arguments)
    assert (answer.code, answer.err) == (2, "")
    assert "Usage" in answer.out


@pytest.mark.parametrize(
    "verb", ["run", "bench", "show", "runs", "export", "sample", "graph", "doctor"]
)
def test_every_verb_has_help(verb: str) -> None:
    answer = invoke(verb, "--help")
    assert answer.code == 0
    assert "Usage" in answer.out


def test_the_rows_are_json_that_any_program_reads(finished: Path) -> None:
    for line in (finished / "results.jsonl").read_bytes().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
