"""What people say of parts: one line an answer in a file that only grows; or a file of answers."""

import csv
import io
import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, ValidationError

from reinspect.dataset.understood import plain_name
from reinspect.documents import (
    DocumentError,
    letters_are_sure,
    parse_json,
    read_bytes,
    text_of_table,
)
from reinspect.errors import ReinspectError, did_you_mean, explain_invalid, shorten
from reinspect.files import WriteError
from reinspect.vocabulary import Value


class AnswersError(ReinspectError, ValueError):
    """Answers that can't be read, or that can't all be true."""


class PartAnswer(StrEnum):
    """What a person says of a part; `skip` is an answer, too: not asked again, nothing learned."""

    GOOD = "good"
    DEFECTIVE = "defective"
    SKIP = "skip"


class Answered(Value):
    """One line of the record."""

    sha256: str = Field(description="Of the picture's file: a renamed picture is the same part.")
    path: str
    answer: PartAnswer | None = Field(description="None takes the part's answer back.")
    who: str
    when: datetime
    round: int = Field(ge=1)


class AnswerRecord:
    """Answers in a file of JSON lines, each on the disk before it counts. Only ever appended to.

    Args:
        file: made with the first answer.

    Raises:
        AnswersError: it is no such record.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.lines: tuple[Answered, ...] = tuple(self._read())

    @property
    def standing(self) -> dict[str, Answered]:
        """The answers that were not taken back, by the picture, in their order."""
        found: dict[str, Answered] = {}
        for line in self.lines:
            found.pop(line.sha256, None)
            if line.answer is not None:
                found[line.sha256] = line
        return found

    def append(self, line: Answered) -> None:
        """Put a line on record.

        Raises:
            WriteError: the disk is full or read-only.
        """
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("ab") as file:
                file.write(line.model_dump_json().encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as failure:
            raise WriteError(
                f"{self._file}: can't be written: {failure.strerror}; make room and give leave, "
                "or name another --out"
            ) from failure
        self.lines += (line,)

    def _read(self) -> Iterable[Answered]:
        try:
            content = read_bytes(self._file)
        except FileNotFoundError:
            return
        except DocumentError as failure:
            raise AnswersError(f"{self._file}: can't be read: {failure}") from failure
        except OSError as failure:
            raise AnswersError(f"{self._file}: can't be read: {failure.strerror}") from failure
        whole, _, torn = content.rpartition(b"\n")
        if torn:  # killed in the middle of a line, which nobody was told is kept
            with self._file.open("r+b") as file:
                file.truncate(len(content) - len(torn))
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                yield Answered.model_validate_json(line)
            except ValidationError as failure:
                raise AnswersError(
                    f"{self._file}, line {number}: {explain_invalid(failure, Answered)}; mend or "
                    "remove the line, or name another --out"
                ) from failure


class GivenAnswer(NamedTuple):
    """An answer of a file: for programs and tests."""

    picture: str
    answer: PartAnswer
    who: str
    line: int


def read_answers(file: Path) -> list[GivenAnswer]:
    """Answers from JSON lines or a table with `picture`, `answer` and, if known, `who`.

    A table is separated by comma, semicolon, bar or tab, in an encoding of a spreadsheet's.

    Raises:
        AnswersError: it can't be read, has none, or has an answer that is no word for one.
    """
    try:
        data = read_bytes(file)
    except (OSError, DocumentError) as failure:
        raise AnswersError(f"{file}: can't read the answers: {failure}") from failure
    if not letters_are_sure(data):
        raise AnswersError(f"{file}: can't read the answers: its letters can't be told; use UTF-8")
    text = text_of_table(data).removeprefix("\ufeff")
    found = []
    for number, row in _rows(file, text):
        picture, word = row.get("picture"), row.get("answer")
        if not isinstance(picture, str) or not picture or not isinstance(word, str):
            raise AnswersError(
                f"{file}, line {number}: needs picture and answer, has {shorten(row)}"
            )
        word = word.strip().lower()
        if word not in list(PartAnswer):
            hint = did_you_mean(word, [one.value for one in PartAnswer])
            raise AnswersError(f"{file}, line {number}: answer {word!r} is no answer; {hint}")
        who = str(row.get("who") or file.name)
        found.append(GivenAnswer(picture, PartAnswer(word), who, number))
    if not found:
        raise AnswersError(f"{file}: no answers in it; a line has picture, answer and who")
    return found


def match_answers(
    given: Iterable[GivenAnswer], parts: Mapping[str, str], roots: Iterable[Path]
) -> tuple[dict[str, GivenAnswer], list[str]]:
    """The answers by the parts that they are on, and the pictures that are not there.

    Args:
        given: as `read_answers` reads them.
        parts: SHA-256 of each part's file → its path.
        roots: folders that names may be relative to.

    Raises:
        AnswersError: two answers on one part contradict each other.
    """
    of_path = {os.path.realpath(path): sha256 for sha256, path in parts.items()}
    found: dict[str, GivenAnswer] = {}
    gone: list[str] = []
    places = [Path(), *roots]
    for one in given:
        named = places if "\0" not in one.picture else []
        paths = (os.path.realpath(root / one.picture) for root in named)
        sha256 = next((of_path[path] for path in paths if path in of_path), None)
        if sha256 is None:
            gone.append(one.picture)
            continue
        other = found.setdefault(sha256, one)
        if other.answer is not one.answer:
            raise AnswersError(
                f"{one.picture}: {other.answer} by {other.who} (line {other.line}) and "
                f"{one.answer} by {one.who} (line {one.line}); keep one of them"
            )
    return found, gone


def _rows(file: Path, text: str) -> Iterable[tuple[int, dict[str, Any]]]:
    if not text.lstrip().startswith("{"):
        first = text.partition("\n")[0]
        reader = csv.reader(io.StringIO(text), delimiter=max(",;\t|", key=first.count))
        try:
            names = [plain_name(name) for name in next(reader, [])]
            for cells in reader:
                if any(cells):
                    yield reader.line_num, dict(zip(names, cells, strict=False))
        except csv.Error as failure:
            said = f"{file}, line {reader.line_num}: no CSV: {failure}"
            raise AnswersError(said) from failure
        return
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = parse_json(line)
        except DocumentError as failure:
            raise AnswersError(f"{file}, line {number}: {failure}") from failure
        if not isinstance(row, dict):
            raise AnswersError(
                f"{file}, line {number}: needs picture and answer, has {shorten(row)}"
            )
        yield number, row
