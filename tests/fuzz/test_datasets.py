"""Whatever the annotations of a data set say, it is understood, or refused in one line."""

import csv
import io
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from fuzz.strategies import TEXTS, documents, garbled
from reinspect.dataset import discover, known_good, parts_of, truth_of, understood
from reinspect.errors import ReinspectError

LONGEST = 4000
"""Characters of an error."""

hard = settings(
    max_examples=int(os.environ.get("REINSPECT_FUZZ", "25")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

COCO = {
    "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}],
    "annotations": [{"image_id": 2, "category_id": 3, "bbox": [1, 2, 3, 4]}],
    "categories": [{"id": 3, "name": "scratch"}],
}
REAL_IAD = {
    "meta": {"prefix": "set/", "normal_class": "OK"},
    "train": [{"anomaly_class": "OK", "image_path": "OK/a.png", "mask_path": None}],
    "test": [{"anomaly_class": "HS", "image_path": "NG/b.png", "mask_path": "NG/m.png"}],
}
BOX = {"x": 10, "y": 20, "width": 30, "height": 40, "rectanglelabels": ["scratch"]}
TASKS = [
    {"data": {"image": "/data/upload/3/0a1b2c3d-a.png"}, "annotations": [{"result": []}]},
    {
        "data": {"image": "/data/local-files/?d=b.png"},
        "annotations": [{"result": [{"type": "rectanglelabels", "value": BOX}]}],
    },
]
MARKED = {"test/cut/b.png": [{"box": [1, 2, 3, 4], "type": "cut"}, [1, 1, 2, 2]]}
CVAT = (
    '<annotations><image name="a.png"><tag label="ok"/></image><image name="b.png">'
    '<box label="cut" xtl="1" ytl="1" xbr="4" ybr="4"/><polygon label="cut" points="1,1;3,1;3,3"/>'
    "</image></annotations>"
)
LABELS = [
    ["path", "label", "split", "mask"],
    ["a.png", "ok", "train", ""],
    ["b.png", "1", "", "m.png"],
]
PARTS = [["part", "view", "path"], ["1", "front", "a.png"], ["1", "back", "b.png"]]


@st.composite
def tables(draw: st.DrawFn, right: Sequence[Sequence[str]]) -> str:
    """A table with a cell of it made wrong, or left out, and any separator."""
    rows = [[*row] for row in right]
    row = draw(st.sampled_from(rows))
    place = draw(st.integers(0, len(row) - 1))
    row[place : place + draw(st.integers(0, 1))] = draw(st.lists(TEXTS, max_size=2))
    text = io.StringIO()
    csv.writer(text, delimiter=draw(st.sampled_from(",;\t| "))).writerows(rows)
    return draw(st.just(text.getvalue()) | garbled(text.getvalue()))


YOLO = "0 0.5 0.5 0.2 0.2\n1 0.1 0.1 0.2 0.1 0.3 0.3\n"
NAMES = "names: [cut, hole]\n"
KINDS: dict[str, tuple[str, st.SearchStrategy[str]]] = {
    "coco": ("set/_annotations.coco.json", documents(COCO)),
    "real-iad": ("realiad_jsons/set.json", documents(REAL_IAD)),
    "label studio": ("set/tasks.json", documents(TASKS)),
    "cvat": ("set/annotations.xml", garbled(CVAT)),
    "labels": ("set/labels.csv", tables(LABELS)),
    "parts": ("set/parts.csv", tables(PARTS)),
    "boxes": ("set/boxes.json", documents(MARKED)),
    "yolo": ("set/labels/b.txt", garbled(YOLO)),
    "yolo names": ("set/data.yaml", garbled(NAMES) | documents({"names": {"0": "cut"}})),
    "visa": ("split_csv/1cls.csv", tables([["object", "split", "image"], ["set", "train", "a"]])),
}
"""Kind of annotations → where they lie, what they may say."""
PICTURES = {
    "coco": ("a.png", "b.png"),
    "real-iad": ("OK/a.png", "NG/b.png", "NG/m.png"),
    "boxes": ("train/good/a.png", "test/good/a.png", "test/cut/b.png"),
    "yolo": ("images/a.png", "images/b.png"),
    "yolo names": ("images/a.png", "images/b.png"),
    "visa": ("Data/Images/Normal/a.png", "Data/Images/Anomaly/b.png"),
}


@pytest.mark.parametrize("kind", KINDS)
@hard
@given(data=st.data())
def test_a_data_set_is_understood_or_refused(
    kind: str, data: st.DataObject, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "d", ignore_errors=True)
    root = tmp_path / "d" / "set"
    for name in PICTURES.get(kind, ("a.png", "b.png", "m.png")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 9), 90, np.uint8)).save(root / name)
    if kind == "yolo names":
        (root / "labels").mkdir()
        (root / "labels" / "b.txt").write_text(YOLO)
    place, texts = KINDS[kind]
    file = tmp_path / "d" / place
    file.parent.mkdir(parents=True, exist_ok=True)
    text = data.draw(texts)
    encoded = text.encode("utf-8", "surrogatepass")
    file.write_bytes(encoded)
    try:
        items = list(discover([root], unsplit=True))
        if kind == "parts":
            items = parts_of(items, {"front": None, "back": None}).parts
        for line in understood(items, thoroughly=True):
            assert line.isprintable()
        unread: list[Any] = []
        for item in items:
            truth = truth_of(item, unread)
            if truth is not None:
                assert all(0 <= corner <= 1 for box in truth.boxes for corner in box)
        known_good(root)
    except ReinspectError as refusal:
        said = str(refusal)
        assert said.strip()
        assert "\n" not in said
        assert len(said) < LONGEST
