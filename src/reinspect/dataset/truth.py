"""What a data set says of its own pictures."""

import contextlib
import functools
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from reinspect.dataset.folders import entries_of, page_of
from reinspect.dataset.items import DataError, Item
from reinspect.dataset.layout import masks_of, product_at
from reinspect.dataset.understood import (
    MARKED,
    FolderSet,
    LabelledPart,
    ListedSet,
    means_good,
)
from reinspect.documents import parse_json, read_text
from reinspect.images import (
    INVERTED,
    SUFFIXES,
    Mask,
    UnreadableImage,
    address_of,
    boxes_from_mask,
    from_pixels,
    one_line,
    read_mask,
    seems_inverted,
    size_of,
)
from reinspect.vocabulary import Label, NormalisedBox, Truth

Unread = UnreadableImage | DataError
"""What is wrong with a mask, or with the boxes of a picture."""


def truth_of(item: Item, unread: list[Unread] | None = None) -> Truth | None:
    """What the item's category says of it; none outside a category and right under `test/`.

    Boxes come from annotations, else from the mask; each is normalised by its own picture's size.
    A part with several views is defective if one of them shows it. Its `views` have the places:
    where one view has some, those without show nothing; where none has any, it is not known which
    of them shows the defect, unless each has a data set of its own.

    Args:
        item: the part.
        unread: takes what is wrong with a mask that can't be read, or with a box outside of its
            picture; their part is defective then, it is not known where. So it is with a picture
            that can't be read, which its row says.

    Raises:
        DataError: annotations are not what they should be; without `unread`: a box.
        UnreadableImage: without `unread`: the mask, or an image that has boxes, can't be read.
    """
    if item.views:
        return _of_views(item, unread)
    part = part_of(item)
    if part is None or part.label is None:
        return None
    if part.label is Label.NORMAL:
        return Truth(label=Label.NORMAL)
    boxes = _normalised(item, part, unread)
    kind = part.kind or "defect"
    kinds = tuple(own or kind for _, own in part.boxes)
    mask, drawn = _mask(part, unread)
    if drawn is not None:
        boxes = boxes or list(boxes_from_mask(drawn))
        mask = mask if drawn.any() else None
    return Truth(
        label=Label.ANOMALOUS,
        types=tuple(dict.fromkeys(kinds)) or (kind,),
        boxes=tuple(boxes),
        box_types=kinds if kinds and boxes else (kind,) * len(boxes),
        mask=mask,
    )


def said_of_unread(unread: Sequence[Unread]) -> tuple[str, ...]:
    """Which masks can't be read, which boxes are none, a line each; nothing where all are right."""
    masks = [own for own in unread if isinstance(own, UnreadableImage)]
    boxes = [own for own in unread if isinstance(own, DataError)]
    said = []
    for faults, one, several in (
        (masks, "1 mask can't be read", "masks can't be read"),
        (boxes, "1 picture has a box outside of it", "pictures have boxes outside of them"),
    ):
        if faults:
            alone = len(faults) == 1
            what = f"{one}, so where its part is" if alone else ""
            what = what or f"{len(faults)} {several}, so where their parts are"
            said.append(f"{what} defective isn't known: {faults[0]}{'' if alone else ', …'}")
    return tuple(said)


def _of_views(item: Item, unread: list[Unread] | None) -> Truth | None:
    each = {view.name: own for view in item.views if (own := item.of_view(view.name))}
    parts = {name: part for name, own in each.items() if (part := part_of(own)) is not None}
    labels = [part.label for part in parts.values() if part.label is not None]
    if not labels:
        return None
    if Label.ANOMALOUS not in labels:
        return Truth(label=Label.NORMAL)
    bad = [part for part in parts.values() if part.label is Label.ANOMALOUS]
    kinds = [
        own or part.kind or "defect"
        for part in bad
        for own in ([kind for _, kind in part.boxes] or [None])
    ]
    apart = len({own.root for own in each.values()}) > 1
    known = {
        name: truth for name, own in each.items() if (truth := _of_view(own, unread)) is not None
    }
    return Truth(
        label=Label.ANOMALOUS,
        types=tuple(dict.fromkeys(kinds)),
        views=known if apart else _told_by_places(known),
    )


def _of_view(own: Item, unread: list[Unread] | None) -> Truth | None:
    try:
        return truth_of(own, unread)
    except UnreadableImage as failure:
        if failure.path != own.path:
            raise
        return None  # its row says what is wrong with the picture


def _told_by_places(views: Mapping[str, Truth]) -> dict[str, Truth]:
    """Which views show the defect of a part that one folder calls defective."""
    places = {name for name, own in views.items() if own.boxes or own.mask}
    good = Truth(label=Label.NORMAL)
    return {
        name: own if name in places else good
        for name, own in views.items()
        if places or not own.anomalous
    }


def part_of(item: Item) -> LabelledPart | None:
    """What the item's category says of its picture, not yet read; None outside a category.

    Raises:
        DataError: annotations are not what they should be.
    """
    found = None if item.root is None else product_at(item.root, item.layout)
    if isinstance(found, ListedSet):
        return _listed(found, item.path)
    return None if found is None else _in_folders(found, item.path)


def _listed(found: ListedSet, path: str) -> LabelledPart | None:
    """What is known of a picture; of a later page what is said of its file as a whole.

    Boxes are of the first page, and where they say what is good, nothing is known of the others.
    """
    address = address_of(path)
    if path in found.parts or address.page == 1:
        return found.parts.get(path)
    whole = found.parts.get(address.file)
    if whole is None or found.layout in MARKED:
        return None if whole is None else LabelledPart(path, None)
    masks = (_mask_of_page(mask, address.file, address.page) for mask in whole.masks)
    return LabelledPart(path, whole.label, whole.kind, tuple(filter(None, masks)))


def _mask_of_page(mask: str, file: str, page: int) -> str | None:
    beside = entries_of(os.path.dirname(mask))  # noqa: PTH120
    named = None if beside is None else beside.mask(f"{Path(file).stem}#{page}")
    return named or page_of(mask, page)


def _in_folders(found: FolderSet, path: str) -> LabelledPart | None:
    file = Path(path)
    test = next((own for own in found.tests if file.is_relative_to(own)), None)
    if test is None:
        return None
    *kinds, _ = file.relative_to(test).parts
    if not kinds:
        return None
    if means_good(kinds[0]):
        return LabelledPart(path, Label.NORMAL)
    marked = _annotations(found.root).get(file.relative_to(found.root).as_posix(), [])
    masks = masks_of(found.truths, tuple(kinds), path)
    return LabelledPart(path, Label.ANOMALOUS, kinds[0], masks, tuple(marked))


def _normalised(item: Item, part: LabelledPart, unread: list[Unread] | None) -> list[NormalisedBox]:
    if not part.boxes:
        return []
    try:
        width, height = (1, 1) if part.normalised else size_of(item.path, max_pixels=sys.maxsize)
    except UnreadableImage:
        if unread is None:
            raise
        return []
    try:
        return [from_pixels(corners, width, height) for corners, _ in part.boxes]
    except ValueError as error:
        found = product_at(item.root or "", item.layout)
        source = found.source if isinstance(found, ListedSet) else "boxes.json"
        relative = Path(item.path).relative_to(item.root or "").as_posix()
        fault = DataError(f"{one_line(f'{item.root}/{source}: {relative}')}: {error}")
        if unread is None:
            raise fault from error
        unread.append(fault)
        return []


def _mask(part: LabelledPart, unread: list[Unread] | None) -> tuple[str | None, Mask | None]:
    """Its name, marked where it is inverted, and what it sets."""
    if not part.masks:
        return None, None
    name = part.masks[0]
    if inverted(name):
        name += INVERTED
    try:
        return name, read_mask(name)
    except UnreadableImage as failure:
        if unread is None:
            raise
        unread.append(failure)
        return None, None


_ASKED = 8
"""Masks of a folder that are asked whether they are inverted."""


def inverted(mask: str) -> bool:
    """Whether the masks beside this one all set what is good.

    One alone, and a folder where some do and others don't, are read as they stand.
    """
    folder = os.path.dirname(mask)  # noqa: PTH120
    try:
        time = os.stat(folder).st_mtime_ns  # noqa: PTH116
    except OSError:
        return False
    return not os.path.isdir(mask) and _are_inverted(folder, time)  # noqa: PTH112


@functools.lru_cache(maxsize=64)  # asked for mask by mask
def _are_inverted(folder: str, _time: int) -> bool:
    inside = entries_of(folder)
    names = inside.files if inside else ()
    files = [name for name in names if Path(name).suffix.lower() in SUFFIXES]
    chosen = files[:: max(1, len(files) // _ASKED)][:_ASKED]
    masks = []
    for name in chosen:
        with contextlib.suppress(UnreadableImage):  # its own picture's truth says so
            masks.append(read_mask(Path(folder, name)))
    return len(masks) > 1 and all(map(seems_inverted, masks))


Marked = tuple[tuple[float, float, float, float], str | None]


def boxes_of_no_part(root: str, parts: Iterable[str]) -> list[str]:
    """The entries of `boxes.json` with boxes that are of none of these defective parts.

    Raises:
        DataError: it is not what it should be.
    """
    named = {Path(part).relative_to(root).as_posix() for part in parts}
    return [key for key, boxes in _annotations(root).items() if boxes and key not in named]


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
        entries = parse_json(read_text(path, patience=0))
        if not isinstance(entries, dict):
            raise TypeError(f"it holds a {type(entries).__name__}, not an object")
        return {key: [_marked(entry) for entry in found] for key, found in entries.items()}
    except (OSError, ValueError, TypeError, KeyError) as error:
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
