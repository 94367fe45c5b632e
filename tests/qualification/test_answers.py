"""Answers on record, and answers of a file."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from reinspect.qualification.answers import (
    Answered,
    AnswerRecord,
    AnswersError,
    GivenAnswer,
    PartAnswer,
    match_answers,
    read_answers,
)

GOOD, DEFECTIVE, SKIP = PartAnswer


def line(sha256: str, answer: PartAnswer | None, number: int = 1) -> Answered:
    return Answered(
        sha256=sha256,
        path=f"{sha256}.png",
        answer=answer,
        who="ada",
        when=datetime(2026, 1, 1, tzinfo=UTC),
        round=number,
    )


def test_answers_stand_until_they_are_taken_back(tmp_path: Path) -> None:
    record = AnswerRecord(tmp_path / "new" / "answers.jsonl")
    for one in (line("a", GOOD), line("b", DEFECTIVE), line("a", None), line("c", SKIP)):
        record.append(one)
    again = AnswerRecord(tmp_path / "new" / "answers.jsonl")
    assert again.lines == record.lines
    assert {s: one.answer for s, one in again.standing.items()} == {"b": DEFECTIVE, "c": SKIP}


def test_a_line_that_was_cut_is_no_answer(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    AnswerRecord(file).append(line("a", GOOD))
    with file.open("ab") as torn:
        torn.write(b'{"sha256": "b", "pa')
    record = AnswerRecord(file)
    record.append(line("c", DEFECTIVE))
    assert [*AnswerRecord(file).standing] == ["a", "c"]


def test_a_record_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    file.write_text('{"sha256": 3}\n', encoding="utf-8")
    with pytest.raises(AnswersError, match=r"answers\.jsonl, line 1: .*; mend or remove the line"):
        AnswerRecord(file)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("a.csv", "picture,answer,who\np.png,Good,ada\nq.png, defective,\n", id="csv"),
        pytest.param(
            "a.csv",
            "Picture; Answer;Who\r\np.png;good;ada\r\n\r\nq.png;defective;\r\n",
            id="semicolons",
        ),
        pytest.param(
            "a.tsv", "answer\twho\tpicture\ngood\tada\tp.png\ndefective\t\tq.png\n", id="tabs"
        ),
        pytest.param(
            "a.jsonl",
            '{"picture": "p.png", "answer": "good", "who": "ada"}\n\n'
            '{"picture": "q.png", "answer": "defective"}\n',
            id="json-lines",
        ),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_file_of_answers(tmp_path: Path, name: str, text: str, encoding: str) -> None:
    (tmp_path / name).write_text(text, encoding=encoding)
    found = [(one.picture, one.answer, one.who) for one in read_answers(tmp_path / name)]
    assert found == [("p.png", GOOD, "ada"), ("q.png", DEFECTIVE, name)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "no answers in it", id="empty"),
        pytest.param("picture,answer\np.png,godo\n", "line 2.*did you mean 'good'", id="word"),
        pytest.param("image,label\np.png,good\n", "line 2: needs picture", id="columns"),
        pytest.param('{"picture": "p.png"\n', "line 1: no JSON", id="json"),
        pytest.param('{"picture": "p.png"}\n', "line 1: needs picture and answer", id="half"),
    ],
)
def test_no_answers(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "answers"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(AnswersError, match=said):
        read_answers(file)


def test_letters_that_nobody_can_tell(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("picture,answer\n部品.png,good\n".encode("shift-jis"))
    with pytest.raises(AnswersError, match="its letters can't be told; use UTF-8"):
        read_answers(tmp_path / "a.csv")


def test_a_name_that_no_file_can_have_is_gone() -> None:
    _, gone = match_answers([GivenAnswer("a\0b", GOOD, "ada", 1)], {"1": "p.png"}, [])
    assert gone == ["a\0b"]


def test_answers_find_their_parts(tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    file.write_text(
        f"picture,answer\np.png,good\n{tmp_path}/parts/q.png,skip\np.png,good\ngone.png,good\n",
        encoding="utf-8",
    )
    parts = {"1": str(tmp_path / "parts" / "p.png"), "2": str(tmp_path / "parts" / "q.png")}
    found, gone = match_answers(read_answers(file), parts, [tmp_path / "parts"])
    assert {sha256: one.answer for sha256, one in found.items()} == {"1": GOOD, "2": SKIP}
    assert gone == ["gone.png"]


def test_answers_that_contradict_each_other(tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    file.write_text("picture,answer,who\np.png,good,ada\np.png,defective,bob\n", encoding="utf-8")
    with pytest.raises(AnswersError, match=r"good by ada \(line 2\) and defective by bob"):
        match_answers(read_answers(file), {"1": str(tmp_path / "p.png")}, [tmp_path])
