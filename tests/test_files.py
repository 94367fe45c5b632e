"""Whole files and folders, hashes, JSON that is read back."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict

from reinspect.errors import ReinspectError
from reinspect.files import (
    SavedKind,
    WriteError,
    digest_of,
    digest_of_file,
    read_json,
    whole_file,
    whole_folder,
    write_file,
    write_json,
)


class CookedError(ReinspectError, ValueError):
    pass


class Dish(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: Literal["dish"] = "dish"
    version: int = 2
    name: str
    salt: float = 0.1


class Label(BaseModel):
    format: int = 3
    name: str


DISH = SavedKind("dish", "cook", "cook", CookedError, version=2, format="dish")
LABEL = SavedKind("label", "print", "print", CookedError, version=3)


def stop(where: Path) -> None:
    raise KeyboardInterrupt(where)


def fail(where: Path) -> None:
    raise OSError(28, "No space left on device", str(where))


@pytest.mark.parametrize("old", [pytest.param(None, id="new"), pytest.param(b"old", id="there")])
@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_whole(tmp_path: Path, old: bytes | None, durable: bool) -> None:
    path = tmp_path / "made" / "a.txt"
    if old is not None:
        write_file(path, old)
    with whole_file(path, durable=durable) as file:
        file.write(b"ab")
        file.flush()
        assert (path.read_bytes() if path.exists() else None) == old
    assert path.read_bytes() == b"ab"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(
    ("happens", "raised"),
    [
        pytest.param(fail, WriteError, id="disk-full"),
        pytest.param(stop, KeyboardInterrupt, id="interrupted"),
    ],
)
def test_of_a_file_that_was_not_finished_nothing_is_left(
    tmp_path: Path, happens: Callable[[Path], None], raised: type[BaseException]
) -> None:
    def begin() -> None:
        with whole_file(tmp_path / "a.txt") as file:
            file.write(b"new")
            happens(tmp_path)

    write_file(tmp_path / "a.txt", "old")
    with pytest.raises(raised):
        begin()
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


@pytest.mark.parametrize(
    ("happens", "raised"),
    [
        pytest.param(fail, WriteError, id="disk-full"),
        pytest.param(stop, KeyboardInterrupt, id="interrupted"),
    ],
)
def test_of_a_folder_that_was_not_finished_nothing_is_left(
    tmp_path: Path, happens: Callable[[Path], None], raised: type[BaseException]
) -> None:
    def begin() -> None:
        with whole_folder(tmp_path / "made") as folder:
            write_file(folder / "a.txt", "new")
            happens(tmp_path)

    with pytest.raises(raised):
        begin()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", [pytest.param(False, id="new"), pytest.param(True, id="empty")])
def test_a_folder_is_whole(tmp_path: Path, there: bool) -> None:
    goal = tmp_path / "above" / "made"
    if there:
        goal.mkdir(parents=True)
    with whole_folder(goal) as folder:
        write_file(folder / "below" / "a.txt", "new")
        assert not (goal / "below").exists()
    assert (goal / "below" / "a.txt").read_text() == "new"
    assert [p.name for p in goal.parent.iterdir()] == ["made"]


def test_a_folder_takes_no_other_ones_place(tmp_path: Path) -> None:
    write_file(tmp_path / "made" / "kept.txt", "kept")
    with pytest.raises(WriteError, match="made: can't be written"), whole_folder(tmp_path / "made"):
        pass
    assert [p.name for p in tmp_path.rglob("*")] == ["made", "kept.txt"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        pytest.param("", r"can't be written: is a folder; name a file", id="folder"),
        pytest.param("file/a.txt", r"a\.txt: can't be written: .*; make room", id="file-above"),
    ],
)
def test_a_place_that_can_not_be_is_one_line(tmp_path: Path, path: str, said: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=said) as caught:
        write_file(tmp_path / path, "x")
    assert isinstance(caught.value, OSError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["größe", "größe".encode(), b""])
def test_hashes(tmp_path: Path, content: bytes | str) -> None:
    write_file(tmp_path / "a", content)
    data = content.encode() if isinstance(content, str) else content
    expected = hashlib.sha256(data).hexdigest()
    assert digest_of(content) == digest_of_file(tmp_path / "a") == expected


@pytest.mark.parametrize(
    ("content", "model", "kind"),
    [
        pytest.param(Dish(name="Suppe für zwei"), Dish, DISH, id="named-format"),
        pytest.param(Label(name="a"), Label, LABEL, id="format-is-the-version"),
    ],
)
def test_what_was_saved_is_read(
    tmp_path: Path, content: BaseModel, model: type[BaseModel], kind: SavedKind
) -> None:
    write_json(tmp_path / "a.json", content)
    assert read_json(tmp_path / "a.json", model, kind) == content
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert text.startswith('{\n "format": ')
    assert text.endswith("}\n")


def test_plain_json_is_written_as_people_read_it(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"größe": [1.5, None]})
    written = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert written == '{\n "größe": [\n  1.5,\n  null\n ]\n}\n'


GOOD = {"format": "dish", "version": 2, "name": "soup"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(None, "cannot read the dish: ", id="no-file"),
        pytest.param("{", "no JSON: ", id="cut-off"),
        pytest.param("[1]", "is no dish that `cook` has written", id="list"),
        pytest.param("{}", "is no dish that `cook` has written", id="empty"),
        pytest.param(json.dumps({**GOOD, "format": "wine"}), "is no dish that", id="other-format"),
        pytest.param(
            json.dumps({**GOOD, "version": 9}),
            "is a dish of version 9, and this reinspect reads version 2: cook it again",
            id="newer",
        ),
        pytest.param(
            json.dumps({**GOOD, "version": None}), "is a dish of version None", id="no-version"
        ),
        pytest.param(
            json.dumps({**GOOD, "salt": "much"}),
            "salt: Input should be a valid number, unable to parse string as a number "
            "(value 'much')",
            id="wrong-value",
        ),
        pytest.param(
            json.dumps({**GOOD, "slat": 1}), "slat: unknown key (value 1); did you mean 'salt'?",
            id="typo",
        ),
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_one_line(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "dish.json"
    if text is not None:
        write_file(path, text)
    with pytest.raises(CookedError) as caught:
        read_json(path, Dish, DISH)
    assert str(caught.value).startswith(f"{path}: {said}")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    write_file(tmp_path / "a", b"\xff")
    with pytest.raises(CookedError, match="cannot read the label"):
        read_json(tmp_path / "a", Label, LABEL)


def test_a_format_that_is_the_version(tmp_path: Path) -> None:
    write_json(tmp_path / "a", {"format": 9, "name": "x"})
    with pytest.raises(CookedError, match=r"is a label of version 9, .* reads version 3"):
        read_json(tmp_path / "a", Label, LABEL)
