"""A plan from what people say: what is where by default, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from reinspect import Recipe, RecipeError, ReinspectError, RunPlan
from reinspect.engine.local import Local
from reinspect.engine.ray import Ray
from reinspect.runs.sources import Bucket, DropFolder, Listed
from support.command_line import put_greys


def test_what_nobody_says_has_its_place(greys: Path, quick: Path, fits: Path) -> None:
    plan = RunPlan.of(greys, recipe=quick)
    assert plan.out.parent == Path("runs")
    assert plan.out.name.endswith("-greys")
    assert plan.store == str(Path("runs") / "reinspect.db")
    assert (plan.engine, plan.cache) == (Local(), fits)
    assert len(plan.source.items) == 12
    assert plan.references.default.files  # the folder is its own


def test_the_references_of_a_folder_do_not_depend_on_the_limit(greys: Path, quick: Path) -> None:
    whole, some = (RunPlan.of(greys, recipe=quick, limit=limit) for limit in (None, 3))
    assert [item.id for item in some.source.items] == ["part0.png", "part1.png", "part2.png"]
    assert some.references.fingerprint == whole.references.fingerprint


def test_a_recipe_may_be_an_object(greys: Path) -> None:
    recipe = Recipe.model_validate({"tools": []})
    assert RunPlan.of([greys], recipe=recipe, out="out").recipe is recipe


def test_categories_can_be_chosen(sample_parts: Path, quick: Path) -> None:
    plan = RunPlan.of(sample_parts, recipe=quick, categories=["fabric"], first=2)
    assert {item.category for item in plan.source.items} == {"fabric"}
    assert len(plan.references.of("fabric").files) == 2


def test_runs_beside_and_references_are_not_inspected(greys: Path, quick: Path) -> None:
    known = put_greys(greys / "known", 2)
    put_greys(greys / "runs" / "first" / "pictures", 2)
    (greys / "runs" / "first" / "recipe.yaml").touch()
    plan = RunPlan.of(greys, recipe=quick, references=known, out=greys / "runs" / "second")
    assert len(plan.source.items) == 12


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        pytest.param({}, Listed, id="listed"),
        pytest.param({"watch": True, "references": "known"}, DropFolder, id="drop-folder"),
        pytest.param({"source": Listed()}, Listed, id="own"),
    ],
)
def test_the_source_is_what_the_paths_are(
    options: dict[str, Any], kind: type, greys: Path, quick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(greys.parent)
    put_greys(greys.parent / "known", 2)
    plan = RunPlan.of(**{"source": "greys", "recipe": quick, "out": "out", **options})
    assert isinstance(plan.source, kind)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param({"source": "nowhere"}, "no image or folder at nowhere", id="no-folder"),
        pytest.param({"source": []}, "no path to inspect", id="no-path"),
        pytest.param({"source": "empty"}, "no images in empty", id="empty"),
        pytest.param({"categories": ["nut"]}, "no category 'nut'", id="no-category"),
        pytest.param({"categorised": True}, "no MVTec-style categories in", id="uncategorised"),
        pytest.param({"references": "nowhere"}, "references at nowhere", id="no-references"),
        pytest.param({"recipe": "nowhere.yaml"}, "nowhere.yaml: cannot read", id="no-recipe"),
        pytest.param({"limit": 0}, "limit: must be at least 1, not 0", id="no-limit"),
        pytest.param({"timeout": 0}, "timeout: must be more than 0, not 0", id="no-time"),
        pytest.param({"max_seconds": -1.5}, "must be more than 0, not -1.5", id="negative"),
        pytest.param({"max_failures": 0}, "max_failures: must be more", id="no-failures"),
        pytest.param({"resume": True}, "--resume needs --out", id="resume-what"),
        pytest.param({"retry_failed": True}, "needs --resume", id="retry-what"),
        pytest.param(
            {"dry_run": True, "resume": True, "out": "x"}, "leave --resume out", id="dry-resume"
        ),
        pytest.param({"watch": True}, "can't be its own reference", id="watch-without-references"),
        pytest.param({"watch": True, "source": "quick.yaml"}, "is no folder", id="watch-a-file"),
        pytest.param({"watch": True, "dry_run": True}, "what will arrive", id="dry-watch"),
        pytest.param({"watch": True, "engine": Ray()}, "can't follow", id="watch-on-ray"),
        pytest.param({"source": "s3://plant/x"}, "add --engine ray", id="storage-here"),
        pytest.param(
            {"source": "s3://plant/x", "engine": Ray()}, "name known-good", id="storage-alone"
        ),
        pytest.param(
            {"source": ["s3://plant/x", "greys"], "engine": Ray()}, "one URL a run", id="two-places"
        ),
        pytest.param(
            {"source": "s3://plant/x", "engine": Ray(), "dry_run": True}, "--limit", id="dry-bucket"
        ),
    ],
)
def test_what_can_not_be_done_is_refused_in_one_line(
    options: dict[str, Any],
    says: str,
    greys: Path,
    quick: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(greys.parent)
    Path("empty").mkdir()
    with pytest.raises(ReinspectError) as refused:
        RunPlan.of(**{"source": "greys", "recipe": "quick.yaml", **options})
    assert says in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    assert not Path("runs").exists()


def test_a_recipe_that_is_wrong_is_a_recipe_error(greys: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("tols: []")
    with pytest.raises(RecipeError, match="did you mean 'tools'"):
        RunPlan.of(greys, recipe=wrong)


def test_storage_is_listed_only_when_it_is_asked_for() -> None:
    assert Bucket(("s3://plant/x",)).absolute == ("s3://plant/x",)


def test_a_draw_takes_as_many_references_of_its_own(sample_parts: Path, quick: Path) -> None:
    def taken(draw: int) -> tuple[str, ...]:
        plan = RunPlan.of(sample_parts, recipe=quick, categories=["fabric"], first=2, draw=draw)
        return plan.references.of("fabric").hashes

    draws = [taken(draw) for draw in range(6)]
    assert {len(own) for own in draws} == {2}
    assert taken(2) == draws[2]
    assert len(set(draws)) > 1
