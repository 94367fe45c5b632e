"""`reinspect.Inspector`: one image, many, a folder; what it refuses, and how it is closed."""

from pathlib import Path
from typing import Any

import cv2
import pytest

from reinspect import Inspector, Recipe, ReinspectError
from reinspect.testing import Reply, ScriptedServer
from reinspect.trace import Trace
from reinspect.vocabulary import Label, Outcome
from support.command_line import put_greys
from support.made_answers import said

ONE_OR_TWO = [1, pytest.param(2, marks=pytest.mark.process)]


def test_one_image(greys: Path, quick: Path) -> None:
    with Inspector(quick) as inspector:
        trace = inspector.one(greys / "part3.png")
    assert trace.verdict is not None
    assert trace.sample.id == str(greys / "part3.png")


@pytest.mark.parametrize("workers", ONE_OR_TWO)
def test_many_images(greys: Path, quick: Path, workers: int) -> None:
    paths = sorted(greys.iterdir())
    with Inspector(quick, workers=workers) as inspector:
        ids = [trace.sample.id for trace in inspector.many(paths)]
    expected = list(map(str, paths))
    assert (ids if workers == 1 else sorted(ids)) == expected


def test_many_are_drawn_as_they_are_needed(greys: Path, quick: Path) -> None:
    drawn: list[Path] = []

    def paths() -> Any:
        for path in sorted(greys.iterdir()):
            drawn.append(path)
            yield path

    with Inspector(quick) as inspector:
        traces = inspector.many(paths())
        assert isinstance(next(traces), Trace)
    assert len(drawn) <= 3


@pytest.mark.parametrize("workers", ONE_OR_TWO)
def test_a_folder_in_its_order(greys: Path, quick: Path, workers: int) -> None:
    with Inspector(quick, workers=workers) as inspector:
        found = inspector.folder(greys, limit=11)
    assert [trace.sample.id for trace in found] == [f"part{n}.png" for n in range(11)]
    assert (len(found), found.tally.images, found.tally.errors) == (11, 11, 0)
    tally = found.tally
    assert tally.passed + tally.failed + tally.review == 11


@pytest.mark.needs("pandas")
def test_a_folder_as_a_table(greys: Path, quick: Path) -> None:
    import pandas as pd

    with Inspector(quick) as inspector:
        found = inspector.folder(greys)
        none = inspector.folder(put_greys(greys.parent / "one", 1))
    table = found.to_pandas()
    assert isinstance(table, pd.DataFrame)
    assert list(table["image"]) == [row.image for row in found.rows]
    assert table["probability"].between(0, 1).all()
    assert list(none.to_pandas().columns) == list(table.columns)


def test_a_category_is_judged_by_its_own_references(sample_parts: Path) -> None:
    recipe = Recipe.model_validate({"tools": []})
    with Inspector(recipe) as inspector:
        found = inspector.folder(sample_parts, categories=["fabric"])
    assert {row.category for row in found.rows} == {"fabric"}
    assert all(row.verdict is not None for row in found.rows)
    assert {row.verdict.label for row in found.rows if row.verdict} == {*Label}


def test_an_image_without_references_goes_to_review(sample_parts: Path) -> None:
    with Inspector() as inspector:
        trace = inspector.one(sample_parts / "fabric" / "test" / "good" / "000.jpg")
    assert trace.verdict is None
    assert trace.disposition is not None
    assert trace.disposition.outcome is Outcome.REVIEW


def test_fits_are_kept_where_it_is_said(sample_parts: Path, tmp_path: Path) -> None:
    golden = sample_parts / "fabric" / "train" / "good"
    recipe = Recipe.model_validate({"tools": []})
    with Inspector(recipe, golden, cache=tmp_path / "cache", pictures=tmp_path / "made") as made:
        trace = made.one(sample_parts / "fabric" / "test" / "good" / "000.jpg")
    assert trace.error is None
    assert any((tmp_path / "cache").rglob("*"))
    assert any((tmp_path / "made").rglob("*.png"))


@pytest.mark.parametrize(
    ("path", "says"),
    [
        pytest.param("nowhere.png", "no such file", id="not-there"),
        pytest.param("quick.yaml", "not an image", id="no-image"),
        pytest.param(".", "folder", id="folder"),
    ],
)
def test_an_image_that_can_not_be_read_has_its_error(path: str, says: str, quick: Path) -> None:
    with Inspector(quick) as inspector:
        trace = inspector.one(quick.parent / path)
        (again,) = inspector.many([quick.parent / path])
    assert trace.error is not None
    assert says in trace.error.lower()
    assert again.error == trace.error
    assert trace.disposition is not None
    assert trace.disposition.outcome is Outcome.REVIEW


@pytest.mark.parametrize(
    ("made", "asked", "says"),
    [
        pytest.param({"recipe": "nowhere.yaml"}, {}, "nowhere.yaml: cannot read", id="no-recipe"),
        pytest.param({"references": "nowhere"}, {}, "references at nowhere", id="no-references"),
        pytest.param({"references": "empty"}, {}, "no images in it", id="empty-references"),
        pytest.param({"workers": 0}, {}, "at least 1, not 0", id="no-workers"),
        pytest.param({}, {"folder": "nowhere"}, "nowhere: is no folder", id="no-folder"),
        pytest.param({}, {"folder": "quick.yaml"}, "is no folder", id="file"),
        pytest.param({}, {"folder": "empty"}, "no images in empty", id="empty"),
        pytest.param({}, {"categories": ["nut"]}, "no category 'nut'", id="no-category"),
        pytest.param({}, {"limit": 0}, "at least 1, not 0", id="no-limit"),
    ],
)
def test_what_can_not_be_done_is_refused_in_one_line(
    made: dict[str, Any],
    asked: dict[str, Any],
    says: str,
    greys: Path,
    quick: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(greys.parent)
    Path("empty").mkdir()
    with (
        pytest.raises(ReinspectError) as refused,
        Inspector(**{"recipe": "quick.yaml", **made}) as inspector,
    ):
        inspector.folder(**{"folder": "greys", **asked})
    assert says in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.server
def test_leaving_many_early_leaves_the_models_to_others(greys: Path) -> None:
    with ScriptedServer(Reply(said("no"), yes=0.1, seconds=0.05)) as server:
        model = {"kind": "vlm", "model": "m", "base_url": server.url, "timeout": 5}
        content = {"detector": model, "tools": [], "policies": {"trigger": "never"}}
        with Inspector(Recipe.model_validate(content)) as inspector:
            traces = inspector.many(sorted(greys.iterdir()))
            next(traces)
            traces.close()
            after = inspector.one(greys / "part1.png")
            found = inspector.folder(greys, limit=3)
    assert after.error is None
    assert [trace.error for trace in found] == [None] * 3


def test_closing_gives_the_threads_back(greys: Path, quick: Path) -> None:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        with Inspector(quick) as inspector:
            assert cv2.getNumThreads() == 1
        assert cv2.getNumThreads() == 2
        inspector.close()
        for call in (inspector.one, inspector.folder):
            with pytest.raises(ReinspectError, match="is closed"):
                call(greys)
        with pytest.raises(ReinspectError, match="is closed"):
            inspector.many([greys])
    finally:
        cv2.setNumThreads(threads)
