"""Text, JSON and YAML of strangers: read within limits, refused in a few words."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from reinspect.documents import (
    DEPTH,
    DocumentError,
    dump_yaml,
    letters_are_sure,
    parse_json,
    parse_yaml,
    read_text,
)

NESTED = "[" * DEPTH + "]" * DEPTH
ALIASES = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
LONG_ALIASES = f"a: &a {'x' * 100_000}\nb: [{','.join(['*a'] * 1000)}]"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("", None, id="nothing"),
        pytest.param("a: &a [1, 2]\nb: *a", {"a": [1, 2], "b": [1, 2]}, id="aliases"),
        pytest.param(
            "base: &b {x: 1}\nown: {<<: *b}", {"base": {"x": 1}, "own": {"x": 1}}, id="<<"
        ),
        pytest.param("{a: ü}", {"a": "ü"}, id="text"),
    ],
)
def test_yaml_that_people_write(text: str, value: Any) -> None:
    assert parse_yaml(text) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(ALIASES, "aliases, written out", id="aliases of aliases"),
        pytest.param(LONG_ALIASES, "aliases, written out", id="aliases of a long text"),
        pytest.param("&a [*a]", "means itself", id="round"),
        pytest.param(f"[{NESTED}]", "levels deep", id="deep"),
        pytest.param("[" * 5000, "levels deep", id="deeper than Python"),
        pytest.param("- " * 5000 + "x", "levels deep", id="deep by lines"),
        pytest.param("a: " + "9" * 5000, "number of 5000 digits", id="digits"),
        pytest.param("a: 2001-99-99", "not YAML", id="no such day"),
        pytest.param("? [a]\n: b", "not YAML", id="a key that is a list"),
        pytest.param("a: !!binary x", "not YAML", id="no base64"),
        pytest.param("a: !!python/name:os.system x", "not YAML", id="code"),
        pytest.param("a: [", "not YAML", id="open"),
        pytest.param("a: \x00", "not YAML", id="a zero byte"),
    ],
)
def test_yaml_that_nobody_means(text: str, words: str) -> None:
    with pytest.raises(DocumentError, match=words) as refused:
        parse_yaml(text)
    assert len(str(refused.value)) < 400
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(f"[{NESTED}]", "levels deep", id="deep"),
        pytest.param('{"a":' * 100 + "1" + "}" * 100, "levels deep", id="deep objects"),
        pytest.param("[" * 100_000, "levels deep", id="deeper than Python"),
        pytest.param("[" + "9" * 5000 + "]", "number of 5000 digits", id="digits"),
        pytest.param("{'a': 1}", "no JSON", id="quotes"),
        pytest.param("", "no JSON", id="nothing"),
    ],
)
def test_json_that_nobody_means(text: str, words: str) -> None:
    with pytest.raises(DocumentError, match=words) as refused:
        parse_json(text)
    assert len(str(refused.value)) < 200


def test_json_as_deep_as_may_be() -> None:
    assert parse_json(NESTED)[0] == parse_json(NESTED[1:-1])


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param("ü".encode(), "ü", id="plain"),
        pytest.param("\ufeffü".encode(), "ü", id="with a mark"),
    ],
)
def test_text(tmp_path: Path, content: bytes, text: str) -> None:
    (tmp_path / "text").write_bytes(content)
    assert read_text(tmp_path / "text") == text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"\xff\xfea\x00", "no UTF-8 text", id="UTF-16"),
        pytest.param(b"x" * 1001, "the most that is read", id="large"),
    ],
)
def test_what_is_no_text(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "text").write_bytes(content)
    with pytest.raises(DocumentError, match=words):
        read_text(tmp_path / "text", most=1000)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.touch()
    os.truncate(large, 1 << 40)
    with pytest.raises(DocumentError, match="larger than 1024 MiB"):
        read_text(large)


def test_a_device_that_never_ends() -> None:
    with pytest.raises(DocumentError, match="the most that is read"):
        read_text("/dev/zero", most=1000)


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("some",))
    writer.start()
    assert read_text(pipe) == "some"
    writer.join()


def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(DocumentError, match="nobody writes"):
        read_text(pipe, patience=0.1)


@pytest.mark.parametrize("text", ["\x85", "a\x85b", "\u2028", "\r", " \n x", "ü", "'", "null", "1"])
def test_yaml_that_is_written_is_read_as_it_was(text: str) -> None:
    assert parse_yaml(dump_yaml({text: [text]})) == {text: [text]}


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
)
@pytest.mark.parametrize(
    "text",
    [
        "path,label\na.png,scratch",
        "path;label\r\nteile/größe.png;Riß\r\nb.png;Öl\r\nc.png;5 °C ± 2 µm\r\nd.png;½ ×",
        "path,label\na.png,rayé\nb.png,fêlé, à côté du “joint”\nc.png,Œil-de-bœuf\nd.png,naïve",
        "path\tlabel\na.png\tarañazo\nb.png\t¿Óxido?\nc.png\tbräunlich–öde\nd.png\trød, åben",
        "path,label\na.png,coração\nb.png,manutenções\nc.png,être créée\nd.png,ÜBERMASS",
    ],
)
def test_letters_of_the_west_and_of_unicode_are_sure(text: str, encoding: str) -> None:
    assert letters_are_sure(text.encode(encoding))


@pytest.mark.parametrize(
    ("word", "encoding"),
    [
        ("不良", "cp932"),
        ("キズ", "cp932"),
        ("なし", "cp932"),
        ("ｷｽﾞ", "cp932"),
        ("傷", "cp932"),
        ("画像/1.png", "cp932"),
        ("划痕", "gb18030"),
        ("好", "gb18030"),
        ("伤", "gb18030"),
        ("刮傷", "big5"),
        ("良", "big5"),
        ("功", "big5"),
        ("불량", "cp949"),
        ("흠", "cp949"),
        ("царапина", "cp1251"),
        ("ρωγμή", "cp1253"),
    ],
)
def test_letters_of_elsewhere_are_not_taken_for_those_of_the_west(word: str, encoding: str) -> None:
    assert not letters_are_sure(f"path,label\na.png,ok\nb.png,{word}\n".encode(encoding))
