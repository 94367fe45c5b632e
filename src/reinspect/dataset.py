"""Folders laid out as MVTec AD does: what there is to inspect, its references, its truth.

A *category* is a folder laid out as MVTec AD lays out its own:

    <category>/train/good/*            known-good images: the references
    <category>/test/good/*             good images to inspect
    <category>/test/<defect>/*         defective images to inspect
    <category>/ground_truth/<defect>/<stem>_mask.png
    <category>/boxes.json              {"test/<defect>/<file>": [{"box": [x1, y1, x2, y2],
                                       "type": …}, …]} in pixels of the upright image

A folder is taken for one if it has `test/` with folders in it, and beside it or in it one of
`train/good`, `ground_truth`, `boxes.json` and `test/good`. Categories may stand at any depth.
"""

import functools
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from natsort import natsort_keygen

from reinspect.errors import ReinspectError
from reinspect.images import (
    SUFFIXES,
    UnreadableImage,
    boxes_from_mask,
    from_pixels,
    one_line,
    read_mask,
    sha256_of,
    size_of,
)
from reinspect.vocabulary import Label, NormalisedBox, Sample, Truth, View

AnyPath = str | os.PathLike[str]

_natural = natsort_keygen()


class DataError(ReinspectError, ValueError):
    """Pictures, references or annotations that are not as they should be; one line."""


class NotThereError(ReinspectError, FileNotFoundError):
    """There is no such picture or folder; the message is one line."""


class Item(NamedTuple):
    """One file to inspect, not yet read. It may turn out to be unreadable."""

    id: str
    """Path relative to the inspected folder, POSIX; unique among the items of one source."""
    path: str
    category: str | None = None
    root: str | None = None
    """The category's folder."""


class ReferenceFiles(NamedTuple):
    """Known-good images: for each category that has its own, and for all others."""

    default: list[Path]
    by_category: dict[str, list[Path]]


class Listing:
    """The files under some paths, listed anew on each iteration and never held all at once."""

    def __init__(self, paths: Sequence[AnyPath], exclude: Sequence[AnyPath]) -> None:
        self.paths = tuple(os.fspath(path) for path in paths)
        self._exclude = tuple(os.fspath(path) for path in exclude)
        folders = [p if os.path.isdir(p) else os.path.dirname(p) for p in self._absolute]  # noqa: PTH112, PTH120
        self._base = os.path.commonpath(folders)

    @property
    def _absolute(self) -> list[str]:
        return [os.path.abspath(path) for path in self.paths]  # noqa: PTH100 - keeps links as named

    def __iter__(self) -> Iterator[Item]:
        walk = _Walk(self._base, self._exclude)
        for path in self.paths:
            yield from walk.below(path)

    def count(self) -> int:
        """How many items there are; it lists all folders."""
        return sum(1 for _ in self)


def discover(paths: Sequence[AnyPath], *, exclude: Sequence[AnyPath] = ()) -> Listing:
    """What to inspect at some paths: images, folders, categories, folders of categories.

    Folders are searched at any depth in natural order for files named like images; of a category
    only what lies under `test/` is taken. Hidden files are left out, and each folder is read once,
    whatever links lead to it. A broken link and a folder that can't be listed are items as well:
    reading them says what is wrong with them. Folders in `exclude` are passed over.

    An item's id is relative to the folder given; for an image its name; for several paths relative
    to the folder that they have in common.

    Raises:
        NotThereError: a path does not exist.
        DataError: there is no path.
    """
    if not paths:
        raise DataError("no path to inspect: give an image or a folder")
    for path in paths:
        if not os.path.lexists(path):
            raise NotThereError(f"no image or folder at {one_line(os.fspath(path))}")
    return Listing(paths, exclude)


def sample_at(path: AnyPath, *, id: str, category: str | None = None) -> Sample:  # noqa: A002
    """The sample in one file, hashed but not decoded.

    Raises:
        UnreadableImage: the file can't be read, or its name is no text.
    """
    sha256 = sha256_of(path)
    text = os.fspath(path)
    if not _is_text(text):
        raise UnreadableImage(path, "its name is not valid UTF-8", "rename the file")
    return Sample(id=id, category=category, views=(View(path=text, sha256=sha256),))


def item_at(path: AnyPath) -> Item | None:
    """The item of a file below some category's `test/`; none if it lies in no category."""
    file = Path(os.path.abspath(path))  # noqa: PTH100 - keeps links as named
    for folder in file.parents:
        if _is_category(str(folder)) and file.is_relative_to(folder / "test"):
            return Item(file.relative_to(folder).as_posix(), str(file), folder.name, str(folder))
    return None


def categories(root: AnyPath) -> dict[str, Path]:
    """Category → its folder, of a category or of a folder that holds some, in natural order.

    Raises:
        NotThereError: there is no such folder.
        DataError: it holds no category.
    """
    if not Path(root).is_dir():
        raise NotThereError(f"no folder at {one_line(os.fspath(root))}")
    walk = _Walk(os.path.abspath(root), (), categories_only=True)  # noqa: PTH100
    found = {item.category: Path(item.path) for item in walk.below(os.fspath(root))}
    if not found:
        raise DataError(
            f"{one_line(os.fspath(root))}: no MVTec-style category in it; "
            "a category has train/good and test/<defect>"
        )
    return {name: folder for name, folder in found.items() if name is not None}


def known_good(category_root: AnyPath) -> list[Path]:
    """The images under `train/good` of a category, sorted by name; none where it has none."""
    return _images_in(Path(category_root) / "train" / "good")


def references_in(folder: AnyPath) -> ReferenceFiles:
    """The known-good images that a folder gives.

    Of a category its known-good images, for everything; of a folder that holds categories the ones
    of each, and what images lie beside them for everything else; of any other folder all images in
    it, at any depth. Sorted by name.

    Raises:
        NotThereError: there is no such folder.
        DataError: it has no such images.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise NotThereError(f"no folder of references at {one_line(str(folder))}")
    if _is_category(str(folder)):
        references = ReferenceFiles(known_good(folder), {})
    else:
        default: list[Path] = []
        roots: dict[str, str] = {}
        for item in discover([folder]):
            if item.category is not None and item.root is not None:
                roots[item.category] = item.root
            else:
                default.append(Path(item.path))
        own = {name: known_good(root) for name, root in roots.items()}
        references = ReferenceFiles(
            sorted(default), {k: files for k, files in own.items() if files}
        )
    if not references.default and not references.by_category:
        raise DataError(f"{one_line(str(folder))}: no images in it; give known-good images")
    return references


def truth_of(item: Item) -> Truth | None:
    """What the item's category says of it; none outside a category and right under `test/`.

    Boxes come from `boxes.json`, else from the mask; each is normalised by its own picture's size.

    Raises:
        DataError: `boxes.json` is not what it should be.
        UnreadableImage: the mask, or an image that has boxes, can't be read.
    """
    if item.root is None:
        return None
    relative = Path(item.path).relative_to(item.root)
    if len(relative.parts) < 3:
        return None
    defect = relative.parts[1]
    if defect == "good":
        return Truth(label=Label.NORMAL)
    marked = _annotations(item.root).get(relative.as_posix(), [])
    boxes: list[NormalisedBox] = []
    if marked:
        width, height = size_of(item.path)
        try:
            boxes = [from_pixels(corners, width, height) for corners, _ in marked]
        except ValueError as error:
            where = one_line(f"{item.root}/boxes.json: {relative.as_posix()}")
            raise DataError(f"{where}: {error}") from error
    kinds = tuple(kind or defect for _, kind in marked)
    mask = _mask_of(item.root, relative)
    if mask is not None:
        drawn = read_mask(mask)
        boxes = boxes or list(boxes_from_mask(drawn))
        mask = mask if drawn.any() else None
    return Truth(
        label=Label.ANOMALOUS,
        types=tuple(dict.fromkeys(kinds)) or (defect,),
        boxes=tuple(boxes),
        box_types=kinds or (defect,) * len(boxes),
        mask=None if mask is None else str(mask),
    )


def _mask_of(root: str, relative: Path) -> Path | None:
    below = Path(root, "ground_truth", *relative.parts[1:-1])
    names = (f"{relative.stem}_mask.png", f"{relative.stem}.png")
    return next((below / name for name in names if (below / name).is_file()), None)


Marked = tuple[tuple[float, float, float, float], str | None]


def _annotations(root: str) -> dict[str, list[Marked]]:
    """Path relative to the category → boxes in pixels, each with its type."""
    path = Path(root, "boxes.json")
    try:
        status = path.stat()
    except FileNotFoundError:
        return {}
    return _read_annotations(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=4)  # asked for image by image, category after category
def _read_annotations(path: Path, _mtime: int, _size: int) -> dict[str, list[Marked]]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(entries, dict):
            raise TypeError(f"it holds a {type(entries).__name__}, not an object")
        return {key: [_marked(entry) for entry in found] for key, found in entries.items()}
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{one_line(str(path))}: {error}; an entry is "
            '"test/<defect>/<file>": [{"box": [x1, y1, x2, y2], "type": …}, …] in pixels'
        ) from error


def _marked(entry: Any) -> Marked:
    corners, kind = (entry["box"], entry.get("type")) if isinstance(entry, dict) else (entry, None)
    x1, y1, x2, y2 = (float(value) for value in corners)
    if not (x1 < x2 and y1 < y2):
        raise ValueError(f"box {corners} is empty")
    return (x1, y1, x2, y2), None if kind is None else str(kind)


def _images_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(Path(item.path) for item in _Walk(os.path.abspath(folder), ()).below(str(folder)))  # noqa: PTH100


def _is_category(folder: str) -> bool:
    # os.path answers False where a folder is closed to us; pathlib would raise.
    marks = ("train/good", "ground_truth", "test/good", "boxes.json")
    test = os.path.join(folder, "test")  # noqa: PTH118
    if not os.path.isdir(test) or not any(os.path.exists(f"{folder}/{mark}") for mark in marks):  # noqa: PTH110, PTH112
        return False
    try:
        with os.scandir(test) as entries:
            return any(entry.is_dir() for entry in entries)
    except OSError:
        return False


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Walk:
    """One pass over folders, in natural order, each folder once."""

    def __init__(self, base: str, exclude: Iterable[str], *, categories_only: bool = False) -> None:
        self._base = Path(base)
        self._excluded = {_identity(path) for path in exclude} - {None}
        self._entered: set[tuple[int, int]] = set()
        self._files: set[str] = set()
        self._categories_only = categories_only

    def below(self, path: str) -> Iterator[Item]:
        """The items at a path that the caller named, which is therefore never excluded."""
        if os.path.isdir(path):  # noqa: PTH112
            yield from self._folder(path, None, None)
            return
        absolute = Path(os.path.abspath(path))  # noqa: PTH100
        listed = _identity(absolute.parent) in self._entered and _looks_like_image(absolute.name)
        if not listed and str(absolute) not in self._files:
            self._files.add(str(absolute))
            yield self._item(path, None, None)

    def _folder(self, path: str, category: str | None, root: str | None) -> Iterator[Item]:
        if not self._enter(path):
            return
        if root is None and _is_category(path):
            root, category = path, self._category(path)
            if self._categories_only:
                yield self._item(root, category, root)
                return
            path = os.path.join(path, "test")  # noqa: PTH118 - paths stay strings, for speed
            self._enter(path)
        try:
            listing = _listing(path)
        except OSError:
            yield self._item(path, category, root)
            return
        for name, is_folder in listing:
            below = os.path.join(path, name)  # noqa: PTH118
            if is_folder:
                if _identity(below) not in self._excluded:
                    yield from self._folder(below, category, root)
            elif not self._categories_only and os.path.abspath(below) not in self._files:  # noqa: PTH100
                yield self._item(below, category, root)

    def _enter(self, path: str) -> bool:
        """Whether the folder is new to this walk."""
        identity = _identity(path)
        if identity is None:
            return True
        new = identity not in self._entered
        self._entered.add(identity)
        return new

    def _item(self, path: str, category: str | None, root: str | None) -> Item:
        return Item(self._relative(path), path, category, root)

    def _category(self, root: str) -> str:
        relative = self._relative(root)
        return self._base.name if relative == "." else relative

    def _relative(self, path: str) -> str:
        # Without pathlib, which costs a large folder a second for every ten thousand files.
        relative = os.path.relpath(path, self._base)
        if os.sep != "/":
            relative = relative.replace(os.sep, "/")
        # Bytes that are no text would break every JSON file and table that the id goes into.
        return os.fsencode(relative).decode("utf-8", "backslashreplace")


def _looks_like_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in SUFFIXES and not name.startswith(".")  # noqa: PTH122


def _listing(folder: str) -> list[tuple[str, bool]]:
    """Names and whether each is a folder: folders, images and broken links, in natural order."""
    listing = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            is_folder = broken = False
            try:
                is_folder = entry.is_dir()
                if entry.is_symlink():
                    entry.stat()
            except OSError:
                broken = True  # reported whatever its name: it may have led to a folder
            if is_folder or broken or _looks_like_image(entry.name):
                listing.append((entry.name, is_folder))
    return sorted(listing, key=lambda entry: (_natural(entry[0]), entry[0]))


def _identity(path: AnyPath) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return status.st_dev, status.st_ino
