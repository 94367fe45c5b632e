"""Data sets as people have them: each drawn from the same few pictures, and read alike."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from reinspect.dataset import (
    DataError,
    Layout,
    Target,
    convert,
    discover,
    known_good,
    truth_of,
    understood,
)
from reinspect.images import UnreadableImage, read_mask, sha256_of
from reinspect.runs.sources import Listed
from reinspect.sensing import FileRules, SignalRules
from reinspect.vocabulary import Box, Label
from support.command_line import invoke, said
from support.recordings import RATE, hum, write_wav

BOX = (4, 2, 10, 8)
"""Where each defect is, in pixels of 20 × 10."""
MARK = np.zeros((10, 20), bool)
MARK[BOX[1] : BOX[3], BOX[0] : BOX[2]] = True
NOTHING = np.zeros_like(MARK)

Make = Callable[[Path], object]


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((10, 20, 3), 90, np.uint8)
    pixels[0, 0] = [sum(path.as_posix().encode()) % 256, 1, 2]
    Image.fromarray(pixels).save(path)
    return path


def put_mask(path: Path, mask: np.ndarray = MARK) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask.astype(np.uint8) * 255).save(path)


def put_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def put_folders(
    root: Path,
    *,
    train: str = "train/good",
    test: str = "test",
    good: str = "good",
    bad: str = "scratch",
    truth: str = "ground_truth",
    mask: str = "{}_mask.png",
) -> None:
    for name in ("a", "b", "c"):
        put(root / train / f"{name}.png")
    for name in ("d", "e"):
        put(root / test / good / f"{name}.png")
    for name in ("f", "g"):
        put(root / test / bad / f"{name}.png")
        put_mask(root / truth / bad / mask.format(name))


def capitals(root: Path) -> None:
    names = {"train": "Train/Good", "test": "Test", "good": "Good", "bad": "Big Scratch"}
    put_folders(root, **names, truth="Ground Truth")


def btad(root: Path) -> None:
    put_folders(root, train="train/ok", good="ok", bad="ko", mask="{}.bmp")


def mvtec_loco(root: Path) -> None:
    put_folders(root, bad="logical_anomalies", mask="{}/000.png")
    for name in ("f", "g"):
        put_mask(root / "ground_truth" / "logical_anomalies" / name / "001.png", NOTHING)
    put(root / "validation" / "good" / "v.png")
    put_text(root / "defects_config.json", "[]")


def mvtec_ad_2(root: Path) -> None:
    put_folders(root, test="test_public", bad="bad", truth="test_public/ground_truth")
    put(root / "validation" / "good" / "v.png")
    put(root / "test_private" / "x.png")


def inverted(root: Path) -> None:
    put_folders(root)
    for name in ("f", "g"):
        put_mask(root / "ground_truth" / "scratch" / f"{name}_mask.png", ~MARK)


def visa(root: Path) -> None:
    images, rows = root / "Data" / "Images", ["object,split,label,image,mask"]
    for name in "abcde":
        put(images / "Normal" / f"{name}.JPG")
        split = "train" if name in "abc" else "test"
        rows.append(f"{root.name},{split},normal,{root.name}/Data/Images/Normal/{name}.JPG,")
    for name in "fg":
        put(images / "Anomaly" / f"{name}.JPG")
        put_mask(root / "Data" / "Masks" / "Anomaly" / f"{name}.png")
        rows.append(f"{root.name},test,anomaly,{root.name}/Data/Images/Anomaly/{name}.JPG,")
    put_text(root.parent / "split_csv" / "1cls.csv", "\n".join(rows))


def kolektor(root: Path) -> None:
    """A folder a part, a label beside each picture."""
    for number, name in enumerate("abcdefg"):
        folder = root / f"kos{number:02}"
        put(folder / "Part0.jpg")
        put_mask(folder / "Part0_label.bmp", MARK if name in "fg" else NOTHING)


def kolektor_2(root: Path) -> None:
    for name in "abcdefgh":
        folder = root / ("train" if name in "abch" else "test")
        put(folder / f"{name}.png")
        put_mask(folder / f"{name}_GT.png", MARK if name in "fgh" else NOTHING)


def sorted_folders(root: Path) -> None:
    for name in "abcde":
        put(root / "OK" / f"{name}.png")
    for name in "fg":
        put(root / "Scratch" / f"{name}.png")
        put_mask(root / "masks" / "Scratch" / f"{name}.png")


def csv_of_labels(root: Path) -> None:
    """As a spreadsheet of the West writes it."""
    rows = ["Image;Label;Split;Mask"]
    for name in "abcde":
        put(root / "pictures" / f"{name}.png")
        rows.append(f"pictures\\{name}.png;OK;{'train' if name in 'abc' else 'test'};")
    for name in "fg":
        put(root / "pictures" / f"{name}.png")
        put_mask(root / "marks" / f"{name}.png")
        rows.append(f"pictures\\{name}.png;Kratzer groß;test;marks\\{name}.png")
    (root / "labels.csv").write_bytes("\r\n".join(rows).encode("cp1252"))


def csv_of_names(root: Path) -> None:
    """Names alone, of files in a folder; a full path among them."""
    rows = ["filename,class,split,mask"]
    for name in "abcdefg":
        path = put(root / "images" / f"{name}.png").resolve()
        split = "train" if name in "abc" else "test"
        shown = path.as_posix() if name in "ad" else path.name
        if name in "fg":
            put_mask(root / "masks" / f"{name}_mark.png")
            rows.append(f"{shown},scratch,{split},{name}_mark.png")
        else:
            rows.append(f"{shown},ok,{split},")
    put_text(root / "labels.csv", "\n".join(rows))


def real_iad(root: Path) -> None:
    train: list[dict[str, str | None]] = []
    test: list[dict[str, str | None]] = []
    for name in "abcde":
        put(root / "OK" / "S0001" / f"{name}.jpg")
        image = f"OK/S0001/{name}.jpg"
        entry = {"anomaly_class": "OK", "image_path": image, "mask_path": None}
        (train if name in "abc" else test).append(entry)
    for name in "fg":
        put(root / "NG" / "HS" / f"{name}.jpg")
        mask = f"NG/HS/{name}.png"
        put_mask(root / mask)
        image = f"NG/HS/{name}.jpg"
        test.append({"anomaly_class": "HS", "image_path": image, "mask_path": mask})
    meta = {"prefix": f"{root.name}/", "normal_class": "OK"}
    text = json.dumps({"meta": meta, "train": train, "test": test})
    put_text(root.parent / "realiad_jsons" / f"{root.name}.json", text)


def coco(root: Path) -> None:
    categories = [{"id": 3, "name": "scratch"}]
    for split, names in (("train", "abc"), ("test", "defg")):
        shown, marks = [], []
        for number, name in enumerate(names):
            put(root / split / f"{name}.png")
            shown.append({"id": number, "file_name": f"{name}.png", "width": 20, "height": 10})
            if name in "fg":
                x1, y1, x2, y2 = BOX
                box = [x1, y1, x2 - x1, y2 - y1]
                marks.append({"id": number, "image_id": number, "category_id": 3, "bbox": box})
        said = {"images": shown, "annotations": marks, "categories": categories}
        put_text(root / split / "_annotations.coco.json", json.dumps(said))


YOLO_BOX = "0 0.35 0.5 0.3 0.6\n"


def yolo(root: Path) -> None:
    put_text(root / "data.yaml", "names: [scratch]\n")
    for split, names in (("train", "abc"), ("val", "defg")):
        for name in names:
            put(root / "images" / split / f"{name}.png")
            put_text(root / "labels" / split / f"{name}.txt", YOLO_BOX if name in "fg" else "")


def yolo_by_splits(root: Path) -> None:
    """As Roboflow exports it."""
    for split, names in (("train", "abc"), ("valid", "d"), ("test", "efg")):
        for name in names:
            put(root / split / "images" / f"{name}.png")
            put_text(root / split / "labels" / f"{name}.txt", YOLO_BOX if name in "fg" else "")
    put_text(root / "data.yaml", "train: ../train/images\nnames: [scratch]\n")


def coco_of_2017(root: Path) -> None:
    """As COCO itself is laid out."""
    coco(root)
    for split in ("train", "test"):
        text = (root / split / "_annotations.coco.json").read_text(encoding="utf-8")
        (root / split / "_annotations.coco.json").unlink()
        put_text(root / "annotations" / f"instances_{split}2017.json", text)
        (root / split).rename(root / f"{split}2017")


def label_studio(root: Path) -> None:
    tasks = []
    for name in "abcdefg":
        put(root / "images" / f"{name}.png")
        x1, y1, x2, y2 = BOX
        value = {"x": 5 * x1, "y": 10 * y1, "width": 5 * (x2 - x1), "height": 10 * (y2 - y1)}
        box = {"type": "rectanglelabels", "value": {**value, "rectanglelabels": ["scratch"]}}
        choice = {"type": "choices", "value": {"choices": ["normal"]}}
        result = [box] if name in "fg" else [choice]
        address = f"/data/upload/3/0a1b2c3d-{name}.png"
        tasks.append({"data": {"image": address}, "annotations": [{"result": result}]})
    put_text(root / "project-1.json", json.dumps(tasks))


def cvat(root: Path) -> None:
    lines = ["<annotations>"]
    for name in "abcdefg":
        put(root / "images" / f"{name}.png")
        x1, y1, x2, y2 = BOX
        box = f'<box label="scratch" xtl="{x1}" ytl="{y1}" xbr="{x2}" ybr="{y2}"/>'
        outline = f'<polygon label="scratch" points="{x1},{y1};{x2},{y1};{x2},{y2}"/>'
        mark = {"f": box, "g": outline}.get(name, "")
        lines.append(f'<image id="0" name="{name}.png" width="20" height="10">{mark}</image>')
    put_text(root / "annotations.xml", "\n".join([*lines, "</annotations>"]))


def flat_train(root: Path) -> None:
    put_folders(root, train="train")


def jpeg_masks(root: Path) -> None:
    put_folders(root, train="train/normal", good="normal", mask="{}.webp")


BOXED = {Layout.COCO, Layout.YOLO, Layout.LABEL_STUDIO, Layout.CVAT}
LAYOUTS = [
    pytest.param(put_folders, Layout.FOLDERS, id="mvtec-ad"),
    pytest.param(capitals, Layout.FOLDERS, id="capitals"),
    pytest.param(btad, Layout.FOLDERS, id="btad"),
    pytest.param(jpeg_masks, Layout.FOLDERS, id="other-endings"),
    pytest.param(flat_train, Layout.FOLDERS, id="flat-train"),
    pytest.param(inverted, Layout.FOLDERS, id="inverted-masks"),
    pytest.param(mvtec_loco, Layout.FOLDERS, id="mvtec-loco"),
    pytest.param(mvtec_ad_2, Layout.FOLDERS, id="mvtec-ad-2"),
    pytest.param(visa, Layout.VISA, id="visa"),
    pytest.param(kolektor, Layout.BESIDE, id="kolektor-sdd"),
    pytest.param(kolektor_2, Layout.BESIDE, id="kolektor-sdd-2"),
    pytest.param(sorted_folders, Layout.SORTED, id="sorted"),
    pytest.param(csv_of_labels, Layout.CSV, id="csv"),
    pytest.param(csv_of_names, Layout.CSV, id="csv-of-names"),
    pytest.param(real_iad, Layout.REAL_IAD, id="real-iad"),
    pytest.param(coco, Layout.COCO, id="coco"),
    pytest.param(yolo, Layout.YOLO, id="yolo"),
    pytest.param(yolo_by_splits, Layout.YOLO, id="yolo-by-splits"),
    pytest.param(coco_of_2017, Layout.COCO, id="coco-2017"),
    pytest.param(label_studio, Layout.LABEL_STUDIO, id="label-studio"),
    pytest.param(cvat, Layout.CVAT, id="cvat"),
]


@pytest.mark.parametrize(("make", "layout"), LAYOUTS)
def test_every_layout_is_read_alike(tmp_path: Path, make: Make, layout: Layout) -> None:
    root = tmp_path / "set" / "product"
    make(root)
    items = [item for item in discover([tmp_path / "set"], unsplit=True) if item.category]
    truths = [truth for truth in map(truth_of, items) if truth is not None]
    bad = [truth for truth in truths if truth.label is Label.ANOMALOUS]
    assert {item.category for item in items} == {"product"}
    assert (len(known_good(root)), len(truths), len(bad)) == (3, 4, 2)
    x1, y1, x2, y2 = BOX
    for truth in bad:
        assert truth.boxes == (pytest.approx(Box(x1 / 20, y1 / 10, x2 / 20, y2 / 10)),)
        if truth.mask is not None:
            np.testing.assert_array_equal(read_mask(truth.mask), MARK)
    assert (bad[0].mask is None) == (layout in BOXED)
    said = " ".join(understood(items))
    assert f"product: {layout} (" in said
    assert "3 references, 2 good, 2 defective" in said
    assert "also looks like" not in said


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_a_table_is_read_in_any_encoding(tmp_path: Path, separator: str, encoding: str) -> None:
    rows = [("Path", "Label", "Split")]
    for name in "abcd":
        put(tmp_path / f"{name}.png")
        label = "Riß" if name == "b" else "OK"
        rows.append((f"{name}.png", label, "train" if name == "d" else "test"))
    text = "\r\n".join(separator.join(row) for row in rows)
    (tmp_path / "labels.csv").write_bytes(text.encode(encoding))
    assert [path.name for path in known_good(tmp_path)] == ["d.png"]
    truths = [truth_of(item) for item in discover([tmp_path])]
    assert [truth.types for truth in truths if truth is not None] == [(), ("Riß",), ()]


def with_a_bare_defect(root: Path) -> None:
    put_folders(root)
    put(root / "test" / "scratch" / "bare.png")


def with_a_mask_too_many(root: Path) -> None:
    put_folders(root)
    put_mask(root / "ground_truth" / "scratch" / "x.png")


def two_layouts(root: Path) -> None:
    put_folders(root)
    put_text(root / "labels.csv", "path,label\ntest/good/d.png,bad\n")


def odd_csv(root: Path) -> None:
    put(root / "a.png")
    put(root / "b.png")
    put_text(root / "labels.csv", "path,label\na.png,ok\ngone.png,ok\na.png,bad\nb.png,0\n")


def boxes_of_nothing(root: Path) -> None:
    put_folders(root)
    put_text(
        root / "boxes.json",
        json.dumps({"test/scratch/gone.png": [[1, 1, 3, 3]], "test/good/d.png": []}),
    )


def csv_of_excel(root: Path) -> None:
    put(root / "a.png")
    put(root / "b.png")
    put_text(root / "labels.csv", "sep=;\r\nPath;Label\r\na.png;ok\r\nb.png;cut, deep\r\n")


def csv_with_gaps(root: Path) -> None:
    for name in "abcd":
        put(root / f"{name}.png")
    rows = ["a.png,ok,train", "b.png,,test", ",ok,test", "c.png,ok,val", "d.png,cut,test"]
    put_text(root / "labels.csv", "\n".join(["path,label,split", *rows]))


def missing_at_first(root: Path) -> None:
    put(root / "there.png")
    rows = [f"{number}.png,ok" for number in range(50)]
    put_text(root / "labels.csv", "\n".join(["path,label", *rows, "there.png,ok"]))


def edited(root: Path, make: Make, file: str, edit: Callable[[Any], object]) -> None:
    make(root)
    said = json.loads((root / file).read_text(encoding="utf-8"))
    edit(said)
    put_text(root / file, json.dumps(said))


OF_TEST = "test/_annotations.coco.json"


def an_empty_box(root: Path) -> None:
    edited(root, coco, OF_TEST, lambda said: said["annotations"][0].update(bbox=[4, 2, 0, 3]))


def a_box_of_nothing(root: Path) -> None:
    edited(root, coco, OF_TEST, lambda said: said["annotations"][0].update(image_id=77))


def coco_twice(root: Path) -> None:
    edited(root, coco, OF_TEST, lambda said: said["images"].append({**said["images"][0], "id": 9}))


def coco_of_all_and_each(root: Path) -> None:
    coco(root)
    text = (root / "train" / "_annotations.coco.json").read_text(encoding="utf-8")
    put_text(root / "train" / "all.json", text)


def half_a_coco(root: Path) -> None:
    coco(root)
    put_text(root / OF_TEST, '{"images": [')


def labels_alone(root: Path) -> None:
    yolo(root)
    put_text(root / "labels" / "val" / "gone.txt", YOLO_BOX)


def tasks_twice(root: Path) -> None:
    """Two people have looked at a picture; one of them drew a box."""

    def both(said: list[dict[str, Any]]) -> None:
        said.append({"data": said[0]["data"], "annotations": said[-1]["annotations"]})

    edited(root, label_studio, "project-1.json", both)


def learned_and_tested(root: Path) -> None:
    real_iad(root)
    file = root.parent / "realiad_jsons" / f"{root.name}.json"
    said = json.loads(file.read_text(encoding="utf-8"))
    said["test"].append(said["train"][0])
    put_text(file, json.dumps(said))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(
            boxes_of_nothing,
            "1 entries of boxes.json are of no defective part (test/sc",
            id="loose",
        ),
        pytest.param(csv_of_excel, "1 good, 1 defective (cut, deep 1)", id="excel"),
        pytest.param(csv_with_gaps, "1 pictures of which it says nothing", id="no-label"),
        pytest.param(csv_with_gaps, "1 rows name no file", id="no-path"),
        pytest.param(csv_with_gaps, "than train and test (val 1): inspected", id="other-split"),
        pytest.param(missing_at_first, "50 files are named that are not there", id="many-missing"),
        pytest.param(an_empty_box, "1 boxes are empty", id="empty-box"),
        pytest.param(an_empty_box, "2 good, 2 defective (defect 1, scratch 1)", id="still-bad"),
        pytest.param(a_box_of_nothing, "1 boxes are of no picture that is named", id="box-alone"),
        pytest.param(coco_twice, "1 pictures are named twice", id="coco-twice"),
        pytest.param(coco_of_all_and_each, "3 pictures are named twice", id="coco-of-all"),
        pytest.param(half_a_coco, "1 files are no JSON, and are left out: _annot", id="half-json"),
        pytest.param(labels_alone, "1 labels have no picture", id="label-alone"),
        pytest.param(tasks_twice, "1 pictures are named twice; what all say", id="tasks-twice"),
        pytest.param(tasks_twice, "3 defective", id="one-of-two-is-enough"),
        pytest.param(
            learned_and_tested, "1 pictures are named as references and as parts", id="both"
        ),
        pytest.param(inverted, "masks in scratch are inverted: black is taken", id="inverted"),
        pytest.param(sorted_folders, "no split of its own: the first half", id="no-split"),
        pytest.param(kolektor, "no split of its own: the first half", id="kolektor"),
        pytest.param(kolektor_2, "1 defective ones in train/ are not inspected", id="kolektor-2"),
        pytest.param(flat_train, "train/ has no folders: all in it is taken for good", id="flat"),
        pytest.param(
            with_a_bare_defect, "1 defective ones without a mask (bare.png", id="mask-missing"
        ),
        pytest.param(with_a_mask_too_many, "1 masks without a picture (x.png", id="mask-alone"),
        pytest.param(
            two_layouts, "also looks like csv (labels.csv), which --layout would take", id="two"
        ),
        pytest.param(odd_csv, "1 labels 0 or false are read as good", id="numbers"),
        pytest.param(odd_csv, "1 pictures are named twice; the first row counts", id="twice"),
        pytest.param(odd_csv, "1 files are named that are not there", id="missing"),
    ],
)
def test_what_is_odd_is_told(tmp_path: Path, make: Make, words: str) -> None:
    root = tmp_path / "product"
    make(root)
    assert words in " ".join(understood(discover([root], unsplit=True)))


def put_scan(path: Path, pages: int = 3) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, np.full((pages, 10, 20), 90, np.uint8), photometric="minisblack")


def marks(page: int) -> np.ndarray:
    """Each page has a defect of its own, the third none."""
    return np.roll(MARK, page, axis=1) if page < 3 else NOTHING


def put_marks(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    stack = np.stack([marks(page) for page in (1, 2, 3)]).astype(np.uint8)
    tifffile.imwrite(path, stack, photometric="minisblack")


def mask_of_pages(root: Path) -> None:
    put(root / "train" / "good" / "a.png")
    put_scan(root / "test" / "cut" / "scan.tif")
    put_marks(root / "ground_truth" / "cut" / "scan_mask.tif")


def mask_a_page(root: Path) -> None:
    put(root / "train" / "good" / "a.png")
    put_scan(root / "test" / "cut" / "scan.tif")
    for page in (1, 2):
        put_mask(root / "ground_truth" / "cut" / f"scan#{page}_mask.png", marks(page))


def sorted_pages(root: Path) -> None:
    put(root / "good" / "a.png")
    put_scan(root / "cut" / "scan.tif")
    put_marks(root / "masks" / "cut" / "scan.tif")


def pages_in_a_table(root: Path) -> None:
    put(root / "a.png")
    put_scan(root / "scan.tif")
    put_marks(root / "drawn.tif")
    rows = ["path,label,split,mask", "a.png,ok,train,", "scan.tif,cut,test,drawn.tif"]
    put_text(root / "labels.csv", "\n".join([*rows, "scan.tif#2,cut,test,drawn.tif#2"]))


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(mask_of_pages, id="a-mask-of-pages"),
        pytest.param(mask_a_page, id="a-mask-a-page"),
        pytest.param(sorted_pages, id="sorted"),
        pytest.param(pages_in_a_table, id="csv"),
    ],
)
def test_each_page_has_its_own_mask(tmp_path: Path, make: Make) -> None:
    make(tmp_path)
    found = discover([tmp_path], unsplit=True)
    items = sorted((item for item in found if "scan" in item.id), key=lambda item: item.id)
    assert [item.id.rpartition("/")[2] for item in items] == [
        "scan.tif",
        "scan.tif#2",
        "scan.tif#3",
    ]
    for page, item in enumerate(items, 1):
        truth = truth_of(item)
        assert truth is not None
        assert truth.label is Label.ANOMALOUS
        drawn = NOTHING if truth.mask is None else read_mask(truth.mask)
        np.testing.assert_array_equal(drawn, marks(page))
    said = " ".join(understood(items))
    assert "without a picture" not in said
    assert "first pages alone" not in said


def test_each_window_of_a_recording_is_looked_at(tmp_path: Path) -> None:
    for name in ("ok/a", "ok/b", "knock/c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_wav(tmp_path / f"{name}.wav", hum(0))
    seconds = len(hum(0)) / RATE
    rules = FileRules(signals=SignalRules(window_s=seconds / 2))
    items = list(discover([tmp_path], unsplit=True, rules=rules))
    ids = ["knock/c.wav", "knock/c.wav#2", "ok/b.wav", "ok/b.wav#2"]
    assert sorted(item.id for item in items) == ids
    assert [path.name for path in known_good(tmp_path, rules=rules)] == ["a.wav", "a.wav#2"]
    labels = {item.id: truth.label for item in items if (truth := truth_of(item))}
    assert [labels[name] for name in ids] == [Label.ANOMALOUS] * 2 + [Label.NORMAL] * 2


def broken(root: Path, make: Make, mask: str) -> Path:
    make(root)
    (root / mask).write_bytes(b"no picture")
    return root


def test_a_mask_that_can_not_be_read_changes_no_other(tmp_path: Path) -> None:
    """All masks of a folder say together whether they are inverted."""
    root = broken(tmp_path, inverted, "ground_truth/scratch/f_mask.png")
    for name in "hi":
        put(root / "test" / "scratch" / f"{name}.png")
        put_mask(root / "ground_truth" / "scratch" / f"{name}_mask.png", ~MARK)
    unread: list[UnreadableImage] = []
    truths = [truth_of(item, unread) for item in discover([root])]
    marks = [truth.mask for truth in truths if truth is not None and truth.anomalous]
    assert [mask is None or (read_mask(mask) == MARK).all() for mask in marks] == [True] * 4
    assert [Path(failure.path).name for failure in unread] == ["f_mask.png"]
    assert sum(mask is None for mask in marks) == 1


def test_of_a_picture_whose_own_mask_can_not_be_read_nothing_is_known(tmp_path: Path) -> None:
    """Where the mask alone says whether it is defective."""
    root = broken(tmp_path, kolektor, "kos01/Part0_label.bmp")
    items = list(discover([root], unsplit=True))
    (line,) = understood(items)
    assert "1 masks beside pictures can't be read, so nothing is known of these" in line
    assert "1 pictures of which it says nothing" in line
    assert sum(truth_of(item) is None for item in items) == 1


def test_a_mask_that_sets_nothing_is_told(tmp_path: Path) -> None:
    put_folders(tmp_path)
    put_mask(tmp_path / "ground_truth" / "scratch" / "f_mask.png", NOTHING)
    assert "1 masks set nothing (f_mask.png …)" in invoke("dataset", tmp_path).out


def test_a_mask_of_one_page_is_of_the_first_alone(tmp_path: Path) -> None:
    mask_of_pages(tmp_path)
    put_mask(tmp_path / "ground_truth" / "cut" / "scan_mask.tif")
    items = list(discover([tmp_path]))
    masks = [None if (truth := truth_of(item)) is None else truth.mask for item in items]
    assert [mask is None for mask in masks] == [False, True, True]
    said = " ".join(understood(items))
    assert "2 defective ones without a mask (scan.tif#2 …)" in said
    assert "masks of 1 files are of their first pages alone" in said


def test_of_later_pages_boxes_say_nothing(tmp_path: Path) -> None:
    coco(tmp_path)
    table = tmp_path / "test" / "_annotations.coco.json"
    put_text(table, table.read_text(encoding="utf-8").replace("f.png", "f.tif"))
    put_scan(tmp_path / "test" / "f.tif", 2)
    items = discover([tmp_path], unsplit=True)
    truths = {item.id.rpartition("/")[2]: truth_of(item) for item in items}
    assert truths["f.tif"] is not None
    assert truths["f.tif#2"] is None


def test_folders_of_pictures_are_no_kinds_of_defect(tmp_path: Path) -> None:
    for split in ("train", "test"):
        put(tmp_path / split / "images" / "a.png")
        put_mask(tmp_path / split / "masks" / "a.png")
    assert not list(understood(discover([tmp_path], unsplit=True)))


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        pytest.param(
            "labels.csv", b"path,label,label\na.png,ok,bad\n", "two columns are called 'label'",
            id="a column twice",
        ),
        pytest.param(
            "labels.csv", b"path,label\na.png,ok\na,b.png,ok\n", "line 3 has more cells than",
            id="a comma too many",
        ),
        pytest.param(
            "labels.csv", "path,label\na.png,不良\n".encode("cp932"),
            "labels.csv: its letters can't be told: neither Unicode nor of Windows in the West; "
            "save it as UTF-8",
            id="letters of elsewhere",
        ),
        pytest.param(
            "labels.csv", b"path,label\na.png,ok\n\xed\xa0\x80.png,ok\n", "letters can't be told",
            id="half a letter",
        ),
        pytest.param("labels/a.txt", b"inf 1 1 1 1", "a.txt: line 1 is no label", id="no number"),
        pytest.param("labels/a.txt", b"0 .5\n", "a.txt: line 1 is no label", id="half a label"),
        pytest.param("labels/a.txt", b"0 \xff\xfe", "a.txt: no labels", id="no text"),
        pytest.param("data.yaml", b"names: {.inf: cut}", "can't be read as that", id="no class"),
    ],
)  # fmt: skip
def test_what_is_nearly_right_is_refused_in_a_line(
    tmp_path: Path, file: str, content: bytes, words: str
) -> None:
    put(tmp_path / "a.png")
    if not file.endswith(".csv"):
        put(tmp_path / "images" / "a.png")
        put_text(tmp_path / "labels" / "a.txt", "")
    (tmp_path / file).write_bytes(content)
    line = said(invoke("dataset", tmp_path))
    assert words in line


@pytest.mark.parametrize("name", ["x" * 400 + ".png", "a\0b.png"])
def test_a_table_may_name_what_no_file_can_be_called(tmp_path: Path, name: str) -> None:
    put(tmp_path / "a.png")
    rows = [f"a.png,cut,{name}", f"{name},cut,a.png"]
    text = "\n".join(["path,label,mask", *rows])
    put_text(tmp_path / "labels.csv", text)
    items = list(discover([tmp_path], unsplit=True))
    assert "1 mask can't be read" in " ".join(understood(items, thoroughly=True))


def test_two_tables_are_asked_about(tmp_path: Path) -> None:
    put(tmp_path / "a.png")
    for name in ("one.csv", "two.csv"):
        put_text(tmp_path / name, "path,label\na.png,ok\n")
    with pytest.raises(DataError, match=r"2 tables of paths and labels \(one.csv, two.csv\)"):
        list(discover([tmp_path], unsplit=True))


def test_annotations_that_are_none_are_refused_in_a_line(tmp_path: Path) -> None:
    put(tmp_path / "a.png")
    said = {"images": [{"id": 1}], "annotations": [], "categories": []}
    put_text(tmp_path / "a.json", json.dumps(said))
    with pytest.raises(DataError, match=r"looks like coco, and can't be read .*'file_name'"):
        list(discover([tmp_path], unsplit=True))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_a_table_of_parts_that_is_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    put(tmp_path / "images" / "a.png")
    os.mkfifo(tmp_path / "parts.csv")
    with pytest.raises(DataError, match=r"parts.csv: no table of labels: a pipe that nobody"):
        Listed.below([tmp_path], views={"front": None})


def test_a_layout_that_is_named_counts(tmp_path: Path) -> None:
    sorted_folders(tmp_path)
    assert len(list(discover([tmp_path], layout=Layout.PLAIN))) == 9
    with pytest.raises(
        DataError, match=r"no data set of layout yolo is there, or its tables can't"
    ):
        list(discover([tmp_path], layout=Layout.YOLO))


def test_references_that_are_named_leave_all_good_parts_to_inspect(tmp_path: Path) -> None:
    sorted_folders(tmp_path)
    listing = discover([tmp_path], all_good=True, layout=Layout.SORTED)
    every = [item.id for item in listing]
    assert [name for name in every if name.startswith("OK/")] == [f"OK/{x}.png" for x in "abcde"]


def test_the_command_says_what_was_understood(tmp_path: Path) -> None:
    put_folders(tmp_path / "bolt", train="Train/OK", good="OK", bad="ko")
    said = invoke("dataset", tmp_path / "bolt").out
    assert "Looked at 9 files: 4 to inspect; 3 under Train/ of a data set" in said
    assert "bolt: folders (Train/OK, test, ground_truth): 3 references, 2 good, 2 defective" in said
    assert "No data set" in invoke("dataset", tmp_path / "bolt", "--layout", "plain").out
    refused = invoke("dataset", tmp_path, "--layout", "mvtec").err
    assert "'mvtec' is none of folders, sorted" in refused


def test_names_of_folders_decide_nothing_unless_a_layout_is_named(tmp_path: Path) -> None:
    sorted_folders(tmp_path)
    listing = discover([tmp_path])
    assert {item.category for item in listing} == {None}
    assert listing.census.taken == 9
    assert {item.category for item in discover([tmp_path], layout=Layout.SORTED)} != {None}


@pytest.mark.parametrize("target", Target)
@pytest.mark.parametrize(("make", "layout"), LAYOUTS)
def test_what_is_converted_is_understood_alike(
    tmp_path: Path, make: Make, layout: Layout, target: Target
) -> None:
    make(tmp_path / "set" / "product")
    out = tmp_path / "out"
    done = convert(discover([tmp_path / "set"], unsplit=True), target, out)
    assert (done.products, done.pictures, dict(done.left_out)) == (["product"], 7, {})
    items = list(discover([out]))
    truths = [truth for truth in map(truth_of, items) if truth is not None]
    bad = [truth for truth in truths if truth.anomalous]
    assert (len(known_good(out / "product")), len(truths), len(bad)) == (3, 4, 2)
    x1, y1, x2, y2 = BOX
    for truth in bad:
        assert truth.boxes == (pytest.approx(Box(x1 / 20, y1 / 10, x2 / 20, y2 / 10), abs=1e-6),)
        if layout not in BOXED and target is Target.MVTEC:
            np.testing.assert_array_equal(read_mask(truth.mask or ""), MARK)
    before = {sha256_of(item.path) for item in discover([tmp_path / "set"], unsplit=True)}
    assert {sha256_of(item.path) for item in items} == before


def with_two_of_a_name(root: Path) -> None:
    for folder in ("1", "2"):
        put(root / "train" / "good" / folder / "a.png")
        put(root / "test" / "scratch" / folder / "b.png")
        put_mask(root / "ground_truth" / "scratch" / folder / "b.png")


def with_pages(root: Path) -> None:
    put_folders(root)
    values = np.arange(3 * 10 * 20, dtype=np.uint16).reshape(3, 10, 20)
    tifffile.imwrite(root / "test" / "good" / "scan.tif", values, photometric="minisblack")


def without_a_place(root: Path) -> None:
    put_folders(root)
    put(root / "test" / "missing" / "x.png")


def beside(root: Path) -> None:
    put_folders(root / "product")
    put(root / "alone.png")


def with_a_broken_one(root: Path) -> None:
    put_folders(root)
    put_text(root / "test" / "good" / "x.png", "no picture")


@pytest.mark.parametrize(
    ("make", "target", "files", "said"),
    [
        pytest.param(
            with_two_of_a_name,
            Target.MVTEC,
            {"train/good/train-good-2-a.png", "ground_truth/scratch/test-scratch-2-b_mask.png"},
            "4 pictures of product",
            id="two-of-a-name",
        ),
        pytest.param(
            with_pages,
            Target.YOLO,
            {"images/test/scan_2.tif", "labels/test/scan_3.txt", "data.yaml"},
            "10 pictures of product",
            id="pages",
        ),
        pytest.param(
            without_a_place,
            Target.COCO,
            {"test/_annotations.coco.json"},
            "7 pictures of product; 1 left out: defective, of which it isn't known where",
            id="no-place",
        ),
        pytest.param(without_a_place, Target.MVTEC, {"test/missing/x.png"}, "8 pict", id="kind"),
        pytest.param(beside, Target.MVTEC, set(), "; 1 left out: beside all data sets", id="alone"),
        pytest.param(
            with_a_broken_one, Target.MVTEC, set(), "; 1 left out: that can't be read", id="broken"
        ),
    ],
)
def test_what_a_layout_cannot_hold_is_told(
    tmp_path: Path, make: Make, target: Target, files: set[str], said: str
) -> None:
    make(tmp_path / "product")
    done = convert(discover([tmp_path / "product"]), target, tmp_path / "out")
    (root,) = (tmp_path / "out").iterdir()
    written = {path.relative_to(root).as_posix() for path in root.rglob("*")}
    assert files <= written
    assert said in done.line


def test_a_page_is_written_with_its_values(tmp_path: Path) -> None:
    with_pages(tmp_path / "product")
    convert(discover([tmp_path / "product"]), Target.MVTEC, tmp_path / "out")
    page = tifffile.imread(tmp_path / "out" / "product" / "test" / "good" / "scan_2.tif")
    np.testing.assert_array_equal(page, np.arange(200, 400, dtype=np.uint16).reshape(10, 20))


def test_the_command_converts(tmp_path: Path) -> None:
    yolo(tmp_path / "bolt")
    out = tmp_path / "out"
    said = invoke("dataset", tmp_path / "bolt", "--to", "mvtec", out).out
    assert "Wrote 7 pictures of bolt" in said
    assert (out / "bolt" / "test" / "scratch" / "f.png").is_file()
    again = invoke("dataset", tmp_path / "bolt", "--to", "mvtec", out)
    assert (again.code, "out: can't be written" in again.err) == (2, True)
    assert "go together" in invoke("dataset", tmp_path / "bolt", "--to", "coco").err
    put(tmp_path / "plain" / "a.png")
    refused = invoke("dataset", tmp_path / "plain", "--to", "coco", tmp_path / "none")
    assert "name its layout with --layout" in refused.err
    assert not (tmp_path / "none").exists()
