"""Data sets whose annotations are files: Real-IAD's JSON, boxes of COCO or YOLO."""

import functools
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from reinspect.dataset.folders import Entries, entries_of, pictures_below
from reinspect.dataset.items import DataError
from reinspect.dataset.understood import (
    NO_SPLIT,
    Corners,
    LabelledPart,
    Layout,
    ListedSet,
    half_of,
    means_good,
    plain_name,
)
from reinspect.documents import DocumentError, parse_json, parse_yaml, read_text
from reinspect.images import one_line
from reinspect.vocabulary import Label

Boxes = tuple[tuple[Corners, str | None], ...]

_TRAIN = frozenset({"train", "training"})
_SPLITS = _TRAIN | {"test", "testing", "val", "valid", "validation"}
_MOST = 512 << 20
"""Bytes of a file of annotations that is looked into."""


def real_iad(root: str, inside: Entries) -> ListedSet | None:
    """Real-IAD: `OK/` and `NG/` folders; a JSON of the product's name in a folder beside it."""
    if not inside.like("ok") and not inside.like("ng"):
        return None
    above = Path(root).parent
    places = [above, *above.glob("realiad_json*"), *above.glob("realiad_json*/realiad_json*")]
    file = next((p / f"{Path(root).name}.json" for p in places if _is_file(p, root)), None)
    if file is None:
        return None
    said = read_json(str(file))
    if not isinstance(said, dict) or "meta" not in said or "test" not in said:
        return None
    prefix = str(said["meta"].get("prefix", "")).strip("/")
    base = str(above) if prefix and prefix.split("/")[0] == Path(root).name else root
    base = os.path.join(base, *prefix.split("/")) if prefix else base  # noqa: PTH118
    normal = str(said["meta"].get("normal_class", "OK"))
    references, parts = [], {}
    for split in ("train", "test"):
        for entry in said.get(split, ()):
            path = _at(base, str(entry["image_path"]))
            kind = str(entry.get("anomaly_class", normal))
            good = kind == normal or means_good(kind)
            if split == "train" and good:
                references.append(path)
            elif good:
                parts[path] = LabelledPart(path, Label.NORMAL)
            else:
                mask = entry.get("mask_path")
                masks = (_at(base, str(mask)),) if mask else ()
                parts[path] = LabelledPart(path, Label.ANOMALOUS, kind, masks)
    return ListedSet(
        root, Layout.REAL_IAD, tuple(references), parts, file.name, notes=absent(parts, references)
    )


def _is_file(place: Path, root: str) -> bool:
    return (place / f"{Path(root).name}.json").is_file()


def coco(root: str, inside: Entries) -> ListedSet | None:
    """COCO: a JSON of images, annotations and categories; a picture without any is good."""
    places = _coco_places(root, inside)
    found, names = _Boxed(), []
    for folder, name in places:
        said = read_json(os.path.join(folder, name))  # noqa: PTH118
        if said is None:
            found.told[f"files are no JSON, and are left out: {name}"] += 1
        if not _is_coco(said):
            continue
        names.append(name)
        words = plain_name(Path(name).stem).split("_")  # instances_train2017
        told = {word.rstrip("0123456789") for word in words} | {Path(folder).name.lower()}
        train = bool(_TRAIN & told)
        for path, boxes in _of_coco(root, folder, words, said, found.told).items():
            found.add(path, boxes, train=train, several=len(places) > 1)
    return found.as_set(root, Layout.COCO, ", ".join(names)) if names else None


def _coco_places(root: str, inside: Entries) -> list[tuple[str, str]]:
    """Folder and name of each JSON that may be of COCO's kind."""
    below = map(entries_of, inside.named({"annotations", "train", "test", "valid"}))
    return [
        (held.path, name)
        for held in (inside._replace(path=root), *below)
        if held is not None
        for name in held.files
        if name.lower().endswith(".json")
    ]


def _is_coco(said: Any) -> bool:
    return isinstance(said, dict) and {"images", "annotations", "categories"} <= said.keys()


def _of_coco(
    root: str, folder: str, words: Iterable[str], said: Mapping[str, Any], told: Counter[str]
) -> dict[str, Boxes | None]:
    """Path → boxes; pictures lie beside the file, or in a folder that its name has a word of.

    None of one whose boxes all are empty: it is defective, nobody knows where.
    """
    kinds = {own["id"]: str(own["name"]) for own in said["categories"]}
    boxes: dict[Any, list[tuple[Corners, str | None]]] = {}
    for mark in said["annotations"]:
        x, y, width, height = (float(value) for value in mark["bbox"])
        corners = (x, y, x + width, y + height)
        own = boxes.setdefault(mark["image_id"], [])
        if width > 0 and height > 0:
            own.append((corners, kinds.get(mark["category_id"])))
        else:
            told["boxes are empty"] += 1
    known = {image["id"] for image in said["images"]}
    told["boxes are of no picture that is named"] += sum(
        len(own) for number, own in boxes.items() if number not in known
    )
    found: dict[str, Boxes | None] = {}
    for image in said["images"]:
        name = str(image["file_name"])
        below = ("images", "data", *words, *(f"images/{word}" for word in words))
        places = (folder, root, *(_at(root, own) for own in below))
        every = [_at(place, name) for place in places]
        path = next((own for own in every if os.path.isfile(own)), every[0])  # noqa: PTH113
        marked = boxes.get(image["id"])
        shown = () if marked is None else tuple(marked) or None
        if path in found:  # two entries of one file: what either of them shows
            told["pictures are named twice; what both say counts"] += 1
            before = found[path]
            unknown = shown is None or before is None
            shown = (*(before or ()), *(shown or ())) or (None if unknown else ())
        found[path] = shown
    return found


def yolo(root: str, inside: Entries) -> ListedSet | None:
    """YOLO: `images/` and `labels/`, a text of the same name a picture; none or empty is good."""
    splits = _yolo_splits(inside)
    if not splits:
        return None
    names, found = _yolo_names(root, inside), _Boxed()
    texts: set[Path] = set()
    several = len(splits) > 1 or _has_split(splits[0].images)
    for split in splits:
        for path in pictures_below(split.images):
            relative = Path(path).relative_to(split.images)
            text = Path(split.labels, relative).with_suffix(".txt")
            texts.add(text)
            train = plain_name(split.name or relative.parts[0]) in _TRAIN
            found.add(path, _of_yolo(text, names), train=train, several=several, normalised=True)
    if not any(map(Path.is_file, texts)):
        return None
    every = {own for split in splits for own in Path(split.labels).rglob("*.txt")}
    alone = {own for own in every - texts if own.name != "classes.txt"}
    found.told["labels have no picture"] += len(alone)
    return found.as_set(root, Layout.YOLO, "labels/")


class _Split(NamedTuple):
    """Pictures with their labels."""

    images: str
    labels: str
    name: str = ""
    """Of its folder, where each split has one."""


def _yolo_splits(inside: Entries) -> list[_Split]:
    """`images/` and `labels/`, or such in a folder for each split."""
    found = []
    for own in (inside, *map(entries_of, inside.named(_SPLITS))):
        images, labels = (own.like("images"), own.like("labels")) if own else ([], [])
        if own and images and labels:
            found.append(_Split(images[0], labels[0], "" if own is inside else Path(own.path).name))
    return found[:1] if found and not found[0].name else found


def _has_split(images: str) -> bool:
    inside = entries_of(images)
    return inside is not None and len(inside.folders) > 1


def _yolo_names(root: str, inside: Entries) -> dict[int, str]:
    for name in inside.files:
        if name.lower() in ("data.yaml", "dataset.yaml", "data.yml"):
            try:
                said = parse_yaml(read_text(Path(root, name), most=_MOST, patience=0))
            except (OSError, DocumentError) as failure:
                raise DataError(f"{one_line(f'{root}/{name}')}: {failure}") from failure
            names = said.get("names", {}) if isinstance(said, dict) else {}
            pairs = names.items() if isinstance(names, dict) else enumerate(names)
            return {int(number): str(word) for number, word in pairs}
    return {}


def _of_yolo(text: Path, names: Mapping[int, str]) -> Boxes:
    """Boxes as shares of width and height; of outlines what is around them."""
    if not text.is_file():
        return ()
    try:
        lines = read_text(text, most=_MOST, patience=0).splitlines()
    except (OSError, DocumentError) as failure:
        raise DataError(f"{one_line(str(text))}: no labels: {failure}") from failure
    boxes = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words:
            continue
        try:
            kind, values = int(float(words[0])), [float(word) for word in words[1:]]
            if len(values) in (4, 5):  # the fifth is how sure somebody was
                x, y, width, height = values[:4]
                corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
            else:
                xs, ys = values[::2], values[1::2]
                corners = (min(xs), min(ys), max(xs), max(ys))
        except (ValueError, OverflowError) as failure:
            raise DataError(
                f"{one_line(str(text))}: line {number} is no label: {line!r}; one is "
                '"class x y width height", in shares of the picture'
            ) from failure
        boxes.append((corners, names.get(kind, f"class {kind}")))
    return tuple(boxes)


class _Boxed:
    """Pictures with boxes, put where they belong; those without any are good."""

    def __init__(self) -> None:
        self._good: dict[bool, list[str]] = {True: [], False: []}
        self._bad: dict[str, LabelledPart] = {}
        self._seen: set[str] = set()
        self.told: Counter[str] = Counter()
        """What is odd → how often."""

    def add(
        self,
        path: str,
        boxes: Boxes | None,
        *,
        train: bool,
        several: bool,
        normalised: bool = False,
    ) -> None:
        """One more, of which nothing was said before.

        Args:
            path: of the picture.
            boxes: on it; None where it has some, and nobody can say where.
            train: whether it is of the split train.
            several: whether there are other splits.
            normalised: whether boxes are in shares of the picture.
        """
        if path in self._seen:
            self.told["pictures are named twice; the first counts"] += 1
            return
        self._seen.add(path)
        if boxes == ():
            self._good[train].append(path)
        elif train and several:
            self.told["defective ones of the split train are not inspected"] += 1
        else:
            kind = (boxes[0][1] if boxes else None) or "defect"
            self._bad[path] = LabelledPart(path, Label.ANOMALOUS, kind, (), boxes or (), normalised)

    def as_set(self, root: str, layout: Layout, source: str) -> ListedSet:
        """All of them."""
        good, bad = self._good, self._bad
        split = bool(good[True]) and bool(good[False] or bad)
        if split:
            references, rest = tuple(good[True]), tuple(good[False])
        else:
            references, rest = half_of([*good[True], *good[False]])
        parts = {path: LabelledPart(path, Label.NORMAL) for path in rest} | bad
        notes = ("pictures without a box are taken for good", *absent(parts, references))
        notes += () if split else (NO_SPLIT,)
        notes += tuple(f"{count} {what}" for what, count in self.told.items() if count)
        return ListedSet(root, layout, references, parts, source, split, notes)


def absent(parts: Mapping[str, LabelledPart], references: Iterable[str]) -> tuple[str, ...]:
    """A note on files that are named and are not there, if there are any."""
    missing = sum(not os.path.isfile(path) for path in (*references, *parts))  # noqa: PTH113
    return (f"{missing} files are named that are not there",) if missing else ()


def _at(base: str, name: str) -> str:
    return os.path.join(base, *name.replace("\\", "/").split("/"))  # noqa: PTH118


def read_json(file: str) -> Any:
    """What a JSON file says; None where it can't be read as one."""
    try:
        status = os.stat(file)  # noqa: PTH116
    except OSError:
        return None
    return _parsed(file, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=8)
def _parsed(file: str, _mtime: int, size: int) -> Any:
    if size > _MOST:
        return None
    try:
        return parse_json(read_text(file, most=_MOST, patience=0))
    except (OSError, DocumentError):
        return None
