"""Parts with several views: which files belong together."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from reinspect.dataset import DataError, Item, discover, parts_of, truth_of, view_notes
from reinspect.dataset.views import part_in
from reinspect.runs.defaults import UsageError
from reinspect.runs.sources import Listed
from reinspect.sensing import FileRules, SignalRules
from reinspect.vocabulary import Label

SIDES = {"front": "*_front.*", "back": "*_back.*"}


def put(folder: Path, *names: str) -> Path:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(file), np.full((4, 4, 3), 90, np.uint8))
    return folder


@pytest.mark.parametrize(
    ("path", "pattern", "part"),
    [
        pytest.param("001_front.png", "*_front.*", "001", id="a-name"),
        pytest.param("test/dent/001_front.png", "*_front.*", "test/dent/001", id="folders-count"),
        pytest.param("001_back.png", "*_front.*", None, id="another-view"),
        pytest.param("front_001.png", "front_*.png", "001", id="a-name-before"),
        pytest.param("front/001.png", "front/*", "001", id="a-folder-a-view"),
        pytest.param("test/dent/front/a.png", "front/*", "test/dent/a", id="a-folder-within"),
        pytest.param("front/test/a.png", "front/*", None, id="one-star-is-one-name"),
        pytest.param("front/test/dent/a.png", "front/**", "test/dent/a", id="two-are-many"),
        pytest.param("part 7/front.png", "front.png", "part 7", id="a-folder-a-part"),
        pytest.param("front.png", "front.png", "part", id="nothing-else"),
        pytest.param("12.5_front.tif", "*_front.*", "12.5", id="a-point"),
        pytest.param("scan.tif#2", "*.tif#2", "scan", id="a-page"),
        pytest.param("a_front_b.png", "*_front_*.png", "a_b", id="two-ends"),
        pytest.param("a1.png", "?1.png", "a", id="one-sign"),
        pytest.param("a(1)_front.png", "*_front.*", "a(1)", id="no-expression"),
    ],
)
def test_what_tells_a_part(path: str, pattern: str, part: str | None) -> None:
    assert part_in(path, pattern) == part


@pytest.mark.parametrize(
    ("names", "patterns", "ids"),
    [
        pytest.param(
            ["a_front.png", "a_back.jpg", "b_front.png", "b_back.png"],
            SIDES,
            ["a", "b"],
            id="names",
        ),
        pytest.param(
            ["front/a.png", "front/b.png", "back/a.png", "back/b.png"],
            {"front": "front/*", "back": "back/*"},
            ["a", "b"],
            id="folders",
        ),
        pytest.param(
            ["p1/front.png", "p1/back.png", "p2/front.png", "p2/back.png"],
            {"front": "front.*", "back": "back.*"},
            ["p1", "p2"],
            id="a-folder-a-part",
        ),
    ],
)
def test_files_become_parts(
    names: list[str], patterns: dict[str, str], ids: list[str], tmp_path: Path
) -> None:
    found = parts_of(discover([put(tmp_path, *names)]), patterns)
    assert sorted(part.id for part in found.parts) == ids
    assert found.others == ()
    for part in found.parts:
        assert [view.name for view in part.views] == ["front", "back"]
        assert part.path == part.views[0].path
        assert all(Path(view.path).is_file() for view in part.views)
    assert list(view_notes(found.parts, patterns)) == ["Views: 2 parts of front, back"]


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    folder = put(tmp_path, "a_front.png", "b_front.png", "b_back.png", "notes.png")
    found = parts_of(discover([folder]), SIDES)
    assert found.others == ("notes.png",)
    assert list(view_notes(found.parts, SIDES)) == [
        "Views: 2 parts of front, back",
        "Views: 1 lack back (a)",
    ]


@pytest.mark.parametrize(
    ("names", "patterns", "says"),
    [
        pytest.param(
            ["a_front.png", "a_front.jpg"], SIDES, "has two files of the view front", id="twice"
        ),
        pytest.param(
            ["a_front.png"],
            {"one": "*_front.*", "all": "*.png"},
            "views one and all",
            id="two-views",
        ),
    ],
)
def test_what_is_not_clear_is_refused_in_a_line(
    names: list[str], patterns: dict[str, str], says: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=says) as refused:
        parts_of(discover([put(tmp_path, *names)]), patterns)
    assert "\n" not in str(refused.value)


def test_a_view_may_have_a_data_set_of_its_own(tmp_path: Path) -> None:
    names = [
        f"bolt/{side}/{where}/{stem}.png"
        for side in SIDES
        for where, stem in (("train/good", "0"), ("test/good", "0"), ("test/dent", "0"))
    ]
    patterns = {side: f"{side}/**" for side in SIDES}
    found = parts_of(discover([put(tmp_path, *names)]), patterns)
    assert {(part.id, part.category) for part in found.parts} == {
        ("bolt/test/good/0", "bolt"),
        ("bolt/test/dent/0", "bolt"),
    }
    assert [truth_of(part) and truth_of(part).label for part in found.parts] == [  # type: ignore[union-attr]
        Label.ANOMALOUS if "dent" in part.id else Label.NORMAL for part in found.parts
    ]


def test_a_part_is_defective_if_one_view_shows_it(tmp_path: Path) -> None:
    put(tmp_path, "train/good/0_front.png", "test/good/1_front.png", "test/dent/1_back.png")
    front, back = (
        Item("", str(tmp_path / "test" / name), "x", str(tmp_path))
        for name in ("good/1_front.png", "dent/1_back.png")
    )
    from reinspect.dataset import ViewFile

    views = tuple(
        ViewFile(name, own.path, own.root) for name, own in (("front", front), ("back", back))
    )
    truth = truth_of(front._replace(views=views))
    assert truth is not None
    assert (truth.label, truth.types, truth.boxes) == (Label.ANOMALOUS, ("dent",), ())


def tabled(folder: Path, *rows: str, columns: str = "part,view,path") -> Path:
    (folder / "parts.csv").write_text("\n".join([columns, *rows]), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("masks", "known"),
    [
        pytest.param(["front"], {"front": True, "back": False}, id="one-is-marked"),
        pytest.param(["front", "back"], {"front": True, "back": True}, id="both-are"),
        pytest.param([], {}, id="none-is"),
    ],
)
def test_masks_say_which_view_shows_the_defect(
    masks: list[str], known: dict[str, bool], tmp_path: Path
) -> None:
    root = put(tmp_path / "bolt", *(f"test/dent/0_{view}.png" for view in SIDES))
    put(root, "train/good/1_front.png", "train/good/1_back.png")
    mask = np.zeros((4, 4), np.uint8)
    mask[1, 1:3] = 255
    for view in masks:
        put(root, name := f"ground_truth/dent/0_{view}_mask.png")
        cv2.imwrite(str(root / name), mask)
    (part,) = (one for one in parts_of(discover([root]), SIDES).parts if "dent" in one.id)
    truth = truth_of(part)
    assert truth is not None
    assert truth.anomalous
    assert {name: own.anomalous for name, own in truth.views.items()} == known
    assert all(bool(own.boxes) is own.anomalous for own in truth.views.values())


@pytest.mark.parametrize(
    "sides", [pytest.param(dict.fromkeys(SIDES), id="no-patterns"), pytest.param(SIDES, id="both")]
)
def test_a_table_says_which_files_are_of_one_part(
    sides: dict[str, str | None], tmp_path: Path
) -> None:
    folder = put(tmp_path / "line", "cam0/1.png", "cam0/2.png", "cam1/7.png", "cam1/8.png", "x.png")
    tabled(folder, "A, front, cam0/1.png", "A,back,cam1/7.png", "B,front,cam0/2.png")
    for given, ids in ((folder, ["A", "B"]), (tmp_path, ["line/A", "line/B"])):
        found = parts_of(discover([given]), sides)
        assert [part.id for part in found.parts] == ids
        assert {Path(name).name for name in found.others} == {"8.png", "x.png"}
        assert list(view_notes(found.parts, sides))[1:] == [f"Views: 1 lack back ({ids[1]})"]


def test_a_table_may_be_a_data_set(tmp_path: Path) -> None:
    put(tmp_path, *(f"{n}.png" for n in range(6)))
    rows = ["g,front,0.png,good,train", "g,back,1.png,good,train", "a,front,2.png,good,test"]
    rows += ["a,back,3.png,good,test", "b,front,4.png,good,test", "b,back,5.png,dent,test"]
    tabled(tmp_path, *rows, columns="part,view,path,label,split")
    parts = parts_of(discover([tmp_path]), dict.fromkeys(SIDES)).parts
    truths = {part.id: truth_of(part) for part in parts}
    assert {name: truth and truth.types for name, truth in truths.items()} == {
        "a": (),
        "b": ("dent",),
    }


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        pytest.param(["A,front,0.png", "A,back,no.png"], "line 3: no file at no.png", id="no-file"),
        pytest.param(
            ["A,front,0.png", "A,front,1.png"],
            "part A has a view front already, in line 2",
            id="a-view-twice",
        ),
        pytest.param(
            ["A,left,0.png"], "no view 'left' in the recipe; there are: front, back", id="v"
        ),
        pytest.param(["A,front,0.png", "B,front,0.png"], "names 0.png a second time", id="a-file"),
        pytest.param(["A,,0.png"], "line 2 lacks a part, a view or a path", id="a-gap"),
        pytest.param(["", "A,left,0.png"], "line 3: no view 'left'", id="a-line-is-a-line"),
        pytest.param(["A,front,/etc/hosts"], "hosts is not below its folder", id="elsewhere"),
        pytest.param(["A,front,../0.png"], "line 2: no file at ../0.png", id="above"),
        pytest.param(["A,front,parts.csv"], "line 2: parts.csv is no picture", id="itself"),
        pytest.param(["A,front,0.png#2"], "0.png#2: there is no such page", id="no-page"),
        pytest.param(["A,front,0.png#1x1+0+0"], "is a piece of a picture", id="a-tile"),
        pytest.param(["A,front,0,png"], "line 2 has more cells than there are columns", id="cells"),
        pytest.param(
            ["A,front,0.png"], r"two layouts: parts.csv doesn't name 1_front.png", id="two-layouts"
        ),
    ],
)
def test_a_table_that_can_not_be_used_is_refused_in_a_line(
    rows: list[str], says: str, tmp_path: Path
) -> None:
    folder = tabled(put(tmp_path, "0.png", "1.png", "1_front.png"), *rows)
    with pytest.raises(DataError, match=says) as refused:
        parts_of(discover([folder]), SIDES)
    assert "\n" not in str(refused.value)


def test_a_table_may_come_from_a_spreadsheet(tmp_path: Path) -> None:
    rows = ["Part;View;Path", "A;front;0.png", "A;back;1.png"]
    (put(tmp_path, "0.png", "1.png") / "parts.csv").write_bytes("\r\n".join(rows).encode("utf-16"))
    assert [part.id for part in parts_of(discover([tmp_path]), SIDES).parts] == ["A"]


def test_somebody_elses_table_is_let_be(tmp_path: Path) -> None:
    folder = tabled(put(tmp_path, "a_front.png"), "7,screw", columns="part,name")
    assert [part.id for part in parts_of(discover([folder]), SIDES).parts] == ["a"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("A,front,0.png\n", "no column part, path, view, but a, front", id="h"),
        pytest.param("part view path\nA front 0.png\n", "no column part, path, view", id="blank"),
        pytest.param("part,view,picture\nA,front,0.png\n", "none of paths: add `path`", id="path"),
        pytest.param("part,view,path\n", "names none of them", id="empty"),
    ],
)
def test_why_a_table_says_nothing_is_told(text: str, words: str, tmp_path: Path) -> None:
    (put(tmp_path, "0.png") / "parts.csv").write_text(text, encoding="utf-8")
    with pytest.raises((DataError, UsageError), match=words) as refused:
        Listed.below([tmp_path], views=dict.fromkeys(SIDES))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "pictures", [pytest.param(["0.png", "1.png"], id="some"), pytest.param([], id="alone")]
)
def test_tables_of_numbers_that_nothing_reads_are_told(pictures: list[str], tmp_path: Path) -> None:
    rows = [f"{number},front,{name}" for number, name in enumerate(pictures)]
    for number in range(2):
        np.save(put(tmp_path, *pictures) / f"{number}.npy", np.zeros(9))
        rows.append(f"{number},back,{number}.npy")
    np.save(tmp_path / "other.npy", np.zeros(9))
    tabled(tmp_path, *rows)
    views = dict.fromkeys(SIDES)
    told = "named by parts.csv and not read: say what their numbers are by signals.rate or pictures"
    if not pictures:
        with pytest.raises(UsageError, match=rf"no images in .*; 2 files are {told}.*\(0.npy …\)"):
            Listed.below([tmp_path], views=views)
        return
    source = Listed.below([tmp_path], views=views)
    assert f"2 {told}.unit (0.npy, …)" in source.census.line
    assert "1 no picture: .npy (other.npy)" in source.census.line
    rated = FileRules(signals=SignalRules(rate=100.0))
    read = Listed.below([tmp_path], views=views, rules=rated)
    assert told not in read.census.line
    assert all(part.of_view("back") for part in read.items)


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    tabled(put(tmp_path, "0.png"), "A,front,0.png,0.png", columns="part,view,path,path")
    with pytest.raises(DataError, match="two columns are called 'path'"):
        parts_of(discover([tmp_path]), SIDES)
