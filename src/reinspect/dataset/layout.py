"""How a data set is laid out: what folders, or files in them, make of one a product.

The layout of MVTec AD, whatever the capitals, with its relatives:

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
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from natsort import natsorted

from reinspect.dataset import annotations, labelled, tables
from reinspect.dataset.folders import Entries, entries_of, pictures_below
from reinspect.dataset.items import DataError
from reinspect.dataset.understood import (
    NO_SPLIT,
    FolderSet,
    LabelledPart,
    Layout,
    ListedSet,
    ProductSet,
    half_of,
    means_good,
    plain_name,
)
from reinspect.images import SUFFIXES, UnreadableImage, address_of, one_line, read_mask
from reinspect.vocabulary import Label

TRAIN = frozenset({"train", "training"})
TEST = frozenset({"test", "testing", "test_public"})
TRUTH = frozenset({"ground_truth", "groundtruth", "gt", "mask", "masks", "label", "labels"})
OTHER = frozenset(
    {"validation", "val", "valid", "test_private", "test_private_mixed", "license"}
    | {"golden", "reference", "references", "runs", "results", "out", "output", "pictures"}
)
"""Folders that are no kind of defect."""
PICTURES = frozenset({"images", "image", "imgs", "img"})
"""Folders that say nothing of the pictures in them."""
_BESIDE = ("_label", "_gt", "_mask")
"""What the name of a mask that lies beside its picture ends with."""


def product_at(
    folder: str, layout: Layout | None = None, *, unsplit: bool = True
) -> ProductSet | None:
    """What a folder is, by its own layout or by the one that is named; None where it is no product.

    Args:
        folder: its path.
        layout: to understand it by; told by what is there by default.
        unsplit: whether one counts that doesn't say which of its pictures are references, and whose
            layout nobody has named.

    Raises:
        DataError: an annotation file in it can't be read.
    """
    if layout is Layout.PLAIN:
        return None
    inside = entries_of(folder)
    if inside is None or not (inside.folders or inside.files):
        return None
    times = tuple(_time(os.path.join(folder, name)) for name in ("", *inside.folders[:_TIMES]))  # noqa: PTH118
    found = _product_at(folder, layout, times)
    if isinstance(found, ListedSet) and not found.split and not unsplit and layout is None:
        return None
    return found


_ODD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What comes of reading annotations that are nearly right."""

_TIMES = 256
"""Folders in a folder that are asked whether they have changed since it was understood."""


def _time(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns  # noqa: PTH116
    except OSError:
        return 0


@functools.lru_cache(maxsize=64)  # asked for picture by picture, product after product
def _product_at(folder: str, layout: Layout | None, _times: tuple[int, ...]) -> ProductSet | None:
    inside = entries_of(folder)
    for kind, understand in _UNDERSTOOD.items():
        if inside is None or layout not in (None, kind):
            continue
        try:
            found = understand(folder, inside)
        except _ODD as failure:
            if isinstance(failure, DataError):
                raise
            raise DataError(
                f"{one_line(folder)}: looks like {kind}, and can't be read as that "
                f"({type(failure).__name__}: {failure}); name another --layout"
            ) from failure
        if found is not None:
            found = _told_apart(found)
            return found if layout else _with_others(found, inside)
    return None


def _told_apart(found: ProductSet) -> ProductSet:
    """It, without references that are parts as well: they would be held against themselves."""
    if isinstance(found, FolderSet) or found.parts.keys().isdisjoint(found.references):
        return found
    references = tuple(path for path in found.references if path not in found.parts)
    both = len(found.references) - len(references)
    note = f"{both} pictures are named as references and as parts; they are no references"
    return replace(found, references=references, notes=(*found.notes, note))


def _with_others(found: ProductSet, inside: Entries) -> ProductSet:
    """It, and in its notes what else the folder could be taken for, and is not."""
    after = list(_UNDERSTOOD)[list(_UNDERSTOOD).index(found.layout) + 1 :]
    others = []
    for kind in after:
        if kind is Layout.SORTED:  # where each picture is said to be good or not, folders are names
            continue
        try:
            other = _UNDERSTOOD[kind](found.root, inside)
        except _ODD:
            continue
        if isinstance(other, ListedSet):
            others.append(f"{kind} ({other.source})")
    if not others:
        return found
    note = f"also looks like {', '.join(others)}, which --layout would take"
    return replace(found, notes=(*found.notes, note))


def _folders(root: str, inside: Entries) -> FolderSet | None:
    # A product may be called `test`.
    tests = tuple(own for own in inside.named(TEST) if not _is_split(own))
    kinds = [kind for test in tests for kind in _subfolders(test) if kind.named(TRUTH) == ()]
    if all(plain_name(Path(kind.path).name) in PICTURES | TRUTH for kind in kinds):
        return None
    below_tests = [entries_of(test) for test in tests]
    truths = inside.named(TRUTH)
    for below in below_tests:
        truths += below.named(TRUTH) if below else ()
    trains, flat = inside.named(TRAIN), []
    train: list[str] = []
    for own in trains:
        held = entries_of(own)
        if held is None:
            continue
        good = [os.path.join(own, name) for name in held.folders if means_good(name)]  # noqa: PTH118
        if good or held.folders:
            train += good
        elif held.files:
            flat.append(own)
    has_good = any(means_good(name) for below in below_tests if below for name in below.folders)
    if not (train or truths or has_good or "boxes.json" in inside.files):
        return None
    notes = [f"{Path(own).name}/ has no folders: all in it is taken for good" for own in flat]
    return FolderSet(root, (*train, *flat), tests, tuple(dict.fromkeys(truths)), tuple(notes))


def _sorted(root: str, inside: Entries) -> ListedSet | None:
    good = [name for name in inside.folders if means_good(name)]
    known = TRAIN | TEST | TRUTH | OTHER
    others = [name for name in inside.folders if name not in good and plain_name(name) not in known]
    if len(good) != 1 or not others:
        return None
    found = {name: pictures_below(os.path.join(root, name)) for name in (*good, *others)}  # noqa: PTH118
    defective = {name: files for name, files in found.items() if files and name not in good}
    if not found[good[0]] or not defective:
        return None
    if any(_is_split(os.path.join(root, name)) for name in found):  # noqa: PTH118
        return None  # a product may be called `good`
    references, tested = half_of(found[good[0]])
    parts = {path: LabelledPart(path, Label.NORMAL) for path in tested}
    truths = inside.named(TRUTH)
    for name, files in defective.items():
        for path in files:
            masks = masks_of(truths, (name,), path)
            parts[path] = LabelledPart(path, Label.ANOMALOUS, name, masks)
    said = f"{good[0]}/ is good, {', '.join(f'{name}/' for name in defective)} defective"
    return ListedSet(root, Layout.SORTED, references, parts, said, split=False, notes=(NO_SPLIT,))


def _beside(root: str, inside: Entries) -> ListedSet | None:
    """KolektorSDD: a folder a part; KolektorSDD2: train and test."""
    train, tests = inside.named(TRAIN), inside.named(TEST)
    if len(train) == 1 and len(tests) == 1:
        learned, parts = _labelled(_pairs(train[0])), _labelled(_pairs(tests[0]))
        if not learned and not parts:
            return None
        bad = sum(part.label is Label.ANOMALOUS for part in learned.values())
        return ListedSet(
            root,
            Layout.BESIDE,
            tuple(_good(learned)),
            parts,
            "masks beside the pictures",
            notes=(
                *_left(bad, "defective ones in train/ are not inspected"),
                *_unread({**learned, **parts}),
            ),
        )
    if inside.files or not inside.folders or train or tests:
        return None
    some = os.path.join(root, inside.folders[0])  # noqa: PTH118
    if not _pairs(some):
        return None
    every = {
        path: part
        for name in natsorted(inside.folders)
        for path, part in _labelled(_pairs(os.path.join(root, name))).items()  # noqa: PTH118
    }
    references, _ = half_of(_good(every))
    parts = {path: every[path] for path in natsorted({*every} - {*references})}
    return ListedSet(
        root,
        Layout.BESIDE,
        references,
        parts,
        "masks beside the pictures",
        split=False,
        notes=(NO_SPLIT, *_unread(every)),
    )


def _pairs(folder: str) -> dict[str, tuple[str, ...]]:
    """Picture → the masks beside it; nothing where no picture has one."""
    inside = entries_of(folder)
    files = {
        Path(name).stem.lower(): os.path.join(folder, name)  # noqa: PTH118
        for name in (inside.files if inside else ())
        if Path(name).suffix.lower() in SUFFIXES
    }
    marks = {
        stem: path for stem, path in files.items() if any(stem.endswith(end) for end in _BESIDE)
    }
    if not marks:
        return {}
    return {
        path: tuple(marks[stem + end] for end in _BESIDE if stem + end in marks)
        for stem, path in files.items()
        if stem not in marks
    }


def _label_of(masks: Iterable[str]) -> Label | None:
    """By masks beside a picture; None where one of them can't be read."""
    try:
        return Label.ANOMALOUS if any(read_mask(mask).any() for mask in masks) else Label.NORMAL
    except UnreadableImage:
        return None


def _labelled(pairs: Mapping[str, tuple[str, ...]]) -> dict[str, LabelledPart]:
    """Each picture with what the masks beside it say; they are read here, and only once."""
    labels = {path: _label_of(masks) for path, masks in pairs.items()}
    return {
        path: LabelledPart(path, label, "defect", pairs[path])
        if label is Label.ANOMALOUS
        else LabelledPart(path, label)
        for path, label in labels.items()
    }


def _good(parts: Mapping[str, LabelledPart]) -> list[str]:
    return [path for path, part in parts.items() if part.label is Label.NORMAL]


def _left(count: int, why: str) -> tuple[str, ...]:
    return (f"{count} {why}",) if count else ()


def _unread(parts: Mapping[str, LabelledPart]) -> tuple[str, ...]:
    pictures = [path for path, part in parts.items() if part.label is None]
    said = "masks beside pictures can't be read, so nothing is known of these"
    return tuple(f"{one} ({Path(pictures[0]).name} …)" for one in _left(len(pictures), said))


def _is_split(folder: str) -> bool:
    """Whether it holds a test set of its own."""
    inside = entries_of(folder)
    return inside is not None and bool(inside.named(TEST) and inside.named(TRAIN | TRUTH))


def _subfolders(folder: str) -> list[Entries]:
    inside = entries_of(folder)
    if inside is None:
        return []
    found = (entries_of(os.path.join(folder, name)) for name in inside.folders)  # noqa: PTH118
    return [below for below in found if below is not None]


def masks_of(truths: Iterable[str], kind: tuple[str, ...], picture: str) -> tuple[str, ...]:
    """The masks of a picture: a file `<stem>` or `<stem>_mask`, or all in a folder of that name.

    Args:
        truths: folders of masks.
        kind: the folders below one that the picture lies in, below its own.
        picture: its path, of a later page with its number.
    """
    address = address_of(picture)
    stem = Path(address.file).stem
    for truth in truths:
        folder: str | None = truth
        for name in kind:
            inside = None if folder is None else entries_of(folder)
            like = [] if inside is None else inside.like(name)
            folder = like[0] if like else None
        for place in (folder, truth):  # masks may lie without a folder a kind
            inside = None if place is None else entries_of(place)
            found = None if inside is None else inside.mask(stem, address.page)
            if found is not None:
                return (found,)
    return ()


_UNDERSTOOD: dict[Layout, Callable[[str, Entries], ProductSet | None]] = {
    Layout.FOLDERS: _folders,
    Layout.VISA: tables.visa,
    Layout.REAL_IAD: annotations.real_iad,
    Layout.BESIDE: _beside,
    Layout.COCO: annotations.coco,
    Layout.YOLO: annotations.yolo,
    Layout.LABEL_STUDIO: labelled.label_studio,
    Layout.CVAT: labelled.cvat,
    Layout.CSV: tables.csv_of_labels,
    Layout.SORTED: _sorted,
}
