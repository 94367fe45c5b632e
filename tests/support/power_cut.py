"""A disk as a power cut may leave it, from a record of system calls by `strace`.

What was put on disk (`fsync`, `fdatasync`) when the power goes is there: a file's content as it was
when that was asked for, and of a folder which files it had. Of what was written since, nothing is
there, or some writes and not others, cut at any sector. Not simulated: disks that lie about having
written, names that move from folder to folder by halves, and content that is lost after it was on
disk.
"""

import ast
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

CALLS = (
    "openat,write,pwrite64,writev,ftruncate,rename,renameat,renameat2,unlink,unlinkat,rmdir,"
    "mkdir,mkdirat,fsync,fdatasync,sendto,sendmsg"
)
SECTOR = 512

_LINE = re.compile(r"(?P<pid>\d+) +(?P<rest>.*)")
_UNFINISHED = " <unfinished ...>"
_RESUMED = re.compile(r"<\.\.\. (?P<call>\w+) resumed>(?P<rest>.*)")
_CALL = re.compile(r"(?P<call>\w+)\((?P<arguments>.*)\) += (?P<gave>-?\d+)")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_OPENED = re.compile(r"\w+<(?P<path>[^>]*)>")


def tracing(record: Path) -> list[str]:
    """What to write before a command, so that its calls are recorded."""
    words = ["strace", "-f", "-y", "-qq", "-s", str(1 << 24), "-e", f"trace={CALLS}"]
    return [*words, "-o", str(record)]


class _Content:
    """A file: what was written to it in its order, and how much of that is on disk."""

    def __init__(self) -> None:
        self.writes: list[tuple[int, bytes | None]] = []  # from where; None: cut there
        self.kept = 0
        self.end = 0

    def write(self, at: int, data: bytes) -> None:
        self.writes.append((at, data))
        self.end = max(self.end, at + len(data))

    def cut(self, at: int) -> None:
        self.writes.append((at, None))
        self.end = at

    def after_a_cut(self, luck: random.Random | None) -> bytes:
        found = bytearray()
        for number, (at, data) in enumerate(self.writes):
            if number >= self.kept:
                if luck is None or luck.random() < 0.5:
                    continue
                if data is not None:
                    data = data[: luck.randrange(len(data) // SECTOR + 2) * SECTOR]
            if data is None:
                del found[at:]
                found.extend(bytes(at - len(found)))
            else:
                found.extend(bytes(max(0, at - len(found))))
                found[at : at + len(data)] = data
        return bytes(found)


class _Folder:
    """Which names it got and lost in its order, and how much of that is on disk."""

    def __init__(self) -> None:
        self.changes: list[tuple[str, _Content | _Folder | None]] = []
        self.kept = 0

    def now(self, kept: int | None = None) -> dict[str, "_Content | _Folder"]:
        found: dict[str, _Content | _Folder] = {}
        for name, what in self.changes[:kept]:
            found.pop(name, None)
            if what is not None:
                found[name] = what
        return found


class RecordedDisk:
    """The files below a folder that was empty when the recording began.

    Args:
        root: absolute.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._top = root, _Folder()
        self._pending: dict[str, tuple[str, int]] = {}  # pid → a call that has begun, what it saw

    def replay(self, record: Path) -> Iterator[str]:
        """Take in call after call; yields what goes out to clients, as it does.

        A test that cuts the power does so then, by `after_a_cut`.
        """
        with record.open(encoding="latin-1") as lines:
            for line in lines:
                found = _LINE.match(line.rstrip("\n"))
                if found is None:
                    continue
                pid, rest = found["pid"], found["rest"]
                if rest.endswith(_UNFINISHED):
                    begun = rest.removesuffix(_UNFINISHED)
                    if begun.startswith(("sendto(", "sendmsg(")):
                        yield begun  # it is on its way, whenever the call comes back
                    self._pending[pid] = begun, self._seen(begun)
                    continue
                resumed, seen = _RESUMED.match(rest), None
                if resumed is not None:
                    begun, seen = self._pending.pop(pid, ("", 0))
                    rest = begun + resumed["rest"]
                call = _CALL.match(rest)
                if call is None or call["gave"].startswith("-"):
                    continue
                if call["call"] in ("sendto", "sendmsg"):
                    if resumed is None:
                        yield call["arguments"]
                    continue
                self._take(call["call"], call["arguments"], int(call["gave"]), seen)

    def after_a_cut(self, folder: Path, luck: random.Random | None = None) -> None:
        """Write what is on disk if the power goes now into a new folder.

        Args:
            folder: to make.
            luck: decides which writes are there that nothing had put on disk; without it none is.
        """
        self._write(self._top, folder, luck)

    def _write(self, made: _Folder, folder: Path, luck: random.Random | None) -> None:
        folder.mkdir()
        kept = made.kept if luck is None or luck.random() < 0.5 else None
        for name, what in made.now(kept).items():
            if isinstance(what, _Folder):
                self._write(what, folder / name, luck)
            else:
                (folder / name).write_bytes(what.after_a_cut(luck))

    def _seen(self, begun: str) -> int:
        """How much had been written to what a sync that begins now is of."""
        found = _OPENED.search(begun) if begun.startswith(("fsync(", "fdatasync(")) else None
        what = self._at(found["path"]) if found else None
        return self._length(what)

    def _length(self, what: "_Content | _Folder | None") -> int:
        if what is None:
            return 0
        return len(what.writes if isinstance(what, _Content) else what.changes)

    def _take(self, call: str, arguments: str, gave: int, seen: int | None) -> None:
        texts = [ast.literal_eval(f'b"{text}"') for text in _TEXT.findall(arguments)]
        opened = _OPENED.search(arguments)
        path = opened["path"] if opened else ""
        if call in ("fsync", "fdatasync"):
            what = self._at(path)
            if what is not None:
                what.kept = max(what.kept, self._length(what) if seen is None else seen)
        elif call == "openat":
            self._open(self._place(arguments, texts[0]), arguments)
        elif call in ("mkdir", "mkdirat"):
            self._put(self._place(arguments, texts[0]), _Folder())
        elif call in ("unlink", "unlinkat", "rmdir"):
            self._put(self._place(arguments, texts[0]), None)
        elif call.startswith("rename"):
            old, new = (self._place(arguments, text) for text in texts[:2])
            moved = self._at(old)
            if moved is not None:
                self._put(old, None)
                self._put(new, moved)
        else:
            file = self._at(path)
            if isinstance(file, _Content):
                self._change(file, call, arguments, gave, texts)

    def _change(
        self, file: _Content, call: str, arguments: str, gave: int, texts: Sequence[bytes]
    ) -> None:
        if call == "ftruncate":
            file.cut(int(arguments.rpartition(", ")[2]))
        elif call == "pwrite64":
            file.write(int(arguments.rpartition(", ")[2]), texts[-1][:gave])
        else:  # one after the other: nothing here seeks
            file.write(file.end, b"".join(texts)[:gave])

    def _open(self, path: str, arguments: str) -> None:
        found = self._at(path)
        if found is None and "O_CREAT" in arguments:
            self._put(path, _Content())
        elif isinstance(found, _Content) and "O_TRUNC" in arguments:
            found.cut(0)

    def _place(self, arguments: str, name: bytes) -> str:
        text = name.decode(errors="surrogateescape")
        beside = re.match(r"AT_FDCWD<([^>]*)>", arguments)
        return text if text.startswith("/") or not beside else f"{beside[1]}/{text}"

    def _parts(self, path: str) -> tuple[str, ...] | None:
        place = Path(path.removesuffix(" (deleted)"))
        return place.relative_to(self._root).parts if place.is_relative_to(self._root) else None

    def _at(self, path: str) -> "_Content | _Folder | None":
        parts = self._parts(path)
        if parts is None or path.endswith(" (deleted)"):
            return None
        what: _Content | _Folder | None = self._top
        for name in parts:
            what = what.now().get(name) if isinstance(what, _Folder) else None
        return what

    def _put(self, path: str, what: "_Content | _Folder | None") -> None:
        parts = self._parts(path)
        if not parts:
            return
        folder = self._at(str(self._root.joinpath(*parts[:-1])))
        if isinstance(folder, _Folder):
            folder.changes.append((parts[-1], what))
