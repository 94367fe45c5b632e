"""Files that somebody else wrote, as arguments: one short line and exit 2, whatever they hold."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from reinspect.cli import LONGEST
from support.command_line import invoke, put_greys, put_recipe, said
from support.places import REPOSITORY

ALIASES = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

TEXTS = {
    "aliases": ALIASES,
    "deep": "[" * 100_000,
    "deep closed": "[" * 500 + "]" * 500,
    "digits": '{"a": ' + "9" * 5000 + "}",
    "digits at the top": "9" * 5000,
    "a long text": '"' + "x" * 300_000 + '"',
    "a long key": '{"' + "x" * 100_000 + '": 1}',
    "zero bytes": "\0" * 100,
    "not UTF-8": "\udcff\udcfe",
}

COMMANDS: dict[str, Sequence[str]] = {
    "recipe": ("run", "{parts}", "--out", "{out}", "--recipe", "{file}"),
    "judgements": ("monitor", "fit", "{file}", "--out", "{out}"),
    "monitor": ("run", "{parts}", "--out", "{out}", "--recipe", "{fitted}"),
    "critic": ("run", "{parts}", "--out", "{out}", "--recipe", "{critic}"),
    "scenarios": ("bench", "{parts}", "--scenarios", "{file}"),
}


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("command", COMMANDS)
def test_one_short_line(command: str, text: str, tmp_path: Path) -> None:
    places = {
        "parts": put_greys(tmp_path / "parts", 2),
        "out": tmp_path / "out",
        "file": tmp_path / "file",
    }
    places["file"].write_text(TEXTS[text], encoding="utf-8", errors="surrogateescape")
    for kind in ("fitted", "critic"):
        places[kind] = tmp_path / f"{kind}.yaml"
        places[kind].write_text(f"monitor: {{kind: {kind}, file: file}}")
    line = said(invoke(*(word.format_map(places) for word in COMMANDS[command])))
    assert len(line) <= LONGEST + len("reinspect: ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("def (", id="SyntaxError"),
        pytest.param("raise SystemExit(0)", id="exit"),
        pytest.param("import sys; sys.exit('bye')", id="exit with words"),
        pytest.param("1 / 0", id="ZeroDivisionError"),
        pytest.param("def f(): f()\nf()", id="RecursionError"),
        pytest.param("raise RuntimeError('a\\nb' * 1000)", id="many lines"),
        pytest.param("import nowhere_to_be_found", id="ImportError"),
        pytest.param("x = '\\ud800'\nraise ValueError(x)", id="no UTF-8"),
    ],
)
def test_a_component_that_can_not_be_imported(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"own_{abs(hash(source))}"
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    recipe = put_recipe(tmp_path / "own.yaml", f"{name}:Own")
    parts = put_greys(tmp_path / "parts", 2)
    line = said(invoke("run", parts, "--recipe", recipe, "--out", tmp_path / "out"))
    assert "cannot import" in line
    assert len(line) <= LONGEST + len("reinspect: ")
    assert not (tmp_path / "out").exists()


LONG = "x" * 300


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("show", LONG), id="run"),
        pytest.param(("run", LONG), id="source"),
        pytest.param(("run", "{parts}", "--out", LONG), id="out"),
        pytest.param(("run", "{parts}", "--recipe", LONG), id="recipe"),
        pytest.param(("run", "{parts}", "--references", LONG), id="references"),
        pytest.param(("run", "{parts}", "--store", f"{{parts}}/{LONG}"), id="store"),
        pytest.param(("runs", "--store", LONG), id="stores"),
        pytest.param(("critics", "show", LONG), id="critic"),
        pytest.param(("run", "{parts}", "--recipe", "{named}"), id="in a recipe"),
    ],
)
def test_a_name_of_three_hundred_characters(
    arguments: Sequence[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    places = {"parts": put_greys(tmp_path / "parts", 2), "named": tmp_path / "named.yaml"}
    places["named"].write_text(f"tools: [{{kind: eye, weights: {LONG}}}]")
    line = said(invoke(*(word.format_map(places) for word in arguments)))
    assert len(line) <= LONGEST


@pytest.mark.slow
@pytest.mark.process
def test_whatever_is_given_in_place_of_a_file_is_refused_in_one_line(tmp_path: Path) -> None:
    """Some of what `benchmarks/bad_inputs.py` tries: 25 commands, 65 contents and odd files."""
    script = REPOSITORY / "benchmarks" / "bad_inputs.py"
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # it forks
    done = subprocess.run(
        [sys.executable, str(script), "--every", "31"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | one_thread,
    )
    assert done.returncode == 0, done.stdout
    assert ", 0 not as promised" in done.stdout
