"""What lies in a folder, by name; asked for again and again, read once."""

import functools
import os
from collections.abc import Collection
from typing import NamedTuple

from natsort import natsort_keygen

from reinspect.dataset.understood import plain_name
from reinspect.images import PARTS, SUFFIXES, holds_picture, pages_of

_natural = natsort_keygen()
_MASKS = ("{}_mask", "{}", "{}_gt", "{}_label", "mask_{}")


class Entries(NamedTuple):
    """Names in a folder, in natural order, hidden ones left out."""

    path: str
    folders: tuple[str, ...]
    files: tuple[str, ...]

    def named(self, names: Collection[str]) -> tuple[str, ...]:
        """Paths of the folders with one of these plain names."""
        return tuple(
            os.path.join(self.path, name)  # noqa: PTH118
            for name in self.folders
            if plain_name(name) in names
        )

    def like(self, name: str) -> list[str]:
        """Paths of the folders of this name, the very same first, then whatever their capitals."""
        found = [own for own in self.folders if plain_name(own) == plain_name(name)]
        found.sort(key=lambda own: own != name)
        return [os.path.join(self.path, own) for own in found]  # noqa: PTH118

    def mask(self, stem: str, page: int = 1) -> str | None:
        """Path of the mask of a picture: a file, a page of one, or a folder of several.

        Of the second page of `scan.tif` that is `scan#2_mask.png`, or the second page of
        `scan_mask.tif`; a mask of one page is of the first.
        """
        masks = _masks(self)
        for own, number in ((f"{stem}#{page}", 1), (stem, page)):
            for pattern in _MASKS:
                found = masks.get(pattern.format(own).lower())
                if found is not None:
                    return page_of(found, number)
        return None


def page_of(mask: str, page: int) -> str | None:
    """A page of a mask; None where it has no such page."""
    if page == 1:
        return mask
    return f"{mask}#{page}" if page in pages_of(mask).numbers else None


@functools.lru_cache(maxsize=16)
def _masks(inside: Entries) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in (*inside.folders, *inside.files):
        stem, suffix = os.path.splitext(name)  # noqa: PTH122
        if name in inside.folders:
            found.setdefault(name.lower(), os.path.join(inside.path, name))  # noqa: PTH118
        elif suffix.lower() in SUFFIXES:
            found[stem.lower()] = os.path.join(inside.path, name)  # noqa: PTH118
    return found


def entries_of(folder: str) -> Entries | None:
    """What lies in a folder; None where it can't be listed."""
    try:
        status = os.stat(folder)  # noqa: PTH116
        return _entries_of(folder, status.st_mtime_ns, status.st_ino)
    except OSError:
        return None


@functools.lru_cache(maxsize=1024)
def _entries_of(folder: str, _mtime: int, _inode: int) -> Entries:
    folders: list[str] = []
    files: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            try:
                is_folder = entry.is_dir()
            except OSError:
                is_folder = False
            (folders if is_folder else files).append(entry.name)
    return Entries(folder, tuple(sorted(folders, key=_key)), tuple(sorted(files, key=_key)))


def pictures_below(folder: str) -> list[str]:
    """Paths of all pictures at any depth, in natural order, hidden ones left out."""
    found: list[str] = []
    for place, below, files in os.walk(folder, followlinks=False):
        below[:] = sorted((name for name in below if not name.startswith(".")), key=_key)
        for name in sorted(files, key=_key):
            path = os.path.join(place, name)  # noqa: PTH118
            if not name.startswith(".") and is_picture(path):
                found.append(path)
    return found


def is_picture(path: str) -> bool:
    """Whether a file is named like a picture or a recording, or begins as one does."""
    return os.path.splitext(path)[1].lower() in PARTS or holds_picture(path)  # noqa: PTH122


def _key(name: str) -> tuple[object, str]:
    return _natural(name), name
