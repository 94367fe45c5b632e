"""A set of references with a past: who added or removed what, when, why, and which version counts.

A folder with `versions.jsonl`, one line a change, which only grows, and copies of the pictures in
`pictures/`. Parts are judged by the version that is active; no other one can be taken by accident.
"""

import contextlib
import functools
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

import cv2
import numpy as np
from pydantic import AwareDatetime, Field, ValidationError

from reinspect.dataset.items import AnyPath
from reinspect.dataset.layout import OTHER, TEST, TRAIN, TRUTH
from reinspect.dataset.understood import means_good, plain_name
from reinspect.documents import DocumentError, read_bytes
from reinspect.errors import ReinspectError, explain_invalid
from reinspect.files import WriteError, write_file
from reinspect.images import address_of, decode_mask, fitted_mask, one_line, sha256_of, size_of
from reinspect.vocabulary import Rle, Sha256, Value

VERSIONS = "versions.jsonl"
"""The file by which such a folder is known."""

_PICTURES = "pictures"
_MARK = 12  # characters of its hash that a copy's name ends with
_NUMBERED = re.compile(r"(?P<folder>.+)@(?P<number>[1-9][0-9]{0,8})")


class VersionsError(ReinspectError, ValueError):
    """A set that can't be read, or a change of it that can't be made."""


class VersionedReference(Value):
    """A picture of a set."""

    sha256: Sha256 = Field(description="Of the file's bytes.")
    file: str = Field(description="Name of the copy in `pictures/`.")
    origin: str = Field(description="Where it came from: a path, or run and image.")
    review: int | None = Field(default=None, description="Id of the review that cleared it.")
    view: str | None = Field(
        default=None,
        exclude_if=lambda said: said is None,
        description="Of a part with several views, where its origin doesn't tell it.",
    )


class ReferenceChange(Value):
    """A line: a version was made of another one, or a version was made the one that counts."""

    does: Literal["make", "activate"]
    version: int = Field(ge=1)
    base: int | None = Field(default=None, description="The version that it was made of.")
    added: tuple[VersionedReference, ...] = ()
    removed: tuple[Sha256, ...] = ()
    who: str
    when: AwareDatetime
    why: str = ""


class ReferenceDifference(NamedTuple):
    """What one version has and the other hasn't."""

    added: tuple[VersionedReference, ...]
    removed: tuple[VersionedReference, ...]


class NewReference(NamedTuple):
    """A picture to add."""

    path: str
    origin: str
    review: int | None = None
    view: str | None = None
    """Of a part with several views: which it is, where a pattern on `origin` doesn't tell it."""


class ConfirmedDefect(NamedTuple):
    """A picture of a confirmed defect."""

    path: str
    kind: str | None = None
    mask: Rle | None = None
    """Of all its defects; none where that isn't known."""
    view: str | None = None
    """Of a part with several views: the one that shows them."""


class ReferenceVersions:
    """A versioned set, as it is when it is opened, and after each change made by this object.

    Args:
        folder: of the set; made with the first change.

    Raises:
        VersionsError: its record can't be read, or is none.
    """

    def __init__(self, folder: AnyPath) -> None:
        self.folder = Path(folder)
        self._read()

    @property
    def name(self) -> str:
        """Of the folder."""
        return one_line(self.folder.absolute().name)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Of the versions that there are, oldest first."""
        return tuple(sorted(self._made))

    @property
    def active(self) -> int | None:
        """The version that counts; none in a set that is still to be made."""
        return next(
            (line.version for line in reversed(self.lines) if line.does == "activate"), None
        )

    @property
    def latest(self) -> int | None:
        """The version that was made or activated last: what the next one is made of."""
        return self.lines[-1].version if self.lines else None

    def made(self, number: int) -> ReferenceChange:
        """How a version came about."""
        self.pictures(number)
        return next(it for it in self.lines if (it.does, it.version) == ("make", number))

    def pictures(self, number: int) -> tuple[VersionedReference, ...]:
        """What a version holds, in the order in which it was added.

        Raises:
            VersionsError: there is no such version.
        """
        if number not in self._made:
            there = ", ".join(map(str, self.numbers)) or "none"
            raise VersionsError(f"{self.folder}: has no version {number}; there are: {there}")
        return tuple(self._made[number].values())

    def files(self, number: int | None = None) -> list[Path]:
        """The copies of a version's pictures, by name; of the one that counts, if none is named.

        Raises:
            VersionsError: there is no such version, or none counts yet.
        """
        chosen = self.active if number is None else number
        if chosen is None:
            raise VersionsError(
                f"{self.folder}: is no set of references yet: `reinspect references add` makes one"
            )
        return sorted(self.folder / "pictures" / one.file for one in self.pictures(chosen))

    def difference(self, old: int, new: int) -> ReferenceDifference:
        """What the new version has and the old one hasn't, and the reverse.

        Raises:
            VersionsError: there is no such version.
        """
        before = {one.sha256 for one in self.pictures(old)}
        after = {one.sha256 for one in self.pictures(new)}
        return ReferenceDifference(
            tuple(one for one in self.pictures(new) if one.sha256 not in before),
            tuple(one for one in self.pictures(old) if one.sha256 not in after),
        )

    def add(self, pictures: Sequence[NewReference], *, who: str, why: str = "") -> int:
        """Make a version that has these pictures, too. The first one of a set counts at once.

        Returns:
            Its number.

        Raises:
            VersionsError: nobody did it, or nothing is new among them.
            UnreadableImage: one of them can't be read.
            WriteError: the disk is full or read-only.
        """
        hashed = []  # before anything is written: a refusal leaves nothing behind
        for one in pictures:
            if address_of(one.path).page != 1:
                raise VersionsError(
                    f"{one.path}: is a page of a file; save it as a picture of its own"
                )
            hashed.append((one, sha256_of(one.path)))
        with self._changing():
            held = self._made.get(self.latest or 0, {})
            added: dict[str, VersionedReference] = {}
            for one, sha256 in hashed:
                if sha256 not in held and sha256 not in added:
                    copy = self._copied(Path(one.path), sha256)
                    added[sha256] = VersionedReference(
                        sha256=sha256,
                        file=copy,
                        origin=one.origin,
                        review=one.review,
                        view=one.view,
                    )
            if not added:
                raise VersionsError(f"{self.folder}: nothing new: all of these are in it already")
            return self._make(who, why, added=tuple(added.values()))

    def remove(self, names: Sequence[str], *, who: str, why: str = "") -> int:
        """Make a version without these pictures.

        Args:
            names: of each the copy's name, where it came from, or how its SHA-256 begins.
            who: does it.
            why: in a few words.

        Returns:
            Its number.

        Raises:
            VersionsError: nobody did it, a name is that of none or of several, or none would be
                left.
            WriteError: the disk is full or read-only.
        """
        with self._changing():
            held = self._made.get(self.latest or 0, {})
            removed = {self._one(held, name).sha256 for name in names}
            if len(removed) == len(held):
                raise VersionsError(f"{self.folder}: none would be left; add others first")
            return self._make(who, why, removed=tuple(sorted(removed)))

    def activate(self, number: int, *, who: str, why: str = "") -> None:
        """Make a version the one that counts; an earlier one, too, which undoes what came after.

        Raises:
            VersionsError: nobody did it, or there is no such version.
            WriteError: the disk is full or read-only.
        """
        with self._changing():
            self.pictures(number)
            if number == self.active:
                raise VersionsError(f"{self.folder}: version {number} counts already")
            self._append("activate", number, who, why)

    @property
    def defects(self) -> Path:
        """Folder of the defect examples, for qualification; no part is judged by them.

        It is laid out as MVTec AD: `test/<type>/`, with masks in `ground_truth/<type>/`; of parts
        with several views each view has a folder so laid out.
        """
        return self.folder / "defects"

    def keep_defects(self, pictures: Sequence[ConfirmedDefect]) -> int:
        """Make the defect examples be copies of these pictures, and of no others.

        Returns:
            How many there are.

        Raises:
            UnreadableImage: one of them can't be read.
            WriteError: the disk is full or read-only.
        """
        with self._changing():
            kept: set[Path] = set()
            masks: set[Path] = set()
            bases = {self.defects / (one.view or "") for one in pictures} or {self.defects}
            for one in pictures:
                kind, base = _folder_of(one.kind), self.defects / (one.view or "")
                tested = base / "test" / kind
                copy = tested / self._copied(Path(one.path), sha256_of(one.path), tested)
                kept.add(copy)
                if one.mask is not None:
                    mask = base / "ground_truth" / kind / f"{copy.stem}_mask.png"
                    masks.add(mask)
                    with self._told():
                        mask.parent.mkdir(parents=True, exist_ok=True)
                        write_file(mask, _drawn(one.mask, size_of(one.path)))
            with self._told():
                for base in bases:
                    (base / "ground_truth").mkdir(parents=True, exist_ok=True)
                for file in sorted(self.defects.rglob("*"), reverse=True):  # files before folders
                    if file.is_dir():
                        if file.parent not in bases and not any(file.iterdir()):
                            file.rmdir()
                    elif file not in kept | masks:
                        file.unlink()
        return len(kept)

    def _make(
        self,
        who: str,
        why: str,
        added: tuple[VersionedReference, ...] = (),
        removed: tuple[str, ...] = (),
    ) -> int:
        number, first = len(self._made) + 1, not self.lines
        self._append("make", number, who, why, base=self.latest, added=added, removed=removed)
        if first:
            self._append("activate", number, who, why)
        return number

    def _append(
        self, does: Literal["make", "activate"], number: int, who: str, why: str, **more: object
    ) -> None:
        if not who.strip():
            raise VersionsError(f"who: {who!r} is no name; a change has somebody who made it")
        line = ReferenceChange.model_validate(
            {
                "does": does,
                "version": number,
                "who": who.strip(),
                "when": datetime.now(UTC),
                "why": why.strip(),
                **more,
            }
        )
        with self._told(), (self.folder / VERSIONS).open("ab") as file:
            file.write(line.model_dump_json().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._take(line)

    def _copied(self, source: Path, sha256: str, folder: Path | None = None) -> str:
        name = f"{source.stem}-{sha256[:_MARK]}{source.suffix}"
        goal = (folder or self.folder / "pictures") / name
        with self._told():
            goal.parent.mkdir(parents=True, exist_ok=True)
            unfinished = goal.with_name(f".{name}.part")
            shutil.copyfile(source, unfinished)
            unfinished.replace(goal)
        return name

    def _one(self, held: Mapping[str, VersionedReference], name: str) -> VersionedReference:
        found = [
            one
            for one in held.values()
            if name in (one.file, one.origin)
            or one.origin.endswith((f"/{name}", f": {name}"))
            or (len(name) >= 6 and one.sha256.startswith(name))
        ]
        if len(found) != 1:
            what = f"{len(found)} of its pictures are" if found else "none of its pictures is"
            raise VersionsError(
                f"{self.folder}: {what} {name!r}; `reinspect references list` names them"
            )
        return found[0]

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Nobody else changes the set meanwhile; what others did before is read first."""
        with self._told():
            self.folder.mkdir(parents=True, exist_ok=True)
        with _locked(self.folder / ".lock"):
            self._read(mend=True)
            yield

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as failure:
            why = failure.strerror or str(failure)
            raise WriteError(
                f"{self.folder}: can't be written: {why}; make room and give leave"
            ) from failure

    def _read(self, *, mend: bool = False) -> None:
        self.lines: tuple[ReferenceChange, ...] = ()
        self._made: dict[int, dict[str, VersionedReference]] = {}
        file = self.folder / VERSIONS
        try:
            content = read_bytes(file, patience=0)
        except FileNotFoundError:
            return
        except DocumentError as failure:
            raise VersionsError(f"{file}: can't be read: {failure}") from failure
        except OSError as failure:
            raise VersionsError(f"{file}: can't be read: {failure.strerror}") from failure
        whole, _, torn = content.rpartition(b"\n")
        if torn and mend:  # killed in the middle of a line, which nobody was told is kept
            with self._told(), file.open("r+b") as opened:
                opened.truncate(len(content) - len(torn))
        for number, text in enumerate(whole.splitlines(), 1):
            try:
                self._take(ReferenceChange.model_validate_json(text))
            except (ValidationError, KeyError) as failure:
                why = (
                    explain_invalid(failure, ReferenceChange)
                    if isinstance(failure, ValidationError)
                    else f"there is no {failure} before it"
                )
                raise VersionsError(f"{file}, line {number}: {why}; mend the line") from failure

    def _take(self, line: ReferenceChange) -> None:
        if line.does == "make":
            held = dict(self._made[line.base]) if line.base else {}
            for sha256 in line.removed:
                del held[sha256]
            self._made[line.version] = held | {one.sha256: one for one in line.added}
        elif line.version not in self._made:
            raise KeyError(line.version)
        self.lines += (line,)


def reference_at(path: str) -> VersionedReference | None:
    """What a set says of a picture that it keeps; None of a file elsewhere.

    Raises:
        VersionsError: the set's record can't be read.
    """
    folder, name = os.path.split(path)
    above, inside = os.path.split(folder)
    if inside != _PICTURES:
        return None
    try:
        changed = os.stat(os.path.join(above, VERSIONS))  # noqa: PTH116, PTH118
    except OSError:
        return None
    return _kept_in(above, changed.st_mtime_ns, changed.st_size).get(name)


@functools.lru_cache(maxsize=16)  # asked for picture by picture
def _kept_in(folder: str, _mtime: int, _size: int) -> Mapping[str, VersionedReference]:
    lines = ReferenceVersions(folder).lines
    return {one.file: one for line in lines for one in line.added}


class ReferenceVersion(NamedTuple):
    """A version of a set, as a run names it."""

    number: int
    folder: str
    """Absolute."""

    def __str__(self) -> str:
        return f"version {self.number} of {self.folder}"

    @classmethod
    def parse(cls, text: str) -> "ReferenceVersion | None":
        """What `str` has made; None of anything else."""
        found = re.fullmatch(r"version ([1-9][0-9]{0,8}) of (.+)", text)
        return cls(int(found[1]), found[2]) if found else None


def version_at(place: AnyPath) -> ReferenceVersion | None:
    """The version that a path names: of `SET` the one that counts, of `SET@3` the third.

    None where it is no versioned set.

    Raises:
        VersionsError: there is no such version, or the record can't be read.
    """
    folder = Path(place)
    if (folder / VERSIONS).is_file():
        versions = ReferenceVersions(folder)
        if versions.active is None:
            raise VersionsError(f"{folder}: no version counts: its first line is missing")
        return ReferenceVersion(versions.active, str(folder.absolute()))
    found = _NUMBERED.fullmatch(os.fspath(place))
    if not found or folder.exists() or not (Path(found["folder"]) / VERSIONS).is_file():
        return None
    number, named = int(found["number"]), Path(found["folder"])
    ReferenceVersions(named).pictures(number)
    return ReferenceVersion(number, str(named.absolute()))


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """One program at a time; where there is no such lock, two at once are not kept apart."""
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError, ImportError):
            import fcntl

            fcntl.flock(held.enter_context(file.open("ab")), fcntl.LOCK_EX)
        yield


_KINDS_TAKEN = TRAIN | TEST | TRUTH | OTHER


def _folder_of(kind: str | None) -> str:
    """A type of defect as the name of a folder that means one."""
    name = re.sub(r"[^\w .+-]", "-", kind or "").strip(" .")[:60].rstrip(" .") or "defect"
    return f"{name} defect" if means_good(name) or plain_name(name) in _KINDS_TAKEN else name


def _drawn(mask: Rle, size: tuple[int, int]) -> bytes:
    """A mask as a PNG in a picture's size (width, height)."""
    pixels = fitted_mask(decode_mask(mask), (size[1], size[0])).astype(np.uint8) * 255
    return cv2.imencode(".png", pixels)[1].tobytes()
