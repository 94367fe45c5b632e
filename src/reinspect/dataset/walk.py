"""The files under some paths that are to be inspected."""

import os
from collections.abc import Container, Iterable, Iterator, Sequence, Set
from pathlib import Path

from natsort import natsort_keygen

from reinspect.census import Census, CensusTaker
from reinspect.dataset.items import AnyPath, DataError, Item, NotThereError
from reinspect.dataset.layout import product_at
from reinspect.dataset.manifest import MANIFEST, manifest_of
from reinspect.dataset.understood import FolderSet, Layout, ListedSet
from reinspect.files import identity_of
from reinspect.images import (
    PARTS,
    TABLES,
    address_of,
    holds_picture,
    legible,
    one_line,
    pictures_in,
)
from reinspect.sensing import PLAIN, FileRules

_natural = natsort_keygen()

_TEMPORARY = frozenset({".crdownload", ".filepart", ".part", ".partial", ".swp", ".temp", ".tmp"})
"""Endings of files that somebody is still writing, whatever they begin with."""

UNREAD_TABLES = (
    f"named by {MANIFEST} and not read: say what their numbers are by signals.rate or pictures.unit"
)
"""Why a table of numbers is left out that is meant as the view of a part."""


class Listing:
    """The files under some paths, listed anew on each iteration and never held all at once.

    An iteration ends with a DataError where a layout is named and nothing is of it.
    """

    def __init__(
        self,
        paths: Sequence[AnyPath],
        exclude: Sequence[AnyPath],
        layout: Layout | None = None,
        *,
        all_good: bool = False,
        unsplit: bool = False,
        rules: FileRules = PLAIN,
    ) -> None:
        self.paths = tuple(os.fspath(path) for path in paths)
        self._exclude = tuple(os.fspath(path) for path in exclude)
        folders = [p if os.path.isdir(p) else os.path.dirname(p) for p in self._absolute]  # noqa: PTH112, PTH120
        self._base = os.path.commonpath(folders)
        self._layout, self._all_good, self._unsplit = layout, all_good, unsplit
        self._rules = rules
        self._newest = CensusTaker()

    @property
    def _absolute(self) -> list[str]:
        return [os.path.abspath(path) for path in self.paths]  # noqa: PTH100 - keeps links as named

    def __iter__(self) -> Iterator[Item]:
        walk = Walk(
            self._base,
            self._exclude,
            layout=self._layout,
            all_good=self._all_good,
            unsplit=self._unsplit,
            rules=self._rules,
        )
        self._newest = walk.counted
        understood = self._layout in (None, Layout.PLAIN, Layout.FOLDERS)  # any folder is one
        for path in self.paths:
            for item in walk.below(path):
                understood |= item.root is not None
                yield item
        if not understood:
            raise DataError(
                f"{', '.join(map(one_line, self.paths))}: no data set of layout {self._layout} is "
                f"there, or its tables can't be read; leave --layout out to take its pictures as "
                f"they are"
            )

    @property
    def census(self) -> Census:
        """What the newest iteration has seen so far, of a complete one everything."""
        return self._newest.census

    def count(self) -> int:
        """How many items there are; it lists all folders."""
        return sum(1 for _ in self)


def discover(
    paths: Sequence[AnyPath],
    *,
    exclude: Sequence[AnyPath] = (),
    layout: Layout | None = None,
    all_good: bool = False,
    unsplit: bool = False,
    rules: FileRules = PLAIN,
) -> Listing:
    """What to inspect at some paths: images, folders, categories, folders of categories.

    Folders are searched at any depth in natural order for files that are named like images, or that
    begin as images do; of a category, of whatever layout, only the parts to inspect. Hidden files
    are left out, and each folder is read once, whatever links lead to it. A broken link and a
    folder that can't be listed are items as well: reading them says what is wrong with them.
    Folders in `exclude` are passed over.

    An item's id is relative to the folder given; for an image its name; for several paths relative
    to the folder that they have in common.

    Args:
        paths: of images or folders.
        exclude: folders to pass over.
        layout: to understand categories by; told by what is there by default.
        all_good: take all good pictures of a category that doesn't say which are references.
        unsplit: understand such categories without being told their layout, too; they are plain
            pictures otherwise, all of them to inspect.
        rules: which files are parts besides pictures and recordings, and how long a window is.

    Raises:
        NotThereError: a path does not exist.
        DataError: there is no path.
    """
    if not paths:
        raise DataError("no path to inspect: give an image or a folder")
    for path in paths:
        if not os.path.lexists(address_of(path).file):
            raise NotThereError(f"no image or folder at {one_line(os.fspath(path))}")
    return Listing(paths, exclude, layout, all_good=all_good, unsplit=unsplit, rules=rules)


class Walk:
    """One pass over folders, in natural order, each folder once."""

    def __init__(
        self,
        base: str,
        exclude: Iterable[str],
        *,
        categories_only: bool = False,
        layout: Layout | None = None,
        all_good: bool = False,
        unsplit: bool = False,
        rules: FileRules = PLAIN,
    ) -> None:
        self._rules = rules
        self._base = Path(base)
        self._excluded = {identity_of(path) for path in exclude} - {None}
        self._entered: set[tuple[int, int]] = set()
        self._files: set[str] = set()
        self._categories_only = categories_only
        self._layout, self._all_good = layout, all_good
        self._unsplit = unsplit or categories_only
        self.counted = CensusTaker()
        """The files so far."""

    def below(self, path: str) -> Iterator[Item]:
        """The items at a path that the caller named, which is therefore never excluded."""
        if os.path.isdir(path):  # noqa: PTH112
            yield from self._folder(path, None, None)
            return
        absolute = Path(os.path.abspath(path))  # noqa: PTH100
        listed = identity_of(absolute.parent) in self._entered and not self._why_left_out(
            str(absolute)
        )
        if not listed and str(absolute) not in self._files:
            self._files.add(str(absolute))
            yield from self._pages(path, None, None)
        else:
            self.counted.leave("named before", self._relative(path))

    def _folder(self, path: str, category: str | None, root: str | None) -> Iterator[Item]:
        if not self._enter(path):
            return
        found = None
        if root is None:
            found = product_at(path, self._layout, unsplit=self._unsplit)
        if found is not None:
            yield from self._product(found)
            return
        try:
            listing = _listing(path)
        except OSError:
            yield self._item(path, category, root)
            return
        for name, is_folder, is_broken in listing:
            below = os.path.join(path, name)  # noqa: PTH118
            if is_folder:
                yield from self._subfolder(below, category, root)
            elif self._categories_only:
                continue
            elif why := None if is_broken else self._why_left_out(below):
                self.counted.leave(why, self._relative(below))
            elif os.path.abspath(below) in self._files:  # noqa: PTH100
                self.counted.leave("named before", self._relative(below))
            else:
                yield from self._pages(below, category, root)

    def _subfolder(self, path: str, category: str | None, root: str | None) -> Iterator[Item]:
        if identity_of(path) in self._excluded:
            self.counted.leave("folder of references or results", self._relative(path))
        elif os.path.basename(path).startswith("."):  # noqa: PTH119
            self.counted.leave("hidden", self._relative(path))
        else:
            yield from self._folder(path, category, root)

    def _pages(
        self,
        path: str,
        category: str | None,
        root: str | None,
        but: Container[str] = (),
    ) -> Iterator[Item]:
        """The pictures in a file: one, or each page of a TIFF, each window of a recording.

        But for later ones that are listed themselves.
        """
        pages = pictures_in(path, self._rules)
        for number in pages.numbers:
            page = path if number == 1 else f"{path}#{number}"
            if number == 1 or page not in but:
                yield self._item(page, category, root)
        for _ in range(pages.others):
            self.counted.leave("page that is a thumbnail or a mask", self._relative(path))

    def _product(self, found: FolderSet | ListedSet) -> Iterator[Item]:
        category = self._category(found.root)
        if self._categories_only:
            yield self._item(found.root, category, found.root)
        elif isinstance(found, FolderSet):
            # Masks may lie among the test images.
            self._excluded.update(identity_of(path) for path in found.truths)
            self._leave_beside(found.root, found.tests)
            for test in found.tests:
                yield from self._folder(test, category, found.root)
        else:
            more = found.references if self._all_good and not found.split else ()
            taken = (*more, *found.parts)
            for path in taken:
                yield from self._pages(path, category, found.root, but=found.parts)
            self._leave_beside(found.root, (), {*taken})

    def _leave_beside(self, root: str, but: Sequence[str], taken: Set[str] = frozenset()) -> None:
        """Count what of a category is not inspected: its references, its masks, other files."""
        for folder, below, files in os.walk(root):
            below[:] = sorted(
                (name for name in below if os.path.join(folder, name) not in but),  # noqa: PTH118
                key=_natural,
            )
            top = os.path.relpath(folder, root).partition(os.sep)[0]
            why = "beside the parts of a data set"
            if top != ".":
                why = f"under {top}/ of a data set"
            for name in sorted(files, key=_natural):
                path = os.path.join(folder, name)  # noqa: PTH118
                if path not in taken:
                    self.counted.leave(why, self._relative(path))

    def _why_left_out(self, path: str) -> str | None:
        """Why a file is none to inspect; None where it is one."""
        name = os.path.basename(path)  # noqa: PTH119
        if name.startswith("."):
            return "hidden"
        suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122
        if suffix in _TEMPORARY:
            return f"with a temporary name: {suffix}"
        if suffix in PARTS or (suffix in TABLES and self._rules.tables) or holds_picture(path):
            return None
        if suffix in TABLES and _is_named(path):
            return UNREAD_TABLES
        return f"no picture: {legible(suffix) or 'without an ending'}"

    def _enter(self, path: str) -> bool:
        """Whether the folder is new to this walk."""
        identity = identity_of(path)
        if identity is None:
            return True
        new = identity not in self._entered
        self._entered.add(identity)
        return new

    def _item(self, path: str, category: str | None, root: str | None) -> Item:
        self.counted.take()
        return Item(self._relative(path), path, category, root, self._layout if root else None)

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


def _is_named(path: str) -> bool:
    try:
        return manifest_of(path) is not None
    except DataError:  # told where its pictures are put together to parts
        return False


def _listing(folder: str) -> list[tuple[str, bool, bool]]:
    """Names in natural order, and of each whether it is a folder, or a broken link."""
    listing = []
    with os.scandir(folder) as entries:
        for entry in entries:
            is_folder = broken = False
            try:
                is_folder = entry.is_dir()
                if entry.is_symlink():
                    entry.stat()
            except OSError:
                broken = True  # reported whatever its name: it may have led to a folder
            broken = broken and not entry.name.startswith(".")
            listing.append((entry.name, is_folder, broken))
    return sorted(listing, key=lambda entry: (_natural(entry[0]), entry[0]))
