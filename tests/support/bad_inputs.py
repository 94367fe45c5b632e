"""Files that are not what a command needs, each given to each: what it says, how long it takes.

Every call is a process of its own, forked from one that has all imports, so that its memory and its
end are its own. No call may hang, show a traceback, or take more memory than a small picture needs.
"""

import gzip
import io
import json
import os
import resource
import signal
import struct
import sys
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from support.command_line import put_greys, put_recipe

SECONDS, MEGABYTES, LINE = 60, 300, 1000
"""Within which a call must end, in which it must do, and what one line may have."""

ALIASES = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


class BadInput(NamedTuple):
    """One file given to one command."""

    command: str
    content: str
    words: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.command} < {self.content}"


class BadInputAnswer(NamedTuple):
    """What came of it."""

    name: str
    code: int | None
    """None: it had to be ended."""
    seconds: float
    megabytes: float
    """Most resident memory beyond that of the program with all its imports."""
    err: str

    @property
    def faults(self) -> list[str]:
        """What is wrong with that; nothing if all is as promised."""
        lines = self.err.splitlines()
        # A run whose pictures are at fault ends with 1, and says so in their rows.
        said = len(lines) == 1 if self.code == 2 else not lines
        return [
            words
            for words, wrong in (
                ("hangs" if self.code is None else f"exit {self.code}", self.code not in (1, 2)),
                (f"{len(lines)} lines: {self.err[:200]!r}", not said),
                ("a traceback", "Traceback" in self.err),
                (f"a line of {len(self.err)} characters", len(self.err) > LINE),
                (f"{self.megabytes:.0f} MB", self.megabytes > MEGABYTES),
            )
            if wrong
        ]


def _zip(**files: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return made.getvalue()


def _npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def _wav(
    *, rate: int = 16_000, channels: int = 1, bits: int = 16, claims: int, data: bytes
) -> bytes:
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * bits // 8, bits // 8, bits)
    chunk = b"fmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", claims) + data
    return b"RIFF" + struct.pack("<I", 36 + claims) + b"WAVE" + chunk


def _bmp(width: int, height: int) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + head


CONTENTS: dict[str, bytes] = {
    "nothing": b"",
    "one byte": b"x",
    "zeros": bytes(4096),
    "ones": b"\xff" * 4096,
    "noise": bytes((n * 7919 + n // 3) % 256 for n in range(5000)),
    "words": b"hello, this is a letter\n" * 40,
    "a page": b"<!DOCTYPE html><html><body>404</body></html>",
    "UTF-16": "kind: embedded\n".encode("utf-16"),
    "half a character": b"\xed\xa0\x80\xff",
    "escapes": b"\x1b[2J\x1b]0;x\x07\r\n",
    "aliases": ALIASES.encode(),
    "python tags": b"!!python/object/apply:os.system ['echo']",
    "a tab": b"a:\n\t- b",
    "two documents": b"a: 1\n---\nb: 2\n",
    "deep": b"[" * 100_000,
    "deep closed": b"[" * 500 + b"]" * 500,
    "deep keys": b'{"a":' * 3000 + b"1" + b"}" * 3000,
    "digits": b'{"a": ' + b"9" * 5000 + b"}",
    "a list": b"[1, 2, 3]",
    "a number": b"12",
    "null": b"null",
    "NaN": b'{"version": NaN, "a": Infinity}',
    "another object": b'{"format": "reinspect monitor", "version": 1}',
    "of tomorrow": b'{"format": "reinspect bundle", "version": 99, "reinspect": "99"}',
    "a long text": b'"' + b"x" * 300_000 + b'"',
    "a long key": b'{"' + b"x" * 100_000 + b'": 1}',
    "many keys": json.dumps({f"key{n}": n for n in range(20_000)}).encode(),
    "keys of lines": b'{"\\n\\n": 1, "": 2, "\\u0000": 3}',
    "a half": b'{"detector": {"kind": "emb',
    "an empty archive": _zip(),
    "an archive": _zip(**{"manifest.json": b"{}", "recipe.yaml": b""}),
    "an archive out of it": _zip(**{"../../escaped": b"x", "manifest.json": b"[]"}),
    "a bomb in an archive": _zip(**{"manifest.json": bytes(200 << 20)}),
    "a bomb": gzip.compress(bytes(100 << 20)),
    "half an archive": _zip(**{"manifest.json": b"{}" * 99})[:-30],
    "half a database": b"SQLite format 3\x00" + bytes(84),
    "no database": b"SQLite format 3\x00" + b"\xff" * 4096,
    "huge PNG": bytes.fromhex("89504e470d0a1a0a0000000d49484452000186a0000186a0080200000000000000"),
    "half a JPEG": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xc0",
    "huge BMP": _bmp(60_000, 60_000),
    "BMP upside down": _bmp(8, -2_000_000_000),
    "half a TIFF": b"II*\x00\x08\x00\x00\x00\xff\xff" + bytes(40),
    "TIFF that goes round": b"II*\x00\x08\x00\x00\x00\x00\x00\x08\x00\x00\x00",
    "half a GIF": b"GIF89a\xff\xff\xff\xff\xf7\x00\x00",
    "half a WebP": b"RIFF\xff\xff\xff\x7fWEBPVP8 \xff\xff\xff\x7f",
    "WAV of no samples": _wav(claims=0, data=b""),
    "WAV that claims 4 GB": _wav(claims=0xFFFFFF00, data=bytes(100)),
    "WAV of no rate": _wav(rate=0, claims=2000, data=bytes(2000)),
    "WAV of no channel": _wav(channels=0, claims=2000, data=bytes(2000)),
    "WAV of 7 bits": _wav(bits=7, claims=2000, data=bytes(2000)),
    "half a FLAC": b"fLaC\x00\x00\x00\x22" + bytes(20),
    "NPY of objects": _npy("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", b"cos\n"),
    "NPY of 4 TB": _npy("{'descr': '<f8', 'fortran_order': False, 'shape': (500000000000,), }"),
    "NPY of code": _npy("__import__('os').abort()"),
    "half a MAT": b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM\x0f\0\0\0\xff\xff\xff\x7f",
    "a wide table": b",".join([b"1"] * 50_000),
    "a table of words": b"time;value\nnow;much\n",
    "an onnx": b"\x08\x07\x12\x07pytorch\x3a\xff\xff\xff\x0f",
}
"""What may be in a file → its bytes."""

ODD_FILES: dict[str, Callable[[Path], object]] = {
    "a folder": lambda path: path.mkdir(),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path),
    "a pipe": lambda path: os.mkfifo(path),
    "endless zeros": lambda path: path.symlink_to("/dev/zero"),
    "8 GB of nothing": lambda path: (path.touch(), os.truncate(path, 8 << 30)),
    "not there": lambda path: None,
}
"""What may be in a file's place → how to put it there."""

_SCORED = ("--monitor", "{file}", "--json", "{out}")
_ASKED = ("--references", "{known}", "--out", "{out}")
_ALONE = ("--references", "{known}", "--recipe", "{quick}", "--out", "{out}", "--quiet")

COMMANDS: dict[str, Sequence[str]] = {
    "run --recipe": ("run", "{parts}", "--out", "{out}", "--recipe", "{file}"),
    "graph --recipe": ("graph", "--recipe", "{file}"),
    "qualify --recipe": ("qualify", "{known}", "--recipe", "{file}", "--out", "{out}.html"),
    "monitor fit": ("monitor", "fit", "{file}", "--out", "{out}"),
    "monitor score": ("monitor", "score", "--judgements", "{file}", *_SCORED),
    "recipe: monitor": ("run", "{parts}", "--out", "{out}", "--recipe", "{fitted}"),
    "recipe: critic": ("run", "{parts}", "--out", "{out}", "--recipe", "{critic}"),
    "recipe: network": ("run", "{parts}", "--out", "{out}", "--recipe", "{network}"),
    "recipe: prompt": ("run", "{parts}", "--out", "{out}", "--recipe", "{prompt}"),
    "bench --scenarios": ("bench", "{parts}", "--scenarios", "{file}"),
    "run --bundle": ("run", "{parts}", "--out", "{out}", "--bundle", "{file}"),
    "runs --store": ("runs", "--store", "{file}"),
    "run --store": ("run", "{parts}", "--out", "{out}", "--recipe", "{quick}", "--store", "{file}"),
    "store check": ("store", "check", "{file}"),
    "store backup": ("store", "backup", "{file}", "{out}.db"),
    "commission": (
        "commission",
        "{parts}",
        "--references",
        "{known}",
        "--answers",
        "{file}",
        "--out",
        "{out}",
    ),
    "versions": ("references", "list", "{set}"),
    "threshold": ("run", "{parts}", *_ALONE, "--references", "{moved}"),
    "manifest": ("run", "{viewed}", "--out", "{out}", "--recipe", "{views}"),
    "picture.png": ("run", "{png}", *_ALONE),
    "picture.jpg": ("run", "{jpg}", *_ALONE),
    "picture.tif": ("run", "{tif}", *_ALONE),
    "recording.wav": ("run", "{wav}", *_ALONE),
    "recording.mat": ("run", "{mat}", *_ALONE, "--recipe", "{heard}"),
    "recording.npy": ("run", "{npy}", *_ALONE, "--recipe", "{heard}"),
}
"""Command → its words; `{file}` and what is named after an ending is what is wrong."""

PLACES = {
    "set": "set/versions.jsonl",
    "moved": "moved/threshold.json",
    "viewed": "viewed/parts.csv",
    "png": "png/part.png",
    "jpg": "jpg/part.jpg",
    "tif": "tif/part.tif",
    "wav": "wav/part.wav",
    "mat": "mat/part.mat",
    "npy": "npy/part.npy",
}
"""Folder → where in it the file lies."""


def bad_inputs() -> list[BadInput]:
    """All of them, in a fixed order."""
    return [
        BadInput(command, content, tuple(words))
        for command, words in COMMANDS.items()
        for content in (*CONTENTS, *ODD_FILES)
        if (command, content) not in _RIGHT
    ]


_NOTHING = ("nothing", "null")

_RIGHT = frozenset(
    [
        *((f"{name} --recipe", said) for name in ("run", "graph", "qualify") for said in _NOTHING),
        ("run --store", "nothing"),
        ("run --store", "not there"),
        ("run --store", "a link to nothing"),
        *(("threshold", name) for name in ODD_FILES if name != "8 GB of nothing"),
    ]
)
"""What is right: a recipe that says nothing is the default one, a store is made where none is, and
what is no file is no threshold."""


def answers(folder: Path, asked: Iterable[BadInput]) -> Iterator[BadInputAnswer]:
    """Call each command in a process of its own; for a process that has but one thread."""
    from reinspect.cli import main

    _import_all()
    for number, one in enumerate(asked):
        here = folder / str(number)
        here.mkdir()
        words = _put(here, one)
        yield _called(one.name, here, lambda words=words: main(words))


def _import_all() -> None:
    import cv2
    import langgraph.graph
    import onnxruntime
    import scipy.ndimage
    import sqlalchemy

    import reinspect.export
    import reinspect.runs.session
    import reinspect.store

    cv2.setNumThreads(1)
    assert all((langgraph.graph, onnxruntime, scipy.ndimage, sqlalchemy, reinspect))


def _put(here: Path, one: BadInput) -> list[str]:
    file = here / "file"
    known = put_greys(here / "known", 2)
    names = {
        "file": file,
        "out": here / "out",
        "known": known,
        "parts": put_greys(here / "parts", 1),
        "quick": put_recipe(here / "quick.yaml"),
    }
    quick = "detector: 'support.own_parts:Brightness'\ntools: []\n"
    own = {
        "fitted": "monitor: {kind: fitted, file: file}\ntools: []\n",
        "critic": "monitor: {kind: critic, file: file}\n",
        "network": "detector: {kind: embedded, features: {onnx: file}}\n",
        "prompt": "detector: {kind: vlm, model: m, base_url: 'http://[::1]:1', "
        "prompts: {detect: file}}\n",
        "views": f"views: {{front: {{}}, back: {{}}}}\n{quick}",
        "heard": f"signals: {{rate: 16000}}\n{quick}",
    }
    for name, text in own.items():
        names[name] = here / f"{name}.yaml"
        names[name].write_text(text, encoding="utf-8")
    for name, place in PLACES.items():
        names[name] = here / name
        if f"{{{name}}}" in " ".join(one.words):
            file = here / place
            file.parent.mkdir()
            if name in ("moved", "viewed"):
                put_greys(file.parent, 2)
    if one.content in CONTENTS:
        file.write_bytes(CONTENTS[one.content])
    else:
        ODD_FILES[one.content](file)
    return [word.format_map(names) for word in one.words]


def _called(name: str, here: Path, call: Callable[[], object]) -> BadInputAnswer:
    sys.stdout.flush()
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        os.setsid()
        os.chdir(here)
        for stream, file in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(here / file, os.O_CREAT | os.O_WRONLY, 0o600), stream)
        code = 70
        try:
            call()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
        except BaseException as failure:  # noqa: BLE001 - a traceback is what is looked for
            os.write(2, f"Traceback: {failure!r}".encode(errors="replace"))
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            os._exit(code)
    code = None
    while time.monotonic() - start < SECONDS:
        ended, status, used = os.wait4(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            break
        time.sleep(0.005)
    else:
        os.killpg(child, signal.SIGKILL)
        _, _, used = os.wait4(child, 0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    err = (here / "stderr").read_text(encoding="utf-8", errors="replace")
    seconds = time.monotonic() - start
    return BadInputAnswer(name, code, seconds, (used.ru_maxrss - before) / 1024, err)
