"""`reinspect parity`: where two recipes differ."""

import json
from pathlib import Path

import pytest

from reinspect.testing import ReceivedRequest, Reply, ScriptedServer
from support.command_line import Answer, invoke, put_greys, put_recipe, said
from support.made_answers import said as answer


def model(file: Path, url: str, form: str = "json") -> Path:
    spec = {"kind": "vlm", "model": "m", "base_url": url, "format": form, "max_retries": 0}
    content = {"detector": spec, "tools": [], "policies": {"trigger": "never"}}
    file.write_text(json.dumps(content))
    return file


def compared(tmp_path: Path, one: Path, other: Path, *more: object) -> tuple[Answer, dict]:
    parts = tmp_path / "parts"
    if not parts.exists():
        put_greys(parts, 3, start=100, step=40)
    figures = tmp_path / "figures.json"
    paths = ("--parts", parts, "--out", tmp_path / "p", "--json", figures, "--workers", 1)
    done = invoke("parity", one, other, *paths, *more)
    return done, json.loads(figures.read_text()) if figures.exists() else {}


PLACE = "<type>scratch</type><location>(0.4,0.4)(0.6,0.6)</location>"
TAGS = f"<think>a</think>{PLACE}<answer>yes</answer>"


@pytest.mark.server
def test_two_formats_of_one_model_that_say_the_same(tmp_path: Path) -> None:
    def script(asked: ReceivedRequest) -> Reply:
        return Reply(TAGS if "<think>" in asked.text else answer("yes"), yes=0.9)

    with ScriptedServer(script) as server:
        one = model(tmp_path / "by-json.yaml", server.url)
        other = model(tmp_path / "by-tags.yaml", server.url, "tags")
        done, figures = compared(tmp_path, one, other)
    assert done.code == 0, done.err
    assert (figures["labels_alike"], figures["judged"], figures["differences"]) == (3, 3, [])
    assert "3 of 3 labels alike" in done.out
    assert figures["one"]["calls"] == figures["other"]["calls"] == 3


@pytest.mark.server
def test_two_servers_that_differ_are_told_part_by_part(tmp_path: Path) -> None:
    answers = iter([0.9, 0.9, 0.2])

    def lower(asked: ReceivedRequest) -> Reply:
        p = next(answers)
        return Reply(answer("yes" if p > 0.5 else "no"), yes=p)

    with ScriptedServer(Reply(answer("yes"), yes=0.9)) as first, ScriptedServer(lower) as second:
        one, other = model(tmp_path / "a.yaml", first.url), model(tmp_path / "b.yaml", second.url)
        for file in (one, other):
            content = json.loads(file.read_text())
            file.write_text(json.dumps({**content, "budgets": {"in_flight": 1}}))
        done, figures = compared(tmp_path, one, other)
    assert done.code == 1
    (difference,) = figures["differences"]
    assert difference["what"] == ["label", "outcome", "types", "probability"]
    assert figures["largest_gap"] == pytest.approx(0.7)
    assert "part2.png" in done.out.replace("\n", "")
    assert "normal 0.20, PASS" in done.out


@pytest.mark.server
def test_a_failure_is_a_difference(tmp_path: Path) -> None:
    with ScriptedServer(Reply(answer("yes"), yes=0.9)) as good, ScriptedServer("hm") as bad:
        done, figures = compared(
            tmp_path, model(tmp_path / "a.yaml", good.url), model(tmp_path / "b.yaml", bad.url)
        )
    assert done.code == 1
    assert {tuple(one["what"]) for one in figures["differences"]} == {("error",)}
    assert (figures["other"]["failed"], figures["judged"]) == (3, 0)
    assert figures["other"]["unread"] > 0


def test_a_gap_within_the_tolerance_is_none(tmp_path: Path) -> None:
    recipes = [put_recipe(tmp_path / f"{name}.yaml") for name in ("a", "b")]
    done, figures = compared(tmp_path, *recipes)
    assert (done.code, figures["differences"], figures["largest_gap"]) == (0, [], 0)
    again, same = compared(tmp_path, *recipes)  # goes on where it was
    assert (again.code, same) == (0, figures)


def test_recipes_of_one_name_are_refused(tmp_path: Path) -> None:
    recipe = put_recipe(tmp_path / "a.yaml")
    assert "both recipes are called 'a'" in said(compared(tmp_path, recipe, recipe)[0])
