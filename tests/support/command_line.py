"""The command line, called as a user calls it."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest

from reinspect.cli import main


class Answer(NamedTuple):
    code: int
    out: str
    err: str


def invoke(*arguments: object) -> Answer:
    """Run a command in this process. No traceback may ever reach the user."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main([str(argument) for argument in arguments])
    assert "Traceback" not in err.getvalue()
    code = ended.value.code
    assert code is None or isinstance(code, int)
    return Answer(code or 0, out.getvalue(), err.getvalue())


def said(answer: Answer) -> str:
    """The one line in which a command was refused."""
    assert answer.code == 2
    (line,) = answer.err.splitlines()
    return line


def rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of a run's folder, in their order."""
    text = (folder / "results.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def names(folder: Path) -> list[str]:
    return [row["image"] for row in rows(folder)]


def judged(folder: Path, *, by: str = "image") -> dict[str, Any]:
    """What was found out about each picture, without what may differ from run to run."""
    return {
        row[by]: [row[key] for key in ("verdict", "first", "reliability", "disposition", "rounds")]
        for row in rows(folder)
    }


def put_greys(folder: Path, count: int, *, start: int = 5, step: int = 5) -> Path:
    """Small pictures, each of a grey of its own: `part0.png`, `part1.png` …"""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        cv2.imwrite(str(folder / f"part{index}.png"), np.full((8, 9, 3), start + step * index))
    return folder


def put_recipe(
    file: Path, detector: str = "support.own_parts:Brightness", **options: object
) -> Path:
    """A recipe of a detector that needs no references, and no tools."""
    spec = {"detector": {"kind": detector, **options}, "tools": []}
    file.write_text(json.dumps(spec), encoding="utf-8")
    return file
