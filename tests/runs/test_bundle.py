"""A product as one file: it judges as what it was made of, and whatever was changed is refused."""

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from reinspect.graph.recipe import Recipe, parse_recipe
from reinspect.runs.bundle import MANIFEST, BundleError, pack, unpack
from support.command_line import invoke, judged, said

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, sample_parts: Path) -> tuple[Path, str]:
    """A bundle of three references, with weights and a qualification, and its hash."""
    folder = tmp_path_factory.mktemp("bundle")
    good = sample_parts / "flange" / "train" / "good"
    file = folder / "flange.rib"
    digest = pack(Recipe(), good, file, cache=folder / "cache", weights=None)
    return file, digest


def test_it_judges_as_what_it_was_made_of(
    made: tuple[Path, str], sample_parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = sample_parts / "flange" / "test"
    limit = ("--limit", 2, "-q", "--accept-references")
    good = sample_parts / "flange" / "train" / "good"
    asked = invoke("run", parts, "--references", good, "--out", tmp_path / "plain", *limit)
    assert asked.code == 0
    monkeypatch.setenv("REINSPECT_CACHE_DIR", str(tmp_path / "empty"))
    monkeypatch.setenv("REINSPECT_WEIGHTS_DIR", str(tmp_path / "none"))
    file, digest = made
    words = ("run", parts, "--bundle", f"{file}#sha256={digest}", "--out", tmp_path / "packed")
    assert invoke(*words, *limit).code == 0
    assert judged(tmp_path / "packed") == judged(tmp_path / "plain")
    unpacked = unpack(str(file), tmp_path / "empty")
    before = {path: path.stat().st_mtime_ns for path in unpacked.cache.rglob("*.npz")}
    assert invoke(*words, *limit, "--resume").code == 0
    assert {path: path.stat().st_mtime_ns for path in unpacked.cache.rglob("*.npz")} == before
    assert len(before) > 3
    assert [path.name for path in (tmp_path / "empty").iterdir()] == [
        "bundles"
    ]  # nothing was learned beside it


def changed(source: Path, target: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The bundle with other contents."""
    with zipfile.ZipFile(source) as bundle:
        held = {name: bundle.read(name) for name in bundle.namelist()}
    change(held)
    with zipfile.ZipFile(target, "w") as bundle:
        for name, content in held.items():
            bundle.writestr(name, content)
    return target


def damage(held: dict[str, bytes]) -> None:
    held["recipe.yaml"] += b"# changed"


def add(held: dict[str, bytes]) -> None:
    held["more.yaml"] = b""


def escape(held: dict[str, bytes]) -> None:
    held["../escaped"] = b""
    manifest = json.loads(held[MANIFEST])
    manifest["files"]["../escaped"] = "0" * 64
    held[MANIFEST] = json.dumps(manifest).encode()


def of(**fields: object) -> Callable[[dict[str, bytes]], None]:
    def change(held: dict[str, bytes]) -> None:
        held[MANIFEST] = json.dumps(json.loads(held[MANIFEST]) | fields).encode()

    return change


def headless(held: dict[str, bytes]) -> None:
    del held[MANIFEST]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(damage, r"is damaged \(recipe.yaml\)", id="a-changed-file"),
        pytest.param(add, "other files than its manifest says", id="one-more-file"),
        pytest.param(escape, "leads out of its folder", id="a-name-that-leads-out"),
        pytest.param(of(reinspect="9.9"), "was made by reinspect .9.9", id="another-reinspect"),
        pytest.param(of(version=2), "of another version", id="another-format"),
        pytest.param(of(files={}), "other files than its manifest", id="an-empty-manifest"),
        pytest.param(headless, "is no bundle", id="no-manifest"),
    ],
)
def test_what_was_changed_is_refused_in_one_line(
    made: tuple[Path, str],
    change: Callable[[dict[str, bytes]], None],
    says: str,
    tmp_path: Path,
) -> None:
    other = changed(made[0], tmp_path / "other.rib", change)
    with pytest.raises(BundleError, match=says) as told:
        unpack(str(other), tmp_path / "cache")
    assert "\n" not in str(told.value)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path != other]


def test_what_is_no_bundle_or_not_the_wanted_one_is_refused(
    made: tuple[Path, str], tmp_path: Path
) -> None:
    file, digest = made
    cut = tmp_path / "cut.rib"
    cut.write_bytes(file.read_bytes()[:-100])
    loop, pipe, zeros = (tmp_path / name for name in ("loop", "pipe", "zeros"))
    loop.symlink_to(loop)
    os.mkfifo(pipe)
    zeros.symlink_to("/dev/zero")
    for given, says in (
        (f"{file}#sha256={digest[:-1]}x", f"its sha256 is {digest}"),
        (str(cut), "is no bundle"),
        (str(tmp_path / "none.rib"), "there is no such file"),
        (str(tmp_path), "there is no such file"),
        (str(loop), "can't be read: Too many levels"),
        (str(pipe), "but a folder, a pipe or a device"),
        (str(zeros), "but a folder, a pipe or a device"),
    ):
        with pytest.raises(BundleError, match=says):
            unpack(given, tmp_path / "cache")


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        pytest.param("detector: support.own_parts:Brightness", "code of your own", id="own-code"),
        pytest.param("budgets: {rounds: 1}", "needs known-good pictures", id="no-references"),
    ],
)
def test_what_can_not_be_packed_is_refused(recipe: str, says: str, tmp_path: Path) -> None:
    goal = tmp_path / "p.rib"
    with pytest.raises(BundleError, match=says):
        pack(parse_recipe(recipe), None, goal, cache=tmp_path, weights=None)
    assert not goal.exists()
    goal.touch()
    with pytest.raises(BundleError, match="is there already"):
        pack(Recipe(), tmp_path, goal, cache=tmp_path, weights=None)


def test_a_bundle_goes_with_no_other_recipe_or_references(made: tuple[Path, str]) -> None:
    for option in ("--recipe", "--references"):
        line = said(invoke("run", "parts", "--bundle", made[0], option, "x"))
        assert f"{option}: is in the bundle" in line


@pytest.mark.parametrize("by_category", [False, True])
def test_parts_with_several_views_are_judged_as_without_the_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, by_category: bool
) -> None:
    drawn = tmp_path / "drawn"
    words = ("--category", "flange", "--references", 2, "--good", 1, "--defective", 2)
    assert invoke("sample", drawn, "--views", *words).code == 0
    recipe = tmp_path / "views.yaml"
    views = {"front": "*_front.*", "back": {"files": "*_back.*", "tools": []}}
    spec = {"detector": {"kind": "embedded", "features": "filters"}, "views": views}
    recipe.write_text(json.dumps(spec), encoding="utf-8")
    good, parts = drawn / "flange" / "train" / "good", drawn / "flange" / "test"
    if by_category:
        (tmp_path / "good").mkdir()
        shutil.copytree(good, tmp_path / "good" / "flange")
        good, parts = tmp_path / "good", drawn
    run = ("-q", "--accept-references", "--workers", 1)
    plain = ("run", parts, "--recipe", recipe, "--references", good, "--out", tmp_path / "plain")
    assert invoke(*plain, *run).code == 0
    file = tmp_path / "flange.rib"
    monkeypatch.setenv("REINSPECT_CACHE_DIR", str(tmp_path / "empty"))
    packed = invoke("bundle", recipe, "--references", good, "--out", file)
    assert packed.code == 0, packed.err
    shutil.rmtree(tmp_path / "empty", ignore_errors=True)
    recipe.unlink()
    done = invoke("run", parts, "--bundle", file, "--out", tmp_path / "packed", *run)
    assert done.code == 0, done.err
    assert judged(tmp_path / "packed") == judged(tmp_path / "plain")
    assert [path.name for path in (tmp_path / "empty").iterdir()] == ["bundles"]
