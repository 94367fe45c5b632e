"""A data set in another layout: its pictures as they are, what is known of them anew."""

import itertools
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import yaml

from reinspect.census import printable
from reinspect.dataset.items import AnyPath, DataError, Item
from reinspect.dataset.references import known_good
from reinspect.dataset.truth import Unread, truth_of
from reinspect.dataset.understood import means_good
from reinspect.files import whole_folder, write_file, write_json
from reinspect.images import (
    Mask,
    UnreadableImage,
    address_of,
    boxes_from_mask,
    encode_mask,
    fitted_mask,
    pages_of,
    read_mask,
    size_of,
    to_pixels,
)
from reinspect.images.tiff import read_page
from reinspect.vocabulary import Box, Label, Truth


class Target(StrEnum):
    """Layouts that a data set can be written in."""

    MVTEC = "mvtec"
    """train/good, test/<kind>, ground_truth/<kind>/<name>_mask.png, boxes.json."""
    COCO = "coco"
    """train/ and test/, each with _annotations.coco.json; boxes, and masks as run lengths."""
    YOLO = "yolo"
    """images/train, images/test, labels/…, data.yaml; boxes alone."""


@dataclass(slots=True)
class Conversion:
    """What was written, and what could not be said in the new layout."""

    products: list[str] = field(default_factory=list)
    pictures: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """Why → how many pictures."""

    @property
    def line(self) -> str:
        """In words, for people."""
        said = f"{self.pictures} pictures of {', '.join(self.products)}"
        odd = (f"{count} left out: {why}" for why, count in self.left_out.items())
        return printable("; ".join([said, *odd]))


def convert(items: Iterable[Item], target: Target, out: AnyPath) -> Conversion:
    """Write data sets in another layout, each product in a folder of its category's name.

    Pictures are copied byte for byte, a page of a TIFF as one of its own. Names stay where they
    are unique within a folder; where they aren't, the folders above join them.

    Args:
        items: of `discover`, all pictures that data sets give.
        target: the new layout.
        out: a new or empty folder; it appears whole or not at all.

    Raises:
        DataError: no item belongs to a data set, or annotations are not what they should be.
        WriteError: the folder can't be written, or holds something.
    """
    done = Conversion()
    products: dict[str, list[Item]] = {}
    for item in items:
        if item.root is None or item.category is None:
            done.left_out["beside all data sets"] += 1
        else:
            products.setdefault(item.category, []).append(item)
    if not products:
        raise DataError("no data set that is understood: name its layout with --layout")
    with whole_folder(out) as folder:
        for name, members in products.items():
            done.products.append(name)
            _WRITERS[target](folder / name, _parts(members, done), done)
    return done


@dataclass(frozen=True, slots=True)
class _Part:
    """One picture and what is known of it; a reference is a good one of the split train."""

    path: str
    place: Path
    """Below the product's folder."""
    size: tuple[int, int]
    """(width, height) in pixels."""
    truth: Truth
    reference: bool
    page: npt.NDArray[Any] | None = None
    """Its values, (H, W) or (H, W, 3) in RGB order, where its file has other pages, too."""

    @property
    def split(self) -> str:
        return "train" if self.reference else "test"

    @property
    def kind(self) -> str:
        """A name for a folder."""
        if self.truth.label is Label.NORMAL:
            return "good"
        name = re.sub(r'[/\\:*?"<>|]', "-", self.truth.types[0]).strip(". ") or "defect"
        return f"{name} defect" if means_good(name) else name

    @property
    def mask(self) -> Mask | None:
        """(H, W) bool, in the picture's size."""
        if self.truth.mask is None:
            return None
        width, height = self.size
        return fitted_mask(read_mask(self.truth.mask), (height, width))

    @property
    def marked(self) -> list[tuple[Box, str]]:
        """Its boxes, each with its kind."""
        kinds = self.truth.box_types or (self.kind,) * len(self.truth.boxes)
        return list(zip(self.truth.boxes, kinds, strict=True))

    @property
    def is_said(self) -> bool:
        """Whether boxes can say what it is: those of a defective one, or that there are none."""
        return bool(self.truth.boxes) or not self.truth.anomalous


def _parts(members: list[Item], done: Conversion) -> Iterator[_Part]:
    """References first, then the parts to inspect; their places aren't chosen yet."""
    root, layout = members[0].root or "", members[0].layout
    good = Truth(label=Label.NORMAL)
    references = [str(path) for path in known_good(root, layout)]
    known: list[tuple[str, Truth | None, bool]] = [(path, good, True) for path in references]
    unread: list[Unread] = []
    known += [(item.path, truth_of(item, unread), False) for item in members]
    if unread:
        done.left_out["masks and boxes that can't be read"] += len(unread)
    for path, truth, reference in known:
        if truth is None:
            done.left_out["of which nothing is known"] += 1
            continue
        file = Path(address_of(path).file)
        place = file.relative_to(root) if file.is_relative_to(root) else Path(file.name)
        try:
            yield _Part(path, place, size_of(path), truth, reference, _page(path))
        except UnreadableImage:
            done.left_out["that can't be read"] += 1


def _page(path: str) -> npt.NDArray[Any] | None:
    """The values of one page of several; a file with one picture is copied as it is.

    Raises:
        UnreadableImage: its values can't be had alone.
    """
    address = address_of(path)
    if len(pages_of(address.file).numbers) < 2:
        return None
    page = read_page(Path(address.file).read_bytes(), address.page - 1)
    if page is None:
        raise UnreadableImage(path, "a page of a kind that can't be written alone", "")
    return page.values if page.values.ndim == 2 else page.values[..., ::-1]


class _Folder:
    """Copies pictures into the folders of one product, under names that are free there."""

    def __init__(self, root: Path, done: Conversion) -> None:
        self._root, self._done = root, done
        self._taken: set[tuple[str, str]] = set()

    def put(self, part: _Part, *below: str) -> Path:
        """Copy its picture, or its page alone; the place is relative to the product's folder."""
        target = Path(*below, self._name(part, "/".join(below)))
        place = self._root / target
        place.parent.mkdir(parents=True, exist_ok=True)
        if part.page is None:
            shutil.copyfile(part.path, place)
        else:
            import tifffile  # a start without it is faster

            tifffile.imwrite(place, part.page)
        self._done.pictures += 1
        return target

    def _name(self, part: _Part, folder: str) -> str:
        """Its own where no other file there has its stem, else joined by the folders above it."""
        ending, number = part.place.suffix, ""
        if part.page is not None:
            ending, number = ".tif", f"_{address_of(part.path).page}"
        whole = "-".join(part.place.with_suffix("").parts) + number
        stems = itertools.chain(
            (part.place.stem + number, whole), (f"{whole}-{n}" for n in itertools.count(2))
        )
        stem = next(stem for stem in stems if (folder.lower(), stem.lower()) not in self._taken)
        self._taken.add((folder.lower(), stem.lower()))
        return stem + ending


def _mvtec(root: Path, parts: Iterable[_Part], done: Conversion) -> None:
    folder = _Folder(root, done)
    boxes: dict[str, list[dict[str, Any]]] = {}
    for part in parts:
        target = folder.put(part, part.split, part.kind)
        mask = part.mask
        if mask is not None:
            place = root / "ground_truth" / part.kind / f"{target.stem}_mask.png"
            write_file(place, cv2.imencode(".png", mask.astype(np.uint8) * 255)[1].tobytes())
        if part.truth.boxes and (mask is None or part.truth.boxes != boxes_from_mask(mask)):
            boxes[target.as_posix()] = [
                {"box": to_pixels(box, *part.size), "type": kind} for box, kind in part.marked
            ]
    if boxes:
        write_json(root / "boxes.json", boxes)


def _coco(root: Path, parts: Iterable[_Part], done: Conversion) -> None:
    folder, kinds = _Folder(root, done), _Numbers()
    images: dict[str, list[dict[str, Any]]] = {"train": [], "test": []}
    marks: dict[str, list[dict[str, Any]]] = {"train": [], "test": []}
    for part in _with_a_place(parts, done):
        name = folder.put(part, part.split).name
        shown, drawn = images[part.split], marks[part.split]
        width, height = part.size
        number = len(shown) + 1
        shown.append({"id": number, "file_name": name, "width": width, "height": height})
        mask = part.mask
        for box, kind in part.marked:
            mark = {"id": len(drawn) + 1, "image_id": number, "category_id": kinds.of(kind) + 1}
            drawn.append(mark | _coco_mark(box, mask, part.size))
    categories = [{"id": number + 1, "name": kind} for number, kind in enumerate(kinds.names)]
    for split, shown in images.items():
        said = {"images": shown, "annotations": marks[split], "categories": categories}
        write_json(root / split / "_annotations.coco.json", said)


def _coco_mark(box: Box, mask: Mask | None, size: tuple[int, int]) -> dict[str, Any]:
    """A box in pixels, and what of the mask lies in it."""
    x1, y1, x2, y2 = to_pixels(box, *size)
    corner = {"bbox": [x1, y1, x2 - x1, y2 - y1], "iscrowd": 0}
    if mask is None:
        return corner | {"area": (x2 - x1) * (y2 - y1), "segmentation": []}
    inside = np.zeros_like(mask)
    inside[y1:y2, x1:x2] = mask[y1:y2, x1:x2]
    drawn = encode_mask(inside).model_dump(mode="json")
    return corner | {"area": int(inside.sum()), "segmentation": drawn}


def _yolo(root: Path, parts: Iterable[_Part], done: Conversion) -> None:
    folder, kinds = _Folder(root, done), _Numbers()
    for part in _with_a_place(parts, done):
        target = folder.put(part, "images", part.split)
        lines = []
        for (x1, y1, x2, y2), kind in part.marked:
            shares = ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1)
            lines.append(" ".join([str(kinds.of(kind)), *(f"{share:.6f}" for share in shares)]))
        text = "".join(f"{line}\n" for line in lines)
        write_file(root / "labels" / part.split / f"{target.stem}.txt", text)
    said = {"path": ".", "train": "images/train", "val": "images/test", "names": kinds.names}
    write_file(root / "data.yaml", yaml.safe_dump(said, allow_unicode=True, sort_keys=False))


class _Numbers:
    """Kinds of defect by number, in the order in which they are met."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def of(self, kind: str) -> int:
        if kind not in self.names:
            self.names.append(kind)
        return self.names.index(kind)


def _with_a_place(parts: Iterable[_Part], done: Conversion) -> Iterator[_Part]:
    """Parts that boxes can speak of; without a box a picture is taken for good there."""
    for part in parts:
        if part.is_said:
            yield part
        else:
            done.left_out["defective, of which it isn't known where"] += 1


_WRITERS: dict[Target, Callable[[Path, Iterable[_Part], Conversion], None]] = {
    Target.MVTEC: _mvtec,
    Target.COCO: _coco,
    Target.YOLO: _yolo,
}
