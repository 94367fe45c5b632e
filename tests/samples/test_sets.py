from pathlib import Path

import pytest

from reinspect import Recipe, load_recipe
from reinspect.dataset import categories, discover, known_good, parts_of, truth_of
from reinspect.images import read_image, read_mask, scale_of
from reinspect.samples import CATEGORIES, RECIPE, write_sample_set, write_viewed_set
from reinspect.vocabulary import Label

SMALL = {"references": 2, "good": 1, "defective": 5, "size": 96}


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_a_set_is_mvtec_style_and_knows_its_truth(tmp_path: Path) -> None:
    write_sample_set(tmp_path / "set", **SMALL)
    roots = categories(tmp_path / "set")
    assert set(roots) == set(CATEGORIES)
    for root in roots.values():
        assert [path.name for path in known_good(root)] == ["000.jpg", "001.jpg"]
    items = list(discover([tmp_path / "set"]))
    assert len(items) == len(CATEGORIES) * 6
    for item in items:
        truth = truth_of(item)
        assert truth is not None
        assert read_image(item.path).shape == (96, 96, 3)
        if truth.label is Label.NORMAL:
            assert truth.mask is None
            continue
        assert truth.types == (Path(item.path).parent.name,)
        assert truth.boxes
        assert truth.mask is not None
        assert read_mask(truth.mask).shape == (96, 96)


def test_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    write_sample_set(tmp_path / "a", categories=["gear", "wood"], seed=7, **SMALL)
    write_sample_set(tmp_path / "b", categories=["wood"], seed=7, **SMALL)
    write_sample_set(tmp_path / "c", categories=["wood"], seed=8, **SMALL)
    alone, other = files(tmp_path / "b"), files(tmp_path / "c")
    together = files(tmp_path / "a")
    assert alone == {name: data for name, data in together.items() if name.startswith("wood/")}
    assert alone.keys() == other.keys()
    assert alone != other


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    write_sample_set(tmp_path, categories=["wood"], references=1, good=0, defective=0, size=64)
    assert set(files(tmp_path)) == {"wood/train/good/000.jpg"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"categories": ["teapot"]}, "category 'teapot' is none of", id="unknown"),
        pytest.param({"categories": ["wood", "wood"]}, "named twice", id="twice"),
        pytest.param({"categories": []}, "no category", id="none"),
        pytest.param({"references": -1}, "references must be 0 or more, not -1", id="negative"),
        pytest.param({"size": 10}, "size must be 64 pixels or more, not 10", id="too-small"),
    ],
)
def test_wrong_wishes_write_nothing(tmp_path: Path, options, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_sample_set(tmp_path / "set", **options)
    assert not (tmp_path / "set").exists()


def test_a_used_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="is not empty; name a new or an empty folder") as caught:
        write_sample_set(tmp_path)
    assert str(tmp_path) in str(caught.value)
    with pytest.raises(ValueError, match="is a file"):
        write_sample_set(tmp_path / "notes.txt")
    assert set(files(tmp_path)) == {"notes.txt"}


def test_categories_drawn_at_random(tmp_path: Path) -> None:
    counts = {"references": 2, "good": 1, "defective": 2}
    write_sample_set(tmp_path / "set", categories=["wood"], size=96, drawn=2, **counts)
    assert {folder.name for folder in (tmp_path / "set").iterdir()} == {
        "drawn_00",
        "drawn_01",
        "wood",
    }
    drawn = tmp_path / "set" / "drawn_01"
    assert len(list((drawn / "train/good").iterdir())) == 2
    assert len(list((drawn / "ground_truth/damaged").iterdir())) == 2
    with pytest.raises(ValueError, match="drawn must be 0 or more, not -1"):
        write_sample_set(tmp_path / "other", drawn=-1)


def test_parts_with_two_views_show_a_defect_on_one_side(tmp_path: Path) -> None:
    recipe = write_viewed(tmp_path / "set")
    items = parts_of(discover([tmp_path / "set"]), recipe.patterns).parts
    assert len(items) == 5
    for item in items:
        truth = truth_of(item)
        assert truth is not None
        sides = {
            view.name: own.mask
            for view in item.views
            if (own := truth_of(item.of_view(view.name) or item)) is not None
        }
        masked = [name for name, mask in sides.items() if mask is not None]
        kind = Path(item.path).parent.name
        assert masked == ([] if truth.label is Label.NORMAL else [kind.rpartition("_")[2]])
    again = write_viewed(tmp_path / "again")
    assert again == recipe
    assert files(tmp_path / "set") == files(tmp_path / "again")


def write_viewed(folder: Path) -> Recipe:
    write_viewed_set(folder, categories=["fabric"], references=2, good=1, defective=4, size=96)
    return load_recipe(folder / RECIPE)


def test_a_thermal_view_shows_a_hot_spot_alone(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    write_viewed_set(folder, categories=["gear"], thermal=True, **SMALL)
    recipe = load_recipe(folder / RECIPE)
    items = {item.id: item for item in parts_of(discover([folder]), recipe.patterns).parts}
    assert {len(item.views) for item in items.values()} == {3}
    hot = items["gear/test/hotspot_thermal/000"]
    masks = {view.name: truth_of(hot.of_view(view.name) or hot) for view in hot.views}
    assert [name for name, truth in masks.items() if truth and truth.mask] == ["thermal"]
    rules = recipe.of_view("thermal").reading
    scale = scale_of([view.path for view in hot.views if view.name == "thermal"], rules=rules.files)
    assert scale is not None
    assert 10 < scale.black < scale.white < 70
    write_viewed_set(tmp_path / "plain", categories=["gear"], **SMALL)
    plain, both = files(tmp_path / "plain"), files(folder)
    assert all(both[name] == content for name, content in plain.items() if name != RECIPE)
