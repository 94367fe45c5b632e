"""`reinspect commission`, by a file of answers and by a person at a terminal."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from reinspect.cli.qualification.commission import begin
from reinspect.graph.recipe import Recipe
from reinspect.graph.references import reference_sets
from reinspect.qualification.answers import AnswerRecord, PartAnswer
from reinspect.references import learned_threshold
from support.command_line import invoke, rows, said


@pytest.fixture
def line(sample_parts: Path, tmp_path: Path) -> Path:
    """Six parts of the line: two good ones, four defective; the references beside them."""
    test = sample_parts / "flange" / "test"
    (tmp_path / "photos").mkdir()
    for number, file in enumerate(sorted(test.glob("*/*.jpg"))):
        kind = "good" if file.parent.name == "good" else "bad"
        shutil.copyfile(file, tmp_path / "photos" / f"{kind}{number}.jpg")
    shutil.copytree(sample_parts / "flange" / "train" / "good", tmp_path / "golden")
    return tmp_path


def put_answers(folder: Path, name: str = "answers.csv", **words: str) -> Path:
    """Answers that are true, unless told otherwise."""
    lines = ["picture,answer,who"]
    for file in sorted((folder / "photos").iterdir()):
        kind = "good" if file.name.startswith("good") else "defective"
        lines.append(f"{file.name},{words.get(file.stem, words.get('every', kind))},ada")
    (folder / name).write_text("\n".join(lines), encoding="utf-8")
    return folder / name


def commission(folder: Path, *arguments: object) -> tuple[int, str, str]:
    found = invoke(
        "commission", folder / "photos", "--references", folder / "golden",
        "--out", folder / "out", *arguments,
    )  # fmt: skip
    return found.code, found.out, found.err


def test_answers_of_a_file_are_learned_and_runs_use_them(line: Path) -> None:
    code, out, _ = commission(line, "--answers", put_answers(line), "--questions", 5)
    assert code == 0
    assert "round 1: " in out
    assert "5 answers: " in out
    standing = AnswerRecord(line / "out" / "answers.jsonl").standing
    good = [one for one in standing.values() if one.answer is PartAnswer.GOOD]
    references = list((line / "out" / "references").glob("*.jpg"))
    assert len(references) == 3 + len(good)
    assert len(list((line / "out" / "defects").iterdir())) == len(standing) - len(good)
    assert {one.who for one in standing.values()} == {"ada"}
    learned = learned_threshold(line / "out" / "references")
    assert learned is not None
    assert (learned.good, learned.defective) == (len(good), 5 - len(good))
    used = reference_sets((), Recipe(), given=line / "out" / "references")
    assert used.default.threshold == learned
    curve = json.loads((line / "out" / "commissioning.json").read_text(encoding="utf-8"))
    assert [gain["answers"] for gain in curve["rounds"]] == [5]
    again = commission(line, "--answers", line / "answers.csv", "--questions", 6)
    assert "6 answers: 2 good, 4 defective" in again[1]
    run = invoke(
        "run", line / "photos", "--references", line / "out" / "references",
        "--out", line / "run", "--workers", 1,
    )  # fmt: skip
    assert run.code == 0
    assert len(rows(line / "run")) == 6
    references[0].unlink()
    used = reference_sets((), Recipe(), given=line / "out" / "references")
    assert used.default.threshold is None  # it is of other references


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param({"every": "good"}, "all good: the threshold stays", id="all-good"),
        pytest.param({"every": "defective"}, "all defective: are the references", id="all-bad"),
        pytest.param({"every": "skip"}, "0 good, 0 defective, 6 skipped", id="all-skipped"),
    ],
)
def test_one_sided_answers_are_said(line: Path, words: dict[str, str], told: str) -> None:
    code, out, _ = commission(line, "--answers", put_answers(line, **words))
    assert code == 0
    assert told in out


def unknown(line: Path) -> list[object]:
    return ["--answers", put_answers(line, every="fine")]


def contradicting(line: Path) -> list[object]:
    file = put_answers(line)
    name = next((line / "photos").glob("bad*")).name
    file.write_text(f"{file.read_text(encoding='utf-8')}\n{name},good,bob", encoding="utf-8")
    return ["--answers", file]


def empty(line: Path) -> list[object]:
    file = put_answers(line)
    shutil.rmtree(line / "photos")
    (line / "photos").mkdir()
    return ["--answers", file]


def defective_reference(line: Path) -> list[object]:
    name = next((line / "golden").iterdir())
    (line / "answers.csv").write_text(f"picture,answer\n{name},defective\n", encoding="utf-8")
    return ["--answers", line / "answers.csv"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param(lambda _: [], "need a terminal.*--answers FILE", id="no-terminal"),
        pytest.param(unknown, "'fine' is no answer", id="unknown-word"),
        pytest.param(contradicting, "keep one of them", id="contradicting"),
        pytest.param(empty, "no parts to ask about", id="no-photos"),
        pytest.param(defective_reference, "a reference; take it out of", id="bad-reference"),
    ],
)
def test_what_cannot_be_is_one_line(
    line: Path, given: Callable[[Path], list[object]], told: str
) -> None:
    arguments = given(line)
    answer = invoke(
        "commission", line / "photos", "--references", line / "golden",
        "--out", line / "out", *arguments,
    )  # fmt: skip
    assert re.search(told, said(answer))


def test_answers_that_contradict_the_record_are_refused_and_skipped_ones_taken(line: Path) -> None:
    every = put_answers(line, "skips.csv", every="skip")
    commission(line, "--answers", every, "--questions", 6)
    code, out, _ = commission(line, "--answers", put_answers(line), "--questions", 6)
    assert code == 0
    assert "6 answers: 2 good, 4 defective, 0 skipped" in out
    code, out, _ = commission(line, "--answers", every, "--questions", 6)
    assert "6 answers: 2 good, 4 defective, 0 skipped" in out  # an answer stands
    turned = put_answers(line, "turned.csv", every="good")
    code, _, err = commission(line, "--answers", turned)
    assert code == 2
    assert re.search(r"bad.*: defective by ada on record, and good by ada \(line .*--out", err)


def test_pages_of_one_file_are_no_parts(line: Path) -> None:
    answers = put_answers(line)
    pages = [Image.open(file) for file in sorted((line / "photos").glob("bad*"))]
    pages[0].save(line / "photos" / "pages.tif", save_all=True, append_images=pages[1:])
    code, _, err = commission(line, "--answers", answers, "--questions", 2)
    assert code == 0
    assert "pages.tif: 4 pictures in one file; save each as a file of its own" in err
    shutil.move(line / "photos" / "pages.tif", line / "golden")
    code, _, err = commission(line, "--answers", answers)
    assert code == 2
    assert "pages.tif: 4 pictures in one file" in err


def test_a_name_that_is_no_text_is_kept_as_one(line: Path) -> None:
    last = max((line / "photos").iterdir())
    last.rename(line / "photos" / os.fsdecode(b"odd\xff.jpg"))
    session = begin([line / "photos"], line / "golden", line / "out")
    session.from_terminal(6, "ann\udcff", lambda _: "g")
    session.conclude()
    paths = {one.path for one in AnswerRecord(line / "out" / "answers.jsonl").lines}
    assert str(line / "photos" / "odd\\udcff.jpg") in paths


def test_pictures_that_are_gone_are_told(line: Path) -> None:
    file = put_answers(line)
    file.write_text(f"{file.read_text(encoding='utf-8')}\ngone.png,good,bob", encoding="utf-8")
    code, out, err = commission(line, "--answers", file, "--questions", 2)
    assert (code, "2 answers: " in out) == (0, True)
    assert "not there: gone.png" in err


def test_a_person_answers_takes_back_stops_and_goes_on(
    line: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def sit(*keys: str) -> dict[str, PartAnswer | None]:
        given = iter(keys)
        session = begin([line / "photos"], line / "golden", line / "out")
        session.from_terminal(6, "ada", lambda _: next(given))
        session.conclude()
        standing = AnswerRecord(line / "out" / "answers.jsonl").standing
        return {one.path: one.answer for one in standing.values()}

    first = sit("g", "u", "x", "d", "s", "q")
    assert list(first.values()) == [PartAnswer.DEFECTIVE, PartAnswer.SKIP]
    assert len(list((line / "out" / "references").glob("*.jpg"))) == 3
    assert "'x' is none of g, d, s, u, q" in capsys.readouterr().out
    (line / "photos" / Path(next(iter(first))).name).unlink()  # learned from its copy
    second = sit("d", "d", "d", "g")
    assert len(second) == 6
    assert list(second.items())[:2] == list(first.items())
    lines = AnswerRecord(line / "out" / "answers.jsonl").lines
    assert [one.answer for one in lines[:3]] == [PartAnswer.GOOD, None, PartAnswer.DEFECTIVE]
