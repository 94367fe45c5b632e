"""`reinspect bench` with several recipes or critics: side by side on the same pictures."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from reinspect.critics.registry import CriticCard, CriticKind, Critics, Data
from reinspect.images import sha256_of
from reinspect.policies.critic import Critic, Network, TrainedOn
from support.command_line import Answer, invoke, rows, said

SCRIPTED = """\
detector: {kind: 'reinspect.testing:ScriptedDetector', default: 0.45}
tools: [{kind: 'support.made_witnesses:Truthful', source: hi_res}]
"""


def critic(file: Path, *, looks: bool, pictures: tuple[str, ...] = ()) -> Path:
    """A critic that always looks again, or never; and flips where a witness stands against it."""
    always = Network(bias=5.0 if looks else -5.0)
    never = Network(bias=-5.0)
    made = Critic(
        revisit=always,
        review_first=never,
        margin=Network(linear={"hi_res": 1.0}),
        review_second=never,
        lesson=TrainedOn(items=1, anomalous=1, pictures=pictures),
    )
    file.write_text(made.model_dump_json())
    return file


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    file = tmp_path / "scripted.yaml"
    file.write_text(SCRIPTED)
    return file


@pytest.fixture
def critics(tmp_path: Path) -> tuple[Path, Path]:
    return (
        critic(tmp_path / "before.json", looks=False),
        critic(tmp_path / "after.json", looks=True),
    )


def bench(parts: Path, folder: Path, *words: object) -> tuple[Answer, Any]:
    figures = folder / "figures.json"
    out = ("--out", folder / "runs" / "b", "--json", figures, "--workers", 1)
    answer = invoke("bench", parts, "--references", 2, *words, *out)
    return answer, json.loads(figures.read_text()) if figures.exists() else None


def test_two_critics_on_the_same_pictures(
    sample_parts: Path, recipe: Path, critics: tuple[Path, Path], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    words = ("--recipe", recipe, "--critic", critics[0], "--critic", critics[1], "--html", page)
    answer, figures = bench(sample_parts, tmp_path, *words)
    assert answer.code == 0, answer.err
    before, after = figures["contestants"]
    assert [before["name"], after["name"]] == ["before", "after"]
    assert before["cost"]["second_looks"] == 0
    assert after["cost"]["second_looks"] == 12
    # The first look calls everything normal; the witness knows better, which the critic heeds.
    assert before["overall"]["final"]["accuracy"] == pytest.approx(2 / 6)
    assert after["overall"]["final"]["accuracy"] == 1
    ledger = after["overall"]["ledger"]
    assert (ledger["fixed"], ledger["broken"]) == (8, 0)
    changed = figures["differences"]["after"]
    assert changed["overall"]["accuracy"]["difference"] == pytest.approx(4 / 6)
    assert changed["categories"]["flange"]["balanced_accuracy"]["difference"] == 0.5
    assert set(changed["scenarios"]) == {"workpiece", "texture"}
    assert "after − before" in answer.out
    assert "default-src 'none'" in page.read_text()
    for name in ("b-before", "b-after"):
        assert len(rows(tmp_path / "runs" / name)) == 12
        assert invoke("show", tmp_path / "runs" / name).code == 0


def test_looks_on_record_give_what_looking_again_gives(
    sample_parts: Path, recipe: Path, critics: tuple[Path, Path], tmp_path: Path
) -> None:
    """Of every part both looks are known once a run explored, so monitors need not look again."""
    words = ("--recipe", recipe, "--critic", critics[0], "--critic", critics[1])
    answer, looked = bench(sample_parts, tmp_path, *words)
    assert answer.code == 0, answer.err
    run = tmp_path / "runs" / "explored"
    paths = ("--out", run, "--workers", 1, "--explore", "-q")
    assert invoke("bench", sample_parts, "--references", 2, "--recipe", recipe, *paths).code == 0
    before = sorted((tmp_path / "runs").iterdir())
    answer, told = bench(sample_parts, tmp_path, *words, "--from", run)
    assert answer.code == 0, answer.err
    assert sorted((tmp_path / "runs").iterdir()) == before  # nothing was run
    for one, other in zip(looked["contestants"], told["contestants"], strict=True):
        assert figures_of(one) == figures_of(other)
        assert one["cost"]["second_looks"] == other["cost"]["second_looks"]
        assert other["cost"]["seconds"] > 0


@pytest.mark.slow
def test_the_embedded_parts_say_on_record_what_they_say_anew(
    sample_parts: Path, tmp_path: Path
) -> None:
    words = ("--category", "flange", "--critic", "embedded", "--critic", "fitted")
    _, looked = bench(sample_parts, tmp_path, *words)
    run = tmp_path / "runs" / "explored"
    paths = ("--out", run, "--workers", 1, "--explore", "-q", "--category", "flange")
    assert invoke("bench", sample_parts, "--references", 2, *paths).code == 0
    answer, told = bench(sample_parts, tmp_path, *words, "--from", run)
    assert answer.code == 0, answer.err
    for one, other in zip(looked["contestants"], told["contestants"], strict=True):
        assert figures_of(one) == figures_of(other)


def figures_of(contestant: dict[str, Any]) -> dict[str, Any]:
    """What does not depend on the clock, nor on maps, which no verdict is made of."""
    kept = {}
    for name, report in contestant["categories"].items():
        kept[name] = {look: {**report[look], "pixel_auroc": None} for look in ("first", "final")}
        kept[name]["ledger"] = report["ledger"]
    return kept


@pytest.mark.parametrize(
    ("change", "words", "why"),
    [
        pytest.param("", [], "run 'plain' was not explored", id="not-explored"),
        pytest.param("default: 0.4", [], "had other detector than the recipe", id="detector"),
        pytest.param("default: 0.45}\npictures: {tile: 64", [], "pictures.tile: looks", id="tiles"),
        pytest.param("", ["--critic", "vlm.yaml"], "no such file", id="no-critic"),
    ],
)
def test_looks_that_are_not_on_record_are_refused(
    change: str, words: list[str], why: str, sample_parts: Path, recipe: Path, tmp_path: Path
) -> None:
    run = tmp_path / "runs" / ("explored" if change else "plain")
    explore = ["--explore"] if change else []
    paths = ("--out", run, "--workers", 1, "-q", "--category", "fabric", *explore)
    assert invoke("bench", sample_parts, "--recipe", recipe, *paths).code == 0
    if change:
        recipe.write_text(SCRIPTED.replace("default: 0.45", change))
    more = ("--category", "fabric", "--from", run, *words)
    answer, _ = bench(sample_parts, tmp_path, "--recipe", recipe, *more)
    assert why in said(answer)


def test_parts_that_no_run_looked_at_are_refused(
    sample_parts: Path, recipe: Path, tmp_path: Path
) -> None:
    run = tmp_path / "runs" / "explored"
    paths = ("--out", run, "--workers", 1, "-q", "--category", "fabric", "--explore")
    assert invoke("bench", sample_parts, "--recipe", recipe, *paths).code == 0
    answer, _ = bench(sample_parts, tmp_path, "--recipe", recipe, "--from", run)
    assert "no look at flange/" in said(answer)


def test_recipes_that_are_alike_differ_by_nothing(
    sample_parts: Path, recipe: Path, critics: tuple[Path, Path], tmp_path: Path
) -> None:
    text = f"{SCRIPTED}monitor: {{kind: critic, file: {critics[1]}}}\n"
    files = [tmp_path / "a.yaml", tmp_path / "b.yaml"]
    for file in files:
        file.write_text(text)
    words = ("--recipe", files[0], "--recipe", files[1], "--category", "fabric")
    answer, figures = bench(sample_parts, tmp_path, *words)
    assert answer.code == 0, answer.err
    overall = figures["differences"]["b"]["overall"]
    known = {name: own for name, own in overall.items() if own["difference"] is not None}
    assert known.pop("seconds")  # the one thing that is never twice the same
    assert {"accuracy", "f1_loc@0.3", "review_rate", "second_looks"} <= set(known)
    assert all((own["difference"], own["interval"]) == (0, [0, 0]) for own in known.values())


def test_a_critic_a_category(sample_parts: Path, recipe: Path, tmp_path: Path) -> None:
    """What was trained without a category is benched on it."""
    for category, looks in (("flange", True), ("fabric", False)):
        critic(tmp_path / f"without-{category}.json", looks=looks)
    pattern = tmp_path / "without-{category}.json"
    answer, figures = bench(
        sample_parts, tmp_path, "--recipe", recipe, "--critic", "embedded", "--critic", pattern
    )
    assert answer.code == 0, answer.err
    own = figures["contestants"][1]
    assert own["name"] == "without"
    ledgers = {name: report["ledger"] for name, report in own["categories"].items()}
    assert (ledgers["flange"]["revisited"], ledgers["fabric"]["revisited"]) == (6, 0)
    assert len(rows(tmp_path / "runs" / "b-without-flange")) == 6


def test_pictures_that_a_critic_has_seen_are_told(
    sample_parts: Path, recipe: Path, tmp_path: Path
) -> None:
    seen = [sha256_of(file)[:16] for file in sorted(sample_parts.glob("flange/test/*/*"))[:4]]
    noted = critic(tmp_path / "noted.json", looks=True, pictures=tuple(seen[:3]))
    registry = Critics(tmp_path / "runs" / "critics")
    card = CriticCard(
        name="carded",
        kind=CriticKind.EMBEDDED,
        stage="critic",
        data=Data(name="runs", content="", pictures=tuple(seen)),
    )
    registry.add(card, critic(tmp_path / "plain.json", looks=True))
    words = ("--recipe", recipe, "--critic", noted, "--critic", "carded")
    answer, figures = bench(sample_parts, tmp_path, *words, "--category", "flange")
    assert answer.code == 0, answer.err
    lines = answer.err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("Warning: noted: 3 of 6 images are among those")
    assert lines[1].startswith("Warning: carded: 4 of 6 images are among those")
    assert figures["contestants"][1]["warnings"] == [lines[1].removeprefix("Warning: ")]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        pytest.param(["--critic", "nobody"], "critic 'nobody': no such file, and none", id="none"),
        pytest.param(
            ["--critic", "embedded", "--critic", "embedded"],
            "two contestants are called 'embedded'",
            id="twice",
        ),
        pytest.param(
            ["--recipe", "{recipe}", "--critic", "embedded"], "takes one --recipe", id="both"
        ),
        pytest.param(["--critic", "{recipe}"], "critic .*scripted.yaml: no JSON", id="no-json"),
        pytest.param(["--critic", "{other}"], "neither of `reinspect train critic`", id="other"),
        pytest.param(["--scenarios", "{other}"], "pebbles", id="scenario"),
    ],
)
def test_what_cannot_be_compared_is_refused_at_once(
    words: list[str], why: str, sample_parts: Path, recipe: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"flange": "pebbles"}')
    told = [word.format(recipe=recipe, other=other) for word in words]
    answer, _ = bench(sample_parts, tmp_path, "--recipe", recipe, *told)
    assert re.search(why, said(answer))
    assert not (tmp_path / "runs").exists()
