import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from reinspect.cli.learning.monitor import app
from reinspect.errors import ReinspectError
from reinspect.policies.fitted import load_monitor
from reinspect.store import RunInfo, Status, Store
from reinspect.trace import Step, Trace
from reinspect.vocabulary import (
    Evidence,
    Label,
    Sample,
    Truth,
    Verdict,
    View,
)
from support.made_judgements import judgements, written


def run(*arguments: object) -> str:
    found = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.output


def refused(*arguments: object) -> str:
    """The one line that a user would see."""
    with pytest.raises(ReinspectError) as caught:
        CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("judged") / "judged.jsonl", judgements(80))


@pytest.fixture(scope="module")
def monitor(file: Path) -> Path:
    out = file.with_name("monitor.json")
    run("fit", "--judgements", file, "--out", out)
    return out


def test_fit_then_score_then_report(file: Path, monitor: Path, tmp_path: Path) -> None:
    scored = tmp_path / "scores.json"
    assert "80 judgements, 0 flagged" in run(
        "score", "--judgements", file, "--monitor", monitor, "--json", scored
    )
    items = json.loads(scored.read_text(encoding="utf-8"))
    assert len(items) == 80
    assert {"id", "probability", "reliability", "move"} <= set(items[0])
    figures, html = tmp_path / "report.json", tmp_path / "report.html"
    said = run(
        *("report", "--judgements", file, "--monitor", monitor),
        *("--json", figures, "--html", html),
    )
    assert "fitted" in said
    assert "warning: 80 of 80 parts are among those" in said
    assert json.loads(figures.read_text(encoding="utf-8"))["fitted"]["accuracy"] > 0.5
    assert html.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_fitting_twice_writes_the_same_bytes(file: Path, monitor: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.json"
    lines = file.read_text(encoding="utf-8").splitlines()
    shuffled = tmp_path / file.name
    shuffled.write_text("\n".join(reversed(lines)), encoding="utf-8")
    run("fit", "--judgements", shuffled, "--out", again)
    one, other = (json.loads(p.read_text(encoding="utf-8")) for p in (monitor, again))
    for content in (one, other):
        del content["training"]["sources"]
    assert one == other


def test_looks_alone_weighs_no_signal(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "monitor.json"
    said = run("fit", "--judgements", file, "--looks-alone", "--out", out)
    assert "looks alone were weighed" in said
    assert load_monitor(out).first.signals == {}
    assert "looks alone were" in run("report", "--judgements", file, "--looks-alone")


def test_fit_says_what_is_promised_and_what_is_not(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "monitor.json"
    said = run(
        *("fit", "--judgements", file, "--out", out),
        *("--max-escape", 0.01, "--max-overkill", 0.3, "--max-review", 0.9),
    )
    assert "escape ≤ 0.01 can't be promised" in said
    assert "at least 230 without one error" in said
    assert "overkill ≤ 0.3 holds" in said
    assert "review ≤ 0.9" in said
    settle = json.loads(out.read_text(encoding="utf-8"))["dispositions"]
    assert settle["pass_below"] == 0.0


@pytest.mark.parametrize("split", ["group", "random"])
def test_cross_validation(file: Path, split: str) -> None:
    said = run("report", "--judgements", file, "--cross-validate", split)
    assert "cross-validated" in said
    assert "pictures of the same bytes are never in the fit and in the test" in said
    assert ("nor are parts of one group" in said) == (split == "group")


def test_the_schema_is_json() -> None:
    assert "looks" in json.loads(run("schema"))["properties"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("{", "line 1: no JSON", id="no-json"),
        pytest.param(
            '{"id": "a", "looks": [{"stage": "x", "probability": NaN}]}', "line 1: NaN", id="nan"
        ),
        pytest.param(
            '{"id": "a", "looks": [{"stage": "x", "probability": 2}]}', "line 1", id="outside"
        ),
        pytest.param(
            '{"id": "a", "truth": true, "looks": [{"stage": "x", "probability": 1}]}',
            "1 judgements with truth",
            id="one-item",
        ),
    ],
)
def test_a_bad_file_is_one_line_and_leaves_nothing(text: str, said: str, tmp_path: Path) -> None:
    bad, folder = tmp_path / "bad.jsonl", tmp_path / "out"
    bad.write_text(text, encoding="utf-8")
    folder.mkdir()
    assert said in refused("fit", "--judgements", bad, "--out", folder / "m.json")
    assert said in refused("report", "--judgements", bad, "--json", folder / "r.json")
    assert list(folder.iterdir()) == []


def test_a_monitor_of_another_version_leaves_nothing(
    file: Path, monitor: Path, tmp_path: Path
) -> None:
    other, out = tmp_path / "other.json", tmp_path / "out.json"
    content = {**json.loads(monitor.read_text(encoding="utf-8")), "version": 9}
    other.write_text(json.dumps(content), encoding="utf-8")
    arguments = ("--judgements", file, "--monitor", other, "--json", out)
    assert "of version 9" in refused("score", *arguments)
    assert "of version 9" in refused("report", *arguments)
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("fit", "--out", "x"), "either a RUN or --judgements", id="no-source"),
        pytest.param(
            ("fit", "a", "--judgements", "b", "--out", "x"), "either a RUN or", id="both-sources"
        ),
        pytest.param(
            ("fit", "--judgements", "b", "--out", "x", "--max-escape", "1.5"),
            "--max-escape 1.5",
            id="rate",
        ),
        pytest.param(
            ("report", "--judgements", "b", "--cross-validate", "folds"), "'folds'", id="split"
        ),
        pytest.param(
            ("report", "--judgements", "b", "--monitor", "m", "--cross-validate", "group"),
            "exclude each other",
            id="monitor-and-split",
        ),
        pytest.param(
            ("report", "--judgements", "b", "--monitor", "m", "--looks-alone"),
            "--looks-alone says how to fit",
            id="monitor-and-how-to-fit",
        ),
        pytest.param(("fit", "--judgements", "none", "--out", "x"), "cannot read", id="no-file"),
    ],
)
def test_wrong_usage_is_one_line(arguments: tuple[str, ...], said: str) -> None:
    assert said in refused(*arguments)


def traces(n: int, *, explored: bool) -> list[Trace]:
    made = []
    for item in judgements(n):
        assert item.second is not None
        view = View(path=f"/{item.id}.png", sha256=None)
        own = Evidence(
            source="map", summary="", probability=item.first, measurements={"z": item.first * 9}
        )
        witness = Evidence(source="near", summary="", probability=item.second)
        first = Step(node="detect", products=(Verdict.of(item.first, evidence=(own,)),))
        second = Step(node="examine", round=1, products=(witness,), seconds=0.5)
        sample = Sample(id=f"{item.id}.png", category=item.group, views=(view,))
        made.append(Trace.of(sample, [(first, False), (second, explored)]))
    return made


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "reinspect.db"
    truth = {f"{j.id}.png": j.truth for j in judgements(60)}
    known = {name: Truth(label=Label.of(bad is True)) for name, bad in truth.items()}
    with Store.open(path) as opened:
        for name, explored in (("explored", True), ("plain", False)):
            key = opened.begin_run(RunInfo(name=name, explored=explored))
            with opened.writer(key) as write:
                for trace in traces(60, explored=explored):
                    write(trace)
            opened.write_truth(key, known)
            opened.finish_run(key, Status.DONE)
    return path


def test_an_explored_run_fits_both_heads(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.json"
    run("fit", "explored", "--store", store, "--out", out)
    content = json.loads(out.read_text(encoding="utf-8"))
    assert content["training"]["looked_twice"] == 60
    assert content["training"]["truth_sources"] == {"annotation": 60}
    assert set(content["first"]["signals"]) == {"first.defects", "first.map.z"}
    assert "second.near.probability" in content["second"]["signals"]
    assert content["again"]["unit"] == "second"
    assert "fitted" in run("report", "explored", "--store", store)


def test_a_run_that_was_not_explored_fits_the_first_head_alone(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.json"
    assert "first head alone" in run("fit", "plain", "--store", store, "--out", out)
    assert json.loads(out.read_text(encoding="utf-8"))["second"] is None
    run("fit", "plain", "explored", "--store", store, "--out", out)
    assert json.loads(out.read_text(encoding="utf-8"))["training"]["items"] == 120
    assert "no run 'none'" in refused("fit", "none", "--store", store, "--out", tmp_path / "x")
