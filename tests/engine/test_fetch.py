"""Pictures of object storage on this machine: parts with one picture, parts with several views."""

from pathlib import Path

import pytest

from reinspect.dataset import Item, ViewFile
from reinspect.engine.fetch import fetch
from reinspect.engine.ray import Ray
from reinspect.engine.work import failed
from reinspect.graph.recipe import Recipe
from reinspect.runs.defaults import UsageError
from reinspect.runs.sources import Bucket

pytestmark = pytest.mark.needs("pyarrow")

SIDES = ("front", "back")


def part_of(folder: Path, *, views: tuple[str, ...] = SIDES) -> Item:
    files = tuple(ViewFile(name, f"{folder.as_uri()}/a_{name}.png") for name in views)
    return Item("a", files[0].path, views=files)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "far"
    place.mkdir()
    for name in SIDES:
        (place / f"a_{name}.png").write_bytes(name.encode())
    (place / "notes_c.png").touch()
    return place


def test_each_view_is_fetched_and_its_trace_says_from_where(folder: Path, tmp_path: Path) -> None:
    here = fetch([part_of(folder)], tmp_path / "copies")
    (item,) = here.items
    assert [Path(view.path).read_text() for view in item.views] == [*SIDES]
    assert item.path == item.views[0].path
    told = here.release(failed(item, f"{item.views[1].path}: is none"))
    assert [view.path for view in told.sample.views] == [
        view.path for view in part_of(folder).views
    ]
    assert told.error == f"{folder.as_uri()}/a_back.png: is none"
    assert not [*(tmp_path / "copies").iterdir()]


def test_a_view_that_can_not_be_had_is_named(folder: Path, tmp_path: Path) -> None:
    (folder / "a_back.png").unlink()
    here = fetch([part_of(folder)], tmp_path / "copies")
    assert here.items == ()
    ((item, why),) = here.lost
    assert item.id == "a"
    assert why.startswith("back: cannot be fetched")


def test_parts_are_listed_by_their_views(folder: Path) -> None:
    views = {"front": "*_front.*", "back": "*_back.*"}
    source = Bucket((folder.as_uri(),), views=views)
    (part,) = source.items
    assert part == part_of(folder)
    assert source.notes == ("Views: 1 parts of front, back",)
    assert "1 of no view" in source.census.line
    with pytest.raises(UsageError, match=r"no file is of a view: left \(\*_left\.\*\)"):
        _ = Bucket((folder.as_uri(),), views={"left": "*_left.*"}).items
    table = Bucket((folder.as_uri(),), views=dict.fromkeys(SIDES))
    with pytest.raises(UsageError, match=r"parts\.csv is not read there"):
        table.refuse(Ray(), references=True, dry_run=False)
    assert Recipe.model_validate({"views": views}).patterns == views
