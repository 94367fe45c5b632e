"""One product as a data set has it, whatever its layout: its references, its parts, their truth."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from reinspect.vocabulary import Label


class Layout(StrEnum):
    """How data sets are laid out."""

    FOLDERS = "folders"
    """train/good, test/good, test/<defect>, ground_truth: MVTec AD, MVTec LOCO, BTAD, MPDD …"""
    SORTED = "sorted"
    """good/, <defect>/: no split."""
    BESIDE = "beside"
    """Masks beside the pictures: KolektorSDD, KolektorSDD2."""
    VISA = "visa"
    """Data/Images/Normal, Data/Images/Anomaly, a split as CSV."""
    CSV = "csv"
    """A table of path and label."""
    REAL_IAD = "real-iad"
    COCO = "coco"
    YOLO = "yolo"
    LABEL_STUDIO = "label-studio"
    CVAT = "cvat"
    PLAIN = "plain"
    """Pictures in folders, about which nothing is known."""


Corners = tuple[float, float, float, float]


class LabelledPart(NamedTuple):
    """What a data set says of one picture."""

    path: str
    label: Label | None
    kind: str | None = None
    """Of its defect."""
    masks: tuple[str, ...] = ()
    boxes: tuple[tuple[Corners, str | None], ...] = ()
    """In pixels, or normalised, each with its kind."""
    normalised: bool = False


@dataclass(frozen=True, slots=True)
class FolderSet:
    """A product whose folders say what is what; its files are listed when they are asked for."""

    root: str
    train: tuple[str, ...]
    """Folders of known-good pictures."""
    tests: tuple[str, ...]
    """Folders below which parts lie, one folder a kind."""
    truths: tuple[str, ...]
    """Folders of masks, one folder a kind."""
    notes: tuple[str, ...] = ()
    layout: Layout = Layout.FOLDERS


@dataclass(frozen=True, slots=True)
class ListedSet:
    """A product whose pictures were listed with what is known of them."""

    root: str
    layout: Layout
    references: tuple[str, ...]
    """Known-good pictures; those of a set without a split among its good ones."""
    parts: Mapping[str, LabelledPart]
    """Path → a part to inspect."""
    source: str = ""
    """The file or folders that say so."""
    split: bool = True
    """Whether the data set itself says which pictures are references."""
    notes: tuple[str, ...] = field(default=())


ProductSet = FolderSet | ListedSet

MARKED = frozenset({Layout.COCO, Layout.YOLO, Layout.LABEL_STUDIO, Layout.CVAT})
"""Layouts that speak of one picture a file: nothing is known of its later pages."""

GOOD = frozenset({"good", "ok", "normal", "pass", "passed"})
"""Names of folders, or labels, of good parts; whatever their capitals."""

BAD = frozenset({"anomalous", "anomaly", "bad", "fail", "ko", "ng", "nok"})
"""Labels that say that a part is defective, and no more: they name no kind of defect."""


def means_good(name: str) -> bool:
    """Whether a folder or a label says that its parts are good."""
    return plain_name(name) in GOOD


def plain_name(name: str) -> str:
    """A name without its capitals and separators: `Ground Truth` is `ground_truth`."""
    return "_".join(name.strip().lower().replace("-", " ").replace("_", " ").split())


def half_of(good: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """References and parts of good pictures that nobody has split: the first half, the other.

    Not every second one: pictures that follow each other are often of the same part.
    """
    middle = (len(good) + 1) // 2 if len(good) > 1 else 0
    return tuple(good[:middle]), tuple(good[middle:])


NO_SPLIT = "no split of its own: the first half of its good pictures are the references"


def name_of(path: str) -> str:
    """The last part of a path."""
    return Path(path).name
