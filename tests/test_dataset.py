import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from reinspect.dataset import (
    categories,
    discover,
    known_good,
    references_in,
    sample_at,
    truth_of,
)
from reinspect.images import UnreadableImage, read_image, sha256_of
from reinspect.vocabulary import Box, Label, Truth


def put(path: Path, size: tuple[int, int] = (20, 10)) -> Path:
    """An image of (width, height); different places hold different pictures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (hash(path.name) % 200, 1, 2)).save(path, "PNG")
    return path


def put_mask(path: Path, box: tuple[int, int, int, int] | None) -> None:
    mask = np.zeros((10, 20), np.uint8)
    if box:
        x1, y1, x2, y2 = box
        mask[y1:y2, x1:x2] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).save(path)


def put_category(root: Path, defect: str = "crack") -> Path:
    for name in ("train/good/10.png", "train/good/2.png", "test/good/1.png"):
        put(root / name)
    put(root / "test" / defect / "3.png")
    put_mask(root / "ground_truth" / defect / "3_mask.png", (2, 1, 6, 5))
    return root


def ids(*paths: Path, exclude: tuple[Path, ...] = ()) -> list[str]:
    return [item.id for item in discover(paths, exclude=exclude)]


@pytest.fixture
def powerless() -> Iterator[Path]:
    """A folder in a process that permissions apply to, also where the tests run as root."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield folder
    finally:
        os.seteuid(user)
        for below in folder.rglob("*"):
            if below.is_dir():
                below.chmod(0o700)
        shutil.rmtree(folder)


def test_a_folder_in_natural_order(tmp_path: Path) -> None:
    for name in ("b10.png", "b2.JPG", "a/c.tif", ".hidden.png", ".git/d.png", "Ä ö\n.png"):
        put(tmp_path / name)
    (tmp_path / "x.txt").write_text("no picture")
    assert ids(tmp_path) == ["Ä ö\n.png", "a/c.tif", "b2.JPG", "b10.png"]


def test_items_lead_to_samples(tmp_path: Path) -> None:
    put(tmp_path / "a" / "b c\n.png")
    (item,) = discover([tmp_path])
    sample = sample_at(item.path, id=item.id)
    assert sample.id == "a/b c\n.png"
    assert sample.category is None
    assert sample.visual.sha256 == sha256_of(sample.visual.path)
    assert read_image(sample.visual.path).shape == (10, 20, 3)


def test_one_image_is_named_after_its_file(tmp_path: Path) -> None:
    assert ids(put(tmp_path / "a" / "b.png")) == ["b.png"]
    assert ids(put(tmp_path / "a" / "no-suffix")) == ["no-suffix"]  # named by the user: tried


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        pytest.param(["x/test", "y/test"], ["x/test/1.png", "y/test/1.png"], id="same-names"),
        pytest.param(["x", "x/test"], ["test/1.png"], id="nested"),
        pytest.param(["x/test", "x"], ["test/1.png"], id="nested-inner-first"),
        pytest.param(["x", "x/test/1.png"], ["test/1.png"], id="folder-then-its-image"),
        pytest.param(["x/test/1.png", "x"], ["test/1.png"], id="image-then-its-folder"),
        pytest.param(["y/test/1.png", "x/../y/test/1.png"], ["1.png"], id="same-image-twice"),
        pytest.param(["y/test", "x/test/1.png"], ["y/test/1.png", "x/test/1.png"], id="as-given"),
    ],
)
def test_several_paths_give_unique_ids(
    tmp_path: Path, paths: list[str], expected: list[str]
) -> None:
    put(tmp_path / "x" / "test" / "1.png")
    put(tmp_path / "y" / "test" / "1.png")
    assert ids(*(tmp_path / path for path in paths)) == expected


def test_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "x" / "1.png")
    monkeypatch.chdir(tmp_path / "x")
    assert ids(Path()) == ["1.png"]
    assert ids(Path("1.png")) == ["1.png"]
    assert ids(Path("../x")) == ["1.png"]


def test_a_source_is_listed_anew(tmp_path: Path) -> None:
    put(tmp_path / "1.png")
    source = discover([tmp_path])
    assert source.count() == 1
    put(tmp_path / "2.png")
    assert [item.id for item in source] == ["1.png", "2.png"]


def test_excluded_folders(tmp_path: Path) -> None:
    for name in ("runs/a.png", "golden/b.png", "c.png"):
        put(tmp_path / name)
    (tmp_path / "link").symlink_to(tmp_path / "golden")
    exclude = (tmp_path / "golden", tmp_path / "runs", tmp_path / "not-there")
    assert ids(tmp_path, exclude=exclude) == ["c.png"]
    assert ids(tmp_path / "golden", exclude=exclude) == ["b.png"]  # named: wanted after all


@pytest.mark.parametrize(
    ("paths", "error", "message"),
    [
        pytest.param([], ValueError, "no path", id="none"),
        pytest.param(["gone"], FileNotFoundError, "no image or folder at .*gone", id="missing"),
    ],
)
def test_wrong_paths(tmp_path: Path, paths: list[str], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        discover([tmp_path / path for path in paths])


def test_links(tmp_path: Path) -> None:
    put(tmp_path / "a" / "1.png")
    (tmp_path / "a" / "up").symlink_to(tmp_path)  # a loop
    (tmp_path / "a" / "self.png").symlink_to("self.png")
    (tmp_path / "b").symlink_to(tmp_path / "a")  # the same folder again
    (tmp_path / "broken.png").symlink_to("gone.png")
    (tmp_path / "broken-folder").symlink_to("gone")
    (tmp_path / "elsewhere.png").symlink_to("a/1.png")
    found = {item.id: item for item in discover([tmp_path])}
    broken = {"a/self.png", "broken.png", "broken-folder"}
    assert set(found) == {"a/1.png", "elsewhere.png"} | broken
    for name in broken:
        with pytest.raises(UnreadableImage, match=r"broken link to gone|symbolic links"):
            sample_at(found[name].path, id=name)


def test_a_broken_link_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to("gone")
    assert ids(tmp_path / "a.png") == ["a.png"]


def test_an_unreadable_folder_is_one_item(powerless: Path) -> None:
    put(powerless / "a" / "1.png")
    put(powerless / "b" / "2.png")
    (powerless / "a").chmod(0)
    closed, other = discover([powerless])
    assert (closed.id, other.id) == ("a", "b/2.png")
    with pytest.raises(UnreadableImage, match=r"can't be listed \(permission denied\); change its"):
        sample_at(closed.path, id=closed.id)


def test_an_unreadable_file_is_an_item(powerless: Path) -> None:
    put(powerless / "1.png").chmod(0)
    (item,) = discover([powerless])
    with pytest.raises(UnreadableImage, match="no permission to read it"):
        sample_at(item.path, id=item.id)


def test_names_that_are_no_text(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/bad\xff.png"
    try:
        Path(os.fsdecode(path)).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system has text names only")
    (item,) = discover([tmp_path])
    assert item.id == r"bad\xff.png"
    with pytest.raises(UnreadableImage, match="not valid UTF-8; rename the file"):
        sample_at(item.path, id=item.id)


def test_a_category(tmp_path: Path) -> None:
    root = put_category(tmp_path / "bolt")
    assert ids(root) == ["test/crack/3.png", "test/good/1.png"]
    assert {item.category for item in discover([root])} == {"bolt"}
    assert [path.name for path in known_good(root)] == ["10.png", "2.png"]  # by name, not by number
    assert categories(root) == {"bolt": root}


@pytest.mark.parametrize("name", ["bolt", "test", "train", "good", "ground_truth"])
def test_categories_of_any_name(tmp_path: Path, name: str) -> None:
    put_category(tmp_path / name)
    put_category(tmp_path / "other", defect="test")
    found = list(discover([tmp_path]))
    assert {item.category for item in found} == {name, "other"}
    assert [item.id for item in found if item.category == "other"] == [
        "other/test/good/1.png",
        "other/test/test/3.png",
    ]
    assert all(truth_of(item) is not None for item in found)
    assert categories(tmp_path) == {name: tmp_path / name, "other": tmp_path / "other"}


def test_images_beside_categories_are_plain_items(tmp_path: Path) -> None:
    put(tmp_path / "loose.png")
    put_category(tmp_path / "site" / "bolt")
    found = {item.id: item.category for item in discover([tmp_path])}
    assert found == {
        "loose.png": None,
        "site/bolt/test/crack/3.png": "site/bolt",
        "site/bolt/test/good/1.png": "site/bolt",
    }


def test_images_inside_a_category_but_not_under_test_are_not_inspected(tmp_path: Path) -> None:
    put(put_category(tmp_path / "bolt") / "preview.png")
    assert ids(tmp_path / "bolt") == ["test/crack/3.png", "test/good/1.png"]


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["test/1.png", "train/2.png"], id="test-without-defect-folders"),
        pytest.param(["test/a/1.png", "train/a/2.png"], id="nothing-called-good"),
    ],
)
def test_a_folder_called_test_makes_no_category(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        put(tmp_path / name)
    assert ids(tmp_path) == names
    with pytest.raises(ValueError, match="no MVTec-style category"):
        categories(tmp_path)


def truths(root: Path) -> dict[str, Truth | None]:
    return {item.id: truth_of(item) for item in discover([root])}


def test_truth_from_masks(tmp_path: Path) -> None:
    root = put_category(tmp_path)
    put(root / "test" / "crack" / "4.png")
    put_mask(root / "ground_truth" / "crack" / "4_mask.png", None)
    put(root / "test" / "crack" / "5.png")
    put(root / "test" / "unsorted.png")
    assert truths(root) == {
        "test/good/1.png": Truth(label=Label.NORMAL),
        "test/crack/3.png": Truth(
            label=Label.ANOMALOUS,
            types=("crack",),
            boxes=(Box(0.1, 0.1, 0.3, 0.5),),
            box_types=("crack",),
            mask=str(root / "ground_truth/crack/3_mask.png"),
        ),
        "test/crack/4.png": Truth(label=Label.ANOMALOUS, types=("crack",)),
        "test/crack/5.png": Truth(label=Label.ANOMALOUS, types=("crack",)),
        "test/unsorted.png": None,
    }


def test_the_truth_of_a_picture_as_large_as_the_user_allows_is_read(tmp_path: Path) -> None:
    """Up to which size pictures are read is the run's matter, and decided before."""
    part = tmp_path / "test" / "crack" / "4.png"
    part.parent.mkdir(parents=True)
    Image.new("1", (20_000, 10_000)).save(part)
    put(tmp_path / "train" / "good" / "1.png")
    (tmp_path / "boxes.json").write_text('{"test/crack/4.png": [[0, 0, 10000, 5000]]}')
    (item,) = discover([tmp_path])
    truth = truth_of(item)
    assert truth is not None
    assert truth.boxes == (Box(0, 0, 0.5, 0.5),)


def test_truth_from_boxes(tmp_path: Path) -> None:
    root = put_category(tmp_path)
    put(root / "test" / "crack" / "4.png", size=(100, 50))
    boxes = {
        "test/good/1.png": [],
        "test/crack/3.png": [],
        "test/crack/4.png": [
            {"box": [10, 5, 20.0, 60], "type": "spur"},
            {"box": [0, 0, 50, 25], "type": "open"},
            {"box": [0, 0, 5, 5], "type": "spur"},
            [90, 40, 100, 50],
        ],
    }
    (root / "boxes.json").write_text(json.dumps(boxes))
    found = truths(root)
    truth = found["test/crack/4.png"]
    assert truth == Truth(
        label=Label.ANOMALOUS,
        types=("spur", "open", "crack"),  # an entry without a type has its folder's
        boxes=(
            Box(0.1, 0.1, 0.2, 1),
            Box(0, 0, 0.5, 0.5),
            Box(0, 0, 0.05, 0.1),
            Box(0.9, 0.8, 1, 1),
        ),
        box_types=("spur", "open", "spur", "crack"),
    )
    assert found["test/crack/3.png"].boxes == (Box(0.1, 0.1, 0.3, 0.5),)  # the mask's
    # A newer file is read again.
    (root / "boxes.json").write_text(json.dumps({"test/crack/4.png": [[0, 0, 100, 50]]}))
    assert truths(root)["test/crack/4.png"].boxes == (Box(0, 0, 1, 1),)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{", id="not-json"),
        pytest.param("[]", id="not-an-object"),
        pytest.param('{"test/crack/3.png": [{"bbox": [1, 2, 3, 4]}]}', id="wrong-key"),
        pytest.param('{"test/crack/3.png": [[1, 2, 3]]}', id="three-numbers"),
        pytest.param('{"test/crack/3.png": [[5, 5, 5, 9]]}', id="empty-box"),
        pytest.param('{"test/crack/3.png": [[30, 5, 40, 9]]}', id="outside"),
    ],
)
def test_wrong_boxes_are_refused(tmp_path: Path, text: str) -> None:
    root = put_category(tmp_path)
    (root / "boxes.json").write_text(text)
    with pytest.raises(ValueError, match=r"boxes\.json: .*\S"):
        truths(root)


def test_an_item_outside_a_category_has_no_truth(tmp_path: Path) -> None:
    put(tmp_path / "good" / "1.png")
    assert truths(tmp_path) == {"good/1.png": None}


def test_references(tmp_path: Path) -> None:
    root = tmp_path / "set"
    put_category(root / "bolt")
    put_category(root / "nut")
    put(tmp_path / "plain" / "b" / "10.png")
    put(tmp_path / "plain" / "2.png")
    bolt = [root / "bolt/train/good/10.png", root / "bolt/train/good/2.png"]
    assert references_in(root / "bolt") == (bolt, {})
    assert references_in(root).by_category.keys() == {"bolt", "nut"}
    assert references_in(root).by_category["bolt"] == bolt
    assert references_in(root).default == []
    plain = [tmp_path / "plain/2.png", tmp_path / "plain/b/10.png"]
    assert references_in(tmp_path / "plain") == (plain, {})
    assert references_in(root / "bolt/train") == (bolt, {})


def test_references_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no folder of references at .*gone"):
        references_in(tmp_path / "gone")
    with pytest.raises(ValueError, match="no images in it; give known-good images"):
        references_in(tmp_path)


def test_a_category_without_known_good_images(tmp_path: Path) -> None:
    put_category(tmp_path / "bolt")
    shutil.rmtree(tmp_path / "bolt" / "train")
    assert known_good(tmp_path / "bolt") == []
    with pytest.raises(ValueError, match="no images in it"):
        references_in(tmp_path)


def test_sample_at_takes_any_name(tmp_path: Path) -> None:
    sample = sample_at(put(tmp_path / "1.png"), id="lot 7", category="bolt")
    assert (sample.id, sample.category) == ("lot 7", "bolt")
    with pytest.raises(UnreadableImage, match="not a directory"):
        sample_at(tmp_path / "1.png" / "2.png", id="x")


def test_every_file_is_accounted_for(tmp_path: Path) -> None:
    for name in ("a.png", "b.jfif", "c.JPE", "d.pnm", "e.tga", "without", "f.bak", "g.avif"):
        put(tmp_path / name)
    (tmp_path / "notes.txt").write_text("P")
    (tmp_path / "README").write_text("BM of no picture")
    put(tmp_path / ".hidden.png")
    put(tmp_path / "k.png.part")
    put(tmp_path / "golden" / "h.png")
    put_category(tmp_path / "screws")
    listing = discover([tmp_path], exclude=[tmp_path / "golden"])
    taken = [item.id for item in listing]
    assert taken == [
        *("a.png", "b.jfif", "c.JPE", "d.pnm", "e.tga", "f.bak", "g.avif"),
        *("screws/test/crack/3.png", "screws/test/good/1.png", "without"),
    ]
    census = listing.census
    assert (census.looked_at, census.taken) == (18, len(taken))
    assert {why: which.examples for why, which in census.left_out.items()} == {
        "under train/ of a data set": (
            "screws/train/good/2.png",
            "screws/train/good/10.png",
        ),
        "folder of references or results": ("golden",),
        "hidden": (".hidden.png",),
        "no picture: .txt": ("notes.txt",),
        "with a temporary name: .part": ("k.png.part",),
        "no picture: without an ending": ("README",),
        "under ground_truth/ of a data set": ("screws/ground_truth/crack/3_mask.png",),
    }


def test_a_census_names_one_of_each_kind(tmp_path: Path) -> None:
    put(tmp_path / "a.png")
    for number in range(5):
        (tmp_path / f"{number}.txt").write_text("")
    listing = discover([tmp_path])
    list(listing)
    said = "Looked at 6 files: 1 to inspect; 5 no picture: .txt (0.txt, …)"
    assert listing.census.line == said


def test_a_census_is_one_line_whatever_files_are_called(tmp_path: Path) -> None:
    (tmp_path / "red\x1b[31m\n.t\x07t").write_text("")
    listing = discover([tmp_path])
    list(listing)
    assert listing.census.line == (
        r"Looked at 1 file: 0 to inspect; 1 no picture: .t\x07t (red\x1b[31m\n.t\x07t)"
    )


@pytest.mark.parametrize("name", ["scan.tif", "scan.PNG", "scan.jpg", "scan"])
def test_pages_of_a_file_are_items_of_their_own(tmp_path: Path, name: str) -> None:
    """Whatever the file is called: what it is, its content says."""
    pages = [np.full((10, 20), value, np.uint8) for value in (1, 2)]
    with tifffile.TiffWriter(tmp_path / name) as tiff:
        for page in pages:
            tiff.write(page)
        tiff.write(pages[0][::2, ::2], subfiletype=1)
    listing = discover([tmp_path])
    assert [item.id for item in listing] == [name, f"{name}#2"]
    assert [read_image(item.path).max() for item in listing] == [1, 2]
    (left_out,) = listing.census.left_out
    assert left_out == "page that is a thumbnail or a mask"
    assert ids(tmp_path / name) == [name, f"{name}#2"]
    assert ids(tmp_path / f"{name}#2") == [f"{name}#2"]
    references = [str(file) for file in references_in(tmp_path).default]
    assert references == [f"{tmp_path}/{name}", f"{tmp_path}/{name}#2"]
