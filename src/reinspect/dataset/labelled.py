"""Data sets that people have labelled: exports of Label Studio, of CVAT."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree as ET

from natsort import natsorted

from reinspect.dataset.annotations import Boxes, absent, read_json
from reinspect.dataset.folders import Entries
from reinspect.dataset.understood import (
    BAD,
    NO_SPLIT,
    LabelledPart,
    Layout,
    ListedSet,
    half_of,
    means_good,
)
from reinspect.vocabulary import Label

_BAD = BAD | {"defect", "defective"}
_UPLOADED = re.compile(r"^[0-9a-f]{8}-")
"""What Label Studio puts before the name of an upload."""
_MOST = 256 << 20
"""Bytes of a file of annotations that is looked into."""


class _Told(NamedTuple):
    """What people said of one picture."""

    path: str
    seen: bool
    """Whether somebody has looked at it."""
    words: tuple[str, ...]
    boxes: Boxes
    normalised: bool

    def and_also(self, other: "_Told | None") -> "_Told":
        """What two entries say of one picture."""
        if other is None:
            return self
        words, boxes = (*other.words, *self.words), (*other.boxes, *self.boxes)
        return self._replace(seen=self.seen or other.seen, words=words, boxes=boxes)


def label_studio(root: str, inside: Entries) -> ListedSet | None:
    """Label Studio: JSON of tasks with their annotations, or its short form."""
    for name in inside.files:
        if not name.lower().endswith(".json"):
            continue
        said = read_json(os.path.join(root, name))  # noqa: PTH118
        if _is_tasks(said):
            return _set(root, Layout.LABEL_STUDIO, (_task(root, task) for task in said), name)
    return None


def _is_tasks(said: Any) -> bool:
    first = said[0] if isinstance(said, list) and said else None
    if not isinstance(first, dict):
        return False
    return "image" in first.get("data", {}) if "data" in first else "annotation_id" in first


def _task(root: str, task: Mapping[str, Any]) -> _Told:
    if "data" in task:
        results = [
            result
            for annotation in task.get("annotations", ())
            if not annotation.get("was_cancelled")
            for result in annotation.get("result", ())
        ]
        seen, image = bool(task.get("annotations")), task["data"]["image"]
        values = [result.get("value", {}) for result in results]
    else:
        seen, image = True, task["image"]
        values = [value for own in task.values() if isinstance(own, list) for value in own]
        values += [{"choices": [own]} for key, own in task.items() if key.startswith("choice")]
    words = [word for value in values for word in value.get("choices", ())]
    boxes = []
    for value in values:
        if {"x", "y", "width", "height"} <= value.keys():
            x, y = value["x"] / 100, value["y"] / 100
            corners = (x, y, x + value["width"] / 100, y + value["height"] / 100)
            boxes.append((corners, next(iter(value.get("rectanglelabels", ())), None)))
    return _Told(_picture(root, str(image)), seen, tuple(words), tuple(boxes), normalised=True)


def _picture(root: str, address: str) -> str:
    """Where a picture lies that an export names by an address of its server."""
    parts = urlsplit(address)
    name = parse_qs(parts.query).get("d", [unquote(parts.path)])[0].lstrip("/")
    short = Path(name).name
    names = (name, short, _UPLOADED.sub("", short))
    places = [os.path.join(root, *below, *own.split("/")) for own in names for below in _BELOW]  # noqa: PTH118
    return next((place for place in places if os.path.isfile(place)), places[0])  # noqa: PTH113


_BELOW = ((), ("images",), ("pictures",), ("data",))


def cvat(root: str, inside: Entries) -> ListedSet | None:
    """CVAT: `annotations.xml` of images with boxes, outlines, tags."""
    for name in inside.files:
        file = Path(root, name)
        if not name.lower().endswith(".xml") or file.stat().st_size > _MOST:
            continue
        try:
            said = ET.parse(file).getroot()  # noqa: S314 - expat bounds entities
        except ET.ParseError:
            continue
        if said.tag == "annotations" and said.find("image") is not None:
            told = (_image(root, image) for image in said.iter("image"))
            return _set(root, Layout.CVAT, told, name)
    return None


def _image(root: str, image: ET.Element) -> _Told:
    boxes = []
    for mark in image:
        if mark.tag == "box":
            xtl, ytl, xbr, ybr = (float(mark.attrib[key]) for key in ("xtl", "ytl", "xbr", "ybr"))
            boxes.append(((xtl, ytl, xbr, ybr), mark.attrib.get("label")))
        elif mark.tag == "polygon":
            points = [own.split(",") for own in mark.attrib["points"].split(";")]
            xs, ys = zip(*((float(x), float(y)) for x, y in points), strict=True)
            boxes.append(((min(xs), min(ys), max(xs), max(ys)), mark.attrib.get("label")))
    words = tuple(tag.attrib.get("label", "") for tag in image.iter("tag"))
    path = _picture(root, image.attrib["name"])
    return _Told(path, True, words, tuple(boxes), normalised=False)


def _set(root: str, layout: Layout, told: Iterable[_Told], source: str) -> ListedSet:
    good, rest, unseen, twice = [], dict[str, LabelledPart](), 0, 0
    each: dict[str, _Told] = {}
    for one in told:
        twice += one.path in each
        each[one.path] = one.and_also(each.get(one.path))
    for one in each.values():
        bad = next((word for word in one.words if not means_good(word)), None)
        if one.boxes:
            kind = next((name for _, name in one.boxes if name), None) or "defect"
            rest[one.path] = LabelledPart(
                one.path, Label.ANOMALOUS, kind, (), one.boxes, one.normalised
            )
        elif bad is not None:
            kind = "defect" if bad.lower() in _BAD else bad
            rest[one.path] = LabelledPart(one.path, Label.ANOMALOUS, kind)
        elif one.seen:
            good.append(one.path)
        else:
            unseen += 1
            rest[one.path] = LabelledPart(one.path, None)
    references, tested = half_of(natsorted(good))
    parts = {path: LabelledPart(path, Label.NORMAL) for path in tested} | rest
    notes = ["pictures without a box are taken for good", NO_SPLIT, *absent(parts, references)]
    notes += [f"{twice} pictures are named twice; what all say counts"] if twice else []
    notes += [f"{unseen} pictures that nobody has labelled"] if unseen else []
    ordered = {path: parts[path] for path in natsorted(parts)}
    return ListedSet(root, layout, references, ordered, source, split=False, notes=tuple(notes))
