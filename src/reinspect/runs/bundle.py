"""A product as one file: recipe, references, fits, qualification, weights.

A ZIP whose manifest names every file with its SHA-256. The manifest's own hash is the bundle's
name: whoever was told it can tell that nothing was changed on the way.
"""

import contextlib
import importlib.metadata
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import AwareDatetime, Field, ValidationError

from reinspect.dataset import Item, ViewFile
from reinspect.engine.work import build_inspect, single_threaded
from reinspect.errors import ReinspectError, explain_invalid, shorten
from reinspect.files import digest_of, digest_of_file, sync_folder, whole_file, whole_folder
from reinspect.graph.build import BuildContext
from reinspect.graph.recipe import Recipe, dump_recipe, load_recipe
from reinspect.graph.references import reference_sets
from reinspect.images import address_of
from reinspect.policies.qualified import FOLDER
from reinspect.references import THRESHOLDS, ReferenceSet, ReferenceSets
from reinspect.runs.defaults import usage_errors
from reinspect.runs.resume import versions
from reinspect.tools.weights.known import MissingWeights, located
from reinspect.vocabulary import Sha256, Value

SUFFIX = ".rib"
MANIFEST = "manifest.json"

_MANIFEST_SIZE = 8 << 20
_LARGEST = 16 << 30  # bytes of all files
_PIECE = 1 << 20
_KEPT = "bundles"


class BundleError(ReinspectError, ValueError):
    """A bundle can't be made or used; one line: which, why, what to do."""


class BundleManifest(Value):
    """What is in a bundle."""

    format: Literal["reinspect-bundle"] = "reinspect-bundle"
    version: Literal[1] = 1
    reinspect: str = Field(description="The version that made it, and that can run it.")
    made: AwareDatetime
    versions: Mapping[str, str] = Field(description="Of packages, and the numeric platform.")
    references: Mapping[str, str] = Field(
        description="Category → key of its set; '' for all; `view: category` of parts with several."
    )
    qualified: bool
    files: Mapping[str, Sha256]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that was unpacked: what `RunPlan.of` is given."""

    file: Path
    folder: Path
    digest: str
    """SHA-256 of the manifest in hex."""
    manifest: BundleManifest

    @property
    def recipe(self) -> Path:
        return self.folder / "recipe.yaml"

    @property
    def references(self) -> Path | None:
        """None where the recipe has a folder for each category, or view."""
        named = set(self.manifest.references)
        return self.folder / "references" if named == {""} else None

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    @property
    def weights(self) -> Path:
        return self.folder / "weights"

    @property
    def line(self) -> str:
        """What it is, for people."""
        made = self.manifest
        known = "qualified" if made.qualified else "not qualified"
        return (
            f"Bundle   {self.file.name}, sha256 {self.digest}, {known}, made {made.made:%Y-%m-%d} "
            f"by reinspect {made.reinspect}"
        )


def pack(
    recipe: Recipe, references: Path | None, target: Path, *, cache: Path, weights: Path | None
) -> str:
    """Make a bundle; what is learned of the references is learned on the way.

    Args:
        recipe: any but one with code of the user's own.
        references: folder of known-good images, or of one such folder a category; the recipe's by
            default.
        target: the file to make.
        cache: whose qualifications of these references go with it.
        weights: folder of models' weights.

    Returns:
        The bundle's hash.

    Raises:
        BundleError: the recipe can't be packed, or the file is there already.
        UsageError: there are no references.
        RecipeError: a component can't be made.
    """
    _refuse(recipe, target)
    with usage_errors():
        sets = reference_sets((), recipe, given=references)
    if not sets.compare:
        raise BundleError("a bundle needs known-good pictures: name them with --references")
    with tempfile.TemporaryDirectory(prefix="reinspect-bundle-") as name:
        staging = Path(name)
        for folder in ("cache", "weights"):
            (staging / folder).mkdir()
        moved = _place_references(_place_files(recipe, staging, weights), sets, staging)
        (staging / "recipe.yaml").write_text(dump_recipe(moved), encoding="utf-8")
        again = _warm(staging, one_folder=not moved.views and moved.references is None)
        if again != sets.fingerprint:
            raise BundleError(
                "these references can't be packed as they are: pages of a file, or two files of "
                "one content; give each picture a file of its own"
            )
        qualified = _place_qualifications(sets, cache, staging / "cache")
        return _write(staging, target, sets, qualified=qualified)


def _refuse(recipe: Recipe, target: Path) -> None:
    if target.exists():
        raise BundleError(f"{target}: is there already; name another file, or remove it")
    own = [spec.kind for _, spec in recipe.components if ":" in spec.kind]
    if own:
        raise BundleError(
            f"{own[0]}: is code of your own, which a bundle can't hold; install it beside, and "
            "name the recipe with --recipe"
        )


def _place_references(recipe: Recipe, sets: ReferenceSets, staging: Path) -> Recipe:
    """Copy them; the recipe with their folders, none where one folder serves all."""
    if recipe.views:
        views = {
            name: rules.model_copy(update={"references": _place_view(name, sets, staging)})
            for name, rules in recipe.views.items()
        }
        return recipe.model_copy(update={"references": None, "views": views})
    _refuse_mixed(sets)
    if not sets.by_category:
        _copy_set(sets.default, staging / "references")
        return recipe.model_copy(update={"references": None})
    folders = {}
    for number, (category, own) in enumerate(sorted(sets.by_category.items())):
        folders[category] = f"references/{number}"
        _copy_set(own, staging / folders[category])
    return recipe.model_copy(update={"references": folders})


def _place_view(name: str, sets: ReferenceSets, staging: Path) -> str | None:
    """Copy a view's references: one folder, or in it one a category."""
    own, folder = sets.views[name], f"references/{name}"
    _refuse_mixed(own)
    if own.default.files:
        _copy_set(own.default, staging / folder)
    for category, each in own.by_category.items():
        if not _is_inside(category):
            raise BundleError(f"category {category!r}: give its folder a plainer name")
        _copy_set(each, staging / folder / category)
    return folder if own.compare else None


def _refuse_mixed(sets: ReferenceSets) -> None:
    if sets.by_category and sets.default.files:
        raise BundleError(
            "references of categories, and others beside these: give one folder, or one a category"
        )


def _copy_set(own: ReferenceSet, folder: Path) -> None:
    folder.mkdir(parents=True)
    for number, path in enumerate(own.files):
        file = Path(address_of(path).file)
        shutil.copyfile(file, folder / f"{number:04}{file.suffix.lower()}")
    if own.threshold is not None:
        (folder / THRESHOLDS).write_text(own.threshold.model_dump_json(), encoding="utf-8")


def _place_files(recipe: Recipe, staging: Path, weights: Path | None) -> Recipe:
    """Copy what components are read from; the recipe with paths relative to the bundle."""
    placed: dict[str, str] = {}

    def place(path: str, or_name: bool) -> str:
        if path not in placed:
            placed[path] = _copied(path, or_name, staging, weights, len(placed))
        return placed[path]

    return recipe.moved(place)


def _copied(path: str, or_name: bool, staging: Path, weights: Path | None, number: int) -> str:
    try:
        found = located(path, weights) if or_name else Path(path)
    except MissingWeights:  # a model's name that its server knows, or that a package brings
        return path
    inside = weights is not None and found.is_relative_to(weights) and not Path(path).exists()
    goal = Path("weights", found.relative_to(weights)) if inside and weights else None
    goal = goal or Path("files", str(number), found.name)
    (staging / goal).parent.mkdir(parents=True, exist_ok=True)
    if found.is_dir():
        shutil.copytree(found, staging / goal, dirs_exist_ok=True)
    else:
        for one in (found, *found.parent.glob(f"{found.stem}-*{found.suffix}")):
            shutil.copyfile(one, (staging / goal).with_name(one.name))
    return path if inside else goal.as_posix()


def _warm(staging: Path, *, one_folder: bool) -> dict[str, str]:
    """Learn all that a run learns before its first verdict; the keys of the references."""
    recipe = load_recipe(staging / "recipe.yaml")
    with usage_errors():
        sets = reference_sets((), recipe, given=staging / "references" if one_folder else None)
    context = BuildContext(
        recipe=recipe, references=sets, cache=staging / "cache", weights=staging / "weights"
    )
    if not recipe.asking:
        with single_threaded():
            inspect = build_inspect(context, explore=True)
            for item in _known_good(sets):
                inspect(item)
    for lock in (staging / "cache").rglob("*.lock"):
        lock.unlink()
    return sets.fingerprint


def _known_good(sets: ReferenceSets) -> Iterator[Item]:
    """A part of each category that is its own reference."""
    every = list(sets.views.values()) or [sets]
    for category in dict.fromkeys([None, *(name for own in every for name in own.by_category)]):
        files = {
            name: found[0]
            for name, own in (sets.views or {"": sets}).items()
            if (found := own.of(category).files)
        }
        if files:
            views = tuple(ViewFile(name, file) for name, file in files.items() if name)
            yield Item("known good", next(iter(files.values())), category, views=views)


def _place_qualifications(sets: ReferenceSets, cache: Path, goal: Path) -> bool:
    found = False
    every = [
        own
        for each in (sets, *sets.views.values())
        for own in (each.default, *each.by_category.values())
    ]
    for own in every:
        for file in (cache / FOLDER).glob(f"{own.key[:24]}.*.json"):
            (goal / FOLDER).mkdir(exist_ok=True)
            shutil.copyfile(file, goal / FOLDER / file.name)
            found = True
    return found


def _write(staging: Path, target: Path, sets: ReferenceSets, *, qualified: bool) -> str:
    files = sorted(path for path in staging.rglob("*") if path.is_file())
    manifest = BundleManifest(
        reinspect=importlib.metadata.version("reinspect"),
        made=datetime.now(UTC),
        versions=versions(),
        references={
            name: key
            for name, key in sets.fingerprint.items()
            if name or not (sets.by_category or sets.views)
        },
        qualified=qualified,
        files={path.relative_to(staging).as_posix(): digest_of_file(path) for path in files},
    )
    text = manifest.model_dump_json(indent=1).encode()
    # Pictures, fits and weights are dense already: packing them would only cost time to start.
    with whole_file(target) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as bundle:
        bundle.writestr(MANIFEST, text)
        for path in files:
            bundle.write(path, path.relative_to(staging).as_posix())
    return digest_of(text.decode())


def unpack(given: str, cache: Path) -> Bundle:
    """A bundle in the cache, where each is unpacked once; every byte is checked on the way.

    Args:
        given: the file, with `#sha256=…` behind it where only that very bundle is wanted.
        cache: folder of fits.

    Raises:
        BundleError: it is no bundle, is damaged or another than is wanted, or is of another
            version.
        WriteError: it can't be unpacked there.
    """
    name, _, wanted = given.partition("#sha256=")
    file = Path(name)
    if file.exists() and not file.is_file():
        raise BundleError(f"{file}: there is no such file, but a folder, a pipe or a device")
    with _told(file), zipfile.ZipFile(file) as bundle:
        manifest, digest = _manifest(file, bundle)
        if wanted and wanted.lower() != digest:
            raise BundleError(f"{file}: is another bundle than is wanted: its sha256 is {digest}")
        here = importlib.metadata.version("reinspect")
        if manifest.reinspect != here:
            raise BundleError(
                f"{file}: was made by reinspect {shorten(manifest.reinspect)}, and this is {here}: "
                "make it anew with this version's `reinspect bundle`"
            )
        goal = (cache / _KEPT / digest[:24]).absolute()
        if not goal.is_dir():
            _extract(file, bundle, manifest, goal)
    return Bundle(file, goal, digest, manifest)


def _manifest(file: Path, bundle: zipfile.ZipFile) -> tuple[BundleManifest, str]:
    try:
        told = bundle.getinfo(MANIFEST)
    except KeyError:
        raise BundleError(f"{file}: is no bundle; make one with `reinspect bundle`") from None
    if told.file_size > _MANIFEST_SIZE:
        raise BundleError(f"{file}: its manifest is too large to be one")
    text = bundle.read(told)
    try:
        manifest = BundleManifest.model_validate_json(text)
    except ValidationError as failure:
        said = explain_invalid(failure, BundleManifest)
        raise BundleError(
            f"{file}: its manifest can't be read, is it of another version? ({said})"
        ) from failure
    held = [entry.filename for entry in bundle.infolist() if entry.filename != MANIFEST]
    if sorted(held) != sorted(manifest.files):
        raise BundleError(f"{file}: is damaged: it holds other files than its manifest says")
    if any(not _is_inside(name) for name in held):
        raise BundleError(f"{file}: is no bundle: a name in it leads out of its folder")
    if sum(entry.file_size for entry in bundle.infolist()) > _LARGEST:
        raise BundleError(f"{file}: holds more than {_LARGEST >> 30} GiB")
    return manifest, digest_of(text.decode())


def _is_inside(name: str) -> bool:
    parts = PurePosixPath(name).parts
    plain = re.fullmatch(r"[\w .()+,@-]+(/[\w .()+,@-]+)*", name) is not None
    return plain and ".." not in parts and "." not in parts


def _extract(file: Path, bundle: zipfile.ZipFile, manifest: BundleManifest, goal: Path) -> None:
    goal.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.suppress(FileExistsError), whole_folder(goal) as folder:
        (folder / "weights").mkdir(mode=0o700)
        (folder / "cache").mkdir(mode=0o700)
        for name, expected in manifest.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            read = sha256()
            with bundle.open(name) as source, path.open("xb") as into:
                while piece := source.read(_PIECE):
                    read.update(piece)
                    into.write(piece)
            if read.hexdigest() != expected:
                raise BundleError(f"{file}: is damaged ({name}); copy it anew")
    sync_folder(goal.parent)


@contextlib.contextmanager
def _told(file: Path) -> Iterator[None]:
    try:
        yield
    except zipfile.BadZipFile as failure:
        raise BundleError(f"{file}: is no bundle, or is damaged ({failure})") from failure
    except (FileNotFoundError, IsADirectoryError) as failure:
        raise BundleError(f"{file}: there is no such file") from failure
    except OSError as failure:
        if isinstance(failure, ReinspectError):
            raise
        raise BundleError(f"{file}: can't be read: {failure.strerror}") from failure
    except (EOFError, NotImplementedError, RuntimeError) as failure:  # encrypted, cut short …
        if isinstance(failure, ReinspectError):
            raise
        raise BundleError(f"{file}: is damaged ({' '.join(str(failure).split())})") from failure
