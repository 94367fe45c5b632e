"""Documents in: text, JSON, YAML that somebody else wrote, within limits of size, of depth."""

import json
import os
import re
import select
import stat
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import yaml

from reinspect.errors import ReinspectError

SIZE = 1 << 30
"""Bytes of a file of records at most."""

RECIPE_SIZE = 1 << 20
"""Bytes of a file that people write by hand, at most."""

PIPED = 32 << 20
"""Bytes of a pipe or a device at most."""

VALUE_SIZE = 64 << 20
"""Bytes of a file that holds one value, as programs write it, at most."""

DEPTH = 64
"""Levels of lists and mappings in each other."""

DIGITS = 300
"""Of a number; what a double holds has no more."""

PATIENCE = 30.0
"""Seconds for whoever writes to a pipe to begin, a password store that asks a person first."""

_EXPANDED = 4 << 20  # characters of a YAML document once each alias stands for what it means


class DocumentError(ReinspectError, ValueError):
    """A text that is none, or over a limit; the message is a few words, without the file's name."""


def read_text(path: str | os.PathLike[str], *, most: int = SIZE, patience: float = PATIENCE) -> str:
    """A file of text, UTF-8 with or without a mark of byte order.

    Args:
        path: of a file, or of a pipe, which is read to its end.
        most: bytes; of what is no file fewer, for it may never end.
        patience: seconds that a pipe may be empty before anything has come.

    Raises:
        OSError: it can't be read.
        DocumentError: it is larger, or no UTF-8; nobody writes to the pipe.
    """
    content = read_bytes(path, most=most, patience=patience)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        raise DocumentError(f"no UTF-8 text (byte {failure.start})") from failure


def read_bytes(
    path: str | os.PathLike[str], *, most: int = SIZE, patience: float = PATIENCE
) -> bytes:
    """What is in a file, whatever it is; arguments and errors are those of `read_text`."""
    with open(path, "rb", opener=partial(_opened, patience)) as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            most = min(most, PIPED)
        content = b"" if about.st_size > most else file.read(most + 1)
    if max(len(content), about.st_size) > most:
        raise DocumentError(f"larger than {most >> 20} MiB, which is the most that is read")
    return content


def text_of_table(data: bytes) -> str:
    """A table of a spreadsheet or of an instrument, in whatever encoding these write.

    UTF-8 or UTF-16, with a mark of byte order or without one, else the encoding of Windows in the
    West, whose letters may be wrong then; separators and numbers are the same in all of them.
    """
    return data.decode(_encoding_of(data), "replace")


def letters_are_sure(data: bytes) -> bool:
    """Whether `text_of_table` reads a table's letters rightly, as far as can be told.

    Bytes that are no Unicode are of the West where its letters stand alone or in twos within words:
    those of two bytes a sign (Shift-JIS, GB18030, Big5, EUC-KR) and of other alphabets come in
    runs, by themselves, or as signs that nobody writes.
    """
    if _encoding_of(data) != _WESTERN:
        return True
    try:
        return _NOT_WESTERN.search(data.decode(_WESTERN)) is None
    except UnicodeDecodeError:
        return False


_WESTERN = "cp1252"
_NOT_WESTERN = re.compile(
    r"""[^\x00-\x7fÀ-ÖØ-öø-ÿŠšŽžŒœŸ\xa0°²³µ·±×½¼¾€£§©®™¡¿ªº«»“”‘’–—…]
    | [^\x00-\x7f]{3}
    | (?<![A-Za-z\x80-\uffff]) [^\x00-\x7f]{2} (?![A-Za-z\x80-\uffff])""",
    re.VERBOSE,
)


def _encoding_of(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if data[:2].count(0) == 1 and data[2:4].count(0) == 1:
        return "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return _WESTERN
    return "utf-8-sig"


def _opened(patience: float, path: str, flags: int) -> int:
    """A descriptor; of a pipe once there is something to read, for it may be that nobody writes."""
    if os.name == "nt":
        return os.open(path, flags)
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    try:
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            ready, _, _ = select.select([descriptor], [], [], patience)
            if not ready:
                raise DocumentError("a pipe that nobody writes to")
        os.set_blocking(descriptor, True)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def parse_json(text: str, *, constant: Callable[[str], Any] | None = None) -> Any:
    """A JSON value.

    Args:
        text: the document.
        constant: is given `NaN`, `Infinity` and `-Infinity`; numbers by default.

    Raises:
        DocumentError: no JSON, nested too deeply, or with a number that nobody can mean.
    """
    try:
        found = json.loads(text, parse_int=_whole, parse_constant=constant)
    except json.JSONDecodeError as failure:
        raise DocumentError(f"no JSON: {failure}") from failure
    except RecursionError as failure:
        raise DocumentError(_TOO_DEEP) from failure
    _check_depth(found)
    return found


def parse_yaml(text: str) -> Any:
    """A YAML value.

    Raises:
        DocumentError: no YAML, nested too deeply, over the limits with its aliases written out,
            or with a value that is none of its kind.
    """
    try:
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _check_nodes(node)
            found = loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.YAMLError as failure:
        raise DocumentError(f"not YAML: {' '.join(str(failure).split())}") from failure
    except RecursionError as failure:
        raise DocumentError(_TOO_DEEP) from failure
    except DocumentError:
        raise
    except (ValueError, OverflowError) as failure:  # a date without such a day, and the like
        raise DocumentError(f"not YAML: {failure}") from failure
    return found


class _Dumper(yaml.SafeDumper):
    """As SafeDumper, but that the one line end that it folds away is escaped."""


def _represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if "\x85" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent)


def dump_yaml(content: Any) -> str:
    """A value as YAML, keys in their order; what `parse_yaml` reads of it is the same value."""
    return str(yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True))


_HALF = re.compile("[\ud800-\udfff]")
"""Can be written as an escape, and in no file as text."""

_TOO_DEEP = f"nested more than {DEPTH} levels deep"


def _whole(digits: str) -> int:
    if len(digits) > DIGITS:
        raise DocumentError(f"a number of {len(digits)} digits, beginning {digits[:10]}")
    return int(digits)


def _check_depth(found: Any) -> None:
    level = [found]
    for _ in range(DEPTH):
        level = [below for value in level for below in _below(value)]
        if not level:
            return
    raise DocumentError(_TOO_DEEP)


def _below(value: Any) -> Iterator[Any]:
    held = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (one for one in held if isinstance(one, dict | list))


def _check_nodes(root: yaml.Node) -> None:
    """Refuse what would be too large or too deep, or no text, before anything is made of it."""
    known: dict[int, int] = {}

    def size(node: yaml.Node, depth: int) -> int:
        if depth > DEPTH:
            raise DocumentError(_TOO_DEEP)
        if isinstance(node.value, str) and _HALF.search(node.value):
            raise DocumentError("not YAML: half of a pair of surrogates is no character")
        if id(node) in known:
            if known[id(node)] < 0:
                raise DocumentError("an alias that means itself")
            return known[id(node)]
        if isinstance(node, yaml.ScalarNode):
            if node.tag == "tag:yaml.org,2002:int" and len(node.value) > DIGITS:
                raise DocumentError(
                    f"a number of {len(node.value)} digits, beginning {node.value[:10]}"
                )
            return 1 + len(node.value)
        known[id(node)] = -1
        held = node.value
        if isinstance(node, yaml.MappingNode):
            held = [one for pair in held for one in pair]
        total = 1 + sum(size(one, depth + 1) for one in held)
        if total > _EXPANDED:
            raise DocumentError("its aliases, written out, make more than 4 MiB")
        known[id(node)] = total
        return total

    size(root, 1)
