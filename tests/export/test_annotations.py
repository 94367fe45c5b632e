import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO

from reinspect.export import Format, export
from reinspect.images import encode_mask
from reinspect.store import RunInfo, Store
from reinspect.trace import Step, Trace
from reinspect.vocabulary import Box, Defect, Outcome, Verdict
from support.made_traces import judged, sample


def _coco(store: Store, run: int, out: Path) -> COCO:
    export(store, run, Format.COCO, out)
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(out))


def test_coco_has_boxes_in_pixels_and_lists_normal_images(
    store: Store, run: int, tmp_path: Path
) -> None:
    read = _coco(store, run, tmp_path / "coco.json")
    images = {image["file_name"]: image for image in read.dataset["images"]}
    assert len(images) == 3
    assert (images["b 2.png"]["width"], images["b 2.png"]["height"]) == (40, 20)
    assert read.getAnnIds(imgIds=images["b 2.png"]["id"]) == []
    (annotation,) = read.loadAnns(read.getAnnIds(imgIds=images["b 10.png"]["id"]))
    assert (annotation["bbox"], annotation["area"]) == ([10, 10, 10, 5], 50)
    assert read.loadCats(annotation["category_id"])[0]["name"] == "defect"
    assert read.dataset["info"]["left_out"] == ["broken.png", "gone.png"]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools
@pytest.mark.parametrize(
    "size", [pytest.param((20, 40), id="same-size"), pytest.param((10, 20), id="half-size")]
)
def test_coco_has_masks_in_the_pictures_size(
    store: Store, folder: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    mask = np.zeros(size, bool)
    mask[: size[0] // 2, : size[1] // 4] = True
    defect = Defect(box=Box(0, 0, 0.25, 0.5), type='dent "ü', mask=encode_mask(mask))
    verdict = Verdict.of(0.9, defects=(defect,))
    part = sample("a.png", path=str(folder.parent / "part.png"))
    run = store.begin_run(RunInfo(name="masks"))
    with store.writer(run) as writer:
        writer.write(Trace(sample=part, steps=(Step(node="detect", products=(verdict,)),)))
    read = _coco(store, run, tmp_path / "coco.json")
    (annotation,) = read.loadAnns(read.getAnnIds())
    drawn = read.annToMask(annotation)
    assert drawn.shape == (20, 40)
    assert (drawn.sum(), annotation["area"]) == (100, 100)
    assert drawn[:10, :10].all()
    assert read.loadCats(annotation["category_id"])[0]["name"] == 'dent "ü'


def test_coco_of_an_empty_run_loads(store: Store, empty_run: int, tmp_path: Path) -> None:
    assert _coco(store, empty_run, tmp_path / "coco.json").getImgIds() == []


def _tasks(store: Store, run: int, out: Path) -> dict[str, dict]:
    export(store, run, Format.LABEL_STUDIO, out)
    return {task["data"]["file_name"]: task for task in json.loads(out.read_text("utf-8"))}


def test_label_studio_has_a_task_an_image(store: Store, run: int, tmp_path: Path) -> None:
    tasks = _tasks(store, run, tmp_path / "tasks.json")
    assert len(tasks) == 5
    assert tasks["b 10.png"]["data"]["image"] == "/data/local-files/?d=b%2010.png"
    (prediction,) = tasks["b 10.png"]["predictions"]
    choice, rectangle = prediction["result"]
    assert choice["value"] == {"choices": ["anomalous"]}
    assert rectangle["type"] == "rectanglelabels"
    assert rectangle["value"] == {
        "x": 25, "y": 50, "width": 25, "height": 25, "rotation": 0, "rectanglelabels": ["defect"],
    }  # fmt: skip
    assert prediction["score"] == pytest.approx(0.9)
    assert tasks["broken.png"]["predictions"] == []


def test_label_studio_says_how_large_the_picture_is(store: Store, run: int, tmp_path: Path) -> None:
    """Its converters leave out what has no size, and compute pixels as is done here."""
    tasks = _tasks(store, run, tmp_path / "tasks.json")
    results = tasks["b 10.png"]["predictions"][0]["result"]
    for result in results:
        assert (result["original_width"], result["original_height"]) == (40, 20)
        assert result["image_rotation"] == 0
    box, size = results[1]["value"], results[1]
    pixels = [
        box[side] * size[f"original_{way}"] / 100
        for side, way in (("x", "width"), ("y", "height"), ("width", "width"), ("height", "height"))
    ]
    assert pixels == [10, 10, 10, 5]
    assert "original_width" not in tasks["gone.png"]["predictions"][0]["result"][0]


def test_label_studio_tells_results_apart(store: Store, tmp_path: Path) -> None:
    run = store.begin_run(RunInfo(name="two"))
    spots = tuple(Defect(box=Box(x, 0.1, x + 0.1, 0.2), type="spot") for x in (0.1, 0.5))
    verdict = Verdict.of(0.9, defects=spots)
    with store.writer(run) as writer:
        writer.write(
            Trace(sample=sample("a.png"), steps=(Step(node="detect", products=(verdict,)),))
        )
        writer.write(judged("b.png", 0.1, Outcome.PASS))
    tasks = _tasks(store, run, tmp_path / "tasks.json")
    result = tasks["a.png"]["predictions"][0]["result"]
    assert len({entry["id"] for entry in result}) == len(result) == 3


def _brushed(packed: list[int]) -> np.ndarray:
    """What Label Studio reads of its brush: the format is told in `label_studio.brush_runs`."""
    bits = "".join(f"{byte:08b}" for byte in packed)
    place = 0

    def number(width: int) -> int:
        nonlocal place
        place += width
        return int(bits[place - width : place], 2)

    total, width = number(32), number(5) + 1
    widths = [number(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < total:
        run, length = number(1), number(widths[number(2)]) + 1
        values += [number(width)] * length if run else [number(width) for _ in range(length)]
    return np.array(values, np.uint8)


def test_a_mask_that_a_person_painted_is_exported(store: Store, run: int, tmp_path: Path) -> None:
    mask = np.zeros((10, 20), bool)
    mask[2:5, 4:12] = True
    painted = Defect(box=Box(0.2, 0.2, 0.6, 0.5), type="dent", mask=encode_mask(mask))
    key = store.newest(run, "b 10.png")
    store.browse.review(key, Verdict.of(1.0, defects=(painted,)), reviewer="Ann")
    tasks = _tasks(store, run, tmp_path / "tasks.json")
    choice, rectangle, brush = tasks["b 10.png"]["annotations"][0]["result"]
    assert (brush["type"], brush["value"]["brushlabels"]) == ("brushlabels", ["dent"])
    assert len({choice["id"], rectangle["id"], brush["id"]}) == 3
    drawn = _brushed(brush["value"]["rle"]).reshape(20, 40, 4)
    assert (drawn == drawn[..., :1]).all()
    assert ((drawn[..., 3] > 0) == mask.repeat(2, 0).repeat(2, 1)).all()
    read = _coco(store, run, tmp_path / "coco.json")
    (annotation,) = [one for one in read.loadAnns(read.getAnnIds()) if one["image_id"] == key]
    assert annotation["area"] == 4 * mask.sum()
    assert annotation["segmentation"]["size"] == [20, 40]


def test_label_studio_of_an_empty_run_is_an_empty_list(
    store: Store, empty_run: int, tmp_path: Path
) -> None:
    assert _tasks(store, empty_run, tmp_path / "tasks.json") == {}


LABELS = """<View>
  <Image name="image" value="$image"/>
  <RectangleLabels name="defect" toName="image"><Label value="defect"/><Label value="dent"/></RectangleLabels>
  <BrushLabels name="mask" toName="image"><Label value="dent"/></BrushLabels>
  <Choices name="verdict" toName="image"><Choice value="normal"/><Choice value="anomalous"/></Choices>
</View>"""  # noqa: E501


@pytest.mark.needs("label_studio_sdk")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what the converter imports
def test_label_studio_s_own_converter_reads_boxes_and_masks(
    store: Store, run: int, tmp_path: Path
) -> None:
    from label_studio_sdk.converter import Converter

    mask = np.zeros((20, 40), bool)
    mask[4:10, 8:24] = True
    boxes = (
        Defect(box=Box(0.2, 0.2, 0.6, 0.5), type="dent", mask=encode_mask(mask)),
        Defect(box=Box(0.75, 0.5, 1.0, 0.75)),
    )
    key = store.newest(run, "b 10.png")
    store.browse.review(key, Verdict.of(1.0, defects=boxes), reviewer="Ann")
    _tasks(store, run, tmp_path / "tasks.json")
    converter = Converter(LABELS, project_dir=None, download_resources=False)
    converter.convert_to_coco(str(tmp_path / "tasks.json"), str(tmp_path / "coco"), is_dir=False)
    read = json.loads((tmp_path / "coco" / "result.json").read_text(encoding="utf-8"))
    kinds = {kind["id"]: kind["name"] for kind in read["categories"]}
    (picture,) = [one for one in read["images"] if "b%2010.png" in one["file_name"]]
    assert (picture["width"], picture["height"]) == (40, 20)
    found = {
        (kinds[one["category_id"]], *one["bbox"])
        for one in read["annotations"]
        if one["image_id"] == picture["id"] and one["bbox"]
    }
    assert found == {("dent", 8, 4, 16, 6), ("defect", 30, 10, 10, 5)}
    converter = Converter(LABELS, project_dir=None, download_resources=False)
    (brush := tmp_path / "brush").mkdir()  # it makes none
    converter.convert(str(tmp_path / "tasks.json"), str(brush), "BRUSH_TO_NUMPY", is_dir=False)
    (file,) = brush.rglob("*.npy")
    assert ((np.load(file) > 0) == mask).all()
