"""A good part to show beside another, from wherever known-good pictures of it are.

They are those that the run was given, else those that its recipe names, else those of the data set
that the part lies in; where these are gone, what the run has kept of its comparison.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from reinspect.dataset import ReferenceVersion, item_at, known_good, references_in
from reinspect.documents import DocumentError, parse_yaml
from reinspect.errors import ReinspectError
from reinspect.export.units import seen
from reinspect.images import Pixels, UnreadableImage, glance
from reinspect.references import evenly_spaced
from reinspect.tools.embedded.alignment import Aligned, difference
from reinspect.tools.embedded.second_look import laid_over
from reinspect.vocabulary import Sample, View

_MOST = 48  # good parts among which the most alike is looked for
_THUMBNAIL = 32  # side of what is compared
FAINT, STRONG = 6.0, 40.0
"""Difference in Lab of the faintest and of the strongest colour."""


class ShownGoodPart(NamedTuple):
    """A good part at the size of the part that it stands beside."""

    pixels: Pixels
    words: str
    differs: npt.NDArray[np.float32] | None
    """By how much the part differs, (H, W) in Lab; none where they lie otherwise."""


def good_part(
    recipe: str, sample: Sample, photo: Pixels, kept: Path | None, references: str = ""
) -> ShownGoodPart | None:
    """The good part that looks most like this one, laid over it where that can be.

    Args:
        recipe: of the run, YAML.
        sample: the part.
        photo: its picture as shown, BGR (H, W, 3).
        kept: file of the run's comparison, the part to the left of a reference.
        references: those that the run was given, a folder or a version of a set.
    """
    view = sample.views[0].model_copy(update=_SAME)
    files = _files(recipe, sample.category, sample.path, references)
    whole = _nearest(files, sample.path, photo, view)
    if whole is None:
        whole = _right_of(kept)
    if whole is None:
        return None
    moved = laid_over(photo, whole)
    if moved is None:
        size = (photo.shape[1], photo.shape[0])
        shown = np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.uint8)
        return ShownGoodPart(shown, "A good part, as it lies", None)
    lighter = (photo.mean(axis=(0, 1)) - moved.mean(axis=(0, 1))).round()  # light is no defect
    alike = np.clip(moved + lighter, 0, 255).astype(np.uint8)
    differs = difference(photo, (Aligned(0, alike, np.eye(2, 3), 1.0),))
    return ShownGoodPart(moved, "A good part, laid over", differs)


@lru_cache(maxsize=256)
def _files(recipe: str, category: str | None, path: str, references: str) -> tuple[str, ...]:
    """The known-good pictures that this part may be compared with."""
    version = ReferenceVersion.parse(references)
    if version is not None:
        references = f"{version.folder}@{version.number}"
    named = references or _named(recipe)
    if isinstance(named, Mapping):
        named = named.get(category)
    try:
        if isinstance(named, str):
            found = references_in(named)
            own = found.by_category.get(category or "", found.default)
            return _some(own or chain(*found.by_category.values()))
        item = item_at(path)
        return _some(known_good(item.root)) if item and item.root else ()
    except (ReinspectError, OSError):  # moved or deleted since
        return ()


@lru_cache(maxsize=16)
def _named(recipe: str) -> object:
    """What a recipe says of its references."""
    try:
        read = parse_yaml(recipe)
    except DocumentError:
        return None
    return read.get("references") if isinstance(read, Mapping) else None


_SAME: dict[str, Any] = {"path": "", "sha256": None, "size": None, "outside": 0.0}
"""What of a view says nothing of how its references are read."""


def _some(files: Iterable[Path]) -> tuple[str, ...]:
    every = [str(file) for file in files]
    return tuple(every[place] for place in evenly_spaced(len(every), _MOST)) if every else ()


def _nearest(files: tuple[str, ...], own: str, photo: Pixels, view: View) -> Pixels | None:
    others = tuple(file for file in files if file != own)
    readable, looks = _appearances(others, view)
    for place in np.abs(looks - _appearance(photo)).mean(axis=(1, 2, 3)).argsort(kind="stable"):
        try:
            return seen(readable[place], max(photo.shape), view).pixels
        except UnreadableImage:
            continue
    return None


@lru_cache(maxsize=16)
def _appearances(
    files: tuple[str, ...], view: View
) -> tuple[tuple[str, ...], npt.NDArray[np.float32]]:
    """Those that can be read, and what they look like: (files, side, side, 3)."""
    readable, looks = [], [np.zeros((0, _THUMBNAIL, _THUMBNAIL, 3), np.float32)]
    for file in files:
        try:
            looks.append(_appearance(seen(file, 4 * _THUMBNAIL, view).pixels)[None])
        except UnreadableImage:
            continue
        readable.append(file)
    return tuple(readable), np.concatenate(looks)


def _appearance(pixels: Pixels) -> npt.NDArray[np.float32]:
    """A thumbnail without its brightness: light differs from day to day."""
    size = (_THUMBNAIL, _THUMBNAIL)
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(small - small.mean(), np.float32)


def _right_of(kept: Path | None) -> Pixels | None:
    """The reference in a picture that `side_by_side` made of a part and its reference."""
    if kept is None:
        return None
    try:
        both = glance(kept, 4096).pixels
    except UnreadableImage:
        return None
    return np.ascontiguousarray(both[:, (both.shape[1] + max(2, both.shape[0] // 150)) // 2 :])
